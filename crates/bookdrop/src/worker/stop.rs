//! How a worker is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bookdrop_queue::clock;

/// Stops a [`Worker`](super::Worker) from elsewhere; made by [`Worker::handle`](super::Worker::handle). Clones are handles on the same
/// worker, and dropping them does nothing.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Consumer, Driver, Event, Failure, Producer, Worker};
///
/// async fn shelve(book: &Event) -> Result<(), Failure> {
///     println!("{}", book.name());
///     Ok(())
/// }
///
/// let library: Driver = Driver::memory(10);
/// let worker = Worker::new(Consumer::new(&library)).on("S", shelve);
/// let handle = worker.handle();
/// let running = std::thread::spawn(|| worker.run().wait());
///
/// Producer::new(&library).send(Event::new("S")).wait()?;
/// handle.stop(Duration::from_secs(30));
/// let report = running.join().unwrap()?;
/// assert_eq!((report.failed, report.put_back), (0, 0));
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WorkerHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    stop: Mutex<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    /// When what is in hand is given up.
    grace_ends: Option<Instant>,
    waker: Option<Waker>,
}

impl WorkerHandle {
    /// Stops the worker: it takes no more events, and waits for the handlers that run, at most so long. Then those that have not ended are
    /// dropped, and their events come back to the queue, without having failed. What a handler has ended is settled to the end, as long as the
    /// driver takes for that. The driver stays open.
    ///
    /// A handler can be dropped where it awaits something. One that computes all the time keeps its worker, and one that is
    /// [`blocking`](crate::blocking()) is left behind.
    ///
    /// Told so again, with less time, it waits no longer than that.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Worker};
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library));
    /// worker.handle().stop(Duration::ZERO);
    /// worker.run().wait()?; // ends at once
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn stop(&self, grace: Duration) {
        let ends = clock::after(clock::now(), grace);
        self.0.is_stopped.store(true, Ordering::Release);
        let mut stop = self.lock();
        let former = stop.grace_ends;
        stop.grace_ends = Some(former.map_or(ends, |former| former.min(ends)));
        let waker = stop.waker.take();
        drop(stop);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether it was told to stop: then nothing more is taken, also by a poll that is under way.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Acquire)
    }

    /// Ready with the end of the grace time, once the worker was told to stop. Later wakes when that changes.
    pub(super) fn poll_stop(&self, known: Option<Instant>, cx: &mut Context<'_>) -> Poll<Instant> {
        // No waker is cloned or dropped under the lock.
        let waker = cx.waker().clone();
        let mut stop = self.lock();
        let changed = stop.grace_ends.filter(|ends| Some(*ends) != known);
        let former = match changed {
            Some(_) => None,
            None => stop.waker.replace(waker),
        };
        drop(stop);
        drop(former);
        changed.map_or(Poll::Pending, Poll::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, Stop> {
        self.0.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
