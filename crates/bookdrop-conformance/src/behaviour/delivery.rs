//! What is sent arrives: whole, once, at the right place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bookdrop::{Event, Value};

use crate::rig::{NotReceived, NotSent, RigConsumer, RigDelivery, RigDriver};
use crate::{Book, Context, Hook, Outcome, Setup, Task, Violation, book, ensure, ensure_eq};

/// Id, name, headers, values, key and body arrive unchanged, at first and when they are delivered again.
pub(crate) async fn round_trip_intact(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for sent in specimens(&driver) {
        let expected = sent.clone();
        let id = sent.id().to_owned();
        producer.send(sent).await?;
        for attempt in 1..=2 {
            let delivery = consumer.receive().await?;
            same(delivery.event(), &expected)?;
            ensure_eq!(delivery.event().id(), id, "the id of attempt {attempt}");
            if attempt == 1 { delivery.nack().await? } else { same(&delivery.into_event().await?, &expected)? }
        }
    }
    batch_is_intact(&driver).await
}

async fn batch_is_intact(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let events = specimens(driver);
    let expected = events.clone();
    let ids = expected.iter().map(|event| event.id().to_owned()).collect::<Vec<_>>();
    let events = events.into_iter().zip(&ids).map(|(event, id)| event.with_id(format!("{id}-batch"))).collect();
    ensure_eq!(producer.send_batch(events).await?, expected.len(), "events sent in one batch");
    let mut received = BTreeMap::new();
    while received.len() < expected.len() {
        for delivery in consumer.receive_batch(4).await? {
            received.insert(delivery.event().id().to_owned(), delivery.into_event().await?);
        }
    }
    for (event, id) in expected.into_iter().zip(ids) {
        let id = format!("{id}-batch");
        let Some(received) = received.get(&id) else { return Err(Violation::broken(format!("{id} is missing"))) };
        same(received, &event.with_id(id))?;
    }
    Ok(())
}

/// Events that are hard to carry.
fn specimens(driver: &RigDriver) -> Vec<Event<Book>> {
    let body = |text: &str, bytes| Book { number: 7, text: text.into(), bytes, hook: Hook::none() };
    let mut full = Event::new("lent.out")
        .with_header("title", "hello world")
        .with_header("shelf", "north")
        .with_value("pages", 120)
        .with_value("tags", vec![Value::from("new"), Value::Null, Value::from(1.5)])
        .with_id("the-first-one")
        .with_body(body("some text", vec![0, 1, 2, 255]));
    if driver.capabilities().keys {
        full = full.with_key("reader 12");
    }
    let empty = Event::new("e").with_header("empty", "").with_value("nothing", Value::Null).with_body(body("", vec![]));
    let foreign = Event::new("книга")
        .with_header("标题", "早上好 ☕")
        .with_value("größe", "naïve \u{0}\n\"quoted\"")
        .with_body(body("Füße, ελληνικά, 🦀\r\n\0", "šťastný".as_bytes().to_vec()));
    let megabyte = (0..1_048_576_u32).map(|n| (n % 251) as u8).collect();
    let large = Event::new("n".repeat(255))
        .with_header("long", "x".repeat(65_536))
        .with_value("long", "y".repeat(100_000))
        .with_body(body(&"z".repeat(10_000), megabyte));
    let mut many = Event::new("many").with_body(body("many", vec![1]));
    for n in 0..100 {
        many.set_header(format!("header {n}"), format!("{n}"));
        many.set_value(format!("value {n}"), n);
    }
    vec![full, empty, foreign, large, many]
}

fn same(seen: &Event<Book>, expected: &Event<Book>) -> Outcome {
    ensure_eq!(seen.name(), expected.name(), "the name");
    ensure_eq!(seen.id(), expected.id(), "the id");
    ensure_eq!(seen.key(), expected.key(), "the key");
    let headers = |event: &Event<Book>| {
        event.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };
    ensure_eq!(headers(seen), headers(expected), "the headers");
    let values = |event: &Event<Book>| {
        event.values().map(|(name, value)| (name.to_owned(), value.to_string())).collect::<BTreeMap<_, _>>()
    };
    ensure_eq!(values(seen), values(expected), "the values");
    ensure!(seen.body() == expected.body(), "the body of {:?} differs", expected.name());
    for (name, value) in expected.headers() {
        ensure_eq!(seen.header(name), Some(value), "the header {name:?}");
    }
    Ok(())
}

