//! The ways in which a request ends, each of them told apart.

use std::time::{Duration, Instant};

use bookdrop::{Event, Failure, Value};

use crate::behaviour::deadline::taken_with_deadline;
use crate::behaviour::replies::{LONG, failed};
use crate::behaviour::settling::at_least;
use crate::rig::{NoReply, RigConsumer, RigDriver, Unanswered};
use crate::{Book, Condition, Context, Outcome, Setup, Task, Violation, book, ensure, ensure_eq};

/// The reply, the handler's error, the deadline, no consumer and the end of the driver are told apart, and the event
/// comes back where it was never taken.
pub(crate) async fn outcomes_are_distinct(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    answered(ctx, &driver).await?;
    failures(ctx, &driver).await?;
    deadlines(&driver).await?;
    no_consumer(ctx).await?;
    closed(ctx).await
}

pub(super) type Answer = Result<Condition, Unanswered>;

pub(super) fn ask(
    ctx: &Context,
    driver: &RigDriver,
    event: Event<Book>,
    timeout: Duration,
) -> Task<Outcome<Answer>> {
    let producer = driver.producer();
    ctx.spawn(async move { Ok(producer.request(event, timeout).await) })
}

async fn answered(ctx: &Context, driver: &RigDriver) -> Outcome {
    let mut consumer = driver.consumer();
    let asking = ask(ctx, driver, book(1), LONG);
    let request = consumer.receive().await?;
    ensure!(
        request.is_request() && request.deadline().is_some(),
        "a request has a deadline"
    );
    request
        .reply_with(async |event| Ok(Condition::of(event.body().number)))
        .await?;
    ensure_eq!(
        ctx.join("the reply", asking).await??,
        Condition::of(1),
        "the reply"
    );

    let asking = ask(ctx, driver, book(2), LONG);
    let (event, reply) = consumer.receive().await?.into_parts().await?;
    reply.send(Condition::of(event.body().number)).await;
    ensure_eq!(
        ctx.join("the reply", asking).await??,
        Condition::of(2),
        "the reply of a request taken apart"
    );
    Ok(())
}

/// A request that ends without a reply.
pub(super) fn unanswered(answer: Answer) -> Outcome<Unanswered> {
    answer
        .err()
        .ok_or_else(|| Violation::broken("a reply that nobody gave"))
}

/// A request that was taken and failed; what the requester is told.
async fn failure(ctx: &Context, asking: Task<Outcome<Answer>>) -> Outcome<Failure> {
    let unanswered = unanswered(ctx.join("the failure", asking).await?)?;
    ensure!(
        unanswered.event.is_none(),
        "the event of a request that was taken came back"
    );
    let failure = failed(&unanswered.why).cloned();
    failure.ok_or_else(|| Violation::broken(format!("{:?} in place of a failure", unanswered.why)))
}

async fn failures(ctx: &Context, driver: &RigDriver) -> Outcome {
    let mut consumer = driver.consumer();
    let with_code = Failure::new("torn")
        .with_code("damaged")
        .with_details(Value::from(17));
    let asking = ask(ctx, driver, book(1), LONG);
    consumer.receive().await?.fail(with_code).await?;
    let told = failure(ctx, asking).await?;
    ensure_eq!(
        (told.message(), told.code()),
        ("torn", Some("damaged")),
        "message and code"
    );
    ensure_eq!(told.details(), Some(&Value::from(17)), "details");

    let asking = ask(ctx, driver, book(2), LONG);
    consumer
        .receive()
        .await?
        .reply_with(async |_| Err(Failure::new("no such shelf")))
        .await?;
    ensure_eq!(
        failure(ctx, asking).await?.message(),
        "no such shelf",
        "the error of the work"
    );

    let asking = ask(ctx, driver, book(3), LONG);
    consumer.receive().await?.ack().await?;
    ensure_eq!(
        failure(ctx, asking).await?.code(),
        Some("bookdrop.unanswered"),
        "an ack in place of an answer"
    );

    let asking = ask(ctx, driver, book(4), LONG);
    drop(consumer.receive().await?.into_parts().await?);
    failure(ctx, asking).await?;

    let asking = ask(ctx, driver, book(5), LONG);
    consumer.receive().await?.reject("not ours").await?;
    failure(ctx, asking).await?;
    buried_and_too_late(ctx, driver, &mut consumer).await
}

