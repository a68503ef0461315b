//! The four ways in which the suite runs: two forms of tokio, smol's executor, and plain threads.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use futures_lite::FutureExt;
use futures_lite::future::block_on;

use crate::Violation;
use crate::flag::Flag;

/// Which executor a behaviour runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// tokio with two worker threads.
    TokioMultiThread,
    /// tokio on the calling thread alone.
    TokioCurrentThread,
    /// smol's executor on three threads.
    Smol,
    /// No executor: every task is a thread and every operation ends with `.wait()`.
    Threads,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [
        Kind::TokioMultiThread,
        Kind::TokioCurrentThread,
        Kind::Smol,
        Kind::Threads,
    ];
}

/// An executor that runs one behaviour, or in stress mode many at once.
pub struct Executor {
    kind: Kind,
    tokio: Option<tokio::runtime::Runtime>,
    spawner: Spawner,
    stop: Flag,
}

impl Executor {
    /// Starts an executor.
    pub fn new(kind: Kind) -> Self {
        let tokio = match kind {
            Kind::TokioMultiThread => Some(
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .build(),
            ),
            Kind::TokioCurrentThread => Some(tokio::runtime::Builder::new_current_thread().build()),
            Kind::Smol | Kind::Threads => None,
        };
        let tokio = tokio.map(|built| built.expect("a tokio runtime can be started"));
        let stop = Flag::new();
        let spawner = match (&tokio, kind) {
            (Some(runtime), _) => Spawner::Tokio(runtime.handle().clone()),
            (None, Kind::Smol) => Spawner::Smol(smol_with_two_workers(&stop)),
            (None, _) => Spawner::Threads,
        };
        Self {
            kind,
            tokio,
            spawner,
            stop,
        }
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What starts tasks on it.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Runs a future to its end on this thread, and the tasks beside it.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match (&self.tokio, &self.spawner) {
            (Some(runtime), _) => runtime.block_on(future),
            (None, Spawner::Smol(executor)) => block_on(executor.run(future)),
            (None, _) => block_on(future),
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop.raise();
        if let Some(runtime) = self.tokio.take() {
            // A task that hangs must not hang the test run too.
            runtime.shutdown_background();
        }
    }
}

fn smol_with_two_workers(stop: &Flag) -> Arc<async_executor::Executor<'static>> {
    let executor = Arc::new(async_executor::Executor::new());
    for _ in 0..2 {
        let (executor, stop) = (executor.clone(), stop.clone());
        thread::spawn(move || block_on(executor.run(stop.raised())));
    }
    executor
}

/// Starts tasks on an [`Executor`].
#[derive(Clone)]
pub enum Spawner {
    /// Tasks of a tokio runtime.
    Tokio(tokio::runtime::Handle),
    /// Tasks of smol's executor.
    Smol(Arc<async_executor::Executor<'static>>),
    /// A thread for each task.
    Threads,
}

impl Spawner {
    /// Starts a task. Dropping the handle lets it run on.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Task {
            result: Arc::default(),
            done: Flag::new(),
            cancel: Flag::new(),
        };
        let (result, done, cancel) = (task.result.clone(), task.done.clone(), task.cancel.clone());
        let run = async move {
            let work = async { Ended::from_work(AssertUnwindSafe(future).catch_unwind().await) };
            let ended = work.or(async { cancelled(&cancel).await }).await;
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
            done.raise();
        };
        match self {
            Spawner::Tokio(handle) => drop(handle.spawn(run)),
            Spawner::Smol(executor) => executor.spawn(run).detach(),
            Spawner::Threads => drop(thread::spawn(move || block_on(run))),
        }
        task
    }
}

async fn cancelled<T>(cancel: &Flag) -> Ended<T> {
    cancel.raised().await;
    Ended::Cancelled
}

enum Ended<T> {
    Returned(T),
    Panicked(String),
    Cancelled,
}

impl<T> Ended<T> {
    fn from_work(result: thread::Result<T>) -> Self {
        match result {
            Ok(value) => Ended::Returned(value),
            Err(payload) => Ended::Panicked(panic_text(payload.as_ref())),
        }
    }
}

/// The text of a panic.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".into())
}

/// A running task; as a future it yields what the task returned, and a [`Violation`] if it panicked or was cancelled.
pub struct Task<T> {
    result: Arc<Mutex<Option<Ended<T>>>>,
    done: Flag,
    cancel: Flag,
}

impl<T> Task<T> {
    /// Cancels the task: its future is dropped at the next point where it waits.
    ///
    /// On plain threads an operation that ends in `.wait()` is no such point, a pause or a [`Flag`] is.
    pub fn cancel(&self) {
        self.cancel.raise();
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.done.is_raised()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Violation>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::pin::pin!(self.done.raised()).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let ended = self
            .result
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Poll::Ready(match ended {
            Some(Ended::Returned(value)) => Ok(value),
            Some(Ended::Panicked(text)) => {
                Err(Violation::broken(format!("a task panicked: {text}")))
            }
            Some(Ended::Cancelled) => Err(Violation::broken("a task was cancelled")),
            None => Err(Violation::broken("a task was joined twice")),
        })
    }
}
