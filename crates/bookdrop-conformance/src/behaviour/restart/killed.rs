//! Processes that are killed under load, one after the other, with the same queue.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_lite::FutureExt;

use super::promises::Promises;
use crate::process::{OtherProcess, Part, say};
use crate::rig::{RigConsumer, RigDelivery, RigDriver, RigProducer};
use crate::{Context, Outcome, Setup, book, ensure};

/// Sends and works off without end.
pub(in crate::behaviour) const FIRST_LIFE: Part = Part {
    name: "first_life",
    setup: queue,
    play: |ctx, driver| Box::pin(live(ctx, driver, 0)),
};

/// The same, with books of its own beside those that the first had left.
pub(in crate::behaviour) const SECOND_LIFE: Part = Part {
    name: "second_life",
    setup: queue,
    play: |ctx, driver| Box::pin(live(ctx, driver, 1_000_000_000)),
};

const PRODUCERS: u64 = 4;
const CONSUMERS: usize = 2;
/// What each consumer has in hand most of the time.
const HELD: usize = 4;

/// What fails is soon there again, and never a dead letter.
fn queue() -> Setup {
    let mut setup = Setup::new(100);
    (setup.max_attempts, setup.max_deliveries) = (1_000_000, 1_000_000);
    let soon = Duration::from_millis(1);
    (setup.backoff_first, setup.backoff_max) = (soon, soon);
    setup
}

/// Works until it is killed, or something is wrong.
async fn live(ctx: Context, driver: RigDriver, first: u64) -> Outcome {
    let mut all: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(std::future::pending());
    for number in 0..PRODUCERS {
        let numbers = (first + number..).step_by(PRODUCERS as usize);
        let producing = ctx.spawn(produce(ctx.clone(), driver.producer(), numbers));
        all = Box::pin(all.or(async { producing.await? }));
    }
    for _ in 0..CONSUMERS {
        let consuming = ctx.spawn(consume(ctx.clone(), driver.consumer()));
        all = Box::pin(all.or(async { consuming.await? }));
    }
    all.await
}

async fn produce(
    ctx: Context,
    producer: RigProducer,
    numbers: impl Iterator<Item = u64>,
) -> Outcome {
    for number in numbers {
        say(&ctx, format_args!("send {number}"));
        producer.send(book(number)).await?;
        say(&ctx, format_args!("sent {number}"));
    }
    Ok(())
}

async fn consume(ctx: Context, consumer: RigConsumer) -> Outcome {
    let mut in_hand = VecDeque::new();
    let ended = work_off(&ctx, consumer, &mut in_hand).await;
    if let Err(violation) = &ended {
        // Before what is in hand goes back, and others get it.
        say(&ctx, format_args!("{violation}"));
    }
    ended
}

async fn work_off(
    ctx: &Context,
    mut consumer: RigConsumer,
    in_hand: &mut VecDeque<RigDelivery>,
) -> Outcome {
    for turn in 0_u64.. {
        let delivery = consumer.receive().await?;
        is_whole(&delivery)?;
        let (number, attempt) = (delivery.number(), delivery.attempt());
        say(ctx, format_args!("got {number} {attempt}"));
        match turn % 8 {
            1 => {
                say(ctx, format_args!("fail {number}"));
                delivery.nack().await?;
            }
            3 => {
                say(ctx, format_args!("fail {number}"));
                drop(delivery);
            }
            _ => in_hand.push_back(delivery),
        }
        if in_hand.len() > HELD
            && let Some(oldest) = in_hand.pop_front()
        {
            let number = oldest.number();
            say(ctx, format_args!("ack {number}"));
            oldest.ack().await?;
            say(ctx, format_args!("acked {number}"));
        }
    }
    Ok(())
}

fn is_whole(delivery: &RigDelivery) -> Outcome {
    let body = delivery.event().body();
    ensure!(body.is_intact(), "damaged: {body:?}");
    Ok(())
}

/// What was confirmed to the processes is what is there after the last of them was killed.
pub(super) async fn survives(ctx: &Context) -> Outcome {
    let enough = ctx.count(150, 600);
    let queue = ctx.driver(queue()).into_queue().await?;
    let mut promises = Promises::default();
    for life in [&FIRST_LIFE, &SECOND_LIFE] {
        let mut process = OtherProcess::start(ctx, life, queue.name())?;
        promises.begin_life();
        while promises.confirmed_in_life() < enough {
            promises.note(&process.heard().await?)?;
        }
        for line in process.killed().await? {
            promises.note(&line)?;
        }
    }
    look(queue.opened(), promises).await
}

/// Works everything off.
async fn look(driver: RigDriver, mut promises: Promises) -> Outcome {
    promises.begin_life();
    let mut consumer = driver.consumer();
    loop {
        while let Some(delivery) = consumer.try_receive().await? {
            is_whole(&delivery)?;
            promises.got(delivery.number(), delivery.attempt())?;
            delivery.ack().await?;
        }
        let something_comes = |s: &bookdrop::Stats| s.queued + s.held > 0;
        let stats = driver
            .stats_until("what waits for its time comes", |stats| {
                something_comes(stats) || stats.delayed + stats.in_hand == 0
            })
            .await?;
        if !something_comes(&stats) {
            break;
        }
    }
    promises.are_kept()?;
    driver.until_nothing_is_left().await.map(drop)
}
