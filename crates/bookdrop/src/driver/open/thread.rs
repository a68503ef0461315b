//! Work on a thread of its own, for a future that waits for it on any executor.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

/// Work on another thread. Dropped, the work goes on, and what comes of it is dropped there. A panic of it goes on where it is
/// polled.
pub(super) struct Working<V>(Arc<Mutex<Shared<V>>>);

struct Shared<V> {
    /// What came of it, or its panic: nobody is to wait for ever for what panicked.
    done: Option<thread::Result<V>>,
    waker: Option<Waker>,
}

impl<V: Send + 'static> Working<V> {
    pub(super) fn begin(work: impl FnOnce() -> V + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared {
            done: None,
            waker: None,
        }));
        let working = Working(shared.clone());
        let thread = thread::Builder::new().name("bookdrop-open".to_owned());
        thread.spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(work));
            let waker = {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.done = Some(done);
                shared.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        })?;
        Ok(working)
    }
}

impl<V> Working<V> {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<V> {
        // Wakers are foreign code: they are cloned and dropped without the lock.
        let waker = cx.waker().clone();
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = shared.done.take() {
            drop(shared);
            return Poll::Ready(done.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        let former = shared.waker.replace(waker);
        drop(shared);
        drop(former);
        Poll::Pending
    }
}
