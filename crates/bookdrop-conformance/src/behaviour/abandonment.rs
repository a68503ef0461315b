//! Nobody works for those who left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bookdrop::Answer;

use crate::behaviour::deadline::taken_with_deadline;
use crate::behaviour::delivery::finish;
use crate::behaviour::replies::LONG;
use crate::rig::{Requesting, RigDelivery, RigDriver};
use crate::{Condition, Context, Outcome, Setup, Violation, book, ensure, ensure_eq};

/// Work is not started after the deadline, nor after the requester has gone.
pub(crate) async fn expired_request_not_started(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut gone = producer.start_request(book(1), LONG);
    ensure!(
        gone.poll_once().is_pending(),
        "a request waits for its reply"
    );
    drop(gone);
    let late = producer.request(book(2), Duration::from_millis(20)).await;
    ensure!(late.is_err(), "a reply that nobody gave");
    producer.send(book(3)).await?;
    let delivery = consumer.receive().await?;
    ensure_eq!(
        delivery.number(),
        3,
        "requests that gave up are not handed over"
    );
    finish(delivery).await?;
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a request that gave up was handed over"
    );
    taken_and_then_given_up(&driver).await?;
    deadline_of_a_busy_requester(ctx, &driver).await?;
    held_ahead_and_then_given_up(&driver).await
}

/// Between the hand-over and the work the requester goes.
async fn taken_and_then_given_up(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut asking = producer.start_request(book(4), LONG);
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    let request = consumer.receive().await?;
    drop(asking);
    let (worked, answer) = work_on(request).await?;
    ensure!(!worked, "work was started for a requester that had gone");
    ensure_eq!(answer, Answer::NotWanted, "an answer to nobody");
    driver.until_nothing_is_left().await.map(drop)
}

/// The deadline counts, also while the requester is too busy to look at the clock.
async fn deadline_of_a_busy_requester(ctx: &Context, driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let timeout = Duration::from_millis(20);
    let mut busy = producer.start_request(book(20), timeout);
    ensure!(
        busy.poll_once().is_pending(),
        "a request waits for its reply"
    );
    ctx.pause(timeout).await;
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a request was handed over after its deadline"
    );
    let late = ctx.within("the deadline", busy).await?.err();
    ensure!(
        late.is_some_and(|late| late.event.is_some()),
        "the event of a request that was never taken"
    );

    let (_busy, request, timeout) = taken_from_a_busy_requester(driver).await?;
    ctx.pause(timeout).await;
    let (worked, answer) = work_on(request).await?;
    ensure!(!worked, "work was started after the deadline");
    ensure_eq!(answer, Answer::NotWanted, "an answer after the deadline");
    Ok(())
}

/// A request that was taken before its deadline, whose requester does not look any more.
async fn taken_from_a_busy_requester(
    driver: &RigDriver,
) -> Outcome<(Requesting, RigDelivery, Duration)> {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for millis in [20, 200, 2_000, 20_000] {
        let timeout = Duration::from_millis(millis);
        let mut busy = producer.start_request(book(21), timeout);
        ensure!(
            busy.poll_once().is_pending(),
            "a request waits for its reply"
        );
        if let Some(request) = consumer.receive_within(timeout).await? {
            return Ok((busy, request, timeout));
        }
    }
    Err(Violation::broken(
        "no request was handed over before its deadline",
    ))
}

/// Whether the work was begun, and what became of the answer.
async fn work_on(request: RigDelivery) -> Outcome<(bool, Answer)> {
    let worked = Arc::new(AtomicBool::new(false));
    let work = worked.clone();
    let answer = request.reply_with(async move |event| {
        work.store(true, Ordering::SeqCst);
        Ok(Condition::of(event.body().number))
    });
    let answer = answer.await?;
    Ok((worked.load(Ordering::SeqCst), answer))
}

/// A consumer that took one event may hold the next ones too.
async fn held_ahead_and_then_given_up(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(5)).await?;
    let mut asking = (6..10)
        .map(|number| producer.start_request(book(number), LONG))
        .collect::<Vec<_>>();
    for request in &mut asking {
        ensure!(
            request.poll_once().is_pending(),
            "a request waits for its reply"
        );
    }
    finish(consumer.receive().await?).await?;
    drop(asking);
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a request that gave up while it was held ahead was handed over"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// Running work can see that nobody waits for it any more, and not before.
pub(crate) async fn running_work_sees_abandonment(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut asking = producer.start_request(book(1), LONG);
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    let request = consumer.receive().await?;
    ensure!(
        !request.is_cancelled(),
        "work is told that nobody waits while somebody does"
    );
    drop(asking);
    sees(ctx, request, "a requester that has gone").await?;

    let mut asking = producer.start_request(book(2), LONG);
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    let request = consumer.receive().await?;
    let watching = ctx.spawn({
        let ctx = ctx.clone();
        async move { sees(&ctx, request, "a requester that goes while the work waits").await }
    });
    ctx.pause(Duration::from_millis(5)).await;
    ensure!(
        !watching.is_done(),
        "work is told that nobody waits while somebody does"
    );
    drop(asking);
    ctx.join("work sees that the requester has gone", watching)
        .await?;

    let (asking, request) = taken_with_deadline(&driver, &mut consumer, 3).await?;
    sees(ctx, request, "a deadline that has passed").await?;
    ensure!(
        ctx.join("the deadline", asking).await?.is_err(),
        "a reply that nobody gave"
    );
    one_way_work_is_never_abandoned(&driver).await?;
    driver.until_nothing_is_left().await.map(drop)
}

async fn sees(ctx: &Context, request: RigDelivery, what: &str) -> Outcome {
    ctx.within(what, request.cancelled()).await?;
    ensure!(
        request.is_cancelled(),
        "{what}: is_cancelled disagrees with cancelled"
    );
    ensure_eq!(
        request.reply(Condition::of(0)).await?,
        Answer::NotWanted,
        "{what}: the reply"
    );
    Ok(())
}

async fn one_way_work_is_never_abandoned(driver: &RigDriver) -> Outcome {
    driver.producer().send(book(4)).await?;
    let delivery = driver.consumer().receive().await?;
    ensure!(
        !delivery.is_cancelled(),
        "a one-way event looks like an abandoned request"
    );
    finish(delivery).await.map(drop)
}
