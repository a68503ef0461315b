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
///
/// Without a body it is two words, which a compiler moves in registers.
pub(super) struct InHand<T, R> {
    pub(super) taken: Taken<Stored<T, R>>,
    /// Its consumer's; `None` where nobody needs it: it is settled, it is of the default group, and nobody asks.
    pub(super) seat: Option<Loan<Seat<T, R>>>,
}

impl<T, R> Delivery<T, R> {
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
        Some(&self.in_hand().seat.as_ref()?.memory)
    }

    pub(super) fn watch(&self) -> Option<Watch<&Memory<T, R>>> {
        let (ask, memory) = self.ask().zip(self.memory())?;
        let memory = &**memory;
        Some(Watch { ask, memory })
    }

    /// Settles as done, if nobody has to be told. To move a delivery out of where it lies costs more than that.
    #[inline(always)]
    fn ack_in_place(&mut self) -> bool {
        let Some(in_hand) = &mut self.in_hand else {
            return false;
        };
        if in_hand.taken.item.ask().is_some() || !in_hand.taken.leads_nobody() {
            return false;
        }
        // With automatic ack as well: what comes back to such a seat counts for nothing.
        let Some(Err(loan)) = in_hand.seat.take().map(Loan::give_back) else {
            return true;
        };
        in_hand.seat = Some(loan);
        false
    }

    /// Settles as done, and parts with what was in hand.
    pub(super) fn let_go(self) -> Stored<T, R> {
        let InHand { taken, seat } = self.take();
        let Some(seat) = seat.filter(|seat| !seat.reader.is_auto_acked()) else {
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
        let InHand { taken, seat } = match self.in_hand().is_settled() {
            true => return Err(SettleError::new(SettleErrorKind::AutoAcked, self)),
            false => self.take(),
        };
        if let Some(seat) = seat {
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
        let InHand { taken, seat } = self.take();
        let seat = seat.expect("a request is lent the seat");
        let queue = &seat.memory.queue;
        let refused = match seat.reader.is_auto_acked() {
            true => queue.answer_later(ask.call, outcome).is_err(),
            false => {
                let answered = queue.answer(seat.reader, taken, outcome);
                return_settled(seat);
                answered.1.is_err()
            }
        };
        Ok(match refused {
            true => Answer::NotWanted,
            false => Answer::Sent,
        })
    }
}

impl<T, R> InHand<T, R> {
    /// Whether it was settled when it was handed over.
    fn is_settled(&self) -> bool {
        let seat = self.seat.as_ref();
        seat.is_none_or(|seat| seat.reader.is_auto_acked())
    }

    pub(super) fn fail(self) {
        let Some(seat) = self.seat else {
            return;
        };
        let queue = &seat.memory.queue;
        if !seat.reader.is_auto_acked() {
            queue.failed(seat.reader, self.taken, None);
            return_settled(seat);
        } else if let Some(ask) = self.taken.item.ask() {
            queue.end_call(ask.call, unanswered());
        }
    }
}

/// A delivery that is about to be acked: dropped before it is polled, it is unsettled.
pub(super) struct Acking<T, R>(Delivery<T, R>);

// Nothing in it is pinned.
impl<T, R> Unpin for Acking<T, R> {}

impl<T, R> Acking<T, R> {
    #[inline(always)]
    pub(super) fn new(delivery: Delivery<T, R>) -> Self {
        Acking(delivery)
    }
}

impl<T, R> Future for Acking<T, R> {
    type Output = Settled<T, R>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let delivery = &mut self.0;
        assert!(
            delivery.in_hand.is_some(),
            "an ack was polled after it had ended"
        );
        match delivery.ack_in_place() {
            true => delivery.in_hand = None,
            false => ack(delivery.in_hand.take()),
        }
        Poll::Ready(Ok(()))
    }
}

#[inline(never)]
fn ack<T, R>(in_hand: Option<InHand<T, R>>) {
    drop(Delivery { in_hand }.finish());
}

const SETTLED: &str = "a delivery that was settled is gone";