/// With many producers and many consumers every event arrives, and none twice.
pub(crate) async fn none_lost_concurrent(ctx: &Context) -> Outcome {
    const PRODUCERS: u64 = 4;
    let each = ctx.count(1_000, 25_000);
    let driver = ctx.driver(Setup::new(64));
    let consumers = (0..4).map(|n| collect(ctx, driver.consumer(), n)).collect();
    let producers = (0..PRODUCERS).map(|p| send_numbers(ctx, &driver, p * each..(p + 1) * each)).collect();
    ctx.join_all("all producers finish", producers).await?;
    driver.close().await?;
    let received = ctx.join_all("all consumers see the end", consumers).await?;
    exactly_once(received.into_iter().flatten(), 0..PRODUCERS * each)?;
    driver.until_nothing_is_left().await.map(drop)
}

fn send_numbers(ctx: &Context, driver: &RigDriver, numbers: std::ops::Range<u64>) -> Task<Outcome> {
    let producer = driver.producer();
    ctx.spawn(async move {
        for number in numbers {
            producer.send(book(number)).await?;
        }
        Ok(())
    })
}

/// Receives until the driver is closed, in one of the three ways there are.
fn collect(ctx: &Context, mut consumer: RigConsumer, way: usize) -> Task<Outcome<Vec<u64>>> {
    ctx.spawn(async move {
        let mut numbers = Vec::new();
        loop {
            let received = match way % 3 {
                0 => consumer.receive().await.map(|delivery| vec![delivery]),
                1 => consumer.receive_batch(7).await,
                _ => consumer.next().await.map(|delivery| vec![delivery]),
            };
            let batch = match received {
                Ok(batch) => batch,
                Err(NotReceived::Closed) => return Ok(numbers),
                Err(stuck) => return Err(stuck.into()),
            };
            for delivery in batch {
                numbers.push(finish(delivery).await?);
            }
        }
    })
}

/// Acks a small book; its number.
pub(crate) async fn finish(delivery: RigDelivery) -> Outcome<u64> {
    ensure!(delivery.event().body().is_intact(), "damaged: {:?}", delivery.event().body());
    let number = delivery.number();
    delivery.ack().await?;
    Ok(number)
}

/// Whether these are the expected numbers, each one time.
pub(crate) fn exactly_once(seen: impl IntoIterator<Item = u64>, expected: impl IntoIterator<Item = u64>) -> Outcome {
    let mut missing = expected.into_iter().map(|number| (number, ())).collect::<BTreeMap<_, _>>();
    let all = missing.len();
    for number in seen {
        ensure!(missing.remove(&number).is_some(), "book {number} arrived twice, or was never sent");
    }
    let first = missing.keys().next();
    ensure!(missing.is_empty(), "{} of {all} are missing, the first is {first:?}", missing.len());
    Ok(())
}

/// What goes into one driver does not come out of another, and neither its failures nor its end reach the other.
pub(crate) async fn queues_are_isolated(ctx: &Context) -> Outcome {
    let (north, south) = (ctx.driver(Setup::new(64)), ctx.driver(Setup::new(64)));
    let (mut at_north, mut at_south) = (north.consumer(), south.consumer());
    for number in 0..50 {
        north.producer().send(book(number)).await?;
        south.producer().send(book(1_000 + number)).await?;
    }
    drain_ready(&mut at_north, 0..50).await?;
    drain_ready(&mut at_south, 1_000..1_050).await?;
    if north.capabilities().dead_letters {
        north.producer().send(book(1)).await?;
        at_north.receive().await?.reject("torn").await?;
        ensure_eq!(north.dead_letters("default").await.len(), 1, "dead letters in the north");
        ensure_eq!(south.dead_letters("default").await.len(), 0, "dead letters in the south");
    }
    north.close().await?;
    ensure!(!south.is_closed(), "closing one driver closed the other");
    south.producer().send(book(2)).await?;
    ensure_eq!(finish(at_south.receive().await?).await?, 2, "the south goes on");
    Ok(())
}

