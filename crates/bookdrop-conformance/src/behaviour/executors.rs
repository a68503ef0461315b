//! The driver belongs to no executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::behaviour::delivery::finish;
use crate::behaviour::replies::LONG;
use crate::executor::{Executor, Kind, panic_text};
use crate::rig::RigDriver;
use crate::{Condition, Context, Flag, Outcome, Setup, Violation, book, ensure, ensure_eq};

/// Producer and consumer run on different executors, in every pairing, and on a bare thread that polls by hand.
///
/// That the suite passes on each executor is shown by running it there; this case mixes them on one driver.
pub(crate) async fn any_executor(ctx: &Context) -> Outcome {
    for here in Kind::ALL {
        for there in Kind::ALL {
            let met = meet(ctx, here, there);
            let found = ctx.within("two executors meet at one driver", met).await?;
            found.map_err(|violation| {
                Violation::broken(format!("{here:?} and {there:?}: {violation}"))
            })?;
        }
    }
    Ok(())
}

/// Sends, and asks, on one executor, each in its own thread; receives and answers on another.
async fn meet(ctx: &Context, here: Kind, there: Kind) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    // A consumer exists before the first request.
    let consumer = driver.consumer();
    let reader = run_on(there, receive_and_answer(driver.used_from(there)));
    let writer = run_on(here, send_and_ask(driver.used_from(here)));
    writer.join().await?;
    reader.join().await?;
    drop(consumer);
    driver.until_nothing_is_left().await.map(drop)
}

async fn send_and_ask(driver: RigDriver) -> Outcome {
    let producer = driver.producer();
    for number in 0..20 {
        producer.send(book(number)).await?;
    }
    let condition = producer.request(book(20), LONG).await?;
    ensure_eq!(condition.number, 20, "the reply across executors");
    Ok(())
}

async fn receive_and_answer(driver: RigDriver) -> Outcome {
    let mut consumer = driver.consumer();
    for number in 0..20 {
        ensure_eq!(
            finish(consumer.receive().await?).await?,
            number,
            "the order across executors"
        );
    }
    let request = consumer.receive().await?;
    ensure!(request.is_request(), "a request across executors");
    request.reply(Condition::of(20)).await?;
    Ok(())
}

/// Runs the work on an executor of its own, in a thread of its own.
fn run_on(kind: Kind, work: impl Future<Output = Outcome> + Send + 'static) -> Joined {
    let (result, done) = (Arc::new(Mutex::new(None)), Flag::new());
    let (slot, ended) = (result.clone(), done.clone());
    thread::spawn(move || {
        let executor = Executor::new(kind);
        let found = catch_unwind(AssertUnwindSafe(|| executor.block_on(work)));
        let found =
            found.unwrap_or_else(|panic| Err(Violation::broken(panic_text(panic.as_ref()))));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        ended.raise();
    });
    Joined { result, done }
}

/// What a thread found.
struct Joined {
    result: Arc<Mutex<Option<Outcome>>>,
    done: Flag,
}

impl Joined {
    async fn join(self) -> Outcome {
        self.done.raised().await;
        self.result
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .unwrap_or(Ok(()))
    }
}
