//! What arrives is what was sent.

use std::collections::BTreeMap;

use bookdrop::{Event, Value};

use crate::rig::RigDriver;
use crate::{Book, Context, Hook, Outcome, Setup, Violation, book, ensure, ensure_eq};

/// Id, name, headers, values, key and body arrive unchanged, at first and when they are delivered again.
pub(crate) async fn round_trip_intact(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup {
        max_event_bytes: 8 << 20,
        ..Setup::new(16)
    });
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for sent in specimens(&driver) {
        let expected = sent.clone();
        let id = sent.id().to_owned();
        producer.send(sent).await?;
        for attempt in 1..=2 {
            let delivery = consumer.receive().await?;
            same(delivery.event(), &expected)?;
            ensure_eq!(delivery.event().id(), id, "the id of attempt {attempt}");
            if attempt == 1 {
                delivery.nack().await?
            } else {
                same(&delivery.into_event().await?, &expected)?
            }
        }
    }
    batch_is_intact(&driver).await?;
    outbox_is_as_declared(&driver)
}

/// An event is written down for a transaction where the driver has an outbox, and given back where it has none. That it arrives then
/// needs a transaction, and so a test of the driver's own.
fn outbox_is_as_declared(driver: &RigDriver) -> Outcome {
    let sent = book(7).with_id("outgoing");
    let written = driver.producer().outgoing(sent.clone());
    match (driver.capabilities().outbox, written) {
        (true, Ok(_)) => Ok(()),
        (false, Err(refused)) => match refused.event {
            Some(back) => same(&back, &sent),
            None => Err(Violation::broken("what is refused is not given back")),
        },
        (declared, written) => Err(Violation::broken(format!(
            "declares an outbox: {declared}, and says {written:?}"
        ))),
    }
}

async fn batch_is_intact(driver: &RigDriver) -> Outcome {
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let events = specimens(driver);
    let expected = events.clone();
    let ids = expected
        .iter()
        .map(|event| event.id().to_owned())
        .collect::<Vec<_>>();
    let events = events
        .into_iter()
        .zip(&ids)
        .map(|(event, id)| event.with_id(format!("{id}-batch")))
        .collect();
    ensure_eq!(
        producer.send_batch(events).await?,
        expected.len(),
        "events sent in one batch"
    );
    let mut received = BTreeMap::new();
    while received.len() < expected.len() {
        for delivery in consumer.receive_batch(4).await? {
            received.insert(
                delivery.event().id().to_owned(),
                delivery.into_event().await?,
            );
        }
    }
    for (event, id) in expected.into_iter().zip(ids) {
        let id = format!("{id}-batch");
        let Some(received) = received.get(&id) else {
            return Err(Violation::broken(format!("{id} is missing")));
        };
        same(received, &event.with_id(id))?;
    }
    Ok(())
}

/// Events that are hard to carry.
pub(crate) fn specimens(driver: &RigDriver) -> Vec<Event<Book>> {
    let body = |text: &str, bytes| Book {
        number: 7,
        text: text.into(),
        bytes,
        hook: Hook::none(),
    };
    let mut full = Event::new("lent.out")
        .with_header("title", "hello world")
        .with_header("shelf", "north")
        .with_value("pages", 120)
        .with_value(
            "tags",
            vec![Value::from("new"), Value::Null, Value::from(1.5)],
        )
        .with_id("the-first-one")
        .with_body(body("some text", vec![0, 1, 2, 255]));
    if driver.capabilities().keys {
        full = full.with_key("reader 12");
    }
    let empty = Event::new("e")
        .with_header("empty", "")
        .with_value("nothing", Value::Null)
        .with_body(body("", vec![]));
    let foreign = Event::new("книга")
        .with_header("标题", "早上好 ☕")
        .with_value("größe", "naïve \u{0}\n\"quoted\"")
        .with_body(body(
            "Füße, ελληνικά, 🦀\r\n\0",
            "šťastný".as_bytes().to_vec(),
        ));
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

pub(crate) fn same(seen: &Event<Book>, expected: &Event<Book>) -> Outcome {
    ensure_eq!(seen.name(), expected.name(), "the name");
    ensure_eq!(seen.id(), expected.id(), "the id");
    ensure_eq!(seen.key(), expected.key(), "the key");
    let headers = |event: &Event<Book>| {
        event
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    ensure_eq!(headers(seen), headers(expected), "the headers");
    let values = |event: &Event<Book>| {
        event
            .values()
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .collect::<BTreeMap<_, _>>()
    };
    ensure_eq!(values(seen), values(expected), "the values");
    ensure!(
        seen.body() == expected.body(),
        "the body of {:?} differs",
        expected.name()
    );
    for (name, value) in expected.headers() {
        ensure_eq!(seen.header(name), Some(value), "the header {name:?}");
    }
    Ok(())
}
