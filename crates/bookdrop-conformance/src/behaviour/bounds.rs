//! The queue is bounded, and its bounds are exact.

use std::time::Duration;

use bookdrop::OnFull;

use crate::behaviour::delivery::finish;
use crate::rig::{NoReply, NotSent, RigDriver};
use crate::{Context, Outcome, Setup, Violation, book, ensure, ensure_eq, must_be_refused};

const LONG: Duration = Duration::from_secs(3_600);

/// A full queue makes `send` wait and `try_send` give the event back; a place that frees wakes who waits.
pub(crate) async fn full_queue_waits(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(2));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    producer.send(book(2)).await?;
    let refused = producer
        .try_send(book(99))
        .await
        .err()
        .ok_or_else(|| Violation::broken("sent into a full queue"))?;
    ensure_eq!(refused.why, NotSent::Full, "try_send into a full queue");
    ensure_eq!(
        refused.event.map(|event| event.body().number),
        Some(99),
        "what try_send gives back"
    );

    let mut senders = Vec::new();
    for number in [3, 4] {
        let producer = producer.clone();
        senders.push(ctx.spawn(async move { Ok(producer.send(book(number)).await?) }));
        let waiting = senders.len();
        driver
            .stats_until("send waits while the queue is full", |stats| {
                stats.waiting_senders == waiting
            })
            .await?;
    }
    ensure_eq!(finish(consumer.receive().await?).await?, 1, "the order");
    let stats = driver
        .stats_until("one place wakes one sender", |stats| {
            stats.waiting_senders == 1
        })
        .await?;
    ensure_eq!(stats.queued + stats.held, 2, "events in a queue of two");
    for number in 2..=4 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order of those that waited"
        );
    }
    ctx.join_all("everyone who waited has sent", senders)
        .await?;
    dropped_waiter_takes_no_place(&driver).await?;
    what_comes_back_never_waits(&driver).await?;
    bound_holds_under_load(ctx).await?;
    full_queue_options(ctx).await
}

async fn dropped_waiter_takes_no_place(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    producer.send(book(2)).await?;
    let mut gone = producer.start_send(book(90));
    let mut woken = producer.start_send(book(91));
    ensure!(
        gone.poll_once().is_pending() && woken.poll_once().is_pending(),
        "send did not wait for a place"
    );
    let patient = producer.clone();
    let waiting = driver
        .ctx
        .spawn(async move { Ok(patient.send(book(3)).await?) });
    driver
        .stats_until("three wait", |stats| stats.waiting_senders == 3)
        .await?;
    drop(gone);
    driver
        .stats_until("two wait", |stats| stats.waiting_senders == 2)
        .await?;
    // The place goes to `woken`, which leaves without looking: either it has sent, or the next in line gets the place.
    ensure_eq!(finish(consumer.receive().await?).await?, 1, "the order");
    drop(woken);
    let full = |stats: &bookdrop::Stats| stats.queued + stats.held == 2;
    driver
        .stats_until(
            "a place that was offered to a dropped waiter is not lost",
            full,
        )
        .await?;
    let mut seen = Vec::new();
    while !seen.contains(&3) {
        seen.push(finish(consumer.receive().await?).await?);
    }
    ensure!(
        seen == [2, 3] || seen == [2, 91, 3],
        "received {seen:?} behind a dropped waiter"
    );
    driver
        .ctx
        .join("who waits behind a dropped waiter sends", waiting)
        .await?;
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a dropped waiter sent all the same"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// A failed event needs no place to come back, and comes in front.
async fn what_comes_back_never_waits(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    let failing = consumer.receive().await?;
    for number in [2, 3] {
        producer.send(book(number)).await?;
    }
    failing.nack().await?;
    let full = producer.try_send(book(99)).await.err();
    ensure_eq!(
        full.map(|refused| refused.why),
        Some(NotSent::Full),
        "a full queue"
    );
    for number in 1..=3 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "what came back is in front"
        );
    }
    driver.until_nothing_is_left().await.map(drop)
}

/// At no instant there are more events in the queue than its capacity.
async fn bound_holds_under_load(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(4));
    let mut consumer = driver.consumer();
    let producers = (0..3).map(|n| {
        let producer = driver.producer();
        ctx.spawn(async move {
            for number in 0..200 {
                producer.send(book(n * 1_000 + number)).await?;
            }
            Ok(())
        })
    });
    let producers = producers.collect();
    for _ in 0..600 {
        finish(consumer.receive().await?).await?;
        let stats = driver.stats().await;
        let queued = stats.queued + stats.held;
        ensure!(queued <= 4, "{queued} events in a queue of four");
    }
    ctx.join_all("every producer finishes", producers).await?;
    driver.until_nothing_is_left().await.map(drop)
}

