//! Requests that nobody answers.

use std::time::{Duration, Instant};

use crate::behaviour::outcomes::{Answer, ask, unanswered};
use crate::behaviour::replies::LONG;
use crate::behaviour::settling::at_least;
use crate::rig::{NoReply, RigConsumer, RigDelivery, RigDriver};
use crate::{
    Census, Condition, Context, Outcome, Setup, Task, Violation, book, ensure, ensure_eq, needs,
};

/// Without a consumer a request fails, whatever its time limit is; also when the last one leaves before it is taken.
pub(crate) async fn no_consumer_fails_fast(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    needs(
        driver.capabilities().no_consumer_detection,
        "detection of missing consumers",
    )?;
    is_nobody(ctx, ask(ctx, &driver, book(1), LONG)).await?;
    let first = driver.consumer();
    let second = first.clone();
    let asking = ask(ctx, &driver, book(2), LONG);
    driver
        .stats_until("a request waits", |stats| stats.waiting_requests == 1)
        .await?;
    drop(first);
    ensure!(
        !asking.is_done(),
        "a request failed while there still was a consumer"
    );
    drop(second);
    is_nobody(ctx, asking).await?;
    if driver.capabilities().groups {
        let _elsewhere = driver.in_group("audit")?;
        is_nobody(ctx, ask(ctx, &driver, book(3), LONG)).await?;
        driver.remove_group("audit").await;
    }
    // Who has taken a request may well stop receiving: the answer still comes.
    let mut taker = driver.consumer();
    let asking = ask(ctx, &driver, book(4), LONG);
    let request = taker.receive().await?;
    drop(taker);
    request.reply(Condition::of(4)).await?;
    ensure_eq!(
        ctx.join("the reply of a consumer that left", asking)
            .await??,
        Condition::of(4),
        "the reply"
    );
    driver.until_nothing_is_left().await.map(drop)
}

async fn is_nobody(ctx: &Context, asking: Task<Outcome<Answer>>) -> Outcome {
    let nobody = unanswered(ctx.join("no consumer", asking).await?)?;
    ensure!(
        matches!(nobody.why, NoReply::NoConsumer),
        "{:?} in place of no consumer",
        nobody.why
    );
    ensure!(nobody.event.is_some(), "the event was not given back");
    Ok(())
}

/// A deadline passes on time also while the queue is full, never early, and leaves nothing behind.
pub(crate) async fn timeout_is_prompt_and_clean(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(50));
    let nobody_receives = driver.consumer();
    let census = Census::default();
    let count = ctx.count(2_000, 100_000);
    let requesters = if ctx.blocking() { 20 } else { 250 };
    let asking = (0..requesters).map(|requester| {
        let (producer, census) = (driver.producer(), census.clone());
        ctx.spawn(async move {
            for number in (requester..count).step_by(requesters as usize) {
                let timeout = Duration::from_millis(5 + number % 16);
                let asked = Instant::now();
                let late = unanswered(producer.request(census.book(number), timeout).await)?;
                ensure!(
                    matches!(late.why, NoReply::Deadline),
                    "{:?} in place of a deadline",
                    late.why
                );
                at_least(asked, timeout, "a deadline")?;
                ensure_eq!(
                    super::outcomes::number(&late),
                    Some(number),
                    "the event of a request that was never taken"
                );
            }
            Ok(())
        })
    });
    ctx.join_all("every deadline passes", asking.collect())
        .await?;
    driver.until_nothing_is_left().await?;
    ensure_eq!(census.alive(), 0, "bodies of requests that gave up");
    driver.producer().try_send(book(1)).await?;
    drop(nobody_receives);
    ensure_eq!(
        driver.stats().await.queued,
        1,
        "events in a queue that was full of requests"
    );
    Ok(())
}

/// A request that was taken before its deadline, which passes soon; on a slow machine it takes several to get there.
pub(crate) async fn taken_with_deadline(
    driver: &RigDriver,
    consumer: &mut RigConsumer,
    number: u64,
) -> Outcome<(Task<Outcome<Answer>>, RigDelivery)> {
    for millis in [50, 200, 800, 3_200, 12_800] {
        let timeout = Duration::from_millis(millis);
        let asking = ask(&driver.ctx, driver, book(number), timeout);
        if let Some(delivery) = consumer.receive_within(timeout).await? {
            return Ok((asking, delivery));
        }
    }
    Err(Violation::broken(
        "no request was handed over before its deadline",
    ))
}
