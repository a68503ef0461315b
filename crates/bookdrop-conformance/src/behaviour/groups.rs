//! Consumers of one group share the events; each group gets every event.

use crate::behaviour::delivery::{exactly_once, finish};
use crate::rig::{NotReceived, NotSent, RigConsumer, RigDriver};
use crate::{Condition, Context, Outcome, Setup, book, ensure, ensure_eq, must_be_refused};
use std::time::Duration;

/// Consumers of one group compete: several hold different events at once, and each event goes to one of them.
pub(crate) async fn group_competes_once_each(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(100));
    let mut first = driver.consumer();
    let mut second = driver.consumer();
    let mut third = first.clone();
    for number in 0..60 {
        driver.producer().send(book(number)).await?;
    }
    let in_hand = [
        first.receive().await?,
        second.receive().await?,
        third.receive().await?,
    ];
    let mut seen = Vec::new();
    for delivery in in_hand {
        seen.push(finish(delivery).await?);
    }
    let mut consumers = [first, second, third];
    for turn in 0..57 {
        seen.push(finish(consumers[turn % 3].receive().await?).await?);
    }
    exactly_once(seen, 0..60)?;
    for consumer in &mut consumers {
        let more = consumer.try_receive().await?;
        ensure!(
            more.is_none(),
            "a consumer got an event that another of its group had acked"
        );
    }
    Ok(())
}

/// Each group gets every event, with its own order, attempts and dead letters, whatever the others do.
pub(crate) async fn groups_each_get_all(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(100));
    if !driver.capabilities().groups {
        return must_be_refused("groups", driver.in_group("audit"));
    }
    let mut lending = driver.consumer();
    let mut audit = driver.in_group("audit")?;
    let mut mail = driver.in_group("mail")?;
    let mut more_mail = driver.in_group("mail")?;
    for number in 0..50 {
        driver.producer().send(book(number)).await?;
    }
    for number in 0..50 {
        ensure_eq!(
            finish(lending.receive().await?).await?,
            number,
            "the order of the default group"
        );
        ensure_eq!(
            finish(audit.receive().await?).await?,
            number,
            "the order of the group audit"
        );
    }
    let mut by_mail = Vec::new();
    for _ in 0..25 {
        by_mail.push(finish(mail.receive().await?).await?);
        by_mail.push(finish(more_mail.receive().await?).await?);
    }
    exactly_once(by_mail, 0..50)?;
    drop(more_mail);
    the_fullest_group_decides(ctx).await?;
    failures_stay_in_their_group(&driver, &mut lending, &mut audit, &mut mail).await?;
    a_group_can_be_removed(&driver, &mut lending, &mut audit, &mut mail).await
}

async fn failures_stay_in_their_group(
    driver: &RigDriver,
    lending: &mut RigConsumer,
    audit: &mut RigConsumer,
    mail: &mut RigConsumer,
) -> Outcome {
    driver.producer().send(book(100)).await?;
    let refused = audit.receive().await?;
    ensure_eq!(refused.group(), "audit", "the group of a delivery");
    if driver.capabilities().dead_letters {
        refused.reject("not in the books").await?;
        ensure_eq!(
            driver.dead_letters("audit").await.len(),
            1,
            "dead letters of the group audit"
        );
        ensure_eq!(
            driver.dead_letters("default").await.len(),
            0,
            "dead letters of the default group"
        );
    } else {
        refused.ack().await?;
    }
    mail.receive().await?.nack().await?;
    let again = mail.receive().await?;
    ensure_eq!(again.attempt(), 2, "the attempt in the group that failed");
    finish(again).await?;
    let first = lending.receive().await?;
    ensure_eq!(
        first.attempt(),
        1,
        "the attempt in a group that did not fail"
    );
    finish(first).await?;
    for consumer in [lending, audit, mail] {
        ensure!(
            consumer.try_receive().await?.is_none(),
            "a failure in one group reached another"
        );
    }
    Ok(())
}

async fn a_group_can_be_removed(
    driver: &RigDriver,
    lending: &mut RigConsumer,
    audit: &mut RigConsumer,
    mail: &mut RigConsumer,
) -> Outcome {
    ensure!(
        driver.remove_group("mail").await,
        "an existing group can be removed"
    );
    ensure!(
        !driver.remove_group("mail").await,
        "a removed group cannot be removed again"
    );
    ensure!(
        !driver.groups().await.contains(&"mail".to_owned()),
        "a removed group is still listed"
    );
    let end = mail.receive().await.err();
    ensure_eq!(
        end,
        Some(NotReceived::Closed),
        "what a consumer of a removed group is told"
    );
    driver.producer().send(book(200)).await?;
    let mut late = driver.in_group("late")?;
    driver.producer().send(book(201)).await?;
    ensure_eq!(
        finish(late.receive().await?).await?,
        201,
        "a later group gets what is sent after it"
    );
    for number in [200, 201] {
        ensure_eq!(
            finish(lending.receive().await?).await?,
            number,
            "the other groups go on"
        );
        ensure_eq!(
            finish(audit.receive().await?).await?,
            number,
            "the other groups go on"
        );
    }
    requests_go_to_the_default_group(driver, lending, audit).await
}

/// A send waits for the fullest group, and no more once that group is gone.
async fn the_fullest_group_decides(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(2));
    let producer = driver.producer();
    let (mut lending, mut audit) = (driver.consumer(), driver.in_group("audit")?);
    for number in 0..2 {
        producer.send(book(number)).await?;
        finish(lending.receive().await?).await?;
    }
    let full = producer.try_send(book(2)).await.err();
    ensure_eq!(
        full.map(|refused| refused.why),
        Some(NotSent::Full),
        "one group is full"
    );
    finish(audit.receive().await?).await?;
    producer.try_send(book(3)).await?;
    let sending = ctx.spawn(async move { Ok(producer.send(book(4)).await?) });
    driver
        .stats_until("a send waits for the full group", |stats| {
            stats.waiting_senders == 1
        })
        .await?;
    ensure!(
        driver.remove_group("audit").await,
        "an existing group can be removed"
    );
    ctx.join("a send that waited for a group that is gone", sending)
        .await?;
    for number in [3, 4] {
        ensure_eq!(
            finish(lending.receive().await?).await?,
            number,
            "the other group goes on"
        );
    }
    drop(audit);
    driver.until_nothing_is_left().await.map(drop)
}

async fn requests_go_to_the_default_group(
    driver: &RigDriver,
    lending: &mut RigConsumer,
    audit: &mut RigConsumer,
) -> Outcome {
    let producer = driver.producer();
    let asking = driver.ctx.spawn(async move {
        producer
            .request(book(300), Duration::from_secs(3_600))
            .await
    });
    let request = lending.receive().await?;
    ensure!(request.is_request(), "the default group gets the request");
    ensure!(
        audit.try_receive().await?.is_none(),
        "a request went to another group too"
    );
    request.reply(Condition::of(300)).await?;
    ensure_eq!(asking.await??.number, 300, "the reply");
    Ok(())
}
