//! Sends under way.

mod batch;

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bookdrop_queue::park::Patience;
use bookdrop_queue::{NotExpress, Refusal, Refused, Ticket};
use serde_json::Value;

use crate::backed::{Apart, Backed, Publishing};
use crate::error::{SendError, SendErrorKind};
use crate::event::Event;
use crate::home::Home;
use crate::memory::{Memory, Stored};
use crate::operation::{Wait, waits_on_threads};
use crate::turn;
pub use batch::SendBatch;

/// An event on its way into the queue; made by [`Producer::send`](crate::Producer::send).
///
/// Dropped before it is ready, the event is dropped too, unless it was sent already: a send that waits for room may be let
/// in before it is polled again, and then its event stays sent. [`into_event`](Send::into_event) gives an event back that
/// was not sent. In memory that says which it was; over a backend, as on disk, an event that is not given back may have been
/// sent or not.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// Producer::new(&library).send(Event::new("S")).await?;
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a send does nothing unless it is awaited or waited for"]
pub struct Send<'a, T = (), R = Value> {
    home: &'a Home<T, R>,
    stage: Stage<T>,
}

enum Stage<T> {
    New(Event<T>),
    /// Before the queue in memory.
    InLine(Ticket),
    /// On its way to a backend.
    Publishing(Apart<Publishing<T>>),
    Ended,
}

// Nothing in it is pinned: the event is moved into the queue.
impl<T, R> Unpin for Send<'_, T, R> {}

waits_on_threads!(Send);

impl<T, R> Wait for Send<'_, T, R> {
    fn patience(&self) -> Patience {
        self.home.patience()
    }

    #[inline]
    fn attempt(&mut self) -> ControlFlow<Option<Self::Output>> {
        let Home::Memory(memory) = self.home else {
            return ControlFlow::Break(None);
        };
        let Some(event) = self.take_plain() else {
            return ControlFlow::Break(None);
        };
        let (stored, why) = match memory.queue.try_send_express(Stored::plain(event)) {
            Ok(()) => return ControlFlow::Break(Some(Ok(()))),
            Err(not_sent) => not_sent,
        };
        self.stage = Stage::New(stored.event);
        // One among several stands in line at once, so that each has its turn.
        match why {
            NotExpress::HasToWait if memory.has_one_producer() => ControlFlow::Continue(()),
            _ => ControlFlow::Break(None),
        }
    }
}

impl<'a, T, R> Send<'a, T, R> {
    #[inline]
    pub(crate) fn new(home: &'a Home<T, R>, event: Event<T>) -> Self {
        Send {
            home,
            stage: Stage::New(event),
        }
    }

    /// Gives the send up and takes the event back: then it was not sent, and will not be.
    ///
    /// `None` if it was sent (or given back) already, also where the send has not been polled since. Over a backend, as on disk,
    /// `None` means that the backend has taken it in: it may have been sent or not, since nobody waits any more for what comes
    /// of that. Give it an [id](Event::with_id) to send it again without sending it twice.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(1);
    /// # let a = Producer::new(&library);
    /// # a.send(Event::new("first")).wait()?;
    /// let mut send = a.send(Event::new("second"));
    /// if send.wait_for(Duration::from_millis(1)).is_err() {
    ///     let event = send.into_event().expect("the queue is full");
    ///     assert_eq!(event.name(), "second");
    /// }
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn into_event(mut self) -> Option<Event<T>> {
        self.give_up()
    }

    #[inline(never)]
    fn give_up(&mut self) -> Option<Event<T>> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::New(event) => Some(event),
            Stage::InLine(ticket) => match self.home {
                Home::Memory(memory) => Some(memory.queue.leave_line(ticket)?.event),
                Home::Backed(_) => None,
            },
            Stage::Publishing(publishing) => publishing.into_inner().into_rest().1.pop_front(),
            Stage::Ended => None,
        }
    }
}

impl<T, R> Future for Send<'_, T, R> {
    type Output = Result<(), SendError<T>>;

    // Where it is used: see `Receive`.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(turn::poll_go_on(cx, this));
        if let Home::Memory(memory) = this.home
            && let Some(event) = this.take_plain()
        {
            match memory.queue.send_express(Stored::plain(event)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(stored) => this.stage = Stage::New(stored.event),
            }
        }
        turn::uncount_if_pending(this.poll_any(cx))
    }
}

