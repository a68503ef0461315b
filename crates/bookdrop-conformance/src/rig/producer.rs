//! A producer under test.

use std::time::Duration;

use bookdrop::{
    Event, Outgoing, Producer, RequestError, RequestErrorKind, SendError, SendErrorKind,
};

use super::{NoReply, NotSent, Refused, RigDriver, Started, Stuck, Unanswered, finish};
use crate::{Book, Condition, Context, Fault};

/// A producer under test; cheap to clone.
#[derive(Clone)]
pub struct RigProducer {
    pub(crate) ctx: Context,
    pub(crate) producer: Producer<Book, Condition>,
    pub(crate) driver: RigDriver,
}

/// A `send` that is polled by hand.
pub type Sending = Started<'static, Result<(), Refused>>;
/// A request that is polled by hand.
pub type Requesting = Started<'static, Result<Condition, Unanswered>>;

impl RigProducer {
    pub(crate) fn new(driver: &RigDriver, producer: Producer<Book, Condition>) -> Self {
        Self {
            ctx: driver.ctx.clone(),
            producer,
            driver: driver.clone(),
        }
    }

    /// Sends an event.
    pub async fn send(&self, event: Event<Book>) -> Result<(), Refused> {
        for event in self.tampered(event) {
            self.put(event).await?;
        }
        Ok(())
    }

    /// Sends an event to the driver as it is.
    pub(crate) async fn put(&self, event: Event<Book>) -> Result<(), Refused> {
        let producer = self.routed();
        let sent = finish!(self.ctx, producer.send(event));
        match sent {
            Ok(sent) => sent
                .map_err(refused)
                .or_else(|refused| self.miss_close(refused)),
            Err(Stuck) => Err(Refused {
                why: NotSent::Stuck,
                event: None,
            }),
        }
    }

    /// Sends an event, or says that the queue is full.
    pub async fn try_send(&self, event: Event<Book>) -> Result<(), Refused> {
        for event in self.tampered(event) {
            self.try_put(event).await?;
        }
        Ok(())
    }

    pub(crate) async fn try_put(&self, event: Event<Book>) -> Result<(), Refused> {
        let sent = finish!(self.ctx, self.producer.try_send(event));
        match sent.map(|sent| sent.map_err(refused)) {
            Ok(Err(refused))
                if refused.why == NotSent::Full
                    && self.ctx.plan().fires(Fault::TrySendSwallows) =>
            {
                Ok(())
            }
            Ok(sent) => sent.inspect_err(|refused| self.remember(refused)),
            Err(Stuck) => Err(Refused {
                why: NotSent::Stuck,
                event: None,
            }),
        }
    }

    /// Sends many events; how many were sent.
    pub async fn send_batch(&self, events: Vec<Event<Book>>) -> Result<usize, Refused> {
        let events = events
            .into_iter()
            .flat_map(|event| self.tampered(event))
            .collect::<Vec<_>>();
        let sent = finish!(self.ctx, self.producer.send_batch(events));
        match sent {
            Ok(Ok(sent)) => Ok(sent),
            Ok(Err(error)) => {
                let why = not_sent(error.kind());
                Err(Refused {
                    why,
                    event: error.into_rest().into_iter().next(),
                })
            }
            Err(Stuck) => Err(Refused {
                why: NotSent::Stuck,
                event: None,
            }),
        }
    }

    /// Writes an event down for a transaction.
    pub fn outgoing(&self, event: Event<Book>) -> Result<Outgoing, Refused> {
        self.producer.outgoing(event).map_err(refused)
    }

    /// Starts a `send` that is polled by hand.
    pub fn start_send(&self, event: Event<Book>) -> Sending {
        let this = self.by_hand();
        let plan = self.ctx.plan().clone();
        if plan.is(Fault::SendsTwiceOnCancel) {
            let (this, copy) = (self.clone(), event.clone());
            let sending = self.by_hand();
            return Started::new(async move { sending.send(event).await }).on_cancel(
                move |waiting| {
                    plan.fires(Fault::SendsTwiceOnCancel);
                    drop(waiting);
                    this.send_later(copy.clone());
                    this.send_later(copy.with_id("again"));
                },
            );
        }
        let sending = Started::new(async move { this.send(event).await });
        if plan.is(Fault::KeepsWaiter) {
            return sending.on_cancel(move |waiting| {
                plan.fires(Fault::KeepsWaiter);
                plan.keep(waiting);
            });
        }
        sending
    }

