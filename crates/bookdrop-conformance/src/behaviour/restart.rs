//! A durable driver that is opened again has what it had.
//!
//! Each check lets go of every handle, as the end of a process does, and opens the same queue again; the last one kills processes.

pub(super) mod killed;
mod kinds;
mod promises;

use std::collections::BTreeMap;
use std::time::Duration;

use bookdrop::{DeadLetter, DeadReason};

use crate::behaviour::content::{same, specimens};
use crate::behaviour::delivery::{exactly_once, finish, send_numbers};
use crate::behaviour::replies::{LONG, ask};
use crate::rig::{RigConsumer, RigDriver};
use crate::{Condition, Context, Outcome, Setup, Task, Violation, book, ensure, ensure_eq, needs};

/// What was confirmed is there after the driver was opened again: nothing is lost, nothing that was acked comes back, and what
/// was in hand comes back with its attempt counted.
pub(crate) async fn survives_restart(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    needs(
        driver.capabilities().survives_restart,
        "survival of a restart",
    )?;
    what_is_there_stays(driver).await?;
    kinds::keep_what_they_are(ctx).await?;
    content_is_intact(ctx).await?;
    dead_letters_stay(ctx).await?;
    requests_end_with_their_process(ctx).await?;
    the_end_is_no_property_of_the_queue(ctx).await?;
    lives_under_load(ctx).await?;
    killed::survives(ctx).await
}