impl<T, R> Send<'_, T, R> {
    /// The event, if it may take the express and has not been sent yet.
    #[inline(always)]
    fn take_plain(&mut self) -> Option<Event<T>> {
        if let Stage::New(event) = &self.stage
            && event.is_plain()
            && event.validate().is_ok()
            && let Stage::New(event) = std::mem::replace(&mut self.stage, Stage::Ended)
        {
            return Some(event);
        }
        None
    }

    /// Sends what has more to it, or has to wait, or goes to a backend.
    #[inline(never)]
    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        match self.home {
            Home::Memory(memory) => self.poll_queue(memory, cx),
            Home::Backed(backed) => self.poll_publish(backed, cx),
        }
    }

    fn poll_queue(
        &mut self,
        memory: &Memory<T, R>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let queue = &memory.queue;
        let result = match &self.stage {
            Stage::New(_) => {
                // Foreign code: should it panic, the event is still here.
                let waker = cx.waker().clone();
                let Stage::New(event) = std::mem::replace(&mut self.stage, Stage::Ended) else {
                    unreachable!("it was looked at just now");
                };
                if let Err(invalid) = event.validate() {
                    let kind = SendErrorKind::Invalid(invalid);
                    return Poll::Ready(Err(SendError::new(kind, event)));
                }
                let (stored, due) = Stored::one_way(event);
                match queue.send(stored, due, waker) {
                    Ok(None) => Ok(()),
                    Ok(Some(ticket)) => {
                        self.stage = Stage::InLine(ticket);
                        return Poll::Pending;
                    }
                    Err(refused) => Err(refused),
                }
            }
            Stage::InLine(ticket) => {
                let result = ready!(queue.poll_line(*ticket, cx));
                self.stage = Stage::Ended;
                result
            }
            Stage::Publishing(_) | Stage::Ended => panic!("{ENDED}"),
        };
        Poll::Ready(result.map_err(refused))
    }

    fn poll_publish(
        &mut self,
        backed: &Backed<T, R>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let begin = |event| Publishing::new(backed, [event].into(), true);
        self.stage.poll_publish(begin, cx)
    }
}

impl<T> Stage<T> {
    /// Sends an event to a backend, or goes on with that.
    fn poll_publish(
        &mut self,
        begin: impl FnOnce(Event<T>) -> Publishing<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let (result, publishing) = match std::mem::replace(self, Stage::Ended) {
            Stage::New(event) => {
                let mut publishing = begin(event);
                match publishing.poll(cx) {
                    Poll::Ready(result) => (result, publishing),
                    // Most are over by now, and are never moved apart.
                    Poll::Pending => {
                        *self = Stage::Publishing(Apart::new(publishing));
                        return Poll::Pending;
                    }
                }
            }
            Stage::Publishing(mut publishing) => match publishing.get_mut().poll(cx) {
                Poll::Ready(result) => (result, publishing.into_inner()),
                Poll::Pending => {
                    *self = Stage::Publishing(publishing);
                    return Poll::Pending;
                }
            },
            Stage::InLine(_) | Stage::Ended => panic!("{ENDED}"),
        };
        Poll::Ready(not_sent(result, publishing))
    }
}

/// What came of publishing one event.
fn not_sent<T>(
    result: Result<(), SendErrorKind>,
    publishing: Publishing<T>,
) -> Result<(), SendError<T>> {
    result.map_err(|kind| {
        let event = publishing.into_rest().1.pop_front();
        SendError::new(kind, event.expect("the one that failed is given back"))
    })
}

const ENDED: &str = "a send was polled after it had ended";

impl<T, R> Drop for Send<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Ended) {
            drop(self.give_up());
        }
    }
}

fn refused<T, R>(refused: Refused<Stored<T, R>>) -> SendError<T> {
    let kind = match refused.why {
        Refusal::Full | Refusal::NotYet => SendErrorKind::Full,
        Refusal::Closed | Refusal::NoConsumer => SendErrorKind::Closed,
    };
    SendError::new(kind, refused.item.event)
}

impl<T, R> fmt::Debug for Send<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").finish_non_exhaustive()
    }
}

/// An event that is sent now or not at all; made by [`Producer::try_send`](crate::Producer::try_send).
///
/// In memory it is ready at its first poll. Dropped before that, the event was not sent and is dropped too; over a backend,
/// dropped while it is pending, the event may have been sent.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// Producer::new(&library).try_send(Event::new("S")).await?;
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a send does nothing unless it is awaited or waited for"]
pub struct TrySend<'a, T = (), R = Value> {
    home: &'a Home<T, R>,
    stage: Stage<T>,
}

impl<T, R> Unpin for TrySend<'_, T, R> {}

waits_on_threads!(TrySend);

impl<T, R> Wait for TrySend<'_, T, R> {
    fn patience(&self) -> Patience {
        self.home.patience()
    }
}

impl<'a, T, R> TrySend<'a, T, R> {
    pub(crate) fn new(home: &'a Home<T, R>, event: Event<T>) -> Self {
        TrySend {
            home,
            stage: Stage::New(event),
        }
    }
}

impl<T, R> Future for TrySend<'_, T, R> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.home {
            Home::Memory(memory) => match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::New(event) => Poll::Ready(try_send(memory, event)),
                _ => panic!("{ENDED}"),
            },
            Home::Backed(backed) => {
                let begin = |event| Publishing::new(backed, [event].into(), false);
                self.stage.poll_publish(begin, cx)
            }
        }
    }
}

fn try_send<T, R>(memory: &Memory<T, R>, event: Event<T>) -> Result<(), SendError<T>> {
    if let Err(invalid) = event.validate() {
        return Err(SendError::new(SendErrorKind::Invalid(invalid), event));
    }
    let queue = &memory.queue;
    let result = match queue.send_express(Stored::plain(event)) {
        Ok(()) => Ok(()),
        Err(stored) => {
            let (stored, due) = Stored::one_way(stored.event);
            queue.try_send(stored, due)
        }
    };
    result.map_err(refused)
}

impl<T, R> fmt::Debug for TrySend<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySend").finish_non_exhaustive()
    }
}
