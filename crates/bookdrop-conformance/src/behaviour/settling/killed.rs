//! What a process had in hand comes back when it is killed.

use crate::behaviour::delivery::exactly_once;
use crate::behaviour::restart::receive_exactly;
use crate::process::{OtherProcess, Part, say};
use crate::rig::RigDriver;
use crate::{Context, Outcome, Setup, Violation, book, ensure, ensure_eq};

const BOOKS: u64 = 16;

/// Takes all there is in hand, and says so.
pub(in crate::behaviour) const HOLDS_ALL: Part = Part {
    name: "holds_all",
    setup: || Setup::new(BOOKS as usize),
    play: |ctx, driver| Box::pin(hold_all(ctx, driver)),
};

async fn hold_all(ctx: Context, driver: RigDriver) -> Outcome {
    let mut consumer = driver.consumer();
    let mut in_hand = Vec::new();
    for _ in 0..BOOKS {
        let delivery = consumer.receive().await?;
        ensure!(delivery.event().body().is_intact(), "damaged");
        let (number, attempt) = (delivery.number(), delivery.attempt());
        say(&ctx, format_args!("{number} {attempt}"));
        in_hand.push(delivery);
    }
    std::future::pending().await
}

/// Two processes are killed one after the other, each with everything in hand.
pub(super) async fn comes_back(ctx: &Context) -> Outcome {
    const KILLS: u32 = 2;
    let driver = ctx.driver((HOLDS_ALL.setup)());
    if !driver.capabilities().survives_restart {
        return Ok(());
    }
    for number in 0..BOOKS {
        driver.producer().send(book(number)).await?;
    }
    let queue = driver.into_queue().await?;
    for attempt in 1..=KILLS {
        let mut process = OtherProcess::start(ctx, &HOLDS_ALL, queue.name())?;
        let mut in_hand = Vec::new();
        for _ in 0..BOOKS {
            let (number, counted) = number_and_attempt(&process.heard().await?)?;
            ensure_eq!(counted, attempt, "the attempt in process {attempt}");
            in_hand.push(number);
        }
        exactly_once(in_hand, 0..BOOKS)?;
        process.killed().await?;
    }
    let driver = queue.opened();
    let all = (0..BOOKS).map(|number| (number, KILLS + 1));
    receive_exactly(&mut driver.consumer(), all).await?;
    driver.until_nothing_is_left().await.map(drop)
}

fn number_and_attempt(line: &str) -> Outcome<(u64, u32)> {
    let words = line.split_once(' ');
    let (number, attempt) = words.ok_or_else(|| Violation::broken(line))?;
    Ok((number.parse()?, attempt.parse()?))
}
