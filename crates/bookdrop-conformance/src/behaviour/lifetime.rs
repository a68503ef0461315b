//! The end of a driver: close and drain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::{LONG, ask};
use crate::behaviour::settling::at_least;
use crate::rig::{Drained, NoReply, NotReceived, NotSent, RigDriver};
use crate::{Condition, Context, Outcome, Setup, Task, Violation, book, ensure, ensure_eq};

const GRACE: Duration = Duration::from_secs(3_600);

/// Ten tasks close at once while others wait in send, receive and request: every waiter is told, and nobody hangs.
pub(crate) async fn close_is_idempotent_and_never_hangs(ctx: &Context) -> Outcome {
    let empty = ctx.driver(Setup::new(1));
    let receiving = (0..3).map(|_| wait_for_the_end(ctx, &empty)).collect();
    empty
        .stats_until("three wait for an event", |stats| {
            stats.waiting_consumers == 3
        })
        .await?;
    close_ten_times(ctx, &empty).await?;
    ctx.join_all("every receiver is told", receiving).await?;

    let full = ctx.driver(Setup::new(1));
    let mut nobody_receives_yet = full.consumer();
    full.producer().send(book(1)).await?;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(send_in_vain(ctx, &full));
        waiting.push(ask_in_vain(ctx, &full));
    }
    let six = |stats: &bookdrop::Stats| stats.waiting_senders >= 3 && stats.waiting_requests >= 3;
    full.stats_until("three senders and three requesters wait", six)
        .await?;
    close_ten_times(ctx, &full).await?;
    ctx.join_all("every sender and every requester is told", waiting)
        .await?;
    ensure_eq!(
        finish(nobody_receives_yet.receive().await?).await?,
        1,
        "what was queued before the end"
    );
    ensure_eq!(
        nobody_receives_yet.receive().await.err(),
        Some(NotReceived::Closed),
        "the end"
    );
    refuses_everything(&full).await?;
    full.until_nothing_is_left().await.map(drop)
}

fn wait_for_the_end(ctx: &Context, driver: &RigDriver) -> Task<Outcome> {
    let mut consumer = driver.consumer();
    ctx.spawn(async move {
        ensure_eq!(
            consumer.receive().await.err(),
            Some(NotReceived::Closed),
            "what a waiting receiver is told"
        );
        Ok(())
    })
}

fn send_in_vain(ctx: &Context, driver: &RigDriver) -> Task<Outcome> {
    let producer = driver.producer();
    ctx.spawn(async move {
        let refused = producer.send(book(7)).await.err();
        let refused = refused
            .ok_or_else(|| Violation::broken("sent into a queue that was full and then closed"))?;
        ensure_eq!(
            refused.why,
            NotSent::Closed,
            "what a waiting sender is told"
        );
        ensure_eq!(
            refused.event.map(|event| event.body().number),
            Some(7),
            "what a waiting sender gets back"
        );
        Ok(())
    })
}

fn ask_in_vain(ctx: &Context, driver: &RigDriver) -> Task<Outcome> {
    let producer = driver.producer();
    ctx.spawn(async move {
        let unanswered = producer.request(book(8), LONG).await.err();
        let unanswered = unanswered.ok_or_else(|| Violation::broken("a reply that nobody gave"))?;
        ensure!(
            matches!(unanswered.why, NoReply::Closed),
            "{:?} in place of the end",
            unanswered.why
        );
        ensure_eq!(
            unanswered.event.map(|event| event.body().number),
            Some(8),
            "what a waiting requester gets back"
        );
        Ok(())
    })
}

async fn close_ten_times(ctx: &Context, driver: &RigDriver) -> Outcome {
    let closing = (0..10).map(|_| {
        let driver = driver.clone();
        ctx.spawn(async move { Ok(driver.close().await?) })
    });
    ctx.join_all("every close ends", closing.collect()).await?;
    ensure!(driver.is_closed(), "closed, and it does not say so");
    Ok(driver.close().await?)
}

async fn refuses_everything(driver: &RigDriver) -> Outcome {
    let producer = driver.producer();
    ensure_eq!(
        producer.send(book(1)).await.err().map(|e| e.why),
        Some(NotSent::Closed),
        "send after the end"
    );
    ensure_eq!(
        producer.try_send(book(1)).await.err().map(|e| e.why),
        Some(NotSent::Closed),
        "try_send after the end"
    );
    let batch = producer.send_batch(vec![book(5), book(6)]).await.err();
    ensure_eq!(
        batch.as_ref().map(|e| e.why),
        Some(NotSent::Closed),
        "send_batch after the end"
    );
    let first = batch
        .and_then(|refused| refused.event)
        .map(|event| event.body().number);
    ensure_eq!(first, Some(5), "the first event of a refused batch");
    let request = producer.request(book(1), LONG).await.err();
    ensure!(
        request.is_some_and(|e| matches!(e.why, NoReply::Closed)),
        "request after the end"
    );
    let end = driver.consumer().try_receive().await.err();
    ensure_eq!(end, Some(NotReceived::Closed), "try_receive after the end");
    Ok(())
}

