//! One event on its way through a handler, until it is settled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bookdrop_queue::clock;

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
    stage: Stage<T, R>,
}

enum Stage<T, R> {
    Working(Working<T, R>),
    Settling(Pin<Box<dyn Future<Output = Ended> + Send>>),
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
                let failure = no_handler(held.name());
                let settling = fail(shop.clone(), held, None, failure);
                Stage::Settling(Box::pin(settling))
            }
        };
        Job {
            shop: shop.clone(),
            retry: route.and_then(|route| route.retry),
            stage,
        }
    }

    fn settle(&self, worked: Worked<T, R>, cx: &mut Context<'_>) -> Result<Ended, Stage<T, R>> {
        let settling: Pin<Box<dyn Future<Output = Ended> + Send>> = match worked {
            Worked::Ended(held, Ok(done)) if done.then.is_empty() && !held.is_request() => {
                let mut ack = held.into_delivery().ack();
                match Pin::new(&mut ack).poll(cx) {
                    Poll::Ready(settled) => return Ok(ended(settled, Ended::Finished)),
                    Poll::Pending => Box::pin(async move { ended(ack.await, Ended::Finished) }),
                }
            }
            Worked::Ended(held, Ok(done)) => {
                Box::pin(finish(self.shop.clone(), held, self.retry, done))
            }
            Worked::Ended(held, Err(failed)) => {
                let shop = self.shop.clone();
                let retry = self.retry;
                Box::pin(async move {
                    let (failure, how) = failed.into_failure();
                    match fail(shop, held, retry, failure).await {
                        Ended::Failed => how,
                        other => other,
                    }
                })
            }
            Worked::Taken(Ok(())) => return Ok(Ended::Finished),
            Worked::Taken(Err(failed)) => return Ok(failed.into_failure().1),
        };
        Err(Stage::Settling(settling))
    }
}

impl<T: Send + 'static, R: Send + 'static> Future for Job<T, R> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match &mut self.stage {
                Stage::Working(working) => {
                    let worked = ready!(working.as_mut().poll(cx));
                    match self.settle(worked, cx) {
                        Ok(ended) => return Poll::Ready(ended),
                        Err(stage) => self.stage = stage,
                    }
                }
                Stage::Settling(settling) => return settling.as_mut().poll(cx),
            }
        }
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

/// The work is done: sends what follows from it, and answers.
async fn finish<T: Send, R: Send>(
    shop: Arc<Shop<T, R>>,
    held: Held<T, R>,
    retry: Option<Retry>,
    done: Done<T, R>,
) -> Ended {
    for event in done.then {
        match shop.send(event).await {
            Ok(()) => {}
            Err(SendErrorKind::Closed) => {
                shop.put_aside(held);
                return Ended::PutBack;
            }
            Err(kind) => {
                let failure = Failure::new(format!("what follows was not sent: {kind}"));
                return fail(shop, held, retry, failure.with_code("bookdrop.not_sent")).await;
            }
        }
    }
    let delivery = held.into_delivery();
    let settled = match done.reply.filter(|_| delivery.is_request()) {
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
    failure: Failure,
) -> Ended {
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
    ended(settled, Ended::Failed)
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
