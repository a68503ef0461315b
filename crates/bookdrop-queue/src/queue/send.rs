//! Sending: into the queue, or into the line before it.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::effects::Effects;
use crate::item::Item;
use crate::note::{Note, note};
use crate::slab::Ticket;
use crate::sync::Guard;

use super::express::Guarded;
use super::line::{Offer, Progress};
use super::state::{Obstacle, State};
use super::{NotExpress, OnFull, Queue};

/// An item that was not taken in.
pub struct Refused<I> {
    /// The item, as it was.
    pub item: I,
    /// Why it was refused.
    pub why: Refusal,
}

impl<I> Refused<I> {
    /// Drops the copies, which it therefore does where no lock is held.
    fn new(offer: Offer<I>, why: Refusal) -> Self {
        Refused {
            item: offer.item,
            why,
        }
    }
}

/// Why an item was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The queue is full.
    Full,
    /// There is no room [beside the queue](Item::room) [yet](crate::Room::Soon).
    NotYet,
    /// The queue was closed.
    Closed,
    /// Nobody is there to answer a request.
    NoConsumer,
}

impl<I: Item> Queue<I> {
    /// Whether an item of this identity was sent within the window, so that another one would be the same.
    pub fn remembers(&self, identity: &str) -> bool {
        let now = crate::clock::now();
        self.change(|state, _| state.machine.remembers(identity, now))
    }

    /// Takes the item in if that is as simple as it usually is: a plain item, one group, room in the queue, nobody in
    /// line. Else it is given back, and has to be sent in one of the other ways.
    #[inline(always)]
    pub fn send_express(&self, item: I) -> Result<(), I> {
        if !item.is_plain() {
            return Err(item);
        }
        let mut guarded = self.state.lock();
        match guarded.send(item) {
            Ok(()) => Ok(()),
            Err(item) => self.send_and_wake(guarded, item),
        }
    }

    /// The same for one who tries again before it waits: where there is no room it is not looked for any further.
    #[inline]
    pub fn try_send_express(&self, item: I) -> Result<(), (I, NotExpress)> {
        if !item.is_plain() || self.on_full != OnFull::Wait {
            return Err((item, NotExpress::Unknown));
        }
        let mut guarded = self.state.lock();
        let sent = guarded.send(item);
        sent.map_err(|item| (item, guarded.why_not_sent()))
    }

    /// Sends where a consumer has to be woken.
    #[inline(never)]
    fn send_and_wake(&self, mut guarded: Guard<'_, Guarded<I>>, item: I) -> Result<(), I> {
        let mut fx = Effects::none();
        guarded.whole().accept_plain(item, &mut fx)?;
        drop(guarded);
        fx.run(|_, _| {});
        Ok(())
    }

    /// Takes the item in. Where there is no room and a full queue means waiting, it stands in line then, and the ticket says
    /// where: its sender, whose waker this is, waits by [`poll_line`](Queue::poll_line).
    pub fn send(
        &self,
        item: I,
        due: Option<Instant>,
        waker: Waker,
    ) -> Result<Option<Ticket>, Refused<I>> {
        let mut offer = Offer::new(item, due);
        self.make_copies(&mut offer, self.expected_copies());
        match self.offer_once(offer) {
            Ok(()) => Ok(None),
            Err((offer, Refusal::Full | Refusal::NotYet)) if self.on_full == OnFull::Wait => {
                self.enter_line(offer, waker).map(Some)
            }
            Err((offer, why)) => Err(self.refuse(offer, why)),
        }
    }

    /// Takes the item in, or refuses it at once; a full queue with [`OnFull::DropOldest`] makes room.
    pub fn try_send(&self, item: I, due: Option<Instant>) -> Result<(), Refused<I>> {
        // It may well be refused, so it is not copied before it has to be.
        self.offer_once(Offer::new(item, due))
            .map_err(|(offer, why)| self.refuse(offer, why))
    }

