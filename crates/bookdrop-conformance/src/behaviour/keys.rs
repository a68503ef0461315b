//! Events of one key keep their order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookdrop::Event;

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::LONG;
use crate::rig::{NotReceived, RigConsumer, RigDriver};
use crate::{Book, Context, Outcome, Setup, Task, book, ensure, ensure_eq, must_be_refused};

/// Events of one key come in order and one at a time, other keys run beside them, and a failing key holds up no other.
pub(crate) async fn order_per_key(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1_000));
    let producer = driver.producer();
    if !driver.capabilities().keys {
        return must_be_refused("keys", producer.send(book(0).with_key("ann")).await);
    }
    different_keys_run_at_once(&driver).await?;
    a_failing_key_holds_up_no_other(&driver).await?;
    what_leaves_frees_its_key(ctx, &driver).await?;
    what_is_in_hand_keeps_its_key(&driver).await?;
    keys_stay_in_order_under_load(ctx, &driver).await
}

async fn different_keys_run_at_once(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut other = driver.consumer();
    for (number, key) in [(1, "ann"), (2, "ann"), (3, "bob"), (4, "ann")] {
        producer.send(book(number).with_key(key)).await?;
    }
    let ann = consumer.receive().await?;
    ensure_eq!(ann.number(), 1, "the first of the key");
    let bob = other.receive().await?;
    ensure_eq!(
        bob.number(),
        3,
        "another key runs while the first is in hand"
    );
    ensure!(
        other.try_receive().await?.is_none(),
        "the second of a key was handed over before the first was settled"
    );
    ann.ack().await?;
    ensure_eq!(
        finish(other.receive().await?).await?,
        2,
        "the second of the key"
    );
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        4,
        "the third of the key"
    );
    bob.ack().await?;
    for (number, key) in [(5, "ann"), (6, "ann"), (7, "bob")] {
        producer.send(book(number).with_key(key)).await?;
    }
    let mut numbers = Vec::new();
    let mut in_hand = Vec::new();
    while numbers.len() < 2 {
        let batch = consumer.receive_batch(10).await?;
        numbers.extend(batch.iter().map(|delivery| delivery.number()));
        in_hand.extend(batch);
    }
    ensure_eq!(numbers, [5, 7], "a batch has one event of a key at most");
    for delivery in in_hand {
        finish(delivery).await?;
    }
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        6,
        "the next of the key"
    );
    Ok(())
}

async fn a_failing_key_holds_up_no_other(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for number in 0..3 {
        producer.send(book(number).with_key("sick")).await?;
    }
    consumer
        .receive()
        .await?
        .retry_after(Duration::from_secs(3_600))
        .await?;
    for number in 10..20 {
        producer
            .send(book(number).with_key(format!("well {number}")))
            .await?;
    }
    for number in 10..20 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "other keys run while one fails"
        );
    }
    let stats = driver.stats().await;
    ensure_eq!(
        stats.queued + stats.held + stats.delayed,
        3,
        "events of the key that failed"
    );
    driver.purge().await;
    for number in 0..3 {
        producer.send(book(number).with_key("better")).await?;
    }
    consumer.receive().await?.nack().await?;
    consumer
        .receive()
        .await?
        .retry_after(Duration::from_millis(30))
        .await?;
    for number in 0..3 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order of a key that failed"
        );
    }
    Ok(())
}

/// Whatever becomes of an event, the next of its key gets its turn.
async fn what_leaves_frees_its_key(ctx: &Context, driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let able = driver.capabilities();
    let mut given_up = producer.start_request(book(0).with_key("asked"), LONG);
    ensure!(
        given_up.poll_once().is_pending(),
        "a request waits for its reply"
    );
    producer.send(book(1).with_key("asked")).await?;
    drop(given_up);
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        1,
        "the key of a request that gave up"
    );
    if able.dead_letters {
        for number in [2, 3] {
            producer.send(book(number).with_key("torn")).await?;
        }
        consumer.receive().await?.reject("torn").await?;
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            3,
            "the key of a dead letter"
        );
    }
    if able.time_to_live {
        let short = Duration::from_millis(5);
        producer
            .send(book(4).with_key("late").with_time_to_live(short))
            .await?;
        producer.send(book(5).with_key("late")).await?;
        ctx.pause(short).await;
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            5,
            "the key of an expired event"
        );
    }
    drop(consumer);
    let mut automatic = driver.consumer().auto_ack();
    for number in [6, 7] {
        producer.send(book(number).with_key("quick")).await?;
    }
    let first = automatic.receive().await?;
    let second = automatic.receive().await?;
    ensure_eq!(
        (first.number(), second.number()),
        (6, 7),
        "the key of what is settled at its hand-over"
    );
    drop((first, second, automatic));
    driver.until_nothing_is_left().await.map(drop)
}

/// A purge takes what is queued; what is in hand still has its key.
async fn what_is_in_hand_keeps_its_key(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for number in 0..2 {
        producer.send(book(number).with_key("held")).await?;
    }
    let in_hand = consumer.receive().await?;
    ensure_eq!(driver.purge().await, 1, "purged events");
    producer.send(book(2).with_key("held")).await?;
    let early = consumer.try_receive().await?;
    ensure!(
        early.is_none(),
        "two events of one key were in hand at once"
    );
    in_hand.ack().await?;
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        2,
        "the next of the key"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// For each key the last number that was settled, and whether one is in hand.
type Keys = Arc<Mutex<BTreeMap<String, (Option<u64>, bool)>>>;

async fn keys_stay_in_order_under_load(ctx: &Context, driver: &RigDriver) -> Outcome {
    let each = ctx.count(200, 5_000);
    let keys = Keys::default();
    let workers = (0..4)
        .map(|_| watch_keys(ctx, driver.consumer(), &keys))
        .collect();
    let producer = driver.producer();
    for number in 0..each {
        for key in ["ann", "bob", "eve", "zoe", "kim"] {
            producer.send(with_key(number, key)).await?;
        }
    }
    driver.close().await?;
    ctx.join_all("every worker sees the end", workers).await?;
    for (key, (last, _)) in keys.lock().expect("no task panics").iter() {
        ensure_eq!(*last, Some(each - 1), "the last of the key {key}");
    }
    Ok(())
}

fn with_key(number: u64, key: &'static str) -> Event<Book> {
    book(number).with_header("owner", key).with_key(key)
}

fn watch_keys(ctx: &Context, mut consumer: RigConsumer, keys: &Keys) -> Task<Outcome> {
    let keys = keys.clone();
    ctx.spawn(async move {
        loop {
            let delivery = match consumer.receive().await {
                Ok(delivery) => delivery,
                Err(NotReceived::Closed) => return Ok(()),
                Err(stuck) => return Err(stuck.into()),
            };
            let key = delivery
                .event()
                .header("owner")
                .unwrap_or_default()
                .to_owned();
            let number = delivery.number();
            {
                let mut keys = keys.lock().expect("no task panics");
                let (last, in_hand) = keys.entry(key.clone()).or_default();
                ensure!(
                    !*in_hand,
                    "two events of the key {key} were in hand at once"
                );
                let expected = last.map_or(0, |last| last + 1);
                ensure_eq!(number, expected, "the order of the key {key}");
                (*last, *in_hand) = (Some(number), true);
            }
            futures_lite::future::yield_now().await;
            keys.lock()
                .expect("no task panics")
                .entry(key)
                .or_default()
                .1 = false;
            finish(delivery).await?;
        }
    })
}
