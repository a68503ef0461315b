//! What fails for good is kept, with its reason, and blocks nobody.

use std::time::Duration;

use bookdrop::{DeadLetter, DeadReason, Event};

use crate::behaviour::delivery::{exactly_once, finish};
use crate::rig::{RigConsumer, RigDriver};
use crate::{Book, Context, Outcome, Setup, Violation, book, ensure, ensure_eq, needs};

/// After its last failure an event is a dead letter with reason, count and content; it can be listed, replayed,
/// discarded and taken.
pub(crate) async fn max_attempts_to_dead_letter(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(16);
    (setup.max_attempts, setup.max_dead) = (3, 4);
    let driver = ctx.driver(setup);
    needs(driver.capabilities().dead_letters, "dead letters")?;
    let mut consumer = driver.consumer();
    driver.producer().send(letter(1)).await?;
    for attempt in 1..=3 {
        let delivery = consumer.receive().await?;
        ensure_eq!(
            delivery.attempt(),
            attempt,
            "the attempt of a failing event"
        );
        match attempt {
            1 => delivery.nack().await?,
            2 => drop(delivery),
            _ => delivery.retry_after(Duration::ZERO).await?,
        }
    }
    let dead = the_only_one(&driver).await?;
    ensure_eq!(
        (dead.attempts, &dead.reason),
        (3, &DeadReason::MaxAttempts),
        "attempts and reason"
    );
    ensure_eq!(
        (dead.name.as_str(), dead.event_id.as_str()),
        ("letter", "letter-1"),
        "name and id"
    );
    ensure!(
        dead.headers
            .contains(&("title".into(), "hello world".into())),
        "headers: {:?}",
        dead.headers
    );
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a dead letter was handed over"
    );
    let stats = driver
        .stats_until("one is dead", |stats| stats.dead == 1)
        .await?;
    ensure_eq!(
        (stats.buried, stats.returned),
        (1, 2),
        "buried and returned events"
    );
    replayed_discarded_taken(&driver, &mut consumer, dead).await?;
    too_many_drop_the_oldest(&driver, &mut consumer).await?;
    deliveries_are_bounded(ctx).await
}

fn letter(number: u64) -> Event<Book> {
    let id = format!("letter-{number}");
    Event::new("letter")
        .with_header("title", "hello world")
        .with_id(id)
        .with_body(Book::numbered(number))
}

async fn the_only_one(driver: &RigDriver) -> Outcome<DeadLetter> {
    driver
        .stats_until("an event is dead", |stats| stats.dead == 1)
        .await?;
    let mut list = driver.dead_letters("default").await;
    ensure_eq!(list.len(), 1, "dead letters");
    list.pop()
        .ok_or_else(|| Violation::broken("one dead letter"))
}

async fn replayed_discarded_taken(
    driver: &RigDriver,
    consumer: &mut RigConsumer,
    dead: DeadLetter,
) -> Outcome {
    ensure!(
        driver.replay(dead.id).await,
        "a dead letter can be replayed"
    );
    let delivery = consumer.receive().await?;
    ensure_eq!(
        (delivery.number(), delivery.attempt()),
        (1, 1),
        "a replayed dead letter starts anew"
    );
    ensure!(
        !driver.replay(dead.id).await,
        "a replayed dead letter cannot be replayed again"
    );

    delivery.reject("no such shelf").await?;
    let dead = the_only_one(driver).await?;
    ensure_eq!(
        dead.reason,
        DeadReason::Rejected("no such shelf".into()),
        "the reason of a rejection"
    );
    let event = driver
        .take(dead.id)
        .await
        .ok_or_else(|| Violation::broken("a dead letter can be taken"))?;
    ensure!(
        event.body().is_intact() && event.header("title") == Some("hello world"),
        "a damaged dead letter"
    );
    ensure_eq!(event.id(), "letter-1", "the id of a dead letter");
    ensure_eq!(
        driver.dead_letters("default").await.len(),
        0,
        "dead letters after the only one was taken"
    );

    driver.producer().send(letter(2)).await?;
    consumer.receive().await?.reject("torn").await?;
    let dead = the_only_one(driver).await?;
    ensure!(
        driver.discard(dead.id).await,
        "a dead letter can be discarded"
    );
    ensure_eq!(
        driver.dead_letters("default").await.len(),
        0,
        "dead letters after the only one was discarded"
    );
    ensure!(
        !driver.discard(dead.id).await,
        "a discarded dead letter cannot be discarded again"
    );
    Ok(())
}