    fn refuse(&self, offer: Offer<I>, why: Refusal) -> Refused<I> {
        if why == Refusal::Full {
            self.state
                .lock()
                .whole()
                .machine
                .counters
                .rejected_when_full += 1;
        }
        Refused::new(offer, why)
    }

    /// Ready when the item that this ticket was given for was let in, or refused.
    ///
    /// Whoever stops waiting calls [`leave_line`](Queue::leave_line).
    pub fn poll_line(&self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), Refused<I>>> {
        match self.look_in_line(ticket, cx) {
            Progress::Waits => Poll::Pending,
            Progress::LetIn => Poll::Ready(Ok(())),
            Progress::Refused(offer) => Poll::Ready(Err(Refused::new(offer, Refusal::Closed))),
        }
    }

    /// Gives up a send. Returns the item if it was not taken in.
    pub fn leave_line(&self, ticket: Ticket) -> Option<I> {
        let left = self.change(|state, fx| {
            let mut offer = state.line.leave(ticket, fx)?;
            note(&mut offer.item, Note::Gone);
            Some(offer)
        });
        // The copies are dropped here, after the lock.
        left.map(|offer| offer.item)
    }

    /// Looks again whether those who stand in line find room: there is more of it [beside the queue](Item::room).
    pub fn let_in(&self) {
        // Those are let in after every change.
        self.change(|_, _| {});
    }

    fn enter_line(&self, offer: Offer<I>, waker: Waker) -> Result<Ticket, Refused<I>> {
        let mut waker = Some(waker);
        self.with_copies(offer, |state, offer, fx| {
            state.enter_line(offer, &mut waker, fx)
        })
        .map_err(|(offer, why)| Refused::new(offer, why))
    }

    fn offer_once(&self, offer: Offer<I>) -> Result<(), (Offer<I>, Refusal)> {
        self.with_copies(offer, |state, offer, fx| {
            state.offer(offer, self.on_full, fx)
        })
    }

    /// Makes a change with an offer, which needs as many copies as there are further groups: their making runs code of
    /// the user, so it happens without the lock.
    fn with_copies<R>(
        &self,
        mut offer: Offer<I>,
        mut change: impl FnMut(
            &mut State<I>,
            Offer<I>,
            &mut Effects<I>,
        ) -> Result<R, (Offer<I>, Obstacle)>,
    ) -> Result<R, (Offer<I>, Refusal)> {
        loop {
            let (back, obstacle) = match self.change(|state, fx| change(state, offer, fx)) {
                Ok(result) => return Ok(result),
                Err(obstacle) => obstacle,
            };
            offer = back;
            match obstacle {
                Obstacle::Refused(why) => return Err((offer, why)),
                Obstacle::Copies(needed) => self.make_copies(&mut offer, needed),
            }
        }
    }

    /// Sees to it that there are so many copies. This runs code of the user.
    fn make_copies(&self, offer: &mut Offer<I>, needed: usize) {
        while offer.copies.len() < needed {
            let copier = self.copier.get();
            let copier = copier.expect("who joins a further group brings a copier");
            offer.copies.push(copier(&offer.item));
        }
    }

    fn look_in_line(&self, ticket: Ticket, cx: &mut Context<'_>) -> Progress<I> {
        {
            let mut guarded = self.state.lock();
            let mut state = guarded.whole();
            match state.line.progress(ticket) {
                Progress::Waits if state.line.is_registered(ticket, cx.waker()) => {
                    return Progress::Waits;
                }
                Progress::Waits => {}
                progress => return progress,
            }
        }
        let waker = cx.waker().clone();
        let mut fx = Effects::none();
        let progress = {
            let mut guarded = self.state.lock();
            let mut state = guarded.whole();
            state.line.set_waker(ticket, waker, &mut fx);
            state.line.progress(ticket)
        };
        fx.run(|_, _| {});
        progress
    }
}
