//! One request, one reply, and no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bookdrop::{Answer, Failure};

use crate::behaviour::delivery::finish;
use crate::rig::{
    NoReply, NotReceived, NotSettled, RigConsumer, RigDelivery, RigDriver, RigProducer,
    SettleRefused,
};
use crate::{Condition, Context, Outcome, Setup, Task, Violation, book, ensure, ensure_eq};

/// A time limit that does not matter.
pub(crate) const LONG: Duration = Duration::from_secs(7_200);

/// Asks about a book in a task, and checks that the answer is about that book.
pub(crate) fn ask(ctx: &Context, producer: RigProducer, number: u64) -> Task<Outcome> {
    ctx.spawn(async move {
        let condition = producer.request(book(number), LONG).await?;
        ensure!(
            condition == Condition::of(number),
            "asked about book {number}, heard about book {}",
            condition.number
        );
        Ok(())
    })
}

/// Requests that are answered in reverse order, and thousands at once, each get their own reply.
pub(crate) async fn reply_is_correlated(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(64));
    let mut consumer = driver.consumer();
    let asking = (0..2)
        .map(|number| ask(ctx, driver.producer(), number))
        .collect();
    let (first, second) = (consumer.receive().await?, consumer.receive().await?);
    for request in [second, first] {
        let number = request.number();
        ensure_eq!(
            request.reply(Condition::of(number)).await?,
            Answer::Sent,
            "the answer to a waiting requester"
        );
    }
    ctx.join_all("two replies", asking).await?;
    drop(consumer);
    many_at_once(ctx, &driver).await
}

async fn many_at_once(ctx: &Context, driver: &RigDriver) -> Outcome {
    let workers = (0..4).map(|_| answer_all(ctx, driver.consumer())).collect();
    let count = ctx.count(10_000, 50_000);
    // A thread for each request would be too many: there, each asks one after the other.
    let requesters = if ctx.blocking() { 20 } else { count };
    let asking = (0..requesters).map(|requester| {
        let (producer, step) = (driver.producer(), requesters as usize);
        ctx.spawn(async move {
            for number in (requester..count).step_by(step) {
                let condition = producer.request(book(number), LONG).await?;
                ensure_eq!(condition.number, number, "the book that the reply is about");
            }
            Ok(())
        })
    });
    ctx.join_all("every request is answered", asking.collect())
        .await?;
    driver.close().await?;
    let answered = ctx.join_all("every worker sees the end", workers).await?;
    ensure_eq!(answered.iter().sum::<u64>(), count, "answers sent");
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(stats.answered, count + 2, "answers counted");
    Ok(())
}

fn answer_all(ctx: &Context, mut consumer: RigConsumer) -> Task<Outcome<u64>> {
    ctx.spawn(async move {
        let mut answered = 0;
        loop {
            match consumer.receive().await {
                Ok(request) => {
                    let number = request.number();
                    request.reply(Condition::of(number)).await?;
                    answered += 1;
                }
                Err(NotReceived::Closed) => return Ok(answered),
                Err(stuck) => return Err(stuck.into()),
            }
        }
    })
}

/// A reply after the requester gave up is refused to the replier, counted, and never given to a later request.
pub(crate) async fn late_reply_is_discarded(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut late = Vec::new();
    for number in 0..3 {
        let mut asking = producer.start_request(book(number), LONG);
        ensure!(
            asking.poll_once().is_pending(),
            "a request waits for its reply"
        );
        late.push(consumer.receive().await?);
    }
    let (mut late, number) = (late.into_iter(), 0);
    let mut next = || {
        late.next()
            .ok_or_else(|| Violation::broken("three requests are in hand"))
    };
    ensure_eq!(
        next()?.reply(Condition::of(number)).await?,
        Answer::NotWanted,
        "a late reply"
    );
    ensure_eq!(
        next()?.fail(Failure::new("torn")).await?,
        Answer::NotWanted,
        "a late failure"
    );
    let (_, reply) = next()?.into_parts().await?;
    ensure_eq!(
        reply.send(Condition::of(2)).await,
        Some(Answer::NotWanted),
        "a late reply of a request taken apart"
    );
    let stats = driver
        .stats_until("late replies are counted", |stats| {
            stats.replies_refused == 3
        })
        .await?;
    ensure_eq!(stats.answered, 0, "answers counted");

    let asking = ask(ctx, producer, 10);
    let request = consumer.receive().await?;
    ensure_eq!(
        (request.number(), request.attempt()),
        (10, 1),
        "the next request; a late reply settles its own"
    );
    request.reply(Condition::of(10)).await?;
    ctx.join("the next request gets its own reply", asking)
        .await?;
    driver.until_nothing_is_left().await.map(drop)
}

