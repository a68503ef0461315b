//! Where a user's future waits for its word.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Somebody waits to be told. Dropped, that will not be.
pub struct Promise<V>(Arc<Shelf<V>>);

/// What is told; `None` where whoever was to tell has gone.
///
/// A waker that is replaced is dropped when it was already decided that this one waits: whatever that waker does meanwhile does not end
/// the poll in which it happens.
pub struct Word<V>(Arc<Shelf<V>>);

struct Shelf<V>(Mutex<State<V>>);

struct State<V> {
    value: Option<V>,
    waker: Option<Waker>,
    is_over: bool,
}

/// Somebody begins to wait.
pub fn promise<V>() -> (Promise<V>, Word<V>) {
    let shelf = Arc::new(Shelf(Mutex::new(State {
        value: None,
        waker: None,
        is_over: false,
    })));
    (Promise(shelf.clone()), Word(shelf))
}

impl<V> Shelf<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Promise<V> {
    /// Whether somebody waits still.
    pub fn is_awaited(&self) -> bool {
        !self.0.lock().is_over
    }

    /// Tells it, if whoever waits has a waker like this, or none yet. Gives it back otherwise.
    pub(super) fn send_if(
        self,
        value: V,
        may_wake: impl FnOnce(&Waker) -> bool,
    ) -> Result<(), (Self, V)> {
        let mut state = self.0.lock();
        if state.is_over || !state.waker.as_ref().is_none_or(may_wake) {
            drop(state);
            return Err((self, value));
        }
        state.value = Some(value);
        // From now on it is dropped by whoever waits, also where they do so no more when this is.
        state.is_over = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Tells it. It is dropped where nobody waits.
    pub fn send(self, value: V) {
        let mut state = self.0.lock();
        if state.is_over {
            drop(state);
            return drop(value);
        }
        state.value = Some(value);
        // The waker is woken, and the lock is free, when this is dropped.
    }
}

impl<V> Drop for Promise<V> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_over = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<V> Future for Word<V> {
    type Output = Option<V>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = cx.waker().clone();
        let mut state = self.0.lock();
        if let Some(value) = state.value.take() {
            return Poll::Ready(Some(value));
        }
        if state.is_over {
            return Poll::Ready(None);
        }
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }
}

impl<V> Drop for Word<V> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_over = true;
        let rest = (state.value.take(), state.waker.take());
        drop(state);
        drop(rest);
    }
}
