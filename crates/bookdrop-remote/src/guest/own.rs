//! Requests of this guest. One that it takes itself ends here as soon as nobody waits for it: the keeper hears of that later.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bookdrop_backend::Record;
use tokio::sync::Notify;

/// Requests that wait for their answer, by the id that the library gave them. One that a user gave may be that of several.
#[derive(Default)]
pub(crate) struct Own(HashMap<Box<str>, Asking>);

pub(crate) struct Asking {
    pub(crate) deadline: Instant,
    pub(crate) gone: Arc<Gone>,
    /// Whether this very guest has it in hand, or had.
    pub(crate) was_taken: bool,
}

/// Whether nobody wants an answer any more.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    is_gone: AtomicBool,
    bell: Notify,
}

impl Gone {
    /// Nobody wants it any more.
    pub(crate) fn tell(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    pub(crate) async fn wait(&self) {
        loop {
            let rung = self.bell.notified();
            if self.is_gone.load(Ordering::SeqCst) {
                return;
            }
            rung.await;
        }
    }
}

impl Own {
    /// Somebody begins to wait. Returns by what that is known, if it can be.
    pub(crate) fn begin(&mut self, record: &Record, deadline: Instant) -> Option<Box<str>> {
        if record.is_id_given || record.id.is_empty() || self.0.contains_key(&record.id) {
            return None;
        }
        let asking = Asking {
            deadline,
            gone: Arc::default(),
            was_taken: false,
        };
        self.0.insert(record.id.clone(), asking);
        Some(record.id.clone())
    }

    /// Nobody waits any more. Whoever works on it is to be told.
    pub(crate) fn end(&mut self, id: &str) -> Option<Arc<Gone>> {
        self.0.remove(id).map(|asking| asking.gone)
    }

    pub(crate) fn get(&mut self, record: &Record) -> Option<&mut Asking> {
        let known = self.0.get_mut(&record.id);
        known.filter(|_| !record.is_id_given)
    }
}
