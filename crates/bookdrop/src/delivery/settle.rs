//! What settling a delivery does to the queue and to a requester.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bookdrop_backend as backend;
use bookdrop_backend::{Receipt, Settlement};
use bookdrop_queue::{DeadReason, Loan, Taken};

use super::{Delivery, Settled};
use crate::answer::Answer;
use crate::backed::{Apart, Backed, Pending, reason_for_backend};
use crate::error::{SettleError, SettleErrorKind};
use crate::event::{Ask, Event};
use crate::failure::Failure;
use crate::memory::{Outcome, Stored, unanswered};
use crate::reply::{Reply, Watcher};
use crate::seat::{Place, Seat, return_settled};

/// What is in hand until it is settled.
///
/// Without a body it is two words, which a compiler moves in registers.
pub(super) struct InHand<T, R> {
    pub(super) taken: Taken<Stored<T, R>>,
    /// Its consumer's; `None` where nobody needs it: it is settled, it is of the default group, and nobody asks.
    pub(super) seat: Option<Loan<Seat<T, R>>>,
}

/// How an event goes back.
pub(super) enum Undone {
    Failed,
    RetryAfter(Duration),
    Released,
    Bury(DeadReason),
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

    pub(super) fn watcher(&self) -> Option<Watcher<'_, T, R>> {
        let in_hand = self.in_hand();
        let seat = in_hand.seat.as_deref()?;
        Watcher::new(self.ask()?, seat, in_hand.taken.item.receipt())
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

    /// Begins to settle it, if that is done at a backend.
    pub(super) fn call(&self, settlement: Settlement) -> Option<Call> {
        let (backed, receipt) = self.in_hand().distant()?;
        Some(backed.settle(receipt, settlement))
    }

    /// Begins to settle it as done, if that is done at a backend, and was not done by the hand-over.
    fn done_call(&self) -> Option<Call> {
        match self.in_hand().is_settled() && !self.is_request() {
            true => None,
            false => self.call(Settlement::Done),
        }
    }

    /// Waits for the end of a settlement, in which the delivery is taken apart.
    async fn settled_by(self, call: Call) -> Settled<T, R, (InHand<T, R>, backend::Settled)> {
        let in_hand = Some(self.take());
        Settling { in_hand, call }.await
    }

    /// The event is done. A requester is told that there is no answer.
    pub(super) async fn finish(self) -> Settled<T, R, Event<T>> {
        let Some(call) = self.done_call() else {
            return Ok(self.take().finish());
        };
        let (in_hand, _) = self.settled_by(call).await?;
        Ok(in_hand.taken.item.event)
    }

    /// Gives what is in hand back, unless it left the queue with the hand-over.
    pub(super) async fn give_back(self, undone: Undone) -> Settled<T, R> {
        if self.in_hand().is_settled() {
            return Err(SettleError::new(SettleErrorKind::AutoAcked, self));
        }
        let Some((backed, receipt)) = self.in_hand().distant() else {
            self.take().give_back(undone);
            return Ok(());
        };
        let settlement = match undone {
            Undone::Failed => Settlement::Failed,
            Undone::RetryAfter(delay) => Settlement::RetryAfter(delay),
            Undone::Released => Settlement::Release,
            Undone::Bury(why) => Settlement::Bury(reason_for_backend(why)),
        };
        let call = backed.settle(receipt, settlement);
        self.settled_by(call).await.map(drop)
    }

    pub(super) async fn answer(self, answer: Result<R, Failure>) -> Settled<T, R, Answer> {
        if self.ask().is_none() {
            return Err(SettleError::new(SettleErrorKind::NotARequest, self));
        }
        let encoded = match self.in_hand().distant() {
            None => return Ok(self.take().answer(answer)),
            Some((backed, _)) => backed.encode_answer(&answer),
        };
        drop(answer);
        let call = match encoded {
            Ok(answer) => self.call(Settlement::Answer(answer)),
            Err(why) => return Err(SettleError::new(SettleErrorKind::Unencodable(why), self)),
        };
        let (_, settled) = self.settled_by(call.expect("it is at a backend")).await?;
        Ok(Answer::of(settled))
    }

