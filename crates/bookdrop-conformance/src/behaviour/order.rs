//! In which order events are handed over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookdrop::Event;

use crate::behaviour::delivery::finish;
use crate::rig::{NotReceived, RigConsumer, RigDriver};
use crate::{Book, Context, Outcome, Setup, Task, book, ensure, ensure_eq, must_be_refused};

/// With one producer and one consumer the first in is the first out, also while the queue is full.
pub(crate) async fn order_one_to_one(ctx: &Context) -> Outcome {
    let count = ctx.count(10_000, 50_000);
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let sending = ctx.spawn(async move {
        for number in (0..count).step_by(10) {
            if number % 100 == 0 {
                producer
                    .send_batch((number..number + 10).map(book).collect())
                    .await?;
                continue;
            }
            for number in number..number + 10 {
                producer.send(book(number)).await?;
            }
        }
        Ok(())
    });
    let mut next = 0;
    while next < count {
        let batch = if next % 3 == 0 {
            consumer.receive_batch(5).await?
        } else {
            vec![consumer.receive().await?]
        };
        for delivery in batch {
            ensure_eq!(finish(delivery).await?, next, "the order");
            next += 1;
        }
    }
    ctx.join("the producer finishes", sending).await
}

/// Events of one key come in order and one at a time, other keys run beside them, and a failing key holds up no other.
pub(crate) async fn order_per_key(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1_000));
    let producer = driver.producer();
    if !driver.capabilities().keys {
        return must_be_refused("keys", producer.send(book(0).with_key("ann")).await);
    }
    different_keys_run_at_once(&driver).await?;
    a_failing_key_holds_up_no_other(&driver).await?;
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

/// The more urgent is handed over first, and among equals the first in.
pub(crate) async fn priority_first(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(100));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    if !driver.capabilities().priority {
        return must_be_refused("priority", producer.send(book(0).with_priority(9)).await);
    }
    for (number, priority) in [(1, 0), (2, 5), (3, 9), (4, 1), (5, 9), (6, 5)] {
        producer.send(book(number).with_priority(priority)).await?;
    }
    for number in [3, 5, 2, 6, 4, 1] {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the more urgent first"
        );
    }
    // A consumer that may already hold a batch of less urgent ones.
    producer.send_batch((10..30).map(book).collect()).await?;
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        10,
        "the first of equals"
    );
    producer.send(book(99).with_priority(9)).await?;
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        99,
        "an urgent one overtakes what is held ahead"
    );
    ensure_eq!(
        finish(consumer.receive().await?).await?,
        11,
        "and then the next of equals"
    );
    let refused = producer.send(book(100).with_priority(10)).await.err();
    ensure!(
        refused.is_some_and(|refused| refused.event.is_some()),
        "a priority above 9 is refused and given back"
    );
    Ok(())
}