async fn buried_and_too_late(
    ctx: &Context,
    driver: &RigDriver,
    consumer: &mut RigConsumer,
) -> Outcome {
    let asking = ask(ctx, driver, book(6), LONG);
    for _ in 0..5 {
        consumer.receive().await?.nack().await?;
    }
    failure(ctx, asking).await?;
    // A retry after the deadline would answer nobody: the requester need not wait for it.
    let asking = ask(ctx, driver, book(7), LONG);
    consumer.receive().await?.retry_after(LONG * 2).await?;
    unanswered(ctx.join("a retry after the deadline", asking).await?)?;
    let asking = ask(ctx, driver, book(8), LONG);
    driver
        .stats_until("a request is queued", |stats| {
            stats.queued + stats.held == 1
        })
        .await?;
    driver.purge().await;
    let purged = unanswered(ctx.join("a request that is purged", asking).await?)?;
    ensure!(
        failed(&purged.why).is_some(),
        "{:?} in place of a failure",
        purged.why
    );
    Ok(())
}

async fn deadlines(driver: &RigDriver) -> Outcome {
    let short = Duration::from_millis(30);
    let mut consumer = driver.consumer();
    let asked = Instant::now();
    let queued = unanswered(driver.producer().request(book(1), short).await)?;
    ensure!(
        matches!(queued.why, NoReply::Deadline),
        "{:?} in place of a deadline",
        queued.why
    );
    at_least(asked, short, "a deadline")?;
    ensure_eq!(
        number(&queued),
        Some(1),
        "the event of a request that was never taken"
    );
    ensure!(
        consumer.try_receive().await?.is_none(),
        "a request was handed over after its deadline"
    );

    let never_sent = unanswered(driver.producer().request(book(2), Duration::ZERO).await)?;
    ensure!(
        matches!(never_sent.why, NoReply::Deadline),
        "{:?} in place of a deadline",
        never_sent.why
    );
    ensure_eq!(
        number(&never_sent),
        Some(2),
        "the event of a request without any time"
    );

    let (asking, delivery) = taken_with_deadline(driver, &mut consumer, 3).await?;
    let taken = unanswered(
        driver
            .ctx
            .join("the deadline of a request that was taken", asking)
            .await?,
    )?;
    ensure!(
        matches!(taken.why, NoReply::Deadline),
        "{:?} in place of a deadline",
        taken.why
    );
    ensure!(
        taken.event.is_none(),
        "the event of a request that was taken came back"
    );
    delivery.ack().await?;

    let nameless = Event::new("").with_body(Book::numbered(4));
    let invalid = unanswered(driver.producer().request(nameless, LONG).await)?;
    ensure!(
        matches!(invalid.why, NoReply::Invalid),
        "{:?} in place of an invalid event",
        invalid.why
    );
    ensure_eq!(number(&invalid), Some(4), "an invalid event");
    Ok(())
}

pub(super) fn number(unanswered: &Unanswered) -> Option<u64> {
    unanswered.event.as_ref().map(|event| event.body().number)
}

async fn no_consumer(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let short = Duration::from_millis(30);
    if driver.capabilities().no_consumer_detection {
        let nobody = unanswered(driver.producer().request(book(1), LONG).await)?;
        ensure!(
            matches!(nobody.why, NoReply::NoConsumer),
            "{:?} in place of no consumer",
            nobody.why
        );
        ensure_eq!(number(&nobody), Some(1), "the event that no consumer took");
    }
    let asked = Instant::now();
    let late = unanswered(driver.producer().request_patiently(book(2), short).await)?;
    ensure!(
        matches!(late.why, NoReply::Deadline),
        "{:?} in place of a deadline",
        late.why
    );
    at_least(asked, short, "a deadline without a consumer")?;
    ensure_eq!(number(&late), Some(2), "the event that no consumer took");

    let producer = driver.producer();
    let asking = ctx.spawn(async move { Ok(producer.request_patiently(book(3), LONG).await?) });
    driver
        .stats_until("a request waits for a consumer", |stats| {
            stats.waiting_requests == 1
        })
        .await?;
    driver
        .consumer()
        .receive()
        .await?
        .reply(Condition::of(3))
        .await?;
    ensure_eq!(
        ctx.join("a consumer comes", asking).await?,
        Condition::of(3),
        "the reply"
    );
    Ok(())
}

async fn closed(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let _nobody_receives = driver.consumer();
    let asking = ask(ctx, &driver, book(1), LONG);
    driver
        .stats_until("a request waits", |stats| stats.queued + stats.held == 1)
        .await?;
    driver.close().await?;
    for (expected, answer) in [
        (1, ctx.join("the end", asking).await?),
        (2, driver.producer().request(book(2), LONG).await),
    ] {
        let refused = unanswered(answer)?;
        ensure!(
            matches!(refused.why, NoReply::Closed),
            "{:?} in place of the end",
            refused.why
        );
        ensure_eq!(
            number(&refused),
            Some(expected),
            "the event of a request that was never taken"
        );
    }
    Ok(())
}
