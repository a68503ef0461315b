//! A delivery is settled once, and what is not settled comes back.

pub(super) mod killed;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use futures_lite::FutureExt;

use crate::behaviour::delivery::{exactly_once, finish};
use crate::rig::{NotSettled, RigConsumer, RigDelivery, RigDriver};
use crate::{Condition, Context, Outcome, Setup, Violation, book, ensure, ensure_eq};

const A_DAY: Duration = Duration::from_secs(86_400);

/// A nacked event comes back with its attempt counted: at first at once and in front, then after growing pauses.
pub(crate) async fn nack_redelivers(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(16);
    (setup.backoff_first, setup.backoff_max) =
        (Duration::from_millis(40), Duration::from_millis(60));
    let driver = ctx.driver(setup);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    producer.send(book(2)).await?;
    let first = consumer.receive().await?;
    ensure_eq!(
        (first.number(), first.attempt()),
        (1, 1),
        "the first hand-over"
    );
    first.nack().await?;
    let second = consumer.receive().await?;
    ensure_eq!(
        (second.number(), second.attempt()),
        (1, 2),
        "the first return, in front"
    );
    ensure_eq!(finish_other(&mut consumer).await?, 2, "the event behind");
    let mut failing = second;
    for (attempt, pause) in [(3, 40), (4, 60), (5, 60)] {
        let returned = Instant::now();
        failing.nack().await?;
        failing = consumer.receive().await?;
        ensure_eq!(
            (failing.number(), failing.attempt()),
            (1, attempt),
            "a later return"
        );
        at_least(
            returned,
            Duration::from_millis(pause),
            "the pause before a later return",
        )?;
    }
    finish(failing).await?;
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(
        (stats.returned, stats.acked),
        (4, 2),
        "returned and acked events"
    );
    Ok(())
}

async fn finish_other(consumer: &mut RigConsumer) -> Outcome<u64> {
    finish(consumer.receive().await?).await
}

/// Whether at least so long has passed.
pub(crate) fn at_least(since: Instant, pause: Duration, what: &str) -> Outcome {
    let passed = since.elapsed();
    ensure!(
        passed >= pause,
        "{what}: {passed:?} in place of at least {pause:?}"
    );
    Ok(())
}

/// An acked event does not come back, not to a new consumer either.
pub(crate) async fn ack_is_final(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let mut consumer = driver.consumer();
    for number in 0..20 {
        driver.producer().send(book(number)).await?;
    }
    for number in 0..20 {
        let mut delivery = consumer.receive().await?;
        delivery.extend().await?;
        if number % 2 == 0 {
            ensure_eq!(
                delivery.into_event().await?.into_body().number,
                number,
                "the event that was taken"
            );
        } else {
            ensure_eq!(finish(delivery).await?, number, "the order");
        }
    }
    ensure!(
        consumer.try_receive().await?.is_none(),
        "an acked event came back"
    );
    drop(consumer);
    let mut another = driver.consumer();
    let back = another.receive_within(Duration::from_millis(50)).await?;
    ensure!(back.is_none(), "an acked event came back to a new consumer");
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(
        (stats.acked, stats.returned),
        (20, 0),
        "acked and returned events"
    );
    Ok(())
}

/// A delivery is settled once: what settles consumes it, and automatic ack leaves nothing to settle.
///
/// The second settlement does not compile:
///
/// ```compile_fail,E0382
/// # use bookdrop::{Consumer, Driver};
/// # async fn twice() -> Result<(), bookdrop::Error> {
/// let driver = Driver::<(), bookdrop::Value>::memory(1);
/// let delivery = Consumer::new(&driver).receive().await?;
/// delivery.ack().await?;
/// delivery.nack().await?;
/// # Ok(())
/// # }
/// ```
pub(crate) async fn settled_exactly_once(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let producer = driver.producer();
    let mut consumer = driver.consumer().auto_ack();
    for _ in 0..3 {
        producer.send(book(1)).await?;
    }
    is_refused(consumer.receive().await?.nack().await.err())?;
    is_refused(
        consumer
            .receive()
            .await?
            .retry_after(Duration::ZERO)
            .await
            .err(),
    )?;
    is_refused(consumer.receive().await?.reject("no").await.err())?;
    producer.send(book(2)).await?;
    drop(consumer.receive().await?);
    ensure!(
        consumer.try_receive().await?.is_none(),
        "an event came back in spite of automatic ack"
    );
    let asking = producer.clone();
    let asking =
        ctx.spawn(async move { Ok(asking.request(book(3), Duration::from_secs(3_600)).await?) });
    consumer.receive().await?.reply(Condition::of(3)).await?;
    ensure_eq!(
        ctx.join("the reply", asking).await?.number,
        3,
        "the reply in spite of automatic ack"
    );
    drop(consumer);
    let mut by_hand = driver.consumer();
    producer.send(book(4)).await?;
    let before = driver.stats().await.acked;
    finish(by_hand.receive().await?).await?;
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(stats.acked - before, 1, "acks counted for one ack");
    ensure_eq!(
        (stats.returned, stats.buried),
        (0, 0),
        "returned and buried events"
    );
    Ok(())
}

fn is_refused(refused: Option<crate::rig::SettleRefused>) -> Outcome {
    let refused = refused
        .ok_or_else(|| Violation::broken("settled a delivery that was settled at its hand-over"))?;
    ensure_eq!(refused.why, NotSettled::AutoAcked, "a second settlement");
    ensure!(
        refused.delivery.is_some(),
        "the delivery was not given back"
    );
    Ok(())
}

