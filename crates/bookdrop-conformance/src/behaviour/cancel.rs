//! Every future can be dropped at any point.

mod limits;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::LONG;
use crate::rig::{RigDriver, Started};
use crate::{Census, Condition, Context, Outcome, Setup, ensure, ensure_eq};

/// Every future is polled k times and dropped, for k = 0, 1, 2 … until it is ready: no event is lost, none is there
/// twice, and no waiter is left.
pub(crate) async fn cancel_anywhere(ctx: &Context) -> Outcome {
    waiting_sends(ctx).await?;
    waiting_receives(ctx).await?;
    woken_receives(ctx).await?;
    requests(ctx).await?;
    worked_on_requests(ctx).await?;
    settlements(ctx).await?;
    batches(ctx).await?;
    limits::on_a_thread(ctx).await
}

/// Counts how often it was woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls at most so often; whether it became ready.
fn poll_times<T: Send>(operation: &mut Started<'_, T>, times: usize) -> Option<T> {
    let waker = Waker::from(Arc::new(Counter::default()));
    for _ in 0..times {
        if let Poll::Ready(output) = operation.poll_with(&waker) {
            return Some(output);
        }
    }
    None
}

/// A `send` that waits for a place, dropped before and after the place is there.
async fn waiting_sends(ctx: &Context) -> Outcome {
    for times in 0..4 {
        for frees_a_place in [false, true] {
            let driver = ctx.driver(Setup::new(1));
            let census = Census::default();
            let (producer, mut consumer) = (driver.producer(), driver.consumer());
            producer.send(census.book(1)).await?;
            let mut sending = producer.start_send(census.book(2).with_id("two"));
            ensure!(
                poll_times(&mut sending, times).is_none(),
                "sent into a full queue"
            );
            if frees_a_place {
                ensure_eq!(
                    finish(consumer.receive().await?).await?,
                    1,
                    "the first event"
                );
            }
            drop(sending);
            settled_down(&driver).await?;
            let mut seen = Vec::new();
            while driver.stats().await.queued > 0 {
                seen.push(finish(consumer.receive().await?).await?);
            }
            // Where a place came free, the event may have gone in before the drop.
            let whole = if frees_a_place {
                seen.is_empty() || seen == [2]
            } else {
                seen == [1]
            };
            ensure!(
                whole,
                "polled {times} times and dropped, a place free: {frees_a_place}; received {seen:?}"
            );
            driver.until_nothing_is_left().await?;
            ensure_eq!(
                census.alive(),
                0,
                "bodies of events that were received or given up"
            );
            producer.send(census.book(3)).await?;
            ensure_eq!(
                finish(consumer.receive().await?).await?,
                3,
                "the next event"
            );
        }
    }
    Ok(())
}

/// Lets a task that a broken driver left behind come to the surface.
async fn settled_down(driver: &RigDriver) -> Outcome {
    driver
        .stats_until("no sender waits", |stats| stats.waiting_senders == 0)
        .await?;
    driver.ctx.pause(Duration::from_millis(1)).await;
    Ok(())
}

/// A `receive` that waits, dropped before any event comes.
async fn waiting_receives(ctx: &Context) -> Outcome {
    for times in 0..4 {
        let driver = ctx.driver(Setup::new(8));
        let mut consumer = driver.consumer();
        let mut receiving = consumer.start_receive();
        ensure!(
            poll_times(&mut receiving, times).is_none(),
            "received from an empty queue"
        );
        drop(receiving);
        driver.producer().send(crate::book(1)).await?;
        let stats = driver
            .stats_until("no consumer waits", |stats| stats.waiting_consumers == 0)
            .await?;
        ensure_eq!(
            stats.queued + stats.held,
            1,
            "events after a receive was dropped"
        );
        let delivery = consumer.receive().await?;
        ensure_eq!(
            delivery.attempt(),
            1,
            "the attempt of an event that a dropped receive did not take"
        );
        finish(delivery).await?;
        driver.until_nothing_is_left().await?;
    }
    Ok(())
}

/// A `receive` that waits, dropped after it was woken: the event goes to whoever is next.
async fn woken_receives(ctx: &Context) -> Outcome {
    for times in 1..4 {
        for clones in [false, true] {
            let driver = ctx.driver(Setup::new(8));
            let mut first = driver.consumer();
            let mut second = if clones {
                first.clone()
            } else {
                driver.consumer()
            };
            let mut receiving = first.start_receive();
            let mut other = second.start_receive();
            ensure!(
                poll_times(&mut receiving, times).is_none(),
                "received from an empty queue"
            );
            ensure!(
                poll_times(&mut other, times).is_none(),
                "received from an empty queue"
            );
            driver.producer().send(crate::book(1)).await?;
            drop(receiving);
            let delivery = ctx
                .within("who waits behind a dropped receive", other)
                .await??;
            ensure_eq!(
                (delivery.number(), delivery.attempt()),
                (1, 1),
                "the event that a dropped receive did not take"
            );
            finish(delivery).await?;
            driver.until_nothing_is_left().await?;
        }
    }
    Ok(())
}

