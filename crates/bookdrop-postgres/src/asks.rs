//! Requests of this driver that wait for their answer.

use std::collections::HashMap;
use std::time::Instant;

use bookdrop_backend::Unanswered;
use bookdrop_backend::telling::Promise;
use bytes::Bytes;

/// How a request ends.
pub(crate) type Outcome = Result<Bytes, Unanswered>;

/// Every request of this driver that has no outcome yet.
#[derive(Default)]
pub(crate) struct Asks {
    last: i64,
    all: HashMap<i64, Ask>,
}

pub(crate) struct Ask {
    pub(crate) told: Promise<Outcome>,
    pub(crate) deadline: Instant,
    pub(crate) standing: Standing,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The server was not given it.
    InLine,
    /// The server is being given it: a consumer may have it.
    OnItsWay,
    /// The server was given it.
    Published,
}

impl Asks {
    pub(crate) fn begin(&mut self, told: Promise<Outcome>, deadline: Instant) -> i64 {
        self.last += 1;
        let ask = Ask {
            told,
            deadline,
            standing: Standing::InLine,
        };
        self.all.insert(self.last, ask);
        self.last
    }

    pub(crate) fn get(&self, number: i64) -> Option<&Ask> {
        self.all.get(&number)
    }

    pub(crate) fn contains(&self, number: i64) -> bool {
        self.all.contains_key(&number)
    }

    pub(crate) fn set(&mut self, number: i64, standing: Standing) {
        if let Some(ask) = self.all.get_mut(&number) {
            ask.standing = standing;
        }
    }

    /// It has an outcome, or nobody wants one any more.
    pub(crate) fn end(&mut self, number: i64) -> Option<Ask> {
        self.all.remove(&number)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of the last one, and those that have no outcome yet.
    pub(crate) fn open(&self) -> (i64, Vec<i64>) {
        (self.last, self.all.keys().copied().collect())
    }

    pub(crate) fn published(&self) -> Vec<i64> {
        let published = self
            .all
            .iter()
            .filter(|(_, ask)| ask.standing == Standing::Published);
        published.map(|(number, _)| *number).collect()
    }
}