/// Close hands out what is queued before it tells consumers, and what is in hand may still be answered and returned.
pub(crate) async fn close_delivers_what_is_queued(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let mut consumer = driver.consumer();
    let asking = ask(ctx, driver.producer(), 100);
    let request = consumer.receive().await?;
    for number in 0..10 {
        driver.producer().send(book(number)).await?;
    }
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        0,
        "the order before the end"
    );
    driver.close().await?;
    consumer.receive().await?.nack().await?;
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        1,
        "what comes back after the end, in front"
    );
    for number in 2..10 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order after the end"
        );
    }
    request.reply(Condition::of(100)).await?;
    ctx.join("the reply after the end", asking).await?;
    ensure_eq!(
        consumer.receive().await.err(),
        Some(NotReceived::Closed),
        "the end"
    );
    driver.until_nothing_is_left().await?;
    delayed_ones_stay(ctx).await
}

/// A close waits for nothing: delayed events stay where they are, and a drain hands them back, where they are moved.
async fn delayed_ones_stay(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    if !driver.capabilities().delay {
        return Ok(());
    }
    let mut consumer = driver.consumer();
    driver.producer().send(book(1).with_delay(LONG)).await?;
    driver.producer().send(book(2)).await?;
    driver.close().await?;
    ensure_eq!(finish(consumer.receive().await?).await?, 2, "what is ready");
    ensure_eq!(
        consumer.receive().await.err(),
        Some(NotReceived::Closed),
        "the end"
    );
    ensure_eq!(
        driver.stats().await.delayed,
        1,
        "delayed events after the end"
    );
    let drained = driver.drain(GRACE).await?;
    if !driver.capabilities().moves_events {
        return stay(&driver, &drained, (0, 1)).await;
    }
    let left = drained
        .left
        .iter()
        .map(|left| left.event.body().number)
        .collect::<Vec<_>>();
    ensure_eq!(left, [1], "what a drain hands back after a close");
    driver.until_nothing_is_left().await.map(drop)
}

/// A drain refuses what is new, lets what is in hand finish, hands out nothing more, and says what stays.
pub(crate) async fn graceful_drain(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let mut consumer = driver.consumer();
    let asking = ask(ctx, driver.producer(), 100);
    let request = consumer.receive().await?;
    for number in 0..5 {
        driver.producer().send(book(number)).await?;
    }
    let last = if driver.capabilities().delay {
        book(5).with_delay(LONG)
    } else {
        book(5)
    };
    driver.producer().send(last).await?;
    let never_taken = ask_in_vain(ctx, &driver);
    driver
        .stats_until("two requests wait", |stats| stats.waiting_requests == 2)
        .await?;
    let in_hand = consumer.receive().await?;
    let failing = consumer.receive().await?;
    consumer.receive().await?.nack().await?;

    let draining = drain_in_background(ctx, &driver);
    driver
        .stats_until("a drain closes the driver", |_| driver.is_closed())
        .await?;
    refuses_everything(&driver).await?;
    ctx.join("a requester whose event was not taken is told", never_taken)
        .await?;
    ensure_eq!(
        consumer.receive().await.err(),
        Some(NotReceived::Closed),
        "what a drain hands out"
    );
    ensure!(
        !draining.is_done(),
        "a drain did not wait for what is in hand"
    );
    ensure_eq!(
        request.reply(Condition::of(100)).await?,
        bookdrop::Answer::Sent,
        "an answer during a drain"
    );
    ctx.join("the reply during a drain", asking).await?;
    ensure_eq!(finish(in_hand).await?, 0, "the event in hand");
    failing.nack().await?;

    let drained = ctx
        .join("a drain ends when nothing is in hand", draining)
        .await?;
    if !driver.capabilities().moves_events {
        let delayed = usize::from(driver.capabilities().delay);
        stay(&driver, &drained, (5 - delayed, delayed)).await?;
        return grace_ends(ctx).await;
    }
    let left = drained
        .left
        .iter()
        .map(|left| (left.event.body().number, left.attempts))
        .collect::<BTreeMap<_, _>>();
    let expected = BTreeMap::from([(1, 1), (2, 1), (3, 0), (4, 0), (5, 0)]);
    ensure_eq!(
        left,
        expected,
        "what stays queued, and how often it has failed"
    );
    ensure_eq!(
        (drained.left.len(), drained.unfinished),
        (5, 0),
        "events that stay, and that are in hand"
    );
    driver.until_nothing_is_left().await?;
    grace_ends(ctx).await
}

/// What a drain leaves stays where it is: so many queued, and so many delayed.
async fn stay(driver: &RigDriver, drained: &Drained, left: (usize, usize)) -> Outcome {
    ensure_eq!(
        (drained.left.len(), drained.unfinished),
        (0, 0),
        "events that are handed back, and that are in hand"
    );
    let stats = driver.stats().await;
    ensure_eq!(
        (stats.queued, stats.delayed),
        left,
        "events that stay queued, and delayed"
    );
    Ok(())
}

fn drain_in_background(ctx: &Context, driver: &RigDriver) -> Task<Outcome<Drained>> {
    let driver = driver.clone();
    ctx.spawn(async move { Ok(driver.drain(GRACE).await?) })
}

/// What does not finish within the grace time is counted, and harms nobody.
async fn grace_ends(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let mut consumer = driver.consumer();
    driver.producer().send(book(1)).await?;
    let in_hand = consumer.receive().await?;
    let (started, grace) = (Instant::now(), Duration::from_millis(40));
    let drained = driver.drain(grace).await?;
    at_least(started, grace, "the grace time")?;
    ensure_eq!(
        (drained.left.len(), drained.unfinished),
        (0, 1),
        "events that stay, and that are in hand"
    );
    finish(in_hand).await?;
    driver.until_nothing_is_left().await.map(drop)
}
