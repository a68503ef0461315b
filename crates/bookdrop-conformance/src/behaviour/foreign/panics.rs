//! Code of the user panics inside the driver.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use bookdrop::{Event, OnFull};
use futures_lite::FutureExt;

use super::still_works;
use crate::behaviour::delivery::finish;
use crate::rig::{NoReply, RigDriver};
use crate::{Book, Context, Hook, Outcome, Setup, book, ensure, ensure_eq};

/// Panics in wakers poison nothing.
pub(super) async fn of_wakers(ctx: &Context) -> Outcome {
    in_waker(ctx).await?;
    of_waker_on_time(ctx).await
}

/// Panics in a `Drop` or a `Clone` of a body poison nothing.
pub(super) async fn of_bodies(ctx: &Context) -> Outcome {
    in_drop(ctx).await?;
    in_clone(ctx).await?;
    of_body_on_time(ctx).await
}

/// Panics the first time.
#[derive(Clone, Default)]
struct Bomb(Arc<AtomicBool>);

impl Bomb {
    fn go_off(&self) {
        if !self.0.swap(true, Ordering::SeqCst) && !std::thread::panicking() {
            resume_unwind(Box::new("foreign code panics"));
        }
    }

    fn went_off(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn book(&self, number: u64) -> Event<Book> {
        let mut event = book(number);
        let bomb = self.clone();
        event.body_mut().hook = Hook::on_drop(move || bomb.go_off());
        event
    }
}

/// Runs an operation that may panic.
async fn survive<T>(operation: impl Future<Output = T>) {
    let _ = AssertUnwindSafe(async { drop(operation.await) })
        .catch_unwind()
        .await;
}

async fn went_off(bomb: &Bomb, driver: &RigDriver, what: &str) -> Outcome {
    ensure!(bomb.went_off(), "no foreign code ran in {what}");
    still_works(driver).await
}

async fn in_drop(ctx: &Context) -> Outcome {
    let mut setup = Setup::new(4);
    (setup.max_dead, setup.on_full) = (1, OnFull::DropOldest);
    let driver = ctx.driver(setup);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());

    let bomb = Bomb::default();
    for event in [book(1), bomb.book(2), book(3)] {
        producer.send(event).await?;
    }
    survive(driver.purge()).await;
    went_off(&bomb, &driver, "a purge").await?;

    let bomb = Bomb::default();
    producer.send(bomb.book(1)).await?;
    let delivery = consumer.receive().await?;
    survive(delivery.ack()).await;
    went_off(&bomb, &driver, "an ack").await?;

    let bomb = Bomb::default();
    producer.send(bomb.book(1)).await?;
    for number in 2..=4 {
        producer.send(book(number)).await?;
    }
    survive(producer.send(book(5))).await;
    went_off(&bomb, &driver, "a full queue that drops the oldest").await?;

    if driver.capabilities().dead_letters {
        let bomb = Bomb::default();
        producer.send(bomb.book(1)).await?;
        let delivery = consumer.receive().await?;
        delivery.reject("torn").await?;
        survive(driver.discard_all()).await;
        went_off(&bomb, &driver, "a dead letter that is discarded").await?;
    }
    driver.until_nothing_is_left().await.map(drop)
}

async fn in_clone(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(4));
    if !driver.capabilities().groups {
        return Ok(());
    }
    let (mut lending, mut audit) = (driver.consumer(), driver.in_group("audit")?);
    let bomb = Bomb::default();
    let mut event = book(1);
    let clones = bomb.clone();
    event.body_mut().hook = Hook::on_clone(move || clones.go_off());
    survive(driver.producer().send(event)).await;
    ensure!(
        bomb.went_off(),
        "no foreign code ran in a send to two groups"
    );
    driver.purge().await;
    driver.producer().send(book(2)).await?;
    ensure_eq!(
        finish(lending.receive().await?).await?,
        2,
        "the next event in one group"
    );
    ensure_eq!(
        finish(audit.receive().await?).await?,
        2,
        "the next event in the other group"
    );
    driver.until_nothing_is_left().await.map(drop)
}

struct PanickingWaker(Bomb);

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        self.0.go_off();
    }
}

async fn in_waker(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(4));
    let bomb = Bomb::default();
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let mut receiving = consumer.start_receive();
    let waker = Waker::from(Arc::new(PanickingWaker(bomb.clone())));
    ensure!(
        receiving.poll_with(&waker).is_pending(),
        "received from an empty queue"
    );
    survive(producer.send(book(1))).await;
    // The send may be over before it is handed over.
    goes_off(&bomb, &driver, "the waker of a receive").await?;
    drop(receiving);
    still_works(&driver).await?;

    let bomb = Bomb::default();
    let waker = Waker::from(Arc::new(PanickingWaker(bomb.clone())));
    let mut receiving = consumer.start_receive();
    ensure!(
        receiving.poll_with(&waker).is_pending(),
        "received from an empty queue"
    );
    survive(driver.close()).await;
    drop(receiving);
    ensure!(
        driver.is_closed(),
        "a panic of foreign code kept the driver open"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// A panic in what time sets off, perhaps on a thread of the driver: time goes on for everybody else.
async fn of_waker_on_time(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(4));
    let short = Duration::from_millis(5);
    let (producer, _consumer) = (driver.producer(), driver.consumer());
    let bomb = Bomb::default();
    let waker = Waker::from(Arc::new(PanickingWaker(bomb.clone())));
    let mut asking = producer.start_request(book(1), short);
    let asked =
        std::panic::catch_unwind(AssertUnwindSafe(|| asking.poll_with(&waker).is_pending()));
    ensure!(
        asked.is_ok_and(|pending| pending),
        "a request waits for its reply"
    );
    goes_off(
        &bomb,
        &driver,
        "the waker of a request whose deadline passes",
    )
    .await?;
    drop(asking);
    time_goes_on(&driver).await
}

/// The same in the `Drop` of a body.
async fn of_body_on_time(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(4));
    let short = Duration::from_millis(5);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    if driver.capabilities().time_to_live {
        let bomb = Bomb::default();
        producer.send(bomb.book(2).with_time_to_live(short)).await?;
        ctx.pause(short).await;
        survive(consumer.try_receive()).await;
        goes_off(&bomb, &driver, "an event that expires").await?;
        time_goes_on(&driver).await?;
    }
    Ok(())
}

async fn goes_off(bomb: &Bomb, driver: &RigDriver, what: &str) -> Outcome {
    let what = format!("foreign code runs in {what}");
    driver
        .stats_until(&what, |_| bomb.went_off())
        .await
        .map(drop)
}

/// Whether a deadline and a delay still come.
async fn time_goes_on(driver: &RigDriver) -> Outcome {
    let short = Duration::from_millis(5);
    let (producer, mut consumer) = (driver.producer(), driver.consumer());
    let late = producer.request(book(3), short).await;
    let deadline = late.is_err_and(|late| matches!(late.why, NoReply::Deadline));
    ensure!(
        deadline,
        "no deadline passes after foreign code has panicked"
    );
    if driver.capabilities().delay {
        producer.send(book(4).with_delay(short)).await?;
        let number = finish(consumer.receive().await?).await?;
        ensure_eq!(number, 4, "a delayed event after foreign code has panicked");
    }
    driver.until_nothing_is_left().await.map(drop)
}
