//! What a behaviour works with: drivers, tasks, pauses, limits.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bookdrop::Driver;
use futures_lite::FutureExt;
use futures_timer::Delay;

use crate::executor::{Spawner, Task};
use crate::fault::Plan;
use crate::rig::RigDriver;
use crate::{Book, Condition, Outcome, Setup, Violation};

/// Makes the driver under test.
pub type Build = fn(&Setup) -> Driver<Book, Condition>;

/// The driver under test, and where its tests are.
#[derive(Clone, Copy)]
pub struct UnderTest {
    /// Makes the driver.
    pub build: Build,
    /// The module in which [`suite!`](crate::suite!) made the tests, as `module_path!()` tells it there. Another process
    /// finds its [part](crate::run::other_process) by it.
    pub module: &'static str,
    /// Whether nothing is tested, since what the driver needs is not to be used: then this says so.
    pub is_left_out: fn() -> bool,
}

impl UnderTest {
    /// What the test harness calls the test that plays a part in another process.
    pub(crate) fn other_process(&self) -> String {
        let inside = self.module.split_once("::");
        let inside = inside.map(|(_, inside)| format!("{inside}::"));
        format!("{}other_process", inside.unwrap_or_default())
    }
}

/// Everything that one run of one behaviour needs; clones share it.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
    ending: Ending,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// With `.wait()`.
    Waited,
    /// With `.await`, within the suite's patience.
    Awaited,
    /// Polled by hand: nothing else of the suite sees its waker.
    ByHand,
}

struct Shared {
    under_test: UnderTest,
    spawner: Spawner,
    plan: Plan,
    patience: Duration,
    numbers: AtomicU64,
}

impl Context {
    /// A run on this executor, with this patience for what must happen, and the faults of this plan.
    pub fn new(under_test: UnderTest, spawner: Spawner, plan: Plan, patience: Duration) -> Self {
        let ending = match &spawner {
            Spawner::Threads => Ending::Waited,
            _ => Ending::Awaited,
        };
        let numbers = AtomicU64::new(0);
        let shared = Shared {
            under_test,
            spawner,
            plan,
            patience,
            numbers,
        };
        Self {
            shared: Arc::new(shared),
            ending,
        }
    }

    /// A new driver under test, with a queue of its own.
    pub fn driver(&self, setup: Setup) -> RigDriver {
        RigDriver::new(self, setup)
    }

    pub(crate) fn build(&self, setup: &Setup) -> Driver<Book, Condition> {
        (self.shared.under_test.build)(setup)
    }

    pub(crate) fn under_test(&self) -> UnderTest {
        self.shared.under_test
    }

    /// A number that this run has not used before.
    pub fn number(&self) -> u64 {
        self.shared.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The first in the short form of the suite, the second with `BOOKDROP_LONG=1`; a fifth of the first where a broken
    /// driver is to be caught, since that must not take long.
    pub fn count(&self, short: u64, long: u64) -> u64 {
        match crate::run::is_long() {
            _ if !self.plan().is_sound() => short / 5,
            true => long,
            false => short,
        }
    }

    /// Whether every operation ends with `.wait()`.
    pub fn blocking(&self) -> bool {
        self.ending == Ending::Waited
    }

    /// Whether an operation that is awaited has a limit.
    pub(crate) fn limited(&self) -> bool {
        self.ending != Ending::ByHand
    }

    /// The same run with every operation awaited.
    pub(crate) fn awaiting(&self) -> Self {
        Self {
            ending: Ending::Awaited,
            ..self.clone()
        }
    }

    /// The same run with every operation polled by hand.
    pub(crate) fn by_hand(&self) -> Self {
        Self {
            ending: Ending::ByHand,
            ..self.clone()
        }
    }

    /// The same run with every operation ended by `.wait()`.
    pub(crate) fn waiting(&self) -> Self {
        Self {
            ending: Ending::Waited,
            ..self.clone()
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// Starts a task on the executor.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.spawner.spawn(future)
    }

    /// How long the suite waits for what must happen: far longer than any driver needs.
    pub fn patience(&self) -> Duration {
        self.shared.patience
    }

    /// Lets time pass, where time itself is what matters.
    pub async fn pause(&self, how_long: Duration) {
        Delay::new(how_long).await
    }

    /// Waits for what must happen.
    pub async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> Outcome<T> {
        let late = async {
            Delay::new(self.patience()).await;
            Err(Violation::broken(format!(
                "{what}: not within {:?}",
                self.patience()
            )))
        };
        async { Ok(future.await) }.or(late).await
    }

    /// Waits for a task, and for what it found.
    pub async fn join<T>(&self, what: &str, task: Task<Outcome<T>>) -> Outcome<T> {
        self.within(what, task).await??
    }

    /// Waits for all the tasks, and for what they found.
    pub async fn join_all<T>(&self, what: &str, tasks: Vec<Task<Outcome<T>>>) -> Outcome<Vec<T>> {
        let mut found = Vec::with_capacity(tasks.len());
        for task in tasks {
            found.push(self.join(what, task).await?);
        }
        Ok(found)
    }
}

/// Skips the behaviour unless the driver declares the ability.
pub fn needs(declared: bool, ability: &str) -> Outcome {
    if declared {
        Ok(())
    } else {
        Err(Violation::skipped(format!(
            "the driver declares no {ability}"
        )))
    }
}

/// Checks an operation that the driver declares it cannot do: it must be refused, and then there is no more to see.
pub fn must_be_refused<T, E>(ability: &str, answer: Result<T, E>) -> Outcome {
    match answer {
        Ok(_) => Err(Violation::broken(format!(
            "declares no {ability}, and yet accepts it silently"
        ))),
        Err(_) => Err(Violation::skipped(format!(
            "no {ability}, and it is refused as declared"
        ))),
    }
}
