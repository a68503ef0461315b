//! Receiving, and waiting for something to receive.

use std::task::{Context, Poll, Waker};

use crate::item::Item;
use crate::machine::{GroupId, Moment, Taken};
use crate::slab::Ticket;

use super::{Hold, NotExpress, Queue, Waiting};

/// The queue was closed (or the group removed), and nothing is left to hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;

/// Who receives: a consumer of a group.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Its group.
    pub group: GroupId,
    /// Its seat there.
    pub(crate) seat: Ticket,
    /// Whether what it takes is settled with the hand-over: its seat was taken for that.
    pub(crate) auto_ack: bool,
}

impl Reader {
    /// Whether what it takes is settled with the hand-over.
    #[inline]
    pub fn is_auto_acked(&self) -> bool {
        self.auto_ack
    }
}

impl<I: Item> Queue<I> {
    /// Hands over the next items of a group, at most so many, into `into`; waits while there is none. `into` runs under the
    /// lock. Without automatic ack, what it is given goes with a loan of the consumer's seat; with it, loans count for nothing.
    ///
    /// Ready with `Ok` means that at least one was handed over. Whoever stops waiting calls
    /// [`stop_receiving`](Queue::stop_receiving).
    pub fn poll_receive(
        &self,
        reader: Reader,
        max: usize,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
        into: &mut impl FnMut(Taken<I>),
    ) -> Poll<Result<(), Over>> {
        match self.look(reader, max, waiting, Sleeper::Known(cx.waker()), into) {
            Look::Over(end) => Poll::Ready(end),
            Look::Asleep => Poll::Pending,
            Look::Nothing => self.poll_sleep(reader, max, waiting, cx, into),
        }
    }

    /// Like [`poll_receive`](Queue::poll_receive), for one who has just seen that there is nothing.
    pub fn poll_sleep(
        &self,
        reader: Reader,
        max: usize,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
        into: &mut impl FnMut(Taken<I>),
    ) -> Poll<Result<(), Over>> {
        self.sleep(reader, max, waiting, cx, false, into)
    }

    /// Like [`poll_receive`](Queue::poll_receive), for one who may wait on without being polled, as a stream does whose
    /// `next` was dropped: its wake-up is not relied upon, and somebody else is woken as well.
    pub fn poll_next(
        &self,
        reader: Reader,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
        into: &mut impl FnMut(Taken<I>),
    ) -> Poll<Result<(), Over>> {
        match self.look(reader, 1, waiting, Sleeper::Known(cx.waker()), into) {
            Look::Over(end) => Poll::Ready(end),
            Look::Asleep => Poll::Pending,
            Look::Nothing => self.sleep(reader, 1, waiting, cx, true, into),
        }
    }

    /// Hands over the next item if that is as simple as it usually is; else the consumer has to receive in one of the
    /// other ways. For one who does not wait.
    #[inline(always)]
    pub fn receive_express(
        &self,
        reader: Reader,
        hold: &mut Hold<I>,
    ) -> Result<Taken<I>, NotExpress> {
        let held = match hold.has_some() {
            true => hold.take(reader.auto_ack),
            false => None,
        };
        let mut item = match held {
            Some(item) => item,
            None => {
                let (mut guarded, was_taken) = self.state.lock_noting();
                let item = guarded.receive(reader)?;
                guarded.hold_ahead(hold, was_taken);
                item
            }
        };
        let hand = item.hand_mut();
        *hand = hand.first(reader.group);
        Ok(Taken { item })
    }

    fn sleep(
        &self,
        reader: Reader,
        max: usize,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
        is_unsure: bool,
        into: &mut impl FnMut(Taken<I>),
    ) -> Poll<Result<(), Over>> {
        // The waker is cloned while the lock is free, so something may have come in between: look again.
        let sleeper = Sleeper::New(cx.waker().clone(), is_unsure);
        match self.look(reader, max, waiting, sleeper, into) {
            Look::Over(end) => Poll::Ready(end),
            Look::Asleep | Look::Nothing => Poll::Pending,
        }
    }

    /// Hands over what is there, without waiting: `None` when there is nothing now.
    pub fn try_receive(&self, reader: Reader) -> Result<Option<Taken<I>>, Over> {
        let mut found = None;
        let mut into = |taken| found = Some(taken);
        match self.look(reader, 1, &mut None, Sleeper::Nobody, &mut into) {
            Look::Over(Err(over)) => Err(over),
            _ => Ok(found),
        }
    }

    /// Waits no more; a notification that was not used goes to the next one.
    pub fn stop_receiving(&self, group: GroupId, waiting: &mut Waiting) {
        if waiting.is_some() {
            self.change(|state, fx| {
                let was_notified = state.waiters(group).leave(waiting, fx);
                if was_notified && state.machine.has_ready(group) {
                    state.waiters(group).notify(1, fx);
                }
            });
        }
    }

    /// Takes what is there; if there is nothing, lets the sleeper sleep, all under one lock.
    #[inline]
    fn look(
        &self,
        reader: Reader,
        max: usize,
        waiting: &mut Waiting,
        sleeper: Sleeper<'_>,
        into: &mut impl FnMut(Taken<I>),
    ) -> Look {
        let group = reader.group;
        self.change(|state, fx| {
            let mut count = 0;
            let mut now = Moment::now();
            while count < max
                && let Some(mut taken) = state.take(group, &mut now, fx)
            {
                count += 1;
                state.note_hand_over(reader, &mut taken);
                into(taken);
            }
            if count > 0 || state.is_over(group) {
                if let Sleeper::New(waker, _) = sleeper {
                    fx.drop_waker(waker);
                }
                if waiting.is_some() {
                    let _ = state.waiters(group).leave(waiting, fx);
                }
                return Look::Over(if count > 0 { Ok(()) } else { Err(Over) });
            }
            match sleeper {
                Sleeper::New(waker, is_unsure) => {
                    state.waiters(group).sleep(waiting, waker, is_unsure, fx);
                    Look::Asleep
                }
                Sleeper::Known(waker) if state.waiters(group).is_registered(*waiting, waker) => {
                    Look::Asleep
                }
                Sleeper::Known(_) | Sleeper::Nobody => Look::Nothing,
            }
        })
    }
}

/// Who sleeps if there is nothing to receive.
enum Sleeper<'a> {
    Nobody,
    /// Whoever sleeps already, if it is with this waker.
    Known(&'a Waker),
    /// This one; true says that its wake-up is not to be relied upon.
    New(Waker, bool),
}

/// What a look found.
enum Look {
    /// The wait has ended: something was handed over, or nothing ever will be.
    Over(Result<(), Over>),
    Asleep,
    Nothing,
}
