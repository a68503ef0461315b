//! A worker under test.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bookdrop::{Consumer, Done, Event, Failure, Retry, WorkReport, Worker, WorkerHandle, retrying};
use futures_lite::FutureExt;

use super::{NotReceived, RigDriver};
use crate::fault::Plan;
use crate::{Book, Condition, Context, Fault, Flag};

/// What a handler of the suite does.
pub type Working = Pin<Box<dyn Future<Output = Worked> + Send>>;
type Worked = Result<Done<Book, Condition>, Failure>;

/// A worker under test, with one handler, which is given the number of each book.
pub struct RigWorker {
    ctx: Context,
    worker: Worker<Book, Condition>,
    stopper: Stopper,
}

impl RigWorker {
    pub(crate) fn new(
        driver: &RigDriver,
        retry: Retry,
        handler: impl Fn(u64) -> Working + Send + Sync + 'static,
    ) -> Self {
        let (plan, stops) = (driver.ctx.plan().clone(), Flag::new());
        let stopping = stops.clone();
        let handler = move |event: &Event<Book>| {
            let working = handler(event.body().number);
            as_broken(plan.clone(), stopping.clone(), working)
        };
        let worker = Worker::new(Consumer::new(&driver.driver)).otherwise(retrying(retry, handler));
        let stopper = Stopper {
            plan: driver.ctx.plan().clone(),
            stops,
            handle: Arc::new(worker.handle()),
        };
        Self {
            ctx: driver.ctx.clone(),
            worker,
            stopper,
        }
    }

    /// At most so many events at a time.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        let ignored = self.ctx.plan().fires(Fault::WorkerIgnoresLimit);
        self.worker = self
            .worker
            .concurrency(if ignored { 1_000 } else { handlers });
        self
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Runs it to its end.
    pub async fn run(self) -> Result<WorkReport, NotReceived> {
        // It runs as long as it likes, so the suite's patience is with those who wait for what it does.
        match self.ctx.blocking() {
            true => self.worker.run().wait(),
            false => self.worker.run().await,
        }
        .map_err(|_| NotReceived::Closed)
    }
}

/// Stops a worker under test.
#[derive(Clone)]
pub struct Stopper {
    plan: Plan,
    stops: Flag,
    handle: Arc<WorkerHandle>,
}

impl Stopper {
    /// Stops it, with so much time for what it has in hand.
    pub fn stop(&self, grace: Duration) {
        self.stops.raise();
        let ignored = self.plan.fires(Fault::WorkerIgnoresGrace);
        self.handle
            .stop(if ignored { Duration::ZERO } else { grace });
    }
}

/// Works as a handler does whose worker is broken.
async fn as_broken(plan: Plan, stops: Flag, working: Working) -> Worked {
    let worked = match plan.is(Fault::WorkerFailsOnStop) {
        true => working.or(fails_on_stop(&plan, &stops)).await,
        false => working.await,
    };
    match worked {
        Ok(_) if plan.fires(Fault::WorkerForgetsOutcome) => Ok(Done::new()),
        Err(_) if plan.fires(Fault::WorkerSwallowsFailure) => Ok(Done::new()),
        Err(failure) if failure.is_permanent() && plan.fires(Fault::WorkerRetriesPermanent) => {
            Err(Failure::new(failure.message()))
        }
        worked => worked,
    }
}

async fn fails_on_stop(plan: &Plan, stops: &Flag) -> Worked {
    stops.raised().await;
    plan.fires(Fault::WorkerFailsOnStop);
    Err(Failure::new("the worker stops"))
}
