//! What settling a delivery does to the queue and to a requester.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bookdrop_queue::{Loan, Queue, Reader, Taken};

use super::{Delivery, Settled};
use crate::answer::Answer;
use crate::error::{SettleError, SettleErrorKind};
use crate::event::{Ask, Event};
use crate::memory::{Memory, Outcome, Stored, unanswered};
use crate::reply::Watch;
use crate::seat::{Seat, return_settled};

/// What is in hand until it is settled.
pub(super) struct InHand<T, R> {
    pub(super) taken: Taken<Stored<T, R>>,
    pub(super) of: Of<T, R>,
}

/// Whose delivery it is.
pub(crate) enum Of<T, R> {
    /// The consumer's with this seat.
    Seat(Loan<Seat<T, R>>),
    /// Also the consumer's with this seat; but it was settled when it was handed over.
    AutoAcked(Loan<Seat<T, R>>),
    /// Nobody's: it was settled when it was handed over, and nobody asks for an answer. What is known is the group's name.
    Nobody(Option<Arc<str>>),
}

impl<T, R> Delivery<T, R> {
    /// Settles at the first poll.
    #[inline(always)]
    pub(super) fn settle_by<S, V>(self, settle: S) -> Settling<T, R, S>
    where
        S: FnOnce(Self) -> Settled<T, R, V>,
    {
        Settling {
            delivery: Some(self),
            settle: Some(settle),
        }
    }

    #[inline]
    pub(super) fn in_hand(&self) -> &InHand<T, R> {
        self.in_hand.as_ref().expect(SETTLED)
    }

    #[inline(always)]
    fn take(mut self) -> InHand<T, R> {
        self.in_hand.take().expect(SETTLED)
    }

    pub(super) fn ask(&self) -> Option<Ask> {
        self.in_hand().taken.item.ask()
    }

    pub(super) fn memory(&self) -> Option<&Arc<Memory<T, R>>> {
        match &self.in_hand().of {
            Of::Seat(seat) | Of::AutoAcked(seat) => Some(&seat.memory),
            Of::Nobody(_) => None,
        }
    }

    pub(super) fn watch(&self) -> Option<Watch<&Memory<T, R>>> {
        let (ask, memory) = self.ask().zip(self.memory())?;
        let memory = &**memory;
        Some(Watch { ask, memory })
    }

    /// Settles as done, and parts with what was in hand.
    #[inline(always)]
    pub(super) fn let_go(self) -> Stored<T, R> {
        let InHand { taken, of } = self.take();
        let Of::Seat(seat) = of else {
            return taken.item;
        };
        let seat = match taken.leads_nobody() {
            true => match seat.give_back() {
                Ok(()) => return taken.item,
                Err(seat) => seat,
            },
            false => seat,
        };
        let stored = seat.memory.queue.ack(seat.reader, taken);
        return_settled(seat);
        stored
    }

    /// Settles as done; a requester is told that there is no answer.
    #[inline(always)]
    pub(super) fn finish(self) -> Event<T> {
        let Some(ask) = self.ask() else {
            return self.let_go().event;
        };
        let memory = self.memory().cloned();
        let event = self.let_go().event;
        if let Some(memory) = memory {
            memory.queue.end_call(ask.call, unanswered());
        }
        event
    }

    /// Gives what is in hand back to the queue, unless it left the queue with the hand-over.
    pub(super) fn give_back(
        self,
        settle: impl FnOnce(&Queue<Stored<T, R>>, Reader, Taken<Stored<T, R>>),
    ) -> Settled<T, R> {
        if !matches!(self.in_hand().of, Of::Seat(_)) {
            return Err(SettleError::new(SettleErrorKind::AutoAcked, self));
        }
        let InHand { taken, of } = self.take();
        if let Of::Seat(seat) = of {
            settle(&seat.memory.queue, seat.reader, taken);
            return_settled(seat);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn answer(self, outcome: Outcome<T, R>) -> Settled<T, R, Answer> {
        let Some(ask) = self.ask() else {
            return Err(SettleError::new(SettleErrorKind::NotARequest, self));
        };
        let InHand { taken, of } = self.take();
        let refused = match of {
            Of::Seat(seat) => {
                let answered = seat.memory.queue.answer(seat.reader, taken, outcome);
                return_settled(seat);
                answered.1.is_err()
            }
            Of::AutoAcked(seat) => seat.memory.queue.answer_later(ask.call, outcome).is_err(),
            Of::Nobody(_) => unreachable!("a request is lent the seat"),
        };
        Ok(match refused {
            true => Answer::NotWanted,
            false => Answer::Sent,
        })
    }
}

impl<T, R> InHand<T, R> {
    pub(super) fn fail(self) {
        match self.of {
            Of::Seat(seat) => {
                seat.memory.queue.failed(seat.reader, self.taken, None);
                return_settled(seat);
            }
            Of::AutoAcked(seat) => {
                if let Some(ask) = self.taken.item.ask() {
                    seat.memory.queue.end_call(ask.call, unanswered());
                }
            }
            Of::Nobody(_) => {}
        }
    }
}

/// A delivery that is about to be settled: dropped before it is polled, it is unsettled.
pub(super) struct Settling<T, R, S> {
    delivery: Option<Delivery<T, R>>,
    settle: Option<S>,
}

// Nothing in it is pinned.
impl<T, R, S> Unpin for Settling<T, R, S> {}

impl<T, R, V, S: FnOnce(Delivery<T, R>) -> Settled<T, R, V>> Future for Settling<T, R, S> {
    type Output = Settled<T, R, V>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let both = self.delivery.take().zip(self.settle.take());
        let (delivery, settle) = both.expect("a settlement was polled after it had ended");
        Poll::Ready(settle(delivery))
    }
}

const SETTLED: &str = "a delivery that was settled is gone";
