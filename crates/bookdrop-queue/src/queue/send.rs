//! Sending: into the queue, or into the line before it.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::effects::Effects;
use crate::item::Item;
use crate::slab::Ticket;
use crate::sync::lock;

use super::line::{Offer, Progress};
use super::state::Obstacle;
use super::{OnFull, Queue};

/// An item on its way into the queue.
pub struct Sending<I>(Stage<I>);

enum Stage<I> {
    New(Offer<I>),
    InLine(Ticket),
    Ended,
}

impl<I> Sending<I> {
    /// An item that is to be handed over at once, or when it is due.
    pub fn new(item: I, due: Option<Instant>) -> Self {
        Sending(Stage::New(Offer::new(item, due)))
    }
}

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
    /// The queue was closed.
    Closed,
    /// Nobody is there to answer a request.
    NoConsumer,
}

impl<I: Item> Queue<I> {
    /// Takes the item in; where the queue is full and that means waiting, the item stands in line meanwhile.
    ///
    /// Whoever drops a `Sending` that is not ready calls [`cancel_send`](Queue::cancel_send) first.
    ///
    /// # Panics
    /// When it was ready before.
    pub fn poll_send(
        &self,
        sending: &mut Sending<I>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refused<I>>> {
        if let Stage::InLine(ticket) = sending.0 {
            return self.look_in_line(ticket, cx).end(sending);
        }
        let Stage::New(offer) = std::mem::replace(&mut sending.0, Stage::Ended) else {
            panic!("a send was polled after it had ended");
        };
        let offer = match self.offer_once(offer) {
            Ok(()) => return Poll::Ready(Ok(())),
            Err((offer, Refusal::Full)) if self.on_full == OnFull::Wait => offer,
            Err((offer, why)) => return Poll::Ready(Err(self.refuse(offer, why))),
        };
        // Cloning the waker is foreign code: should it panic, the item is still here.
        sending.0 = Stage::New(offer);
        let waker = cx.waker().clone();
        let Stage::New(offer) = std::mem::replace(&mut sending.0, Stage::Ended) else {
            unreachable!("it was put there just now");
        };
        match self.enter_line(offer, Some(waker)) {
            Ok(ticket) => {
                sending.0 = Stage::InLine(ticket);
                Poll::Pending
            }
            Err(refused) => Poll::Ready(Err(refused)),
        }
    }

    /// Takes the item in, or refuses it at once; a full queue with [`OnFull::DropOldest`] makes room.
    pub fn try_send(&self, item: I, due: Option<Instant>) -> Result<(), Refused<I>> {
        self.offer_once(Offer::new(item, due))
            .map_err(|(offer, why)| self.refuse(offer, why))
    }

    /// Takes a request in, or lets it stand in line; its requester waits for the answer, not for this.
    pub fn send_request(&self, item: I, due: Option<Instant>) -> Result<(), Refused<I>> {
        match self.offer_once(Offer::new(item, due)) {
            Ok(()) => Ok(()),
            Err((offer, Refusal::Full)) if self.on_full == OnFull::Wait => {
                self.enter_line(offer, None).map(drop)
            }
            Err((offer, why)) => Err(self.refuse(offer, why)),
        }
    }

    fn refuse(&self, offer: Offer<I>, why: Refusal) -> Refused<I> {
        if why == Refusal::Full {
            lock(&self.state).machine.counters.rejected_when_full += 1;
        }
        Refused::new(offer, why)
    }

    /// Gives up a send that is not ready. Returns the item if it was not taken in.
    pub fn cancel_send(&self, sending: &mut Sending<I>) -> Option<I> {
        match std::mem::replace(&mut sending.0, Stage::Ended) {
            Stage::New(offer) => Some(offer.item),
            // The copies are dropped here, after the lock.
            Stage::InLine(ticket) => self
                .change(|state, fx| state.line.leave(ticket, fx))
                .map(|o| o.item),
            Stage::Ended => None,
        }
    }

    fn enter_line(&self, offer: Offer<I>, waker: Option<Waker>) -> Result<Ticket, Refused<I>> {
        self.change(|state, fx| state.enter_line(offer, waker, fx))
            .map_err(|(offer, why)| Refused::new(offer, why))
    }

    /// Offers, with as many copies as there are further groups: their making runs code of the user, so it happens without the lock.
    fn offer_once(&self, mut offer: Offer<I>) -> Result<(), (Offer<I>, Refusal)> {
        loop {
            let result = self.change(|state, fx| state.offer(offer, self.on_full, fx));
            let (back, obstacle) = match result {
                Ok(()) => return Ok(()),
                Err(obstacle) => obstacle,
            };
            offer = back;
            let why = match obstacle {
                Obstacle::Refused(why) => why,
                Obstacle::Copies(needed) => {
                    let copier = self
                        .copier
                        .get()
                        .expect("who joins a further group brings a copier");
                    while offer.copies.len() < needed {
                        offer.copies.push(copier(&offer.item));
                    }
                    continue;
                }
            };
            return Err((offer, why));
        }
    }

    fn look_in_line(&self, ticket: Ticket, cx: &mut Context<'_>) -> Progress<I> {
        {
            let mut state = lock(&self.state);
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
            let mut state = lock(&self.state);
            state.line.set_waker(ticket, waker, &mut fx);
            state.line.progress(ticket)
        };
        fx.run();
        progress
    }
}

impl<I> Progress<I> {
    /// Ends the send, unless it waits on.
    fn end(self, sending: &mut Sending<I>) -> Poll<Result<(), Refused<I>>> {
        let result = match self {
            Progress::Waits => return Poll::Pending,
            Progress::LetIn => Ok(()),
            Progress::Refused(offer) => Err(Refused::new(offer, Refusal::Closed)),
        };
        sending.0 = Stage::Ended;
        Poll::Ready(result)
    }
}
