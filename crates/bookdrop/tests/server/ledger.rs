//! What was promised to those who send, ask and work, and what is held against that.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happened so far, as its users saw it.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    confirmed: HashSet<String>,
    received: HashSet<String>,
    acked: HashSet<String>,
    answered: HashMap<String, usize>,
    replies: usize,
    failures: usize,
    wrong: Vec<String>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Progress {
    /// Sends that were confirmed.
    pub(crate) confirmed: usize,
    /// Events that were acked.
    pub(crate) acked: usize,
    /// Requests that were answered.
    pub(crate) answered: usize,
    /// Requests that got their reply.
    pub(crate) replies: usize,
    /// Requests that ended without one, and sends that were tried again.
    pub(crate) failures: usize,
}

impl Progress {
    /// Whether everything went on by so much since then.
    pub(crate) fn is_beyond(&self, then: &Progress, by: usize) -> bool {
        self.confirmed >= then.confirmed + by
            && self.acked >= then.acked + by
            && self.answered >= then.answered + by
            && self.replies >= then.replies + by
    }
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn confirm(&self, name: &str) {
        self.entries().confirmed.insert(name.to_owned());
    }

    /// A consumer has it. What was acked before must not come again.
    pub(crate) fn receive(&self, name: &str, attempt: u32) {
        let mut entries = self.entries();
        entries.received.insert(name.to_owned());
        if entries.acked.contains(name) {
            let told = format!("{name} was acked, and came back as attempt {attempt}");
            entries.wrong.push(told);
        }
    }

    pub(crate) fn ack(&self, name: &str) {
        self.entries().acked.insert(name.to_owned());
    }

    /// A consumer was told that its answer reached the requester.
    pub(crate) fn answer(&self, name: &str) {
        let mut entries = self.entries();
        let times = entries.answered.entry(name.to_owned()).or_default();
        *times += 1;
        let times = *times;
        if times > 1 {
            let told = format!("{name} was answered {times} times");
            entries.wrong.push(told);
        }
    }

    pub(crate) fn reply(&self) {
        self.entries().replies += 1;
    }

    /// Something failed that may fail, and may be tried again.
    pub(crate) fn fail(&self) {
        self.entries().failures += 1;
    }

    pub(crate) fn wrong(&self, what: fmt::Arguments<'_>) {
        self.entries().wrong.push(what.to_string());
    }

    pub(crate) fn progress(&self) -> Progress {
        let entries = self.entries();
        Progress {
            confirmed: entries.confirmed.len(),
            acked: entries.acked.len(),
            answered: entries.answered.len(),
            replies: entries.replies,
            failures: entries.failures,
        }
    }

    /// What went wrong so far.
    pub(crate) fn check(&self) {
        let wrong = &self.entries().wrong;
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// What went wrong, now that everything has ended.
    pub(crate) fn check_all(&self) {
        self.check();
        let entries = self.entries();
        let lost: Vec<_> = entries.confirmed.difference(&entries.received).collect();
        assert!(lost.is_empty(), "confirmed, and never received: {lost:?}");
    }
}
