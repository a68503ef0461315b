//! Why there is no room for more, as on a full disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bookdrop_backend::Error;

/// Why the last file that was to be made could not be made; nothing if it could.
#[derive(Default)]
pub(super) struct Shortage {
    /// Whether there is a reason. It is asked at every send, and says nothing of other memory.
    is_there: AtomicBool,
    why: Mutex<Option<Error>>,
}

impl Shortage {
    pub(super) fn begin(&self, why: Error) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Where a reason is known already, another one may say less.
    pub(super) fn begin_if_new(&self, why: Error) {
        if !self.is_there() {
            self.begin(why);
        }
    }

    pub(super) fn end(&self) {
        self.is_there.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    pub(super) fn why(&self) -> Option<Error> {
        let why = || {
            self.why
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        };
        self.is_there().then(why).flatten()
    }
}
