//! Code of the user runs inside the driver, and may use it there.

mod panics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use bookdrop::{Event, OnFull};
use futures_lite::future::{block_on, zip};

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::{LONG, ask};
use crate::rig::{NotReceived, NotSent, RigDelivery, RigDriver, Started};
use crate::{Book, Condition, Context, Hook, Outcome, Setup, book, ensure, ensure_eq, needs};

/// A waker, a `Drop`, a `Clone` and a handler of the user's send and receive on the same driver; a panic there poisons
/// nothing.
pub(crate) async fn foreign_code_runs_free(ctx: &Context) -> Outcome {
    in_wakers(ctx).await?;
    in_handlers(ctx).await?;
    panics::of_wakers(ctx).await?;
    let capabilities = ctx.driver(Setup::new(1)).capabilities();
    needs(
        capabilities.moves_events,
        "bodies that are moved, so none with a `Drop` or a `Clone` to run",
    )?;
    in_drop(ctx).await?;
    in_drop_of_what_failed(ctx).await?;
    in_clone(ctx).await?;
    panics::of_bodies(ctx).await
}

/// Uses the driver from wherever it is called.
#[derive(Clone)]
pub(super) struct Visitor {
    driver: RigDriver,
    visits: Arc<AtomicUsize>,
    stuck: Arc<AtomicBool>,
}

impl Visitor {
    pub(super) fn new(driver: &RigDriver) -> Self {
        Self {
            driver: driver.awaiting(),
            visits: Arc::default(),
            stuck: Arc::default(),
        }
    }

    /// Sends and receives, on whatever thread it is called. What it finds that is not its own goes back.
    fn visit(&self) {
        if !self.stuck.load(Ordering::SeqCst) && self.is_stuck() {
            self.stuck.store(true, Ordering::SeqCst);
        }
        self.visits.fetch_add(1, Ordering::SeqCst);
    }

    fn is_stuck(&self) -> bool {
        let sent = block_on(self.driver.producer().try_send(book(OWN)));
        let received = block_on(self.driver.consumer().try_receive());
        let settled = match received {
            Ok(Some(delivery)) if delivery.number() == OWN => block_on(delivery.ack()).is_ok(),
            Ok(_) | Err(NotReceived::Closed) => true,
            Err(NotReceived::Stuck) => false,
        };
        !settled || sent.is_err_and(|refused| refused.why == NotSent::Stuck)
    }

    fn hook(&self) -> Hook {
        let visitor = self.clone();
        Hook::on_drop(move || visitor.visit())
    }

    /// An event whose body visits the driver when it is dropped.
    fn book(&self, number: u64) -> Event<Book> {
        let mut event = book(number);
        event.body_mut().hook = self.hook();
        event
    }

    /// Whether it was there, and got out again; and whether the driver still works.
    ///
    /// What expires may be dropped by a thread of the driver, so the visit may still be on its way.
    async fn was_there(&self, what: &str) -> Outcome {
        let came = |_: &_| self.visits.load(Ordering::SeqCst) > 0;
        self.driver
            .stats_until(&format!("foreign code runs in {what}"), came)
            .await?;
        let stuck = self.stuck.load(Ordering::SeqCst);
        ensure!(
            !stuck,
            "foreign code that uses the driver in {what} is stuck"
        );
        self.visits.store(0, Ordering::SeqCst);
        still_works(&self.driver).await
    }
}

/// The number of the events that a visitor sends.
const OWN: u64 = 1_000_000;

/// Whether one more event goes through.
pub(super) async fn still_works(driver: &RigDriver) -> Outcome {
    driver.purge().await;
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    // What was on its way to one who gave up may be queued again by now, and is in the way of whoever sends.
    let received = async {
        while finish(consumer.receive().await?).await? != 9 {}
        Ok(())
    };
    let (sent, received) = zip(producer.send(book(9)), received).await;
    sent?;
    received
}

async fn in_drop(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(8));
    let visitor = Visitor::new(&driver);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    for number in 0..3 {
        producer.send(visitor.book(number)).await?;
    }
    driver.purge().await;
    visitor.was_there("a purge").await?;

    producer.send(visitor.book(1)).await?;
    consumer.receive().await?.ack().await?;
    visitor.was_there("an ack").await?;

    let mut asking = producer.start_request(visitor.book(1), LONG);
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    drop(asking);
    visitor.was_there("a request that is dropped").await?;

    let mut asking = producer.start_request(book(1), LONG);
    ensure!(
        asking.poll_once().is_pending(),
        "a request waits for its reply"
    );
    let request = consumer.receive().await?;
    drop(asking);
    let mut late = Condition::of(1);
    late.hook = visitor.hook();
    request.reply(late).await?;
    visitor.was_there("a late reply").await?;

    if driver.capabilities().groups {
        let audit = driver.in_group("audit")?;
        producer.send(visitor.book(1)).await?;
        driver.remove_group("audit").await;
        drop(audit);
        driver.purge().await;
        visitor.was_there("a group that is removed").await?;
    }
    Ok(())
}