/// A delivery that is dropped comes back: after a plain drop, a cancelled task and a panic, and after its process was killed.
pub(crate) async fn dropped_unsettled_comes_back(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let mut consumer = driver.consumer();
    driver.producer().send(book(1)).await?;
    drop(consumer.receive().await?);
    let delivery = comes_back(&driver, 2).await?;

    let holding = hold(ctx, delivery);
    driver
        .stats_until("a task holds the event", |stats| stats.in_hand == 1)
        .await?;
    holding.cancel();
    let delivery = comes_back(&driver, 3).await?;

    let panicking = AssertUnwindSafe(async move {
        let _in_hand = delivery;
        resume_unwind(Box::new("the handler panics"));
    });
    ensure!(
        panicking.catch_unwind().await.is_err(),
        "the handler panicked"
    );
    let delivery = comes_back(&driver, 4).await?;
    // A settlement that is never polled does nothing, so its delivery is dropped with it.
    drop(delivery.ack());
    finish(comes_back(&driver, 5).await?).await?;
    request_survives_its_handler(ctx, &driver).await?;
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(stats.returned, 5, "returned events");
    killed::comes_back(ctx).await
}

async fn comes_back(driver: &RigDriver, attempt: u32) -> Outcome<RigDelivery> {
    let delivery = driver.consumer().receive().await?;
    ensure_eq!(
        delivery.attempt(),
        attempt,
        "the attempt of an event whose delivery was dropped"
    );
    Ok(delivery)
}

fn hold(ctx: &Context, delivery: RigDelivery) -> crate::Task<Outcome> {
    ctx.spawn(async move {
        let _in_hand = delivery;
        std::future::pending().await
    })
}

async fn request_survives_its_handler(ctx: &Context, driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let asking = ctx.spawn(async move {
        Ok(producer
            .request(book(2), Duration::from_secs(3_600))
            .await?)
    });
    let request = consumer.receive().await?;
    let working =
        AssertUnwindSafe(request.reply_with(async |_| resume_unwind(Box::new("the work panics"))));
    ensure!(working.catch_unwind().await.is_err(), "the work panicked");
    let request = consumer.receive().await?;
    ensure_eq!(
        (request.number(), request.attempt()),
        (2, 2),
        "the request whose work panicked"
    );
    request.reply(Condition::of(2)).await?;
    ensure_eq!(
        ctx.join("the reply of the second attempt", asking)
            .await?
            .number,
        2,
        "the reply"
    );
    Ok(())
}

/// A released event comes back at once and in front and has not failed, however often; only the bound on hand-overs ends that.
pub(crate) async fn released_has_not_failed(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(16);
    (setup.max_attempts, setup.max_deliveries) = (2, 6);
    // A pause would show as a wait without an end.
    (setup.backoff_first, setup.backoff_max) = (A_DAY, A_DAY);
    let driver = ctx.driver(setup);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    producer.send(book(2)).await?;
    for attempt in 1..=4 {
        let released = handed_over(&mut consumer, attempt, 0).await?;
        released.release().await?;
    }
    let failed = handed_over(&mut consumer, 5, 0).await?;
    failed.nack().await?;
    let released = handed_over(&mut consumer, 6, 1).await?;
    released.release().await?;
    ensure_eq!(
        finish_other(&mut consumer).await?,
        2,
        "the event behind one that was handed over as often as is allowed"
    );
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(
        (stats.returned, stats.buried, stats.acked),
        (5, 1, 1),
        "returned, buried and acked events"
    );
    released_request(ctx, &driver).await
}

/// An event in hand is the first one, handed over and failed so often.
async fn handed_over(
    consumer: &mut RigConsumer,
    attempt: u32,
    failures: u32,
) -> Outcome<RigDelivery> {
    let delivery = consumer.receive().await?;
    ensure_eq!(
        (delivery.number(), delivery.attempt(), delivery.failures()),
        (1, attempt, failures),
        "number, attempt and failures of a released event"
    );
    Ok(delivery)
}

/// A requester does not notice that its request was released.
async fn released_request(ctx: &Context, driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let asking = ctx.spawn(async move { Ok(producer.request(book(3), A_DAY).await?) });
    consumer.receive().await?.release().await?;
    let request = consumer.receive().await?;
    ensure_eq!(
        (request.number(), request.attempt(), request.failures()),
        (3, 2, 0),
        "number, attempt and failures of a released request"
    );
    request.reply(Condition::of(3)).await?;
    ensure_eq!(
        ctx.join("the reply", asking).await?.number,
        3,
        "the reply to a released request"
    );
    let mut by_itself = driver.consumer().auto_ack();
    driver.producer().send(book(4)).await?;
    is_refused(by_itself.receive().await?.release().await.err())
}

/// Deliveries are settled in any order: acking a later one settles none of the former.
pub(crate) async fn settle_out_of_order(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let mut consumer = driver.consumer();
    for number in 1..=5 {
        driver.producer().send(book(number)).await?;
    }
    let mut in_hand = Vec::new();
    for _ in 1..=5 {
        in_hand.push(consumer.receive().await?);
    }
    in_hand
        .pop()
        .ok_or_else(|| Violation::broken("five are in hand"))?
        .ack()
        .await?;
    let mut in_hand = in_hand.into_iter();
    for number in 1..=4 {
        let delivery = in_hand
            .next()
            .ok_or_else(|| Violation::broken("four are in hand"))?;
        ensure_eq!(delivery.number(), number, "the order");
        if number % 2 == 1 {
            delivery.nack().await?
        } else {
            delivery.ack().await?
        }
    }
    let mut returned = Vec::new();
    for _ in 0..2 {
        let delivery = consumer.receive().await?;
        ensure_eq!(delivery.attempt(), 2, "the attempt of a returned event");
        returned.push(finish(delivery).await?);
    }
    exactly_once(returned, [1, 3])?;
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(
        (stats.acked, stats.returned),
        (5, 2),
        "acked and returned events"
    );
    Ok(())
}