async fn full_queue_options(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(2);
    setup.on_full = OnFull::Reject;
    let driver = ctx.driver(setup);
    driver.producer().send(book(1)).await?;
    driver.producer().send(book(2)).await?;
    let refused = driver
        .producer()
        .send(book(3))
        .await
        .err()
        .map(|refused| refused.why);
    ensure_eq!(refused, Some(NotSent::Full), "a full queue that rejects");
    ensure_eq!(
        driver.stats().await.rejected_when_full,
        1,
        "rejected events"
    );

    let mut setup = Setup::new(2);
    setup.on_full = OnFull::DropOldest;
    let driver = ctx.driver(setup);
    for number in 1..=4 {
        driver.producer().send(book(number)).await?;
    }
    let mut consumer = driver.consumer();
    for number in [3, 4] {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "a full queue that drops the oldest"
        );
    }
    ensure_eq!(driver.stats().await.dropped_when_full, 2, "dropped events");
    Ok(())
}

/// Requests that give up while nobody receives free their places: more of them than the capacity, and a send goes in.
pub(crate) async fn given_up_requests_free_their_place(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(4));
    let _nobody_receives = driver.consumer();
    let mut asking = Vec::new();
    for number in 0..20 {
        let producer = driver.producer();
        asking.push(ctx.spawn(async move {
            let answer = producer
                .request(book(number), Duration::from_millis(20))
                .await;
            let unanswered = answer
                .err()
                .ok_or_else(|| Violation::broken("a reply without a handler"))?;
            ensure!(
                matches!(unanswered.why, NoReply::Deadline),
                "given up with {:?}",
                unanswered.why
            );
            ensure_eq!(
                unanswered.event.map(|event| event.body().number),
                Some(number),
                "the event given back"
            );
            Ok(())
        }));
    }
    ctx.join_all("every request gives up", asking).await?;
    for number in 0..4 {
        let mut dropped = driver.producer().start_request(book(number), LONG);
        ensure!(
            dropped.poll_once().is_pending(),
            "a request waits for its reply"
        );
    }
    driver.until_nothing_is_left().await?;
    wherever_they_stand(ctx).await?;
    for number in 0..4 {
        driver.producer().try_send(book(number)).await?;
    }
    ensure_eq!(
        driver.stats().await.queued,
        4,
        "events in the places that were freed"
    );
    Ok(())
}

/// Also while they are delayed, or have failed and wait to be tried again.
async fn wherever_they_stand(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(4);
    (setup.backoff_first, setup.backoff_max) = (LONG, LONG);
    let driver = ctx.driver(setup);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut failing = producer.start_request(book(1), LONG * 4);
    ensure!(
        failing.poll_once().is_pending(),
        "a request waits for its reply"
    );
    for _ in 0..2 {
        consumer.receive().await?.nack().await?;
    }
    ensure_eq!(
        driver.stats().await.delayed,
        1,
        "requests that wait to be tried again"
    );
    drop(failing);
    driver.until_nothing_is_left().await?;
    if driver.capabilities().delay {
        let mut delayed = producer.start_request(book(2).with_delay(LONG), LONG * 4);
        ensure!(
            delayed.poll_once().is_pending(),
            "a request waits for its reply"
        );
        ensure_eq!(driver.stats().await.delayed, 1, "delayed requests");
        drop(delayed);
    }
    driver.until_nothing_is_left().await.map(drop)
}

/// As many events as may be delayed are delayed, and ready events flow; one more delayed one has to wait.
pub(crate) async fn delay_blocks_nobody(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(4);
    setup.max_delayed = 20;
    let driver = ctx.driver(setup);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    if !driver.capabilities().delay {
        return must_be_refused("delay", producer.send(book(0).with_delay(LONG)).await);
    }
    for number in 0..20 {
        producer.send(book(number).with_delay(LONG)).await?;
    }
    let refused = producer
        .try_send(book(99).with_delay(LONG))
        .await
        .err()
        .map(|refused| refused.why);
    ensure_eq!(
        refused,
        Some(NotSent::Full),
        "one more delayed event than the bound"
    );
    let mut waiting = producer.start_send(book(98).with_delay(LONG));
    ensure!(
        waiting.poll_once().is_pending(),
        "one more delayed event waits"
    );
    for number in 100..200 {
        producer.send(book(number)).await?;
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "ready events flow past the delayed ones"
        );
    }
    // What failed comes back all the same.
    producer.send(book(300)).await?;
    consumer
        .receive()
        .await?
        .retry_after(Duration::from_millis(5))
        .await?;
    let again = consumer.receive().await?;
    ensure_eq!(
        (again.number(), again.attempt()),
        (300, 2),
        "a retry beside a full set of delayed events"
    );
    finish(again).await?;
    drop(waiting);
    let stats = driver.stats().await;
    ensure_eq!(
        (stats.delayed, stats.queued + stats.held),
        (20, 0),
        "delayed and queued events"
    );
    ensure_eq!(driver.purge().await, 20, "purged events");
    driver.until_nothing_is_left().await.map(drop)
}
