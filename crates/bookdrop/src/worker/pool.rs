//! Where the jobs of a worker run.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;

use super::job::{CallOff, Ended, Job};

/// The jobs that run.
pub(super) trait Pool<T, R> {
    /// How many run.
    fn len(&self) -> usize;
    /// Begins one, which may end at once.
    fn begin(&mut self, job: Job<T, R>, cx: &mut Context<'_>) -> Option<Ended>;
    /// Ready with one that has ended.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Ended>;
    /// Drops those whose handlers run, and says how many they were; or has them dropped, and they say so themselves.
    fn call_off(&mut self) -> usize;
}

/// All in the task that runs the worker.
pub(super) struct Here<T, R>(FuturesUnordered<Job<T, R>>);

impl<T: Send + 'static, R: Send + 'static> Here<T, R> {
    pub(super) fn new() -> Self {
        Here(FuturesUnordered::new())
    }
}

impl<T: Send + 'static, R: Send + 'static> Pool<T, R> for Here<T, R> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn begin(&mut self, mut job: Job<T, R>, cx: &mut Context<'_>) -> Option<Ended> {
        // Most end at once, and to put one among the others costs an allocation.
        if let Poll::Ready(ended) = Pin::new(&mut job).poll(cx) {
            return Some(ended);
        }
        self.0.push(job);
        None
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        match Pin::new(&mut self.0).poll_next(cx) {
            Poll::Ready(Some(ended)) => Poll::Ready(ended),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn call_off(&mut self) -> usize {
        let before = self.0.len();
        let jobs = std::mem::take(&mut self.0).into_iter();
        self.0 = jobs.filter(|job| !job.is_working()).collect();
        before - self.0.len()
    }
}

/// A task of some executor.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Each in a task of its own.
pub(super) struct Spawned<Spawn> {
    spawn: Spawn,
    last: u64,
    running: HashMap<u64, Arc<CallOff>>,
    board: Arc<Board>,
}

/// Where tasks say how they ended.
#[derive(Default)]
struct Board(Mutex<Notices>);

#[derive(Default)]
struct Notices {
    ended: VecDeque<(u64, Ended)>,
    waker: Option<Waker>,
}

impl<Spawn> Spawned<Spawn> {
    pub(super) fn new(spawn: Spawn) -> Self {
        Spawned {
            spawn,
            last: 0,
            running: HashMap::new(),
            board: Arc::default(),
        }
    }
}

impl<T, R, Spawn> Pool<T, R> for Spawned<Spawn>
where
    T: Send + 'static,
    R: Send + 'static,
    Spawn: FnMut(Task),
{
    fn len(&self) -> usize {
        self.running.len()
    }

    fn begin(&mut self, job: Job<T, R>, _: &mut Context<'_>) -> Option<Ended> {
        self.last += 1;
        let call_off = Arc::new(CallOff::default());
        self.running.insert(self.last, call_off.clone());
        let notice = Notice {
            number: self.last,
            // Where the executor drops the task.
            ended: Ended::PutBack,
            board: self.board.clone(),
        };
        let job = job.until(call_off);
        (self.spawn)(Box::pin(async move {
            let mut notice = notice;
            notice.ended = job.await;
        }));
        None
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        match self.board.poll_notice(cx) {
            Poll::Ready((number, ended)) => {
                self.running.remove(&number);
                Poll::Ready(ended)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn call_off(&mut self) -> usize {
        self.running.values().for_each(|job| job.call_off());
        0
    }
}

impl<Spawn> Drop for Spawned<Spawn> {
    fn drop(&mut self) {
        self.running.values().for_each(|job| job.call_off());
    }
}

/// Says how a task ended, when it is gone.
struct Notice {
    number: u64,
    ended: Ended,
    board: Arc<Board>,
}

impl Drop for Notice {
    fn drop(&mut self) {
        let mut notices = self.board.lock();
        notices.ended.push_back((self.number, self.ended));
        let waker = notices.waker.take();
        drop(notices);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Board {
    fn poll_notice(&self, cx: &mut Context<'_>) -> Poll<(u64, Ended)> {
        // No waker is cloned or dropped under the lock.
        let waker = cx.waker().clone();
        let mut notices = self.lock();
        let notice = notices.ended.pop_front();
        let former = match notice {
            Some(_) => None,
            None => notices.waker.replace(waker),
        };
        drop(notices);
        drop(former);
        notice.map_or(Poll::Pending, Poll::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, Notices> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
