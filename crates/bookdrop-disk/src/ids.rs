//! The ids that were sent, for as long as they are remembered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ledger::note::length_of_id;

/// Ids in the order in which they were written, each with the segment that says so.
///
/// As long as its event lies in the journal, an id lies there with it, and moves with it. So it takes no room of its own, and is not
/// written down by itself.
pub(crate) struct Ids {
    window: Duration,
    max: usize,
    known: VecDeque<Sent>,
}

/// An id that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// In milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) id: String,
    pub(crate) said_in: SaidIn,
}

/// The segment that says an id.
///
/// Invariant: beside [`Ids`], its event has one as long as it lies in the journal, and a page while the id is being written down again.
/// So an id whose own is alone is one that lies there by itself.
#[derive(Clone, Debug)]
pub(crate) struct SaidIn(Arc<AtomicU64>);

impl SaidIn {
    // Relaxed, here and below: who frees a segment has written down by itself what it says.
    pub(crate) fn set(&self, generation: u64) {
        self.0.store(generation, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether its event lies in the journal no more.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
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
        }
    }

    /// This segment says that an id was sent at this time. What is returned is for its event; `None` where no ids are remembered.
    pub(crate) fn add(&mut self, at: u64, id: &str, generation: u64) -> Option<SaidIn> {
        if self.window.is_zero() || self.max == 0 {
            return None;
        }
        let said_in = SaidIn(Arc::new(AtomicU64::new(generation)));
        if self.known.len() == self.max {
            self.known.pop_front();
        }
        self.known.push_back(Sent {
            at,
            id: id.to_owned(),
            said_in: said_in.clone(),
        });
        Some(said_in)
    }

    /// What is remembered no more at this time is forgotten.
    pub(crate) fn forget_old(&mut self, now: u64) {
        let window = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        self.known
            .retain(|sent| now.saturating_sub(sent.at) < window);
    }

    /// Bytes that those take in the journal that lie there by themselves, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.alone().map(Sent::bytes).sum()
    }

    /// The oldest segment that says any of them.
    pub(crate) fn oldest_generation(&self) -> Option<u64> {
        self.known.iter().map(|sent| sent.said_in.get()).min()
    }

    fn alone(&self) -> impl Iterator<Item = &Sent> {
        self.known.iter().filter(|sent| sent.said_in.is_alone())
    }

    /// Those that are to be written down again before this segment is freed.
    fn alone_in(&self, generation: u64) -> impl Iterator<Item = &Sent> {
        self.alone()
            .filter(move |sent| sent.said_in.get() <= generation)
    }

    /// Bytes that those take that lie in this segment by themselves.
    pub(crate) fn bytes_said_by(&self, generation: u64) -> u64 {
        self.alone_in(generation).map(Sent::bytes).sum()
    }

    /// Those that lie in this segment by themselves.
    pub(crate) fn said_by(&self, generation: u64) -> Vec<Sent> {
        self.alone_in(generation).cloned().collect()
    }
}