/// Receives all that is ready, which must be these.
pub(crate) async fn drain_ready(consumer: &mut RigConsumer, expected: std::ops::Range<u64>) -> Outcome {
    let mut seen = Vec::new();
    while let Some(delivery) = consumer.try_receive().await? {
        seen.push(finish(delivery).await?);
    }
    exactly_once(seen, expected)
}

/// An event that was sent before there was any consumer is received by the first that comes.
pub(crate) async fn sent_before_consumer_is_kept(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    for number in 0..10 {
        driver.producer().send(book(number)).await?;
    }
    let queued = driver.stats().await.queued;
    ensure_eq!(queued, 10, "events that wait for the first consumer");
    let mut consumer = driver.consumer();
    for number in 0..10 {
        ensure_eq!(finish(consumer.receive().await?).await?, number, "the order before the first consumer");
    }
    if driver.capabilities().groups {
        let driver = ctx.driver(Setup::new(16));
        driver.producer().send(book(1)).await?;
        let mut first = driver.in_group("audit")?;
        ensure_eq!(finish(first.receive().await?).await?, 1, "the first group gets what was sent before it");
    }
    Ok(())
}

/// Whatever `send` confirmed before the driver was closed is delivered, and what it refused is not.
pub(crate) async fn close_loses_nothing_accepted(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let confirmed = Arc::new(Mutex::new(Vec::new()));
    let senders = (0..3).map(|n| send_until_closed(ctx, &driver, n * 1_000_000, &confirmed)).collect();
    let consumers = (0..2).map(|_| collect_slowly(ctx, driver.consumer())).collect();
    let enough = || confirmed.lock().expect("no task panics").len() > 300;
    driver.stats_until("300 events are confirmed", |_| enough()).await?;
    driver.close().await?;
    ctx.join_all("every sender sees the end", senders).await?;
    let mut received = ctx.join_all("every consumer sees the end", consumers).await?.concat();
    // What the others were too slow for is still there for any consumer that comes.
    received.extend(collect_slowly(ctx, driver.consumer()).await??);
    let confirmed = confirmed.lock().expect("no task panics").clone();
    exactly_once(received, confirmed)
}

fn send_until_closed(ctx: &Context, driver: &RigDriver, from: u64, confirmed: &Arc<Mutex<Vec<u64>>>) -> Task<Outcome> {
    let (producer, confirmed) = (driver.producer(), confirmed.clone());
    ctx.spawn(async move {
        for number in from.. {
            match producer.send(book(number)).await {
                Ok(()) => confirmed.lock().expect("no task panics").push(number),
                Err(refused) => {
                    ensure_eq!(refused.why, NotSent::Closed, "the end of a send");
                    let event = refused.event.ok_or_else(|| Violation::broken("the refused event was not given back"))?;
                    ensure_eq!(event.body().number, number, "the event that was given back");
                    return Ok(());
                }
            }
        }
        Ok(())
    })
}

/// Receives until the driver is closed, a little slower than events come.
fn collect_slowly(ctx: &Context, mut consumer: RigConsumer) -> Task<Outcome<Vec<u64>>> {
    let pauses = ctx.clone();
    ctx.spawn(async move {
        let mut numbers = Vec::new();
        loop {
            match consumer.receive().await {
                Ok(delivery) => numbers.push(finish(delivery).await?),
                Err(NotReceived::Closed) => return Ok(numbers),
                Err(stuck) => return Err(stuck.into()),
            }
            if numbers.len() % 50 == 0 {
                pauses.pause(std::time::Duration::from_millis(1)).await;
            }
        }
    })
}
