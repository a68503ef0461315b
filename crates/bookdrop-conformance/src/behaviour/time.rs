//! Delay, time to live, and the window in which an id is remembered.

use std::time::{Duration, Instant};

use crate::behaviour::delivery::{finish, receive_all};
use crate::behaviour::replies::LONG;
use crate::behaviour::settling::at_least;
use crate::rig::{RigConsumer, RigDriver};
use crate::{Context, Outcome, Setup, Violation, book, ensure, ensure_eq, must_be_refused, needs};

/// A delayed event, or one that is to come back later, is never early.
pub(crate) async fn delay_is_a_floor(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    if !driver.capabilities().delay {
        return must_be_refused(
            "delay",
            producer
                .send(book(0).with_delay(Duration::from_secs(1)))
                .await,
        );
    }
    let sent = Instant::now();
    for (number, delay) in [(1, 90), (2, 30), (3, 0), (4, 60)] {
        producer
            .send(book(number).with_delay(Duration::from_millis(delay)))
            .await?;
    }
    for _ in 0..4 {
        let delivery = consumer.receive().await?;
        let delay = match delivery.number() {
            1 => 90,
            2 => 30,
            3 => 0,
            _ => 60,
        };
        at_least(sent, Duration::from_millis(delay), "a delay")?;
        ensure_eq!(delivery.attempt(), 1, "the attempt of a delayed event");
        finish(delivery).await?;
    }
    producer.send(book(5)).await?;
    let delivery = consumer.receive().await?;
    let returned = Instant::now();
    delivery.retry_after(Duration::from_millis(50)).await?;
    let delivery = consumer.receive().await?;
    at_least(
        returned,
        Duration::from_millis(50),
        "the pause before a retry",
    )?;
    finish(delivery).await?;
    for endless in [Duration::MAX, Duration::from_secs(u64::from(u32::MAX))] {
        producer.send(book(6).with_delay(endless)).await?;
    }
    ensure!(
        consumer.try_receive().await?.is_none(),
        "an endless delay ended"
    );
    ensure_eq!(driver.stats().await.delayed, 2, "delayed events");
    ensure_eq!(driver.purge().await, 2, "purged events");
    driver.until_nothing_is_left().await.map(drop)
}

/// An expired event is not delivered, and it is counted; one that has not expired is.
pub(crate) async fn ttl_expires(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let producer = driver.producer();
    let short = Duration::from_millis(20);
    if !driver.capabilities().time_to_live {
        return must_be_refused(
            "time to live",
            producer.send(book(0).with_time_to_live(short)).await,
        );
    }
    for number in 0..20 {
        // Expired ones at the head, in the middle and at the end.
        let alive = if number % 4 == 2 {
            Duration::from_secs(3_600)
        } else {
            short
        };
        producer.send(book(number).with_time_to_live(alive)).await?;
    }
    producer.send(book(20)).await?;
    producer
        .send(book(21).with_time_to_live(Duration::MAX))
        .await?;
    ctx.pause(short).await;
    let mut consumer = driver.consumer();
    for number in [2, 6, 10, 14, 18, 20, 21] {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "what has not expired"
        );
    }
    let none = consumer.try_receive().await?;
    ensure!(none.is_none(), "an expired event was delivered");
    let stats = driver
        .stats_until("expired events are counted", |stats| stats.expired == 15)
        .await?;
    ensure_eq!(
        (stats.queued + stats.held, stats.acked),
        (0, 7),
        "queued and acked events"
    );
    held_ahead_expires_too(ctx, &driver, &mut consumer).await?;
    requests_expire_too(ctx, &driver, &mut consumer).await
}

/// The time to live of a request is honoured or refused, never ignored: once it is over, the request is not delivered,
/// and its requester hears of it.
async fn requests_expire_too(
    ctx: &Context,
    driver: &RigDriver,
    consumer: &mut RigConsumer,
) -> Outcome {
    let (short, producer) = (Duration::from_millis(20), driver.producer());
    let expiring = book(30).with_time_to_live(short);
    let asking = ctx.spawn(async move { Ok(producer.request(expiring, LONG).await) });
    let sent = |stats: &bookdrop::Stats| stats.waiting_requests == 1 || asking.is_done();
    driver
        .stats_until("a request is sent or refused", sent)
        .await?;
    ctx.pause(short).await;
    let delivered = consumer.try_receive().await?;
    ensure!(
        delivered.is_none(),
        "a request was delivered after its time to live"
    );
    let answer = ctx
        .join("the end of a request that expired", asking)
        .await?;
    ensure!(answer.is_err(), "a reply that nobody gave");
    driver.until_nothing_is_left().await.map(drop)
}

