//! One event on its way through a handler, until it is settled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bookdrop_queue::clock;
use futures_util::task::AtomicWaker;

use super::done::Done;
use super::held::Held;
use super::retry::Retry;
use super::shop::Shop;
use super::work::{Failed, Worked, Working};
use crate::delivery::Delivery;
use crate::error::{SendErrorKind, SettleError, SettleErrorKind};
use crate::failure::Failure;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Finished,
    Failed,
    Panicked,
    /// The driver could not do it.
    Unsettled,
    /// It was not done to its end.
    PutBack,
}

/// An event that is handled, and then settled.
pub(super) struct Job<T, R> {
    shop: Arc<Shop<T, R>>,
    retry: Option<Retry>,
    /// Where nobody else can drop it.
    call_off: Option<Arc<CallOff>>,
    stage: Stage<T, R>,
}

enum Stage<T, R> {
    /// It may be dropped: then its event comes back.
    Working(Working<T, R>),
    /// It goes on by itself, so its end is waited for.
    Settling(Settling),
}

type Settling = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// What a job does next.
enum Next<T, R> {
    Nothing(Ended),
    Stage(Stage<T, R>),
}

// Nothing in it is pinned in place.
impl<T, R> Unpin for Job<T, R> {}

impl<T: Send + 'static, R: Send + 'static> Job<T, R> {
    pub(super) fn new(shop: &Arc<Shop<T, R>>, delivery: Delivery<T, R>) -> Self {
        let held = Held::new(delivery);
        let route = shop.routes.find(held.name());
        let stage = match route {
            // Nobody works for those who left.
            Some(_) if held.is_cancelled() => Stage::Settling(Box::pin(leave(held))),
            Some(route) => Stage::Working(route.work.clone().begin(held)),
            None => {
                let failed = Failed::Failure(no_handler(held.name()));
                Stage::Settling(Box::pin(fail(shop.clone(), held, None, failed)))
            }
        };
        Job {
            shop: shop.clone(),
            retry: route.and_then(|route| route.retry),
            call_off: None,
            stage,
        }
    }

    /// The same job, which ends when it is called off while its handler runs.
    pub(super) fn until(mut self, call_off: Arc<CallOff>) -> Self {
        self.call_off = Some(call_off);
        self
    }

    /// Whether its handler runs.
    pub(super) fn is_working(&self) -> bool {
        matches!(self.stage, Stage::Working(_))
    }

    /// The handler has ended.
    fn go_on(&self, worked: Worked<T, R>, cx: &mut Context<'_>) -> Next<T, R> {
        let shop = self.shop.clone();
        let settling: Settling = match worked {
            Worked::Ended(held, Ok(done)) if !done.then.is_empty() => {
                return Next::Stage(Stage::Working(Box::pin(send_on(shop, held, done))));
            }
            Worked::Ended(held, Ok(_)) if !held.is_request() => {
                let mut ack = held.into_delivery().ack();
                match Pin::new(&mut ack).poll(cx) {
                    Poll::Ready(settled) => return Next::Nothing(ended(settled, Ended::Finished)),
                    Poll::Pending => Box::pin(async move { ended(ack.await, Ended::Finished) }),
                }
            }
            Worked::Ended(held, Ok(done)) => Box::pin(answer(held, done.reply)),
            Worked::Ended(held, Err(failed)) => Box::pin(fail(shop, held, self.retry, failed)),
            Worked::Taken(Ok(())) => return Next::Nothing(Ended::Finished),
            Worked::Taken(Err(failed)) => return Next::Nothing(failed.into_failure().1),
            Worked::PutAside => return Next::Nothing(Ended::PutBack),
        };
        Next::Stage(Stage::Settling(settling))
    }
}

impl<T: Send + 'static, R: Send + 'static> Future for Job<T, R> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let working = match &mut self.stage {
                Stage::Settling(settling) => return settling.as_mut().poll(cx),
                Stage::Working(working) => working,
            };
            let Poll::Ready(worked) = working.as_mut().poll(cx) else {
                let is_off = self.call_off.as_ref().is_some_and(|off| off.is_off(cx));
                return match is_off {
                    true => Poll::Ready(Ended::PutBack),
                    false => Poll::Pending,
                };
            };
            match self.go_on(worked, cx) {
                Next::Nothing(ended) => return Poll::Ready(ended),
                Next::Stage(stage) => self.stage = stage,
            }
        }
    }
}

