//! What events leave behind is used again: a box with its buffers goes from the consumer back to the producers.
//!
//! An event is owned, so what is recycled is what an event left when it was dropped: nothing that is queued, awaited or in
//! hand can be among it. What comes back was cleared. Where there is no spare one, a new one is allocated; nobody waits.
//!
//! Each thread has a few of its own. One that has too many hands a batch over to all, and one that has none takes such
//! a batch, so that the lock is taken once in [`BATCH`] events.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use bookdrop_queue::{Block, Recycle, prefetch};

use super::meta::Meta;

/// As many go from thread to thread at once.
const BATCH: usize = 32;
/// Batches that all threads share at most: what goes beyond is freed.
const SHARED: usize = 256;

type Batch = Vec<Box<Block<Meta>>>;

/// The spare ones of one thread.
///
/// Invariant: no batch holds more than [`BATCH`].
struct Own {
    current: Batch,
    /// Full or empty: so one who takes and gives in turn does not go to the shared ones each time.
    other: Batch,
}

/// What all threads share.
struct Shared {
    full: Vec<Batch>,
    empty: Vec<Batch>,
}

thread_local! {
    static OWN: RefCell<Own> = const {
        RefCell::new(Own {
            current: Vec::new(),
            other: Vec::new(),
        })
    };
}

static ALL: Mutex<Shared> = Mutex::new(Shared {
    full: Vec::new(),
    empty: Vec::new(),
});

/// A spare one, or a new one.
#[inline]
pub(super) fn take() -> Box<Block<Meta>> {
    // `Err`: the thread is ending, and its locals are gone.
    let spare = OWN.try_with(|own| own.borrow_mut().take());
    spare.ok().flatten().unwrap_or_default()
}

/// Clears what an event left, and keeps it.
impl Recycle for Meta {
    #[inline]
    fn recycle(mut spare: Box<Block<Self>>) {
        spare.head.clear();
        let _ = OWN.try_with(|own| own.borrow_mut().give(spare));
    }
}

impl Own {
    #[inline]
    fn take(&mut self) -> Option<Box<Block<Meta>>> {
        if self.current.is_empty() {
            self.refill();
        }
        let spare = self.current.pop();
        if let Some(next) = self.current.last() {
            prefetch(&next.head, Meta::USED);
        }
        spare
    }

    #[cold]
    fn refill(&mut self) {
        std::mem::swap(&mut self.current, &mut self.other);
        if self.current.is_empty() {
            shared(|all| {
                if let Some(full) = all.full.pop() {
                    let empty = std::mem::replace(&mut self.current, full);
                    all.empty.push(empty);
                }
            });
        }
    }

    #[inline]
    fn give(&mut self, spare: Box<Block<Meta>>) {
        if self.current.len() >= BATCH {
            self.hand_over();
        }
        self.current.push(spare);
    }

    #[cold]
    fn hand_over(&mut self) {
        std::mem::swap(&mut self.current, &mut self.other);
        if self.current.len() < BATCH {
            return;
        }
        let surplus = shared(|all| {
            let new = || Vec::with_capacity(BATCH);
            let empty = all.empty.pop().unwrap_or_else(new);
            let full = std::mem::replace(&mut self.current, empty);
            match all.full.len() < SHARED {
                true => {
                    all.full.push(full);
                    None
                }
                false => Some(full),
            }
        });
        drop(surplus);
    }
}

fn shared<R>(change: impl FnOnce(&mut Shared) -> R) -> R {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let Shared { full, empty } = &mut *all;
    // All at once, so that later on nothing grows.
    full.reserve_exact(SHARED.saturating_sub(full.len()));
    empty.reserve_exact(SHARED.saturating_sub(empty.len()));
    change(&mut all)
}
