//! Waits with a limit, on a plain thread.

use std::time::{Duration, Instant};

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::LONG;
use crate::rig::{RigConsumer, RigDriver};
use crate::{Condition, Context, Outcome, Setup, Spawner, book, ensure, ensure_eq};

const LIMIT: Duration = Duration::from_millis(5);

/// When the limit of a wait has passed the operation is still there: to go on, to be taken apart, or to be dropped.
pub(super) async fn on_a_thread(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    let thread = Spawner::Threads.spawn(async move {
        let mut consumer = driver.consumer();
        receive(&driver, &mut consumer)?;
        send(&driver, &mut consumer).await?;
        request(&driver, &mut consumer).await
    });
    ctx.join("waits with a limit", thread).await
}

fn receive(driver: &RigDriver, consumer: &mut RigConsumer) -> Outcome {
    let mut receiving = consumer.consumer.receive();
    for _ in 0..2 {
        ensure!(
            receiving.wait_for(LIMIT).is_err(),
            "received from an empty queue"
        );
    }
    driver.producer().producer.send(book(1)).wait()?;
    let received = receiving.wait_for(driver.ctx.patience());
    ensure!(
        matches!(received, Ok(Ok(_))),
        "a receive does not go on after its limit"
    );
    // The delivery is dropped, so the event stands in the queue again.
    Ok(())
}

async fn send(driver: &RigDriver, consumer: &mut RigConsumer) -> Outcome {
    let producer = driver.producer().producer;
    let mut sending = producer.send(book(2));
    let mut given_up = producer.send(book(3));
    ensure!(sending.wait_for(LIMIT).is_err(), "sent into a full queue");
    ensure!(given_up.wait_for(LIMIT).is_err(), "sent into a full queue");
    // What is on its way to a server may have been sent: only what waits is given back.
    let both_wait = |stats: &bookdrop::Stats| stats.waiting_senders == 2;
    driver.stats_until("both wait for room", both_wait).await?;
    let back = given_up.into_event().map(|event| event.body().number);
    ensure_eq!(back, Some(3), "the event of a send that is taken apart");
    ensure_eq!(finish(consumer.receive().await?).await?, 1, "the order");
    let sent = sending.wait_for(driver.ctx.patience());
    ensure!(
        matches!(sent, Ok(Ok(()))),
        "a send does not go on after its limit"
    );
    ensure_eq!(finish(consumer.receive().await?).await?, 2, "the order");
    Ok(())
}

async fn request(driver: &RigDriver, consumer: &mut RigConsumer) -> Outcome {
    let producer = driver.producer().producer;
    let mut asking = producer.request(book(4), LONG);
    ensure!(asking.wait_for(LIMIT).is_err(), "a reply that nobody gave");
    consumer.receive().await?.reply(Condition::of(4)).await?;
    let reply = asking.wait_for(driver.ctx.patience());
    let answered = matches!(&reply, Ok(Ok(reply)) if reply.number == 4);
    ensure!(answered, "a request does not go on after its limit");
    let mut asking = producer.request(book(5), LONG);
    ensure!(
        asking.wait_until(Instant::now() + LIMIT).is_err(),
        "a reply that nobody gave"
    );
    drop(asking);
    driver.until_nothing_is_left().await.map(drop)
}