/// A request that is nacked twice and then answered gets one reply, and the next request its own.
pub(crate) async fn retry_gives_one_reply(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let mut consumer = driver.consumer();
    let asking = ask(ctx, driver.producer(), 1);
    for attempt in 1..=2 {
        let request = consumer.receive().await?;
        ensure_eq!(request.attempt(), attempt, "the attempt of a request");
        request.nack().await?;
    }
    let request = consumer.receive().await?;
    ensure_eq!(
        (request.number(), request.attempt()),
        (1, 3),
        "the request that was nacked twice"
    );
    ensure!(
        !asking.is_done(),
        "the requester has an answer before anybody gave one"
    );
    ensure_eq!(
        request.reply(Condition::of(1)).await?,
        Answer::Sent,
        "the reply"
    );
    ctx.join("the reply", asking).await?;
    let asking = ask(ctx, driver.producer(), 2);
    let request = consumer.receive().await?;
    ensure_eq!(request.number(), 2, "the next request");
    request.reply(Condition::of(2)).await?;
    ctx.join("the next reply", asking).await?;
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(
        (stats.answered, stats.returned),
        (2, 2),
        "answers and returns counted"
    );
    Ok(())
}

/// An answer to a one-way event is refused before any work, and the delivery is given back.
pub(crate) async fn reply_to_one_way_event_is_refused(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(book(1)).await?;
    let delivery = consumer.receive().await?;
    ensure!(
        !delivery.is_request() && delivery.deadline().is_none(),
        "a one-way event looks like a request"
    );
    let delivery = given_back(delivery.reply(Condition::of(1)).await.err())?;
    let delivery = given_back(delivery.fail(Failure::new("torn")).await.err())?;
    let worked = Arc::new(AtomicBool::new(false));
    let work = worked.clone();
    let refused = delivery.reply_with(async move |_| {
        work.store(true, Ordering::SeqCst);
        Ok(Condition::of(1))
    });
    let delivery = given_back(refused.await.err())?;
    ensure!(
        !worked.load(Ordering::SeqCst),
        "work was done for an answer that nobody asked for"
    );
    let delivery = given_back(delivery.into_parts().await.err())?;
    ensure_eq!(
        driver.stats().await.in_hand,
        1,
        "deliveries in hand after four refusals"
    );
    ensure_eq!(
        (delivery.number(), delivery.attempt()),
        (1, 1),
        "the delivery that was given back"
    );
    finish(delivery).await?;
    let stats = driver.until_nothing_is_left().await?;
    ensure_eq!(
        (stats.acked, stats.returned, stats.answered),
        (1, 0, 0),
        "acks, returns and answers counted"
    );
    Ok(())
}

fn given_back(refused: Option<SettleRefused>) -> Outcome<RigDelivery> {
    let refused =
        refused.ok_or_else(|| Violation::broken("an answer to a one-way event was accepted"))?;
    ensure_eq!(
        refused.why,
        NotSettled::NotARequest,
        "an answer to a one-way event"
    );
    let delivery = refused.delivery.map(|delivery| *delivery);
    delivery.ok_or_else(|| Violation::broken("the delivery was not given back"))
}

/// Replying to a requester that is gone neither blocks nor leaves anything behind.
pub(crate) async fn requester_dies(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(32));
    let mut consumer = driver.consumer();
    let mut requests = Vec::new();
    for number in 0..20 {
        let producer = driver.producer();
        let mut asking = producer.start_request(book(number), LONG);
        ensure!(
            asking.poll_once().is_pending(),
            "a request waits for its reply"
        );
        drop(producer);
        requests.push(consumer.receive().await?);
        drop(asking);
    }
    for request in requests {
        let number = request.number();
        ensure_eq!(
            request.reply(Condition::of(number)).await?,
            Answer::NotWanted,
            "a reply to nobody"
        );
    }
    let producer = driver.producer();
    let mut asking = producer.start_request(book(50), LONG);
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    drop((asking, producer));
    driver.until_nothing_is_left().await?;
    let asking = ask(ctx, driver.producer(), 60);
    let request = consumer.receive().await?;
    ensure_eq!(request.number(), 60, "the next request");
    request.reply(Condition::of(60)).await?;
    ctx.join("the next reply", asking).await
}

/// Whether the requester is told that nobody will ever answer.
pub(crate) fn failed(why: &NoReply) -> Option<&Failure> {
    match why {
        NoReply::Failed(failure) => Some(failure),
        _ => None,
    }
}
