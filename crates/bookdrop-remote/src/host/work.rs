//! What is being worked on: futures of the backend, each polled when it is woken.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(super) type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Futures by what they are called. One that is taken out is dropped.
pub(super) struct Work<K, T> {
    all: HashMap<K, (Task<T>, Waker)>,
    woken: Arc<Woken<K>>,
}

/// What is to be polled, and whoever polls it.
struct Woken<K>(Mutex<(Vec<K>, Option<Waker>)>);

struct Bell<K> {
    key: K,
    woken: Arc<Woken<K>>,
}

impl<K> Woken<K> {
    fn lock(&self) -> MutexGuard<'_, (Vec<K>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Send + Sync> Wake for Bell<K> {
    fn wake(self: Arc<Self>) {
        let waker = {
            let mut woken = self.woken.lock();
            woken.0.push(self.key);
            woken.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<K: Copy + Eq + Hash + Send + Sync + 'static, T> Work<K, T> {
    pub(super) fn new() -> Self {
        Work {
            all: HashMap::new(),
            woken: Arc::new(Woken(Mutex::new((Vec::new(), None)))),
        }
    }

    /// Begins with it at once. Returns how it ended, if it did.
    pub(super) fn begin(&mut self, key: K, mut task: Task<T>) -> Option<T> {
        let woken = self.woken.clone();
        let waker = Waker::from(Arc::new(Bell { key, woken }));
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => {
                self.all.insert(key, (task, waker));
                None
            }
        }
    }

    /// It is given up.
    pub(super) fn end(&mut self, key: K) -> bool {
        self.all.remove(&key).is_some()
    }

    /// What was woken since; whoever calls is woken when there is more.
    pub(super) fn woken(&self, cx: &Context<'_>) -> Vec<K> {
        let waker = cx.waker().clone();
        let mut woken = self.woken.lock();
        woken.1 = Some(waker);
        std::mem::take(&mut woken.0)
    }

    /// How it ended, if it did. Nothing, if it is not there any more.
    pub(super) fn poll(&mut self, key: K) -> Option<Poll<T>> {
        let (task, waker) = self.all.get_mut(&key)?;
        let poll = task.as_mut().poll(&mut Context::from_waker(waker));
        if poll.is_ready() {
            self.all.remove(&key);
        }
        Some(poll)
    }
}