async fn held_ahead_expires_too(
    ctx: &Context,
    driver: &RigDriver,
    consumer: &mut RigConsumer,
) -> Outcome {
    let short = Duration::from_millis(20);
    driver.producer().send(book(1)).await?;
    for number in 2..10 {
        driver
            .producer()
            .send(book(number).with_time_to_live(short))
            .await?;
    }
    finish(consumer.receive().await?).await?;
    ctx.pause(short).await;
    ensure!(
        consumer.try_receive().await?.is_none(),
        "an event that was held ahead was delivered after it had expired"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// Within the window one id is one event; after it, or with another id, it is another.
pub(crate) async fn duplicates_detected(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    needs(
        driver.capabilities().duplicate_detection,
        "detection of duplicates",
    )?;
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for number in [1, 2, 3] {
        producer.send(book(number).with_id("same")).await?;
    }
    producer.send(book(4).with_id("other")).await?;
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        1,
        "the first of an id"
    );
    producer.send(book(5).with_id("same")).await?;
    ensure_eq!(finish(consumer.receive().await?).await?, 4, "another id");
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a duplicate was delivered"
    );
    ensure_eq!(driver.stats().await.duplicates, 3, "counted duplicates");
    for number in 10..30 {
        producer.send(book(number)).await?;
    }
    receive_all(&mut consumer, 10..30).await?;
    what_was_not_sent_is_no_duplicate(ctx).await?;
    duplicates_need_no_room(ctx).await?;
    window_ends(ctx).await
}

/// An id whose event was given back, dropped while it waited, or given up is free.
async fn what_was_not_sent_is_no_duplicate(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    ensure!(
        producer.try_send(book(2).with_id("full")).await.is_err(),
        "sent into a full queue"
    );
    let mut waiting = producer.start_send(book(3).with_id("dropped"));
    ensure!(waiting.poll_once().is_pending(), "sent into a full queue");
    // One that is dropped before may be sent, when there is room.
    driver
        .stats_until("the sender waits", |stats| stats.waiting_senders == 1)
        .await?;
    drop(waiting);
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        1,
        "the event before"
    );
    let mut asking =
        producer.start_request(book(4).with_id("given up"), Duration::from_secs(3_600));
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    drop(asking);
    for (number, id) in [(5, "full"), (6, "dropped"), (7, "given up")] {
        producer.send(book(number).with_id(id)).await?;
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the event that was {id} before"
        );
    }
    ensure_eq!(driver.stats().await.duplicates, 0, "counted duplicates");
    Ok(())
}

/// What is there already is not kept waiting by a queue that is full of it.
async fn duplicates_need_no_room(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1).with_id("there")).await?;
    let mut waiting = producer.start_send(book(4));
    ensure!(waiting.poll_once().is_pending(), "sent into a full queue");
    ensure!(
        producer.try_send(book(2)).await.is_err(),
        "sent into a full queue"
    );
    ensure!(
        producer.try_send(book(3).with_id("there")).await.is_ok(),
        "a duplicate was refused for want of room"
    );
    producer.send(book(5).with_id("there")).await?;
    ensure_eq!(finish(consumer.receive().await?).await?, 1, "the first");
    waiting.await?;
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        4,
        "the one that waited for room"
    );
    ensure_eq!(driver.stats().await.duplicates, 2, "counted duplicates");
    Ok(())
}

async fn window_ends(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(32);
    setup.duplicate_window = Duration::from_millis(30);
    let driver = ctx.driver(setup);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1).with_id("same")).await?;
    finish(consumer.receive().await?).await?;
    let started = Instant::now();
    loop {
        ctx.pause(Duration::from_millis(30)).await;
        producer.send(book(2).with_id("same")).await?;
        if let Some(delivery) = consumer.try_receive().await? {
            return finish(delivery).await.map(drop);
        }
        if started.elapsed() > ctx.patience() {
            return Err(Violation::broken(
                "an id was still remembered long after the window",
            ));
        }
    }
}
