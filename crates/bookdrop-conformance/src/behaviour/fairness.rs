//! Nobody is held up by somebody else's slow work.

use bookdrop::Answer;

use crate::behaviour::delivery::{exactly_once, finish};
use crate::behaviour::replies::ask;
use crate::rig::{NotReceived, RigConsumer};
use crate::{Condition, Context, Flag, Outcome, Setup, Task, book, ensure_eq};

/// While one consumer works on an event, another gets all that follow.
pub(crate) async fn slow_consumer_blocks_no_other(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let (mut slow, mut quick) = (driver.consumer(), driver.consumer());
    let producer = driver.producer();
    producer.send(book(0)).await?;
    let in_hand = slow.receive().await?;
    let sending = ctx.spawn(async move {
        for number in 1..=200 {
            producer.send(book(number)).await?;
        }
        Ok(())
    });
    for number in 1..=200 {
        ensure_eq!(
            finish(quick.receive().await?).await?,
            number,
            "the order beside a slow consumer"
        );
    }
    ctx.join("the producer finishes", sending).await?;
    ensure_eq!(finish(in_hand).await?, 0, "the slow event");
    driver.until_nothing_is_left().await.map(drop)
}

/// What a consumer holds ahead is no hostage: one receives a single time and never again, the other gets the rest;
/// and five slow handlers stand beside thousands of quick requests.
pub(crate) async fn held_events_are_not_hostages(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(100));
    let (mut once, mut again) = (driver.consumer(), driver.consumer());
    for number in 0..100 {
        driver.producer().send(book(number)).await?;
    }
    let mut seen = vec![finish(once.receive().await?).await?];
    for _ in 1..100 {
        seen.push(finish(again.receive().await?).await?);
    }
    exactly_once(seen, 0..100)?;
    driver.until_nothing_is_left().await?;
    drop((once, again));
    a_dropped_consumer_gives_back(ctx).await?;
    five_slow_beside_thousands(ctx).await
}

/// What a consumer holds ahead when it is dropped is in front again, in order, with no attempt spent.
async fn a_dropped_consumer_gives_back(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(20));
    for number in 0..20 {
        driver.producer().send(book(number)).await?;
    }
    for number in 0..5 {
        let mut consumer = driver.consumer();
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the first of a new consumer"
        );
    }
    let mut last = driver.consumer();
    for number in 5..20 {
        let delivery = last.receive().await?;
        ensure_eq!(
            (delivery.number(), delivery.attempt()),
            (number, 1),
            "what dropped consumers gave back"
        );
        finish(delivery).await?;
    }
    driver.until_nothing_is_left().await.map(drop)
}

async fn five_slow_beside_thousands(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(100));
    let enough = Flag::new();
    let slow = (0..5)
        .map(|_| answer_when(ctx, driver.consumer(), &enough))
        .collect();
    let mut asking = (0..5)
        .map(|number| ask(ctx, driver.producer(), number))
        .collect::<Vec<_>>();
    driver
        .stats_until("five slow handlers have one request each", |stats| {
            stats.in_hand == 5
        })
        .await?;
    let quick = (0..2).map(|_| answer_all(ctx, driver.consumer())).collect();
    let count = ctx.count(10_000, 50_000);
    for requester in 0..10 {
        let producer = driver.producer();
        asking.push(ctx.spawn(async move {
            for number in (requester..count).step_by(10) {
                let condition = producer.request(book(number), super::replies::LONG).await?;
                ensure_eq!(condition.number, number, "the book that the reply is about");
            }
            Ok(())
        }));
    }
    let quick_ones = asking.split_off(5);
    ctx.join_all("the quick requests beside the slow ones", quick_ones)
        .await?;
    enough.raise();
    ctx.join_all("the slow handlers answer", slow).await?;
    ctx.join_all("the slow requests", asking).await?;
    driver.close().await?;
    ctx.join_all("the quick handlers see the end", quick)
        .await?;
    driver.until_nothing_is_left().await.map(drop)
}

/// Takes one request, answers when the flag is raised, and receives no more.
fn answer_when(ctx: &Context, mut consumer: RigConsumer, enough: &Flag) -> Task<Outcome> {
    let enough = enough.clone();
    ctx.spawn(async move {
        let request = consumer.receive().await?;
        enough.raised().await;
        let number = request.number();
        ensure_eq!(
            request.reply(Condition::of(number)).await?,
            Answer::Sent,
            "the slow answer"
        );
        Ok(())
    })
}

fn answer_all(ctx: &Context, mut consumer: RigConsumer) -> Task<Outcome> {
    ctx.spawn(async move {
        loop {
            match consumer.receive().await {
                Ok(request) => {
                    let number = request.number();
                    request.reply(Condition::of(number)).await?;
                }
                Err(NotReceived::Closed) => return Ok(()),
                Err(stuck) => return Err(stuck.into()),
            }
        }
    })
}
