//! A guest's side: what users ask, said to the keeper, and what the keeper says, told to users.

mod commands;
mod ending;
mod hands;
mod hearing;
mod line;
mod moving;
mod own;
mod remote;
mod saying;
mod shared;
mod waiting;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

#[cfg(doc)]
use bookdrop_backend::telling::Teller;
use bookdrop_backend::telling::{Offers, Promise};
use bookdrop_backend::{Error, Fetched};
use bytes::Bytes;

use crate::error::is_of_other_format;
use crate::names::GuestId;
use crate::packet::{Kind, read};
use crate::session::Session;
use crate::terms::Terms;
use crate::words::{Ask, Word};
use commands::{Call, Command};
use line::Line;
pub use remote::Remote;
use shared::Shared;

/// What a turn of a guest comes to.
#[derive(Debug)]
#[non_exhaustive]
pub struct GuestTurn {
    /// Packets that are to be sent to the keeper, in this order.
    pub packets: Vec<Bytes>,
    /// The next turn is to be taken then, if nothing wakes it before.
    pub wakes_at: Option<Instant>,
    /// Nobody has the driver any more, and the keeper knows, or there is none: no further turn is needed.
    pub has_ended: bool,
}

/// The side of a guest that drives the link. Dropped, everything that is asked of it fails.
pub struct Guest {
    shared: Arc<Shared>,
    id: GuestId,
    keeper: Keeper,
    /// Why there is none, if that is known.
    trouble: Option<Error>,
    /// How many sessions there were.
    sessions: u64,
    line: Line,
    calls: BTreeMap<u64, Asked>,
    readers: BTreeMap<u64, Sitting>,
    /// Deadlines of requests, some of which may have ended.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    offers: Offers<Vec<Fetched>>,
    /// Who waits until nothing is in hand.
    draining: Vec<Promise<()>>,
    /// That of the keeper, once it is known.
    lease: Duration,
    said_at: Instant,
    heard_at: Instant,
    farewell: Farewell,
}

enum Keeper {
    Gone,
    /// It was told what this guest has.
    Met(Session),
    /// It knows, and does what it is asked.
    Here(Session),
}

/// Something that was asked for.
struct Asked {
    call: Call,
    since: Instant,
    /// Whether this keeper was told.
    is_put: bool,
    /// Whether any keeper was.
    was_put: bool,
}

/// A consumer that sits here.
struct Sitting {
    group: String,
    /// Its group was removed. It finds its end wherever it looks.
    is_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    Not,
    Wanted,
    Said,
    Done,
}

/// A guest, and the backend that it is for its users.
///
/// The id is made of random bytes, in each life of the driver anew.
pub fn guest(id: GuestId, terms: Terms, now: Instant) -> (Remote, Guest) {
    let shared = Arc::new(Shared::new(terms));
    let guest = Guest {
        shared: shared.clone(),
        id,
        keeper: Keeper::Gone,
        trouble: None,
        sessions: 0,
        line: Line::default(),
        calls: BTreeMap::new(),
        readers: BTreeMap::new(),
        deadlines: BinaryHeap::new(),
        offers: Offers::default(),
        draining: Vec::new(),
        lease: shared.terms.lease,
        said_at: now,
        heard_at: now,
        farewell: Farewell::Not,
    };
    (Remote::new(shared), guest)
}

impl Guest {
    /// Wakers of users that are like one of these are called on the thread that drives this, and not by another one: see
    /// [`Teller::trust`].
    pub fn trust(&self, like: impl IntoIterator<Item = Waker>) {
        self.shared.teller.trust(like);
    }

    /// A packet came. What it says is told in the next turn.
    ///
    /// # Errors
    /// It is no packet (`Invalid`), or one of another format (`NewerVersion`, `Unsupported`): nothing was done with it. Where a keeper
    /// is not understood, whoever waits for it in vain is told.
    pub fn receive(&mut self, packet: Bytes, now: Instant) -> Result<(), Error> {
        let (head, body) = read(packet).inspect_err(|error| {
            if is_of_other_format(error) && matches!(self.keeper, Keeper::Met(_)) {
                self.trouble = Some(error.clone());
            }
        })?;
        let (Keeper::Met(session) | Keeper::Here(session)) = &mut self.keeper else {
            return Ok(());
        };
        if session.between() != head.between {
            return Ok(());
        }
        self.heard_at = now;
        match head.kind {
            Kind::Over => self.begin_again(now),
            _ => session.hear(&head, body, now),
        }
        Ok(())
    }