    /// Starts a `send_batch` that is polled by hand.
    pub fn start_send_batch(
        &self,
        events: Vec<Event<Book>>,
    ) -> Started<'static, Result<usize, Refused>> {
        let this = self.by_hand();
        Started::new(async move { this.send_batch(events).await })
    }

    fn send_later(&self, event: Event<Book>) {
        let this = self.clone();
        drop(self.ctx.spawn(async move { this.put(event).await }));
    }

    /// Sends a request and waits for the reply, at most so long.
    pub async fn request(
        &self,
        event: Event<Book>,
        timeout: Duration,
    ) -> Result<Condition, Unanswered> {
        self.ask(event, timeout, false).await
    }

    /// As [`request`](Self::request), and waits for a consumer too.
    pub async fn request_patiently(
        &self,
        event: Event<Book>,
        timeout: Duration,
    ) -> Result<Condition, Unanswered> {
        self.ask(event, timeout, true).await
    }

    /// Starts a request that is polled by hand.
    pub fn start_request(&self, event: Event<Book>, timeout: Duration) -> Requesting {
        let this = self.by_hand();
        let plan = self.ctx.plan().clone();
        let (copy, sender) = (event.clone(), self.clone());
        let asking = Started::new(async move { this.request(event, timeout).await });
        if plan.is(Fault::LeavesEntry)
            || plan.is(Fault::LeaksDeadRequester)
            || plan.is(Fault::LeavesRequest)
        {
            return asking.on_cancel(move |waiting| {
                drop(waiting);
                sender.leave_something_behind(Some(copy));
            });
        }
        if plan.is(Fault::KeepsWaiter)
            || plan.is(Fault::HandsOverGivenUp)
            || plan.is(Fault::HidesAbandonment)
        {
            return asking.on_cancel(move |waiting| plan.keep(waiting));
        }
        asking
    }

    /// The request itself, as the driver answers it.
    pub(crate) async fn put_request(
        &self,
        event: Event<Book>,
        timeout: Duration,
        patiently: bool,
    ) -> Result<Condition, Unanswered> {
        let asking = self.producer.request(event, timeout);
        let asking = if patiently {
            asking.wait_for_consumer()
        } else {
            asking
        };
        let answer = finish!(self.ctx, asking);
        match answer {
            Ok(answer) => answer.map_err(unanswered),
            Err(Stuck) => Err(Unanswered {
                why: NoReply::Stuck,
                event: None,
            }),
        }
    }

    /// The same producer with every operation polled by hand.
    pub(crate) fn by_hand(&self) -> Self {
        Self {
            ctx: self.ctx.by_hand(),
            ..self.clone()
        }
    }
}

fn not_sent(kind: &SendErrorKind) -> NotSent {
    match kind {
        SendErrorKind::Full => NotSent::Full,
        SendErrorKind::Closed => NotSent::Closed,
        _ => NotSent::Invalid,
    }
}

fn refused(error: SendError<Book>) -> Refused {
    Refused {
        why: not_sent(error.kind()),
        event: Some(error.into_event()),
    }
}

fn unanswered(error: RequestError<Book>) -> Unanswered {
    let why = match error.kind() {
        RequestErrorKind::Failed(failure) => NoReply::Failed(failure.clone()),
        RequestErrorKind::Deadline => NoReply::Deadline,
        RequestErrorKind::NoConsumer => NoReply::NoConsumer,
        RequestErrorKind::Closed => NoReply::Closed,
        RequestErrorKind::Full => NoReply::Full,
        _ => NoReply::Invalid,
    };
    Unanswered {
        why,
        event: error.into_event(),
    }
}
