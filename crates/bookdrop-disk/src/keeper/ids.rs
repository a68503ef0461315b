//! The ids that were sent, for as long as they are remembered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ledger::note::length_of_id;

/// Ids in the order in which they were written, each with the segment that says so.
pub(crate) struct Ids {
    window: Duration,
    max: usize,
    known: VecDeque<Sent>,
    /// That they take in the journal, about.
    bytes: u64,
}

struct Sent {
    /// In milliseconds since 1970.
    at: u64,
    id: String,
    generation: u64,
}

impl Sent {
    fn bytes(&self) -> u64 {
        length_of_id(&self.id) as u64
    }
}

impl Ids {
    pub(crate) fn new(window: Duration, max: usize) -> Self {
        Ids {
            window,
            max,
            known: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn add(&mut self, at: u64, id: &str, generation: u64) {
        if self.window.is_zero() || self.max == 0 {
            return;
        }
        if self.known.len() == self.max
            && let Some(first) = self.known.pop_front()
        {
            self.bytes -= first.bytes();
        }
        self.bytes += length_of_id(id) as u64;
        self.known.push_back(Sent {
            at,
            id: id.to_owned(),
            generation,
        });
    }

    /// What is remembered no more at this time is forgotten.
    pub(crate) fn forget_old(&mut self, now: u64) {
        let window = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        self.known.retain(|sent| {
            let is_young = now.saturating_sub(sent.at) < window;
            if !is_young {
                self.bytes -= sent.bytes();
            }
            is_young
        });
    }

    /// Bytes that they take in the journal, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that those take that this segment says.
    pub(crate) fn bytes_said_by(&self, generation: u64) -> u64 {
        let old = self.known.iter();
        old.filter(|sent| sent.generation <= generation)
            .map(Sent::bytes)
            .sum()
    }

    /// The oldest segment that says any of them.
    pub(crate) fn oldest_generation(&self) -> Option<u64> {
        self.known.iter().map(|sent| sent.generation).min()
    }

    /// Those that this segment says.
    pub(crate) fn said_by(&self, generation: u64) -> Vec<(u64, String)> {
        let old = self.known.iter();
        old.filter(|sent| sent.generation <= generation)
            .map(|sent| (sent.at, sent.id.clone()))
            .collect()
    }

    /// Those that this segment says were written down again, in this other one or behind it.
    pub(crate) fn moved(&mut self, generation: u64, to: u64) {
        let old = self.known.iter_mut();
        old.filter(|sent| sent.generation <= generation)
            .for_each(|sent| sent.generation = to);
    }
}
