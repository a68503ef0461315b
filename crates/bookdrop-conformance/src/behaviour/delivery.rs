//! What is sent arrives: once, and at the right place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::rig::{NotReceived, NotSent, RigConsumer, RigDelivery, RigDriver};
use crate::{Context, Outcome, Setup, Task, Violation, book, ensure, ensure_eq};

/// With many producers and many consumers every event arrives, and none twice.
pub(crate) async fn none_lost_concurrent(ctx: &Context) -> Outcome {
    const PRODUCERS: u64 = 4;
    let driver = ctx.driver(Setup::new(64));
    // Each of them goes to a server and back, three times.
    let each = match driver.capabilities().cross_process {
        true => ctx.count(1_500, 15_000),
        false => ctx.count(7_500, 25_000),
    };
    let consumers = (0..4).map(|n| collect(ctx, driver.consumer(), n)).collect();
    let producers = (0..PRODUCERS)
        .map(|p| send_numbers(ctx, &driver, p * each..(p + 1) * each))
        .collect();
    ctx.join_all("all producers finish", producers).await?;
    driver.close().await?;
    let received = ctx.join_all("all consumers see the end", consumers).await?;
    exactly_once(received.into_iter().flatten(), 0..PRODUCERS * each)?;
    driver.until_nothing_is_left().await.map(drop)
}

pub(crate) fn send_numbers(
    ctx: &Context,
    driver: &RigDriver,
    numbers: std::ops::Range<u64>,
) -> Task<Outcome> {
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
    ensure!(
        delivery.event().body().is_intact(),
        "damaged: {:?}",
        delivery.event().body()
    );
    let number = delivery.number();
    delivery.ack().await?;
    Ok(number)
}

/// Whether these are the expected numbers, each one time.
pub(crate) fn exactly_once(
    seen: impl IntoIterator<Item = u64>,
    expected: impl IntoIterator<Item = u64>,
) -> Outcome {
    let mut missing = expected
        .into_iter()
        .map(|number| (number, ()))
        .collect::<BTreeMap<_, _>>();
    let all = missing.len();
    for number in seen {
        ensure!(
            missing.remove(&number).is_some(),
            "book {number} arrived twice, or was never sent"
        );
    }
    let first = missing.keys().next();
    ensure!(
        missing.is_empty(),
        "{} of {all} are missing, the first is {first:?}",
        missing.len()
    );
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
    receive_all(&mut at_north, 0..50).await?;
    receive_all(&mut at_south, 1_000..1_050).await?;
    if north.capabilities().dead_letters {
        north.producer().send(book(1)).await?;
        at_north.receive().await?.reject("torn").await?;
        ensure_eq!(
            north.dead_letters("default").await.len(),
            1,
            "dead letters in the north"
        );
        ensure_eq!(
            south.dead_letters("default").await.len(),
            0,
            "dead letters in the south"
        );
    }
    north.close().await?;
    ensure!(!south.is_closed(), "closing one driver closed the other");
    south.producer().send(book(2)).await?;
    ensure_eq!(
        finish(at_south.receive().await?).await?,
        2,
        "the south goes on"
    );
    Ok(())
}

/// Receives these, after which nothing is ready.
pub(crate) async fn receive_all(
    consumer: &mut RigConsumer,
    expected: std::ops::Range<u64>,
) -> Outcome {
    let mut seen = Vec::new();
    for _ in expected.clone() {
        seen.push(finish(consumer.receive().await?).await?);
    }
    exactly_once(seen, expected)?;
    ensure!(
        consumer.try_receive().await?.is_none(),
        "more was received than was sent"
    );
    Ok(())
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
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order before the first consumer"
        );
    }
    if driver.capabilities().groups {
        let driver = ctx.driver(Setup::new(16));
        driver.producer().send(book(1)).await?;
        let mut first = driver.in_group("audit")?;
        ensure_eq!(
            finish(first.receive().await?).await?,
            1,
            "the first group gets what was sent before it"
        );
    }
    Ok(())
}

/// Whatever `send` confirmed before the driver was closed is delivered, and what it refused is not.
pub(crate) async fn close_loses_nothing_accepted(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let confirmed = Arc::new(Mutex::new(Vec::new()));
    let senders = (0..3)
        .map(|n| send_until_closed(ctx, &driver, n * 1_000_000, &confirmed))
        .collect();
    let consumers = (0..2)
        .map(|_| collect_slowly(ctx, driver.consumer()))
        .collect();
    let enough = || confirmed.lock().expect("no task panics").len() > 300;
    driver
        .stats_until("300 events are confirmed", |_| enough())
        .await?;
    driver.close().await?;
    ctx.join_all("every sender sees the end", senders).await?;
    let mut received = ctx
        .join_all("every consumer sees the end", consumers)
        .await?
        .concat();
    // What the others were too slow for is still there for any consumer that comes.
    received.extend(collect_slowly(ctx, driver.consumer()).await??);
    let confirmed = confirmed.lock().expect("no task panics").clone();
    exactly_once(received, confirmed)
}

fn send_until_closed(
    ctx: &Context,
    driver: &RigDriver,
    from: u64,
    confirmed: &Arc<Mutex<Vec<u64>>>,
) -> Task<Outcome> {
    let (producer, confirmed) = (driver.producer(), confirmed.clone());
    ctx.spawn(async move {
        for number in from.. {
            match producer.send(book(number)).await {
                Ok(()) => confirmed.lock().expect("no task panics").push(number),
                Err(refused) => {
                    ensure_eq!(refused.why, NotSent::Closed, "the end of a send");
                    let event = refused
                        .event
                        .ok_or_else(|| Violation::broken("the refused event was not given back"))?;
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
