//! In which order events are handed over.

use crate::behaviour::delivery::finish;
use crate::{Context, Outcome, Setup, book, ensure, ensure_eq, must_be_refused};

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