async fn in_drop_of_what_failed(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(1);
    (setup.max_dead, setup.on_full) = (1, OnFull::DropOldest);
    let driver = ctx.driver(setup);
    let visitor = Visitor::new(&driver);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    producer.send(visitor.book(1)).await?;
    producer.send(book(2)).await?;
    visitor
        .was_there("a full queue that drops the oldest")
        .await?;
    if driver.capabilities().time_to_live {
        producer
            .send(visitor.book(3).with_time_to_live(Duration::from_millis(5)))
            .await?;
        ctx.pause(Duration::from_millis(5)).await;
        let expired = consumer.try_receive().await?;
        ensure!(
            expired.is_none_or(|delivery| delivery.number() != 3),
            "an expired event was delivered"
        );
        visitor.was_there("an event that expires").await?;
    }
    if driver.capabilities().dead_letters {
        for number in 4..6 {
            producer.send(visitor.book(number)).await?;
            consumer.receive().await?.reject("torn").await?;
        }
        visitor.was_there("a dead letter that is dropped").await?;
        driver.discard_all().await;
        visitor.was_there("a dead letter that is discarded").await?;
    }
    Ok(())
}

async fn in_clone(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(64));
    if !driver.capabilities().groups {
        return Ok(());
    }
    let (lending, audit) = (driver.consumer(), driver.in_group("audit")?);
    let visitor = Visitor::new(&driver);
    let clones = visitor.clone();
    let mut event = book(1);
    event.body_mut().hook = Hook::on_clone(move || clones.visit());
    driver.producer().send(event).await?;
    visitor.was_there("a send to two groups").await?;
    drop((lending, audit));
    Ok(())
}

/// A waker that visits the driver when it is woken, and when it is dropped.
struct VisitingWaker(Visitor);

impl Wake for VisitingWaker {
    fn wake(self: Arc<Self>) {
        self.0.visit();
    }
}

impl Drop for VisitingWaker {
    fn drop(&mut self) {
        self.0.visit();
    }
}

/// Polls it twice, so that the first waker is dropped by that, as long as it waits. A waker visits the driver when it is dropped, and when
/// it is woken, which may be at any time and on any thread: what ends the wait is what it left there, or took away.
fn poll_twice<T: Send>(started: &mut Started<'_, T>, waker: impl Fn() -> Waker) -> Option<T> {
    for _ in 0..2 {
        if let Poll::Ready(ended) = started.poll_with(&waker()) {
            return Some(ended);
        }
    }
    None
}

/// Settles what a visitor sent, and was not there for: nobody else sends anything.
async fn settle_own(received: RigDelivery) -> Outcome {
    ensure_eq!(received.number(), OWN, "what came from an empty queue");
    received.ack().await?;
    Ok(())
}

async fn in_wakers(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    let visitor = Visitor::new(&driver);
    let waker = || Waker::from(Arc::new(VisitingWaker(visitor.clone())));
    let (producer, mut consumer) = (driver.producer(), driver.consumer());

    let mut receiving = consumer.start_receive();
    if let Some(received) = poll_twice(&mut receiving, waker) {
        settle_own(received?).await?;
    }
    producer.send(book(1)).await?;
    drop(receiving);
    visitor.was_there("the waker of a receive").await?;

    producer.send(book(1)).await?;
    let mut sending = producer.start_send(book(2));
    // There may have been room: while a waker has the event in hand.
    if let Some(sent) = poll_twice(&mut sending, waker) {
        sent?;
    }
    drop(consumer.try_receive().await?);
    drop(sending);
    visitor.was_there("the waker of a send").await?;

    let mut asking = producer.start_request(book(3), LONG);
    ensure!(
        asking.poll_with(&waker()).is_pending(),
        "a request waits for its reply"
    );
    // A waker that is still at work may have left something of its own.
    let request = loop {
        let delivery = consumer.receive().await?;
        match delivery.is_request() {
            true => break delivery,
            false => delivery.ack().await?,
        }
    };
    request.reply(Condition::of(3)).await?;
    drop(asking);
    visitor.was_there("the waker of a request").await?;

    let mut receiving = consumer.start_receive();
    if let Poll::Ready(received) = receiving.poll_with(&waker()) {
        settle_own(received?).await?;
    }
    driver.close().await?;
    drop(receiving);
    ensure!(
        !visitor.stuck.load(Ordering::SeqCst),
        "foreign code that uses the driver in a close is stuck"
    );
    Ok(())
}

/// Work that sends more work to the end of its own full queue, and asks another handler.
async fn in_handlers(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    let mut consumer = driver.consumer();
    let asking = ask(ctx, driver.producer(), 1);
    let request = consumer.receive().await?;
    let (inner, helper) = (driver.producer(), driver.clone());
    request
        .reply_with(async move |event| {
            inner
                .send(book(2))
                .await
                .map_err(|_| bookdrop::Failure::new("no place for more work"))?;
            let more = helper
                .consumer()
                .receive()
                .await
                .map_err(|_| bookdrop::Failure::new("no more work"))?;
            more.ack()
                .await
                .map_err(|_| bookdrop::Failure::new("not settled"))?;
            Ok(Condition::of(event.body().number))
        })
        .await?;
    ctx.join("the reply of work that uses the driver", asking)
        .await?;
    driver.until_nothing_is_left().await?;
    still_works(&driver).await
}
