//! What an event was sent with still holds after a restart: key, priority, delay, time to live, id, and the groups it is for.

use std::time::{Duration, Instant};

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::LONG;
use crate::behaviour::settling::at_least;
use crate::{Context, Outcome, Setup, book, ensure, ensure_eq};

use super::receive_exactly;

pub(super) async fn keep_what_they_are(ctx: &Context) -> Outcome {
    keys_still_order(ctx).await?;
    the_urgent_still_overtake(ctx).await?;
    the_delayed_still_wait(ctx).await?;
    the_expired_still_go(ctx).await?;
    ids_are_still_known(ctx).await?;
    groups_still_get_all(ctx).await
}

async fn keys_still_order(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    if !driver.capabilities().keys {
        return Ok(());
    }
    for (number, key) in [(1, "ann"), (2, "ann"), (3, "bob"), (4, "ann")] {
        driver.producer().send(book(number).with_key(key)).await?;
    }
    let in_hand = driver.consumer().receive().await?;
    ensure_eq!(in_hand.number(), 1, "the first of the key");
    drop(in_hand);

    let driver = driver.restarted().await?;
    let mut consumer = driver.consumer();
    let (ann, bob) = (consumer.receive().await?, consumer.receive().await?);
    ensure_eq!(
        (ann.number(), bob.number()),
        (1, 3),
        "the first of each key after a restart"
    );
    ensure_eq!(ann.attempt(), 2, "the attempt of what was in hand");
    let next = consumer.try_receive().await?.map(|next| next.number());
    ensure_eq!(next, None, "what runs beside the first of its key");
    finish(ann).await?;
    finish(bob).await?;
    for number in [2, 4] {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order of a key after a restart"
        );
    }
    driver.until_nothing_is_left().await.map(drop)
}

async fn the_urgent_still_overtake(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    if !driver.capabilities().priority {
        return Ok(());
    }
    for (number, priority) in [(1, 0), (2, 5), (3, 5)] {
        let event = book(number).with_priority(priority);
        driver.producer().send(event).await?;
    }
    let driver = driver.restarted().await?;
    for (number, priority) in [(4, 3), (5, 9)] {
        let event = book(number).with_priority(priority);
        driver.producer().send(event).await?;
    }
    let mut consumer = driver.consumer();
    for number in [5, 2, 3, 4, 1] {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the more urgent first, after a restart"
        );
    }
    Ok(())
}

/// Never early, and what is far off is still there.
async fn the_delayed_still_wait(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    if !driver.capabilities().delay {
        return Ok(());
    }
    let delay = Duration::from_millis(300);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    let again = consumer.receive().await?;
    for (number, far_off) in [(2, LONG), (4, Duration::MAX)] {
        producer.send(book(number).with_delay(far_off)).await?;
    }
    let begun = Instant::now();
    producer.send(book(3).with_delay(delay)).await?;
    again.retry_after(delay).await?;
    drop((producer, consumer));

    let driver = driver.restarted().await?;
    let mut consumer = driver.consumer();
    let mut attempts = [0; 4];
    for _ in 0..2 {
        let delivery = consumer.receive().await?;
        at_least(begun, delay, "a delay over a restart")?;
        attempts[delivery.number() as usize % 4] = delivery.attempt();
        finish(delivery).await?;
    }
    ensure_eq!(
        attempts,
        [0, 2, 0, 1],
        "the attempts of what is due after a restart"
    );
    let early = consumer.try_receive().await?.map(|early| early.number());
    ensure_eq!(early, None, "what is due hours later");
    ensure_eq!(
        driver.stats().await.delayed,
        2,
        "delayed events after a restart"
    );
    Ok(())
}

async fn the_expired_still_go(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    if !driver.capabilities().time_to_live {
        return Ok(());
    }
    let short = Duration::from_millis(20);
    // The longest ones have more milliseconds than a number of 64 bits.
    let endless = [Duration::from_secs(1 << 61), Duration::MAX];
    let alive = endless.into_iter().chain([LONG, short]);
    for (number, alive) in (1..).zip(alive) {
        let event = book(number).with_time_to_live(alive);
        driver.producer().send(event).await?;
    }
    let sent = Instant::now();
    let driver = driver.restarted().await?;
    // What is left of it, and what clocks of whole milliseconds may round.
    let rest = (short + Duration::from_millis(2)).saturating_sub(sent.elapsed());
    ctx.pause(rest).await;
    let mut consumer = driver.consumer();
    for number in 1..4 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "what has not expired after a restart"
        );
    }
    let expired = consumer.try_receive().await?.map(|event| event.number());
    ensure_eq!(expired, None, "what had expired after a restart");
    Ok(())
}

async fn ids_are_still_known(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    if !driver.capabilities().duplicate_detection {
        return Ok(());
    }
    let mut consumer = driver.consumer();
    for (number, id) in [(1, "acked"), (2, "queued")] {
        driver.producer().send(book(number).with_id(id)).await?;
    }
    finish(consumer.receive().await?).await?;
    drop(consumer);

    let driver = driver.restarted().await?;
    for (number, id) in [(3, "acked"), (4, "queued"), (5, "new")] {
        driver.producer().send(book(number).with_id(id)).await?;
    }
    receive_exactly(&mut driver.consumer(), [(2, 1), (5, 1)]).await
}

async fn groups_still_get_all(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    if !driver.capabilities().groups {
        return Ok(());
    }
    let (mut lending, mut audit) = (driver.consumer(), driver.in_group("audit")?);
    for number in 0..6 {
        driver.producer().send(book(number)).await?;
    }
    for _ in 0..3 {
        finish(audit.receive().await?).await?;
    }
    finish(lending.receive().await?).await?;
    let with_dead_letters = driver.capabilities().dead_letters;
    if with_dead_letters {
        lending.receive().await?.reject("torn").await?;
    } else {
        finish(lending.receive().await?).await?;
    }
    let in_hand = audit.receive().await?;
    drop((lending, audit, in_hand));

    let driver = driver.restarted().await?;
    let groups = driver.groups().await;
    ensure!(
        groups.contains(&"audit".to_owned()),
        "the groups after a restart: {groups:?}"
    );
    // For all of them, though none of their consumers is back.
    driver.producer().send(book(6)).await?;
    if with_dead_letters {
        let dead = ["default", "audit"].map(|group| driver.dead_letters(group));
        let [lending, audit] = dead;
        ensure_eq!(
            (lending.await.len(), audit.await.len()),
            (1, 0),
            "dead letters of each group after a restart"
        );
    }
    let (mut lending, mut audit) = (driver.consumer(), driver.in_group("audit")?);
    receive_exactly(&mut lending, (2..7).map(|number| (number, 1))).await?;
    receive_exactly(&mut audit, [(3, 2), (4, 1), (5, 1), (6, 1)]).await?;
    driver.until_nothing_is_left().await.map(drop)
}