    /// The connection is there again: what is not acknowledged is said again.
    pub fn connected_again(&mut self) {
        self.shared.count_reconnect();
        self.trouble = None;
        if let Some(session) = self.session() {
            session.send_again();
        }
    }

    /// Says what is asked, and tells what is heard. The task of this context is woken when there is more to do.
    pub fn turn(&mut self, cx: &Context<'_>, now: Instant) -> GuestTurn {
        for command in self.shared.take(cx) {
            self.obey(command, now);
        }
        self.hear_words(now);
        self.look_at_the_clock(now);
        self.say_calls(now);
        self.say_farewell(now);
        self.tell_the_empty_handed();
        self.tell_the_unwanted();
        if now.saturating_duration_since(self.said_at) >= self.shared.terms.beat(self.lease) {
            self.say(&Ask::Beat, now);
            self.said_at = now;
        }
        let packets = match self.session() {
            Some(session) => session.packets(now),
            None => Vec::new(),
        };
        if !packets.is_empty() {
            self.said_at = now;
        }
        GuestTurn {
            packets,
            wakes_at: self.wakes_at(now),
            has_ended: self.farewell == Farewell::Done,
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.keeper {
            Keeper::Gone => None,
            Keeper::Met(session) | Keeper::Here(session) => Some(session),
        }
    }

    /// Takes out a call: it has ended, or is given up.
    fn take(&mut self, number: u64) -> Option<Asked> {
        let asked = self.calls.remove(&number)?;
        if asked.is_put {
            self.line.end(&asked.call);
        }
        Some(asked)
    }

    /// Says something, if there is anybody to hear it.
    fn say(&mut self, ask: &Ask, now: Instant) {
        if let Some(session) = self.session() {
            session.say(Word::plain(ask), now);
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Begin(number, call) => self.begin(number, call, now),
            Command::Cancel(number) => self.cancel(number, now),
            Command::PutBack(receipts) => {
                let mut hands = self.shared.hands();
                let ended = receipts
                    .into_iter()
                    .filter_map(|receipt| hands.end(receipt));
                let numbers: Vec<_> = ended.map(|hand| hand.number).collect();
                drop(hands);
                // Another keeper calls them otherwise; it hears that they are not here.
                if let Keeper::Here(_) = self.keeper {
                    self.say(&Ask::PutBack(numbers), now);
                }
            }
            Command::Leave(reader) => {
                if self.readers.remove(&reader.0).is_some() {
                    self.say(&Ask::Leave(reader.0), now);
                }
            }
            Command::Drain(told) => self.draining.push(told),
            Command::Bye => self.farewell = Farewell::Wanted,
        }
    }

    fn tell_the_empty_handed(&mut self) {
        self.draining.retain(|told| told.is_awaited());
        if !self.draining.is_empty() && self.shared.hands().in_hand() == 0 {
            for told in std::mem::take(&mut self.draining) {
                self.tell(told, ());
            }
        }
    }

    /// Those who work on what nobody wants an answer to any more, or who have lost what they had.
    fn tell_the_unwanted(&mut self) {
        let over = self.shared.hands().take_over();
        for told in over {
            self.tell(told, ());
        }
    }

    /// Says goodbye when nothing else is to be said.
    fn say_farewell(&mut self, now: Instant) {
        let is_done = match self.farewell {
            Farewell::Not | Farewell::Done => false,
            Farewell::Wanted if self.line.is_empty() => {
                self.farewell = Farewell::Said;
                self.say(&Ask::Bye, now);
                matches!(self.keeper, Keeper::Gone)
            }
            Farewell::Wanted => matches!(self.keeper, Keeper::Gone),
            Farewell::Said => self.session().is_none_or(|session| session.is_quiet()),
        };
        if is_done {
            self.farewell = Farewell::Done;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.shared.end();
    }
}