    /// Nobody wants the answer to a request any more.
    pub(crate) async fn leave(self) -> Settled<T, R, Answer> {
        match self.call(Settlement::Done) {
            Some(call) => drop(self.settled_by(call).await?),
            None => drop(self.take().let_go()),
        }
        Ok(Answer::NotWanted)
    }

    /// A request is done, and its answer is owed.
    pub(super) async fn owe(self) -> Settled<T, R, (Event<T>, Reply<R>)>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let Some(watcher) = self.watcher() else {
            return Err(SettleError::new(SettleErrorKind::NotARequest, self));
        };
        let reply = Reply::new(watcher.to_owed());
        let Some(call) = self.call(Settlement::Owe) else {
            return Ok((self.take().let_go().event, reply));
        };
        if self.in_hand().is_settled() {
            return Ok((self.take().taken.item.event, reply));
        }
        match self.settled_by(call).await {
            Ok((in_hand, _)) => Ok((in_hand.taken.item.event, reply)),
            Err(error) => {
                reply.forget();
                Err(error)
            }
        }
    }
}

impl<T, R> InHand<T, R> {
    /// Whether it was settled when it was handed over.
    fn is_settled(&self) -> bool {
        let seat = self.seat.as_ref();
        seat.is_none_or(|seat| seat.is_auto_acked())
    }

    /// Where it is settled, if that is at a backend, and by which receipt.
    pub(super) fn distant(&self) -> Option<(&Backed<T, R>, Receipt)> {
        match &self.seat.as_ref()?.place {
            Place::Backed { backed, .. } => Some((backed, self.taken.item.receipt())),
            Place::Memory { .. } => None,
        }
    }

    /// What it is too late for where it is not in hand any more.
    pub(super) fn too_late(&self) -> SettleErrorKind {
        let capabilities = self
            .distant()
            .map(|(backed, _)| backed.known().capabilities());
        match capabilities.is_some_and(|capabilities| capabilities.lease) {
            true => SettleErrorKind::LeaseEnded,
            false => SettleErrorKind::AlreadySettled,
        }
    }

    /// Settles as done in memory, and parts with what was in hand.
    fn let_go(self) -> Stored<T, R> {
        let InHand { taken, seat } = self;
        let Some(seat) = seat.filter(|seat| !seat.is_auto_acked()) else {
            return taken.item;
        };
        let seat = match taken.leads_nobody() {
            true => match seat.give_back() {
                Ok(()) => return taken.item,
                Err(seat) => seat,
            },
            false => seat,
        };
        let Place::Memory { memory, reader } = &seat.place else {
            return taken.item;
        };
        let stored = memory.queue.ack(*reader, taken);
        return_settled(seat);
        stored
    }

    /// Settles as done in memory; a requester is told that there is no answer.
    fn finish(self) -> Event<T> {
        let call = self.taken.item.ask().and_then(|ask| ask.call);
        let Some(call) = call else {
            return self.let_go().event;
        };
        let memory = match self.seat.as_ref().map(|seat| &seat.place) {
            Some(Place::Memory { memory, .. }) => Some(memory.clone()),
            _ => None,
        };
        let event = self.let_go().event;
        if let Some(memory) = memory {
            memory.queue.end_call(call, unanswered());
        }
        event
    }

    /// Gives it back to the queue in memory.
    fn give_back(self, undone: Undone) {
        let InHand { taken, seat } = self;
        let Some(seat) = seat else { return };
        let Place::Memory { memory, reader } = &seat.place else {
            return;
        };
        match undone {
            Undone::Failed => memory.queue.failed(*reader, taken, None),
            Undone::RetryAfter(delay) => memory.queue.failed(*reader, taken, Some(delay)),
            Undone::Released => memory.queue.lost(*reader, taken),
            Undone::Bury(why) => memory.queue.bury(*reader, taken, why),
        }
        return_settled(seat);
    }

