//! A request, from its requester's side.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bookdrop_backend::{Asking, Unanswered, Why};
use bookdrop_queue::{CallId, Queue, Refusal, Waited, clock, park};
use bytes::Bytes;

use crate::entry::Entry;
use crate::store::Ledger;

/// Asks, and waits for the answer. Dropped, the request is given up.
pub(super) struct Asked<'a, L: Ledger> {
    queue: &'a Queue<Entry<L>>,
    stage: Stage<L>,
}

enum Stage<L: Ledger> {
    New(Entry<L>, Option<Instant>, Until),
    Waiting(Waiting),
    Ended,
}

/// Until when an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    /// Then nobody wants it any more.
    pub deadline: Instant,
    /// As [`Asking::waits_for_consumer`](bookdrop_backend::Asking::waits_for_consumer).
    pub waits_for_consumer: bool,
}

impl From<Asking> for Until {
    fn from(asking: Asking) -> Self {
        Until {
            deadline: clock::after(clock::now(), asking.timeout),
            waits_for_consumer: asking.waits_for_consumer,
        }
    }
}

struct Waiting {
    call: CallId,
    deadline: Instant,
    /// Whether the thread that waits looks at the clock by itself.
    by_the_clock: bool,
}

// Nothing in it is pinned: the entry is moved into the queue.
impl<L: Ledger> Unpin for Asked<'_, L> {}

impl<'a, L: Ledger> Asked<'a, L> {
    pub(super) fn new(
        queue: &'a Queue<Entry<L>>,
        (entry, due): (Entry<L>, Option<Instant>),
        until: Until,
    ) -> Self {
        Asked {
            queue,
            stage: Stage::New(entry, due, until),
        }
    }

    fn begin(
        &self,
        entry: Entry<L>,
        due: Option<Instant>,
        until: Until,
        cx: &Context<'_>,
    ) -> Result<Waiting, Unanswered> {
        let Until {
            deadline,
            waits_for_consumer,
        } = until;
        let waker = cx.waker().clone();
        let by_the_clock = park::park_limit(&waker, deadline);
        let asking = bookdrop_queue::Asking {
            deadline,
            waits_for_consumer,
            waker,
            wakes_at_deadline: !by_the_clock,
        };
        let sent = self.queue.send_request(entry, due, asking);
        let call = sent.map_err(|refused| Unanswered {
            why: match refused.why {
                Refusal::Full | Refusal::NotYet => Why::Full,
                Refusal::Closed => Why::Closed,
                Refusal::NoConsumer => Why::NoConsumer,
            },
            was_taken: false,
        })?;
        Ok(Waiting {
            call,
            deadline,
            by_the_clock,
        })
    }

    /// Its driver is closed: it ends if nobody has it.
    pub(super) fn close(&mut self) -> Option<Result<Bytes, Unanswered>> {
        let Stage::Waiting(waiting) = &self.stage else {
            return None;
        };
        let (_, deliveries) = self.queue.withdraw(waiting.call)?;
        self.stage = Stage::Ended;
        Some(Err(Unanswered {
            why: Why::Closed,
            was_taken: deliveries > 0,
        }))
    }

    /// Ends with the answer that came meanwhile, or because of this.
    fn end(&mut self, why: Why) -> Result<Bytes, Unanswered> {
        self.give_up()
            .unwrap_or_else(|was_taken| Err(Unanswered { why, was_taken }))
    }

    /// The answer that came meanwhile, or whether a consumer had the request in hand.
    fn give_up(&mut self) -> Result<Result<Bytes, Unanswered>, bool> {
        let Stage::Waiting(waiting) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return Err(false);
        };
        match self.queue.give_up(waiting.call) {
            (Some(outcome), _) => Ok(outcome),
            (None, queued) => Err(queued.is_none_or(|(_, deliveries)| deliveries > 0)),
        }
    }
}

impl<L: Ledger> Future for Asked<'_, L> {
    type Output = Result<Bytes, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let waiting = match std::mem::replace(&mut this.stage, Stage::Ended) {
            Stage::New(entry, due, until) => {
                let event = entry.event().clone();
                let waiting = this.begin(entry, due, until, cx)?;
                this.stage = Stage::Waiting(waiting);
                // It may have broken before the request was in the queue, and then nobody ends it.
                let Some(why) = event.ledger().broken() else {
                    return Poll::Pending;
                };
                return Poll::Ready(this.end(Why::Backend(why)));
            }
            Stage::Waiting(waiting) => waiting,
            Stage::Ended => panic!("a request was polled after it had ended"),
        };
        let poll = this.queue.poll_answer(waiting.call, cx);
        match poll {
            Poll::Ready(Waited::Answered(outcome)) => Poll::Ready(outcome),
            Poll::Ready(Waited::Overdue) => {
                this.stage = Stage::Waiting(waiting);
                Poll::Ready(this.end(Why::Deadline))
            }
            Poll::Pending => {
                let by_the_clock =
                    waiting.by_the_clock && park::park_limit(cx.waker(), waiting.deadline);
                if waiting.by_the_clock && !by_the_clock {
                    this.queue.wake_at_deadline(waiting.call);
                }
                this.stage = Stage::Waiting(Waiting {
                    by_the_clock,
                    ..waiting
                });
                Poll::Pending
            }
        }
    }
}

impl<L: Ledger> Drop for Asked<'_, L> {
    fn drop(&mut self) {
        drop(self.give_up());
    }
}