/// Calls a job off that is somewhere else.
#[derive(Default)]
pub(super) struct CallOff {
    is_off: AtomicBool,
    waker: AtomicWaker,
}

impl CallOff {
    pub(super) fn call_off(&self) {
        self.is_off.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn is_off(&self, cx: &mut Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.is_off.load(Ordering::Acquire)
    }
}

impl Failed {
    /// What is told of it, and how the job ends by it.
    fn into_failure(self) -> (Failure, Ended) {
        match self {
            Failed::Failure(failure) => (failure, Ended::Failed),
            Failed::Panic(said) => {
                let failure = Failure::new(format!("the handler panicked: {said}"));
                (failure.with_code("bookdrop.panicked"), Ended::Panicked)
            }
        }
    }
}

/// Sends what follows from the work.
async fn send_on<T: Send, R: Send>(
    shop: Arc<Shop<T, R>>,
    held: Held<T, R>,
    mut done: Done<T, R>,
) -> Worked<T, R> {
    for event in std::mem::take(&mut done.then) {
        match shop.send(event).await {
            Ok(()) => {}
            Err(SendErrorKind::Closed) => {
                shop.put_aside(held);
                return Worked::PutAside;
            }
            Err(kind) => {
                let failure = Failure::new(format!("what follows was not sent: {kind}"));
                let failed = Failed::Failure(failure.with_code("bookdrop.not_sent"));
                return Worked::Ended(held, Err(failed));
            }
        }
    }
    Worked::Ended(held, Ok(done))
}

/// Answers a request.
async fn answer<T: Send, R: Send>(held: Held<T, R>, reply: Option<R>) -> Ended {
    let delivery = held.into_delivery();
    let settled = match reply {
        Some(reply) => delivery.reply(reply).await.map(drop),
        None => delivery.ack().await,
    };
    ended(settled, Ended::Finished)
}

/// The work failed: it is tried again, or ends here.
async fn fail<T: Send, R: Send>(
    shop: Arc<Shop<T, R>>,
    held: Held<T, R>,
    retry: Option<Retry>,
    failed: Failed,
) -> Ended {
    let (failure, as_meant) = failed.into_failure();
    shop.tell(&held, &failure);
    let delivery = held.into_delivery();
    let retry = retry.filter(|_| !failure.is_permanent());
    let failures = delivery.failures().saturating_add(1);
    let pause = retry.and_then(|retry| retry.pause(failures, fastrand::f64()));
    let in_time = |pause: &Duration| {
        let back = clock::after(clock::now(), *pause);
        delivery.deadline().is_none_or(|deadline| back < deadline)
    };
    let settled = if let Some(pause) = pause.filter(in_time) {
        delivery.retry_after(pause).await
    } else if delivery.is_request() {
        delivery.fail(failure).await.map(drop)
    } else if failure.is_permanent() {
        delivery.reject(failure.to_string()).await
    } else if retry.is_some() {
        let why = format!("it failed {failures} times, the last time with: {failure}");
        delivery.reject(why).await
    } else {
        delivery.nack().await
    };
    ended(settled, as_meant)
}

/// Nobody wants the answer any more.
async fn leave<T: Send, R: Send>(held: Held<T, R>) -> Ended {
    ended(
        held.into_delivery().leave().await.map(drop),
        Ended::Finished,
    )
}

fn ended<T, R>(settled: Result<(), SettleError<T, R>>, as_meant: Ended) -> Ended {
    match settled {
        Ok(()) => as_meant,
        // It was settled when it was handed over, so what failed is gone: that was asked for.
        Err(error) if error.kind() == &SettleErrorKind::AutoAcked => as_meant,
        Err(_) => Ended::Unsettled,
    }
}

fn no_handler(name: &str) -> Failure {
    let message = format!(
        "the worker has no handler for events named `{name}`; add one by `on`, or `otherwise`"
    );
    Failure::new(message)
        .with_code("bookdrop.no_handler")
        .permanent()
}