/// A request, dropped while it stands in the queue or waits for a place.
async fn requests(ctx: &Context) -> Outcome {
    for times in 0..4 {
        for full in [false, true] {
            let driver = ctx.driver(Setup::new(1));
            let census = Census::default();
            let (producer, mut consumer) = (driver.producer(), driver.consumer());
            if full {
                producer.send(census.book(1)).await?;
            }
            let mut asking = producer.start_request(census.book(2), LONG);
            ensure!(
                poll_times(&mut asking, times).is_none(),
                "a reply that nobody gave"
            );
            drop(asking);
            driver
                .stats_until("no requester waits", |stats| stats.waiting_requests == 0)
                .await?;
            if full {
                ensure_eq!(
                    finish(consumer.receive().await?).await?,
                    1,
                    "the event before the request"
                );
            }
            ensure!(
                consumer.try_receive().await?.is_none(),
                "a request that was dropped was handed over"
            );
            driver.until_nothing_is_left().await?;
            ensure_eq!(census.alive(), 0, "bodies of requests that were dropped");
        }
    }
    Ok(())
}

/// A request, dropped while its work is in hand; and work, dropped while the requester waits.
async fn worked_on_requests(ctx: &Context) -> Outcome {
    for times in 0..4 {
        let driver = ctx.driver(Setup::new(4));
        let (producer, mut consumer) = (driver.producer(), driver.consumer());
        let mut asking = producer.start_request(crate::book(1), LONG);
        ensure!(
            poll_times(&mut asking, 1 + times).is_none(),
            "a reply that nobody gave"
        );
        let request = consumer.receive().await?;
        let mut working = Started::new(async move {
            let slow = async |_: &_| {
                futures_lite::future::yield_now().await;
                futures_lite::future::yield_now().await;
                Ok(Condition::of(1))
            };
            request.by_hand().reply_with(slow).await
        });
        let answered = poll_times(&mut working, times);
        drop(working);
        // An answer that was begun may go on, and otherwise the request comes back.
        let is_over =
            |stats: &bookdrop::Stats| stats.answered + (stats.queued + stats.held) as u64 > 0;
        let stats = driver
            .stats_until("the request is answered, or back", is_over)
            .await?;
        if answered.is_none() && stats.answered == 0 {
            let request = consumer.receive().await?;
            ensure_eq!(
                request.attempt(),
                2,
                "the attempt of a request whose work was dropped"
            );
            request.reply(Condition::of(1)).await?;
        }
        ensure_eq!(
            ctx.within("the reply", asking).await??.number,
            1,
            "the reply"
        );
        driver.until_nothing_is_left().await?;
    }
    Ok(())
}

/// A settlement, dropped before it is polled or after: the event is settled or comes back, and never both.
async fn settlements(ctx: &Context) -> Outcome {
    for times in 0..3 {
        for way in 0..3 {
            let driver = ctx.driver(Setup::new(4));
            let mut consumer = driver.consumer();
            driver.producer().send(crate::book(1)).await?;
            let delivery = consumer.receive().await?.by_hand();
            let mut settling = Started::new(async move {
                match way {
                    0 => delivery.ack().await,
                    1 => delivery.nack().await,
                    _ => delivery.retry_after(Duration::ZERO).await,
                }
            });
            let settled = poll_times(&mut settling, times).transpose()?;
            drop(settling);
            // One that was begun may go on.
            let stats = driver
                .stats_until("nothing is in hand", |stats| stats.in_hand == 0)
                .await?;
            let is_acked = way == 0 && times > 0 && stats.acked == 1;
            ensure!(
                is_acked || settled.is_none() || way > 0,
                "an ack that had ended was not counted"
            );
            if is_acked {
                ensure!(
                    consumer.try_receive().await?.is_none(),
                    "an acked event came back"
                );
            } else {
                let delivery = consumer.receive().await?;
                ensure_eq!(
                    delivery.attempt(),
                    2,
                    "the attempt of an event that was not settled"
                );
                finish(delivery).await?;
            }
            let stats = driver.until_nothing_is_left().await?;
            ensure_eq!(stats.acked, 1, "acks counted");
        }
    }
    Ok(())
}

/// A batch that is sent, dropped while it waits for places: what went in is in, in order, and the rest is not. A batch
/// that is received, dropped while it waits, takes nothing.
async fn batches(ctx: &Context) -> Outcome {
    for times in 0..4 {
        let driver = ctx.driver(Setup::new(2));
        let census = Census::default();
        let (producer, mut consumer) = (driver.producer(), driver.consumer());
        let mut receiving = consumer.start_receive_batch(4);
        ensure!(
            poll_times(&mut receiving, times).is_none(),
            "received from an empty queue"
        );
        drop(receiving);
        let mut sending =
            producer.start_send_batch((0..5).map(|number| census.book(number)).collect());
        ensure!(
            poll_times(&mut sending, times).is_none(),
            "sent five events into a queue of two"
        );
        drop(sending);
        settled_down(&driver).await?;
        let queued = driver.stats().await.queued;
        let most = if times == 0 { 0 } else { 2 };
        // A server may not have been given any of them yet.
        let least = if driver.capabilities().cross_process {
            0
        } else {
            most
        };
        ensure!(
            (least..=most).contains(&queued),
            "{queued} events of a batch polled {times} times and dropped"
        );
        for number in 0..queued as u64 {
            let delivery = consumer.receive().await?;
            ensure_eq!(
                (delivery.number(), delivery.attempt()),
                (number, 1),
                "the order of a batch"
            );
            finish(delivery).await?;
        }
        driver.until_nothing_is_left().await?;
        ensure_eq!(census.alive(), 0, "bodies of a batch that was dropped");
    }
    Ok(())
}