async fn too_many_drop_the_oldest(driver: &RigDriver, consumer: &mut RigConsumer) -> Outcome {
    for number in 10..16 {
        driver.producer().send(letter(number)).await?;
        consumer.receive().await?.reject("torn").await?;
    }
    let kept = driver
        .dead_letters("default")
        .await
        .into_iter()
        .map(|dead| dead.event_id)
        .collect::<Vec<_>>();
    ensure_eq!(
        kept,
        ["letter-12", "letter-13", "letter-14", "letter-15"],
        "the dead letters that are kept"
    );
    ensure_eq!(
        driver.stats().await.dead_dropped,
        2,
        "dead letters that were dropped"
    );
    ensure_eq!(
        driver.replay_all().await,
        4,
        "dead letters replayed at once"
    );
    for number in 12..16 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order of replayed dead letters"
        );
    }
    one_goes_and_the_others_stay(driver, consumer).await
}

async fn one_goes_and_the_others_stay(driver: &RigDriver, consumer: &mut RigConsumer) -> Outcome {
    for number in 21..25 {
        driver.producer().send(letter(number)).await?;
        consumer.receive().await?.reject("torn").await?;
    }
    let dead = driver.dead_letters("default").await;
    ensure_eq!(dead.len(), 4, "dead letters");
    let taken = driver.take(dead[1].id).await;
    ensure_eq!(
        taken.map(|event| event.id().to_owned()).as_deref(),
        Some("letter-22"),
        "the dead letter that was taken"
    );
    ensure!(
        driver.discard(dead[2].id).await,
        "one of several dead letters can be discarded"
    );
    let left = driver.dead_letters("default").await;
    ensure_eq!(
        left.iter().map(|dead| &*dead.event_id).collect::<Vec<_>>(),
        ["letter-21", "letter-24"],
        "the dead letters that nobody took or discarded"
    );
    ensure!(
        driver.replay(left[1].id).await,
        "one of several dead letters can be replayed"
    );
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        24,
        "the dead letter that was replayed"
    );
    ensure_eq!(
        driver.discard_all().await,
        1,
        "dead letters discarded at once"
    );
    driver.until_nothing_is_left().await.map(drop)
}

async fn deliveries_are_bounded(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(16);
    (setup.max_attempts, setup.max_deliveries) = (10, 2);
    let driver = ctx.driver(setup);
    let mut consumer = driver.consumer();
    driver.producer().send(letter(3)).await?;
    for _ in 0..2 {
        consumer.receive().await?.nack().await?;
    }
    let dead = the_only_one(&driver).await?;
    ensure_eq!(
        (dead.attempts, dead.reason),
        (2, DeadReason::MaxDeliveries),
        "attempts and reason"
    );
    Ok(())
}

/// An event that fails every time becomes a dead letter, and all the others get through meanwhile.
pub(crate) async fn poison_is_isolated(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(100));
    needs(driver.capabilities().dead_letters, "dead letters")?;
    let mut consumer = driver.consumer();
    let with_keys = driver.capabilities().keys;
    for number in 0..40 {
        let event = book(number).with_header("poison", if number % 10 == 3 { "yes" } else { "no" });
        let event = if with_keys {
            event.with_key(format!("reader {number}"))
        } else {
            event
        };
        driver.producer().send(event).await?;
    }
    let mut healthy = Vec::new();
    while healthy.len() < 36 {
        let delivery = consumer.receive().await?;
        if delivery.event().header("poison") == Some("yes") {
            // The first two fail, the third time is far away: the healthy ones must not wait for it.
            if delivery.attempt() == 1 {
                drop(delivery)
            } else {
                delivery.retry_after(Duration::from_secs(3_600)).await?
            }
        } else {
            healthy.push(finish(delivery).await?);
        }
    }
    exactly_once(healthy, (0..40).filter(|number| number % 10 != 3))?;
    driver.purge().await;
    every_failure_ends(&driver, &mut consumer).await
}

async fn every_failure_ends(driver: &RigDriver, consumer: &mut RigConsumer) -> Outcome {
    driver.producer().send(book(3)).await?;
    for attempt in 1..=5 {
        let delivery = consumer.receive().await?;
        ensure_eq!(
            (delivery.number(), delivery.attempt()),
            (3, attempt),
            "the event that fails every time"
        );
    }
    driver
        .stats_until("an event that fails every time is buried", |stats| {
            stats.dead == 1
        })
        .await?;
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a buried event was handed over"
    );
    driver.until_nothing_is_left().await.map(drop)
}