async fn what_is_there_stays(driver: RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for number in 0..20 {
        producer.send(book(number)).await?;
    }
    for number in 0..5 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order"
        );
    }
    let (fifth, sixth) = (consumer.receive().await?, consumer.receive().await?);
    fifth.nack().await?;
    let fifth = consumer.receive().await?;
    ensure_eq!((fifth.number(), fifth.attempt()), (5, 2), "what came back");
    drop((producer, consumer, fifth, sixth));

    let driver = driver.restarted().await?;
    let mut consumer = driver.consumer();
    let before = [(5, 3), (6, 2)];
    let expected = before.into_iter().chain((7..20).map(|number| (number, 1)));
    receive_exactly(&mut consumer, expected).await?;
    drop(consumer);

    let driver = driver.restarted().await?;
    let none = driver.consumer().try_receive().await?;
    ensure!(
        none.is_none(),
        "an event that was acked came back after a restart"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// Receives and acks exactly these, by number and attempt. Those that were never handed over before come in this order; of the
/// others, each may have to wait for its time.
pub(super) async fn receive_exactly(
    consumer: &mut RigConsumer,
    expected: impl IntoIterator<Item = (u64, u32)>,
) -> Outcome {
    let mut left = expected.into_iter().collect::<BTreeMap<_, _>>();
    let mut last = None;
    while !left.is_empty() {
        let delivery = consumer.receive().await?;
        let (number, attempt) = (delivery.number(), delivery.attempt());
        let Some(expected) = left.remove(&number) else {
            let what = format!("book {number} is there after a restart, and must not be");
            return Err(Violation::broken(what));
        };
        ensure_eq!(
            attempt,
            expected,
            "the attempt of book {number} after a restart"
        );
        if attempt == 1 {
            ensure!(
                last < Some(number),
                "book {number} after book {last:?}: the order after a restart"
            );
            last = Some(number);
        }
        finish(delivery).await?;
    }
    let more = consumer.try_receive().await?.map(|more| more.number());
    ensure_eq!(
        more,
        None,
        "what is there after a restart, beside what must be"
    );
    Ok(())
}

async fn content_is_intact(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let mut expected = specimens(&driver);
    // How large an event may be is the subject of another behaviour, and takes it seconds.
    expected.retain(|event| event.body().bytes.len() < 1_000);
    for event in &expected {
        driver.producer().send(event.clone()).await?;
    }
    let driver = driver.restarted().await?;
    let mut consumer = driver.consumer();
    for event in &expected {
        same(&consumer.receive().await?.into_event().await?, event)?;
    }
    driver.until_nothing_is_left().await.map(drop)
}

async fn dead_letters_stay(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(16);
    setup.max_attempts = 2;
    let driver = ctx.driver(setup);
    if !driver.capabilities().dead_letters {
        return Ok(());
    }
    let mut consumer = driver.consumer();
    for number in [1, 2] {
        driver.producer().send(book(number)).await?;
    }
    consumer.receive().await?.reject("page 7 is torn").await?;
    for _ in 0..2 {
        consumer.receive().await?.nack().await?;
    }
    let two_are_dead = |stats: &bookdrop::Stats| stats.dead == 2;
    driver.stats_until("two are dead", two_are_dead).await?;
    let before = driver.dead_letters("default").await;
    drop(consumer);

    let driver = driver.restarted().await?;
    let after = driver.dead_letters("default").await;
    let expected = [
        (1, DeadReason::Rejected("page 7 is torn".into())),
        (2, DeadReason::MaxAttempts),
    ];
    let seen = after
        .iter()
        .map(|dead| (dead.attempts, dead.reason.clone()));
    ensure_eq!(
        seen.collect::<Vec<_>>(),
        expected,
        "count and reason of dead letters after a restart"
    );
    let told = |all: &[DeadLetter]| all.iter().map(description).collect::<Vec<_>>();
    ensure_eq!(told(&after), told(&before), "dead letters after a restart");
    replayed_and_taken(driver, &after).await
}

fn description(dead: &DeadLetter) -> (String, String, Vec<(String, String)>) {
    let (id, name) = (dead.event_id.clone(), dead.name.clone());
    (id, name, dead.headers.clone())
}

async fn replayed_and_taken(driver: RigDriver, dead: &[DeadLetter]) -> Outcome {
    let mut consumer = driver.consumer();
    ensure!(
        driver.replay(dead[0].id).await,
        "a dead letter can be replayed after a restart"
    );
    receive_exactly(&mut consumer, [(1, 1)]).await?;
    let taken = driver.take(dead[1].id).await;
    ensure!(
        taken.is_some_and(|event| event.body().is_intact() && event.id() == dead[1].event_id),
        "a dead letter can be taken after a restart, and is what was sent"
    );
    drop(consumer);
    let driver = driver.restarted().await?;
    ensure_eq!(
        driver.dead_letters("default").await.len(),
        0,
        "dead letters that were replayed or taken before a restart"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// Nobody waits for the answers any more, so the work is not begun.
async fn requests_end_with_their_process(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut asking = producer.start_request(book(1), LONG);
    ensure!(asking.poll_once().is_pending(), "a request waits");
    let in_hand = consumer.receive().await?;
    ensure!(in_hand.is_request(), "the request is handed over");
    let mut queued = producer.start_request(book(2), LONG);
    ensure!(queued.poll_once().is_pending(), "a request waits");
    producer.send(book(3)).await?;
    let both_wait = |stats: &bookdrop::Stats| stats.waiting_requests == 2;
    driver.stats_until("two requests wait", both_wait).await?;
    drop((producer, in_hand, consumer, asking, queued));

    let driver = driver.restarted().await?;
    let mut consumer = driver.consumer();
    receive_exactly(&mut consumer, [(3, 1)]).await?;
    driver
        .stats_until("nobody asks", |stats| stats.waiting_requests == 0)
        .await?;
    let asking = ask(ctx, driver.producer(), 4);
    consumer.receive().await?.reply(Condition::of(4)).await?;
    ctx.join("a request after a restart", asking).await
}

/// A driver that was closed or drained is open when it is opened again, with what it had left.
async fn the_end_is_no_property_of_the_queue(ctx: &Context) -> Outcome {
    for drains in [false, true] {
        let driver = ctx.driver(Setup::new(16));
        for number in [1, 2] {
            driver.producer().send(book(number)).await?;
        }
        if drains {
            driver.drain(Duration::from_secs(3_600)).await?;
        } else {
            driver.close().await?;
        }
        let driver = driver.restarted().await?;
        ensure!(!driver.is_closed(), "closed, though it was opened again");
        driver.producer().send(book(3)).await?;
        let expected = [(1, 1), (2, 1), (3, 1)];
        receive_exactly(&mut driver.consumer(), expected).await?;
    }
    Ok(())
}

/// Several lives, each of which ends while most of what was sent is there and something is in every hand.
async fn lives_under_load(ctx: &Context) -> Outcome {
    const LIVES: u64 = 3;
    let each = ctx.count(150, 3_000);
    let all = LIVES * 2 * each;
    let mut driver = ctx.driver(Setup::new(all as usize));
    let mut acked = Vec::new();
    for life in 0..LIVES {
        let producers = (2 * life..2 * life + 2)
            .map(|p| send_numbers(ctx, &driver, p * each..(p + 1) * each))
            .collect();
        let consumers = (0..2).map(|_| ack_some(ctx, &driver, each / 2)).collect();
        ctx.join_all("all producers finish", producers).await?;
        let by_all = ctx.join_all("all consumers finish", consumers).await?;
        acked.extend(by_all.into_iter().flatten());
        driver = driver.restarted().await?;
    }
    let mut consumer = driver.consumer();
    while (acked.len() as u64) < all {
        acked.push(finish(consumer.receive().await?).await?);
    }
    exactly_once(acked, 0..all)?;
    let more = consumer.try_receive().await?.map(|more| more.number());
    ensure_eq!(more, None, "what comes after all that was sent");
    driver.until_nothing_is_left().await.map(drop)
}

/// Acks so many, and lets go of everything with one more in hand.
fn ack_some(ctx: &Context, driver: &RigDriver, count: u64) -> Task<Outcome<Vec<u64>>> {
    let mut consumer = driver.consumer();
    ctx.spawn(async move {
        let mut acked = Vec::new();
        for _ in 0..count {
            acked.push(finish(consumer.receive().await?).await?);
        }
        let in_hand = consumer.receive().await?;
        drop((consumer, in_hand));
        Ok(acked)
    })
}
