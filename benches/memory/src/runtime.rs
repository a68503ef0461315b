//! The executors of the async rows.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::runtime::{Builder, Runtime};

use crate::pin;

/// Which executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executor {
    /// tokio's multi-thread runtime with two workers.
    TwoWorkers,
    /// tokio's current-thread runtime.
    CurrentThread,
}

impl Executor {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TwoWorkers => "two workers",
            Self::CurrentThread => "current-thread",
        }
    }

    /// Starts it. All contenders of a row share one.
    pub(crate) fn start(self) -> Runtime {
        let builder = match self {
            Self::TwoWorkers => &mut two_workers(),
            Self::CurrentThread => &mut Builder::new_current_thread(),
        };
        builder.enable_time().build().expect("the executor starts")
    }
}

fn two_workers() -> Builder {
    let started = AtomicUsize::new(0);
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .on_thread_start(move || pin::this_thread(started.fetch_add(1, Relaxed)));
    builder
}
