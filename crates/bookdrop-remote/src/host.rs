//! The keeper's side: guests, and what is done for each of them.

mod performing;
mod seat;
mod watching;
mod work;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bookdrop_backend::Error;
use bookdrop_records::HandOver;
use bytes::Bytes;

use crate::error::garbled;
use crate::hosted::Hosted;
use crate::names::GuestId;
use crate::packet::{Between, Head, Kind, read};
use crate::session::{Session, over};
use crate::terms::{GREATEST_CALLS, GREATEST_GUESTS, Terms};
use crate::words;
use performing::Done;
use seat::{Leaves, Seat};
use work::Work;

/// Sessions that ended are remembered, up to so many: a packet of one that comes late begins nothing.
const REMEMBERED: usize = 16 << 10;
/// Guests that are told at once that their session is over.
const TOLD_AT_ONCE: usize = 1_024;

/// Names a future of the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    guest: GuestId,
    session: u64,
    call: Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Number {
    /// What its guest calls it.
    Call(u64),
    /// Something that is done without being asked.
    Errand(u64),
    /// Whether the answer to this request in hand is wanted still.
    Watch(u64),
}

/// What a turn of the host comes to.
#[derive(Debug)]
#[non_exhaustive]
pub struct HostTurn {
    /// Packets that are to be sent, each to this guest.
    pub packets: Vec<(GuestId, Bytes)>,
    /// The next turn is to be taken then, if nothing wakes it before.
    pub wakes_at: Option<Instant>,
}

/// The keeper's side: what guests ask is done by the backend, on whichever thread takes the turns.
pub struct Host<B: Hosted> {
    hosted: Arc<B>,
    epoch: u64,
    terms: Terms,
    seats: HashMap<GuestId, Seat>,
    work: Work<Key, Done>,
    /// The last session of each guest that ended, and what it had in hand then: its lease ended before it was settled.
    ended: HashMap<GuestId, (u64, HashSet<HandOver>)>,
    ended_in_order: VecDeque<GuestId>,
    /// When the next turn is to be taken at the latest.
    due: Option<Instant>,
    /// What is to be told to those who speak in a session that is over.
    told_over: Vec<Between>,
}

impl<B: Hosted> Host<B> {
    /// A keeper without guests. It is the one of this epoch.
    pub fn new(hosted: Arc<B>, epoch: u64, terms: Terms) -> Self {
        Host {
            hosted,
            epoch,
            terms,
            seats: HashMap::new(),
            work: Work::new(),
            ended: HashMap::new(),
            ended_in_order: VecDeque::new(),
            due: None,
            told_over: Vec::new(),
        }
    }

    /// How many guests there are.
    pub fn guests(&self) -> usize {
        self.seats.len()
    }

    /// A packet came. What it says is done in the next turn.
    ///
    /// # Errors
    /// It is no packet (`Invalid`), or one of another format (`NewerVersion`, `Unsupported`): nothing was done with it. Whoever speaks
    /// another format is told so by a [`greeting`](crate::greeting()).
    pub fn receive(&mut self, packet: Bytes, now: Instant) -> Result<(), Error> {
        let (head, body) = read(packet)?;
        if head.kind == Kind::Over {
            return Err(garbled("it is one of a keeper"));
        }
        if self.admit(&head, now)
            && let Some(seat) = self.seats.get_mut(&head.between.guest)
        {
            seat.hear(&head, body, now);
        }
        Ok(())
    }

    /// Whether this is of a session that goes on. One that is new begins.
    fn admit(&mut self, head: &Head, now: Instant) -> bool {
        let between = head.between;
        let known = self.seats.get(&between.guest);
        if known.is_some_and(|seat| seat.session.between() == between) {
            return true;
        }
        let last = match known {
            Some(seat) => seat.session.between().session,
            None => self.ended.get(&between.guest).map_or(0, |ended| ended.0),
        };
        // A session of which packets were heard once is forgotten if it is not known.
        let is_new = between.session > last && head.first == 1;
        if between.epoch != self.epoch || !is_new {
            if self.told_over.len() < TOLD_AT_ONCE && !self.told_over.contains(&between) {
                self.told_over.push(between);
            }
            return false;
        }
        // It says it again.
        if known.is_none() && self.seats.len() >= GREATEST_GUESTS {
            return false;
        }
        let former = self.seats.remove(&between.guest);
        let inherited = former.map(|seat| self.clear(seat)).unwrap_or_default();
        let session = Session::new(between, &self.terms);
        self.seats
            .insert(between.guest, Seat::new(session, inherited, now));
        true
    }