    /// Answers a request in memory.
    fn answer(self, answer: Result<R, Failure>) -> Answer {
        let InHand { taken, seat } = self;
        let outcome = answer.map_or_else(Outcome::failed, Outcome::Replied);
        let seat = seat.expect("a request is lent the seat");
        let call = taken.item.ask().and_then(|ask| ask.call);
        let (Place::Memory { memory, reader }, Some(call)) = (&seat.place, call) else {
            return Answer::NotWanted;
        };
        let queue = &memory.queue;
        let refused = match reader.is_auto_acked() {
            true => queue.answer_later(call, outcome).is_err(),
            false => {
                let answered = queue.answer(*reader, taken, outcome);
                return_settled(seat);
                answered.1.is_err()
            }
        };
        match refused {
            true => Answer::NotWanted,
            false => Answer::Sent,
        }
    }

    /// It was dropped unsettled.
    pub(super) fn fail(self) {
        let ask = self.taken.item.ask();
        let Some(seat) = &self.seat else { return };
        match &seat.place {
            Place::Memory { .. } if !seat.is_auto_acked() => self.give_back(Undone::Failed),
            Place::Memory { memory, .. } => {
                if let Some(call) = ask.and_then(|ask| ask.call) {
                    memory.queue.end_call(call, unanswered());
                }
            }
            Place::Backed { backed, auto_ack } => {
                let settlement = match auto_ack {
                    false => Settlement::Failed,
                    true if ask.is_some() => Settlement::Done,
                    true => return,
                };
                backed.begin_to_settle(self.taken.item.receipt(), settlement);
            }
        }
    }
}

/// A settlement at a backend.
type Call = Pending<Result<backend::Settled, backend::Error>>;

/// A settlement under way at a backend: polled as soon as it is made, it goes on if it is dropped.
struct Settling<T, R> {
    in_hand: Option<InHand<T, R>>,
    call: Call,
}

// Nothing in it is pinned.
impl<T, R> Unpin for Settling<T, R> {}

impl<T, R> Future for Settling<T, R> {
    type Output = Settled<T, R, (InHand<T, R>, backend::Settled)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let settled = ready!(Pin::new(&mut self.call).poll(cx));
        let in_hand = self.in_hand.take();
        let kind = match settled {
            Ok(backend::Settled::TooLate) => in_hand.as_ref().expect(SETTLED).too_late(),
            Ok(settled) => return Poll::Ready(Ok((in_hand.expect(SETTLED), settled))),
            Err(error) => SettleErrorKind::Backend(error),
        };
        Poll::Ready(Err(SettleError::new(kind, Delivery { in_hand })))
    }
}

/// A delivery that is about to be acked: dropped before it is polled, it is unsettled.
pub(super) struct Acking<T, R> {
    delivery: Delivery<T, R>,
    /// At a backend, once it was polled.
    settling: Option<Apart<Settling<T, R>>>,
}

// Nothing in it is pinned.
impl<T, R> Unpin for Acking<T, R> {}

impl<T, R> Acking<T, R> {
    #[inline(always)]
    pub(super) fn new(delivery: Delivery<T, R>) -> Self {
        Acking {
            delivery,
            settling: None,
        }
    }

    /// Acks what somebody has to be told of.
    #[inline(never)]
    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Settled<T, R>> {
        if self.settling.is_none() {
            let delivery = Delivery {
                in_hand: self.delivery.in_hand.take(),
            };
            assert!(
                delivery.in_hand.is_some(),
                "an ack was polled after it had ended"
            );
            let Some(call) = delivery.done_call() else {
                drop(delivery.take().finish());
                return Poll::Ready(Ok(()));
            };
            let in_hand = Some(delivery.take());
            self.settling = Some(Apart::new(Settling { in_hand, call }));
        }
        let Some(settling) = &mut self.settling else {
            return Poll::Pending;
        };
        let settled = ready!(Pin::new(settling.get_mut()).poll(cx));
        self.settling = None;
        Poll::Ready(settled.map(drop))
    }
}

impl<T, R> Future for Acking<T, R> {
    type Output = Settled<T, R>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.delivery.ack_in_place() {
            self.delivery.in_hand = None;
            return Poll::Ready(Ok(()));
        }
        self.poll_any(cx)
    }
}

const SETTLED: &str = "a delivery that was settled is gone";
