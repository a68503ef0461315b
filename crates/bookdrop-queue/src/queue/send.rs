//! Sending: into the queue, or into the line before it.

use std::task::{Context, Poll};
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
        Sending(Stage::New(Offer {
            item,
            copies: Vec::new(),
            due,
        }))
    }
}

/// An item that was not taken in.
pub struct Refused<I> {
    /// The item, as it was.
    pub item: I,
    /// Why it was refused.
    pub why: Refusal,
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
        match std::mem::replace(&mut sending.0, Stage::Ended) {
            Stage::New(offer) => match self.enter(offer, Some(cx)) {
                Ok(None) => Poll::Ready(Ok(())),
                Ok(Some(ticket)) => {
                    sending.0 = Stage::InLine(ticket);
                    Poll::Pending
                }
                Err(refused) => Poll::Ready(Err(refused)),
            },
            Stage::InLine(ticket) => self.look_in_line(ticket, cx).map_pending(sending, ticket),
            Stage::Ended => panic!("a send was polled after it had ended"),
        }
    }

    /// Takes the item in, or refuses it at once; a full queue with [`OnFull::DropOldest`] makes room.
    pub fn try_send(&self, item: I, due: Option<Instant>) -> Result<(), Refused<I>> {
        self.offer(Offer {
            item,
            copies: Vec::new(),
            due,
        })
        .map_err(|(offer, why)| {
            if why == Refusal::Full {
                lock(&self.state).machine.counters.rejected_when_full += 1;
            }
            Refused {
                item: offer.item,
                why,
            }
        })
    }

    /// Takes a request in, or lets it stand in line; its requester waits for the answer, not for this.
    pub fn send_request(&self, item: I, due: Option<Instant>) -> Result<(), Refused<I>> {
        self.enter(
            Offer {
                item,
                copies: Vec::new(),
                due,
            },
            None,
        )
        .map(drop)
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

    /// Takes an offer in, or puts it in line, with the waker of `cx` if there is one.
    fn enter(
        &self,
        offer: Offer<I>,
        cx: Option<&mut Context<'_>>,
    ) -> Result<Option<Ticket>, Refused<I>> {
        let (offer, why) = match self.offer(offer) {
            Ok(()) => return Ok(None),
            Err(refused) => refused,
        };
        if why != Refusal::Full {
            return Err(Refused {
                item: offer.item,
                why,
            });
        }
        if self.on_full != OnFull::Wait {
            lock(&self.state).machine.counters.rejected_when_full += 1;
            return Err(Refused {
                item: offer.item,
                why,
            });
        }
        let waker = cx.map(|cx| cx.waker().clone());
        let entered = self.change(|state, fx| state.enter_line(offer, waker, fx));
        // A refused offer's copies are dropped here, after the lock.
        entered.map(Some).map_err(|(offer, why)| Refused {
            item: offer.item,
            why,
        })
    }

    /// Offers until there are enough copies: their making runs code of the user, so it happens without the lock.
    fn offer(&self, mut offer: Offer<I>) -> Result<(), (Offer<I>, Refusal)> {
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
    fn map_pending(self, sending: &mut Sending<I>, ticket: Ticket) -> Poll<Result<(), Refused<I>>> {
        match self {
            Progress::LetIn => Poll::Ready(Ok(())),
            Progress::Refused(offer) => Poll::Ready(Err(Refused {
                item: offer.item,
                why: Refusal::Closed,
            })),
            Progress::Waits => {
                sending.0 = Stage::InLine(ticket);
                Poll::Pending
            }
        }
    }
}