    /// The connection is there again: what is not acknowledged is sent again.
    pub fn connected_again(&mut self) {
        self.seats
            .values_mut()
            .for_each(|seat| seat.session.send_again());
    }

    /// Does what was asked for, as far as it goes. The task of this context is woken when there is more to do.
    pub fn turn(&mut self, cx: &Context<'_>, now: Instant) -> HostTurn {
        self.pass_over_a_gap(now);
        self.dismiss_the_silent(now);
        // First: what is put back by now is in no hand when a deadline passes.
        self.take_all_words(now);
        for key in self.work.woken(cx) {
            if let Some(poll) = self.work.poll(key) {
                self.progress(key, poll, now);
            }
        }
        // And what there was no room for.
        self.take_all_words(now);
        let mut packets = Vec::new();
        for between in self.told_over.drain(..) {
            packets.push((between.guest, over(between)));
        }
        for (guest, seat) in &mut self.seats {
            let said = seat.session.packets(now);
            packets.extend(said.into_iter().map(|packet| (*guest, packet)));
        }
        self.let_go_of_the_gone();
        let wakes = self.seats.values().flat_map(|seat| {
            let silent_at = seat.heard_at + self.terms.lease;
            [Some(silent_at), seat.session.wakes_at()]
        });
        self.due = wakes.flatten().min();
        HostTurn {
            packets,
            wakes_at: self.due,
        }
    }

    fn progress(&mut self, key: Key, poll: Poll<Done>, now: Instant) {
        match poll {
            Poll::Ready(done) => self.told(key, done, now),
            Poll::Pending => self.tell_taken(key, now),
        }
    }

    fn take_all_words(&mut self, now: Instant) {
        let guests: Vec<_> = self.seats.keys().copied().collect();
        for guest in guests {
            self.take_words(guest, now);
        }
    }

    /// Hears what a guest says, up to the bound of its calls.
    fn take_words(&mut self, guest: GuestId, now: Instant) {
        while let Some(seat) = self.seats.get_mut(&guest)
            && seat.calls.len() < GREATEST_CALLS
            && seat.session.has_room()
            && seat.leaves.is_none()
        {
            let word = seat.session.next_word().and_then(|heard| {
                let heard = heard.map(words::read);
                heard.transpose()
            });
            match word {
                Ok(None) => return,
                Ok(Some((ask, rest, said))) => {
                    if self.perform(guest, ask, rest, said, now).is_none() {
                        return self.break_off(guest);
                    }
                }
                // There is no way on: its guest begins anew.
                Err(_) => return self.break_off(guest),
            }
        }
    }

    fn break_off(&mut self, guest: GuestId) {
        if let Some(seat) = self.seats.get_mut(&guest) {
            self.told_over.push(seat.session.between());
            seat.leaves = Some(Leaves::Lost);
        }
    }

    /// While this side stood still, and so takes its turn late, it heard nobody, whatever was said.
    fn pass_over_a_gap(&mut self, now: Instant) {
        let late = self.due.map(|due| now.saturating_duration_since(due));
        if late.is_some_and(|late| late > self.terms.lease / 4) {
            for seat in self.seats.values_mut() {
                seat.heard_at = now;
            }
        }
    }

    fn dismiss_the_silent(&mut self, now: Instant) {
        let lease = self.terms.lease;
        for seat in self.seats.values_mut() {
            if now.saturating_duration_since(seat.heard_at) >= lease {
                seat.leaves = Some(Leaves::Lost);
            }
        }
        self.let_go_of_the_gone();
    }

    /// Ends the sessions of guests that are gone. Whoever said goodbye has been told that it was heard.
    fn let_go_of_the_gone(&mut self) {
        let gone = self.seats.extract_if(|_, seat| seat.leaves.is_some());
        let gone: Vec<_> = gone.collect();
        for (guest, seat) in gone {
            let session = seat.session.between().session;
            let mut lost = HashSet::new();
            for (name, (receipt, was_heard)) in self.clear(seat) {
                self.take_back(receipt, was_heard);
                lost.insert(name);
            }
            self.hosted.settle_claims(guest);
            self.hosted.forget(guest);
            self.remember(guest, session, lost);
        }
    }

    fn remember(&mut self, guest: GuestId, session: u64, lost: HashSet<HandOver>) {
        if self.ended.insert(guest, (session, lost)).is_none() {
            self.ended_in_order.push_back(guest);
        }
        while self.ended_in_order.len() > REMEMBERED
            && let Some(oldest) = self.ended_in_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}
