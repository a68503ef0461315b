//! What of the journal is still needed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::event::Event;

/// A segment, and the events that lie in it.
pub(crate) struct Segment {
    /// Bytes of the events in it that some group has not done with.
    live: AtomicU64,
    /// All events that were ever put there.
    events: Mutex<Vec<Weak<Event>>>,
}

impl Segment {
    pub(crate) fn live(&self) -> u64 {
        // Relaxed, here and below: whoever decides by it looks at the events as well, under their locks.
        self.live.load(Ordering::Relaxed)
    }

    /// An event came to lie here.
    pub(crate) fn add(&self, event: &Arc<Event>, bytes: usize) {
        self.live.fetch_add(bytes as u64, Ordering::Relaxed);
        self.lock().push(Arc::downgrade(event));
    }

    /// An event of so many bytes that lay here is needed no more, or lies elsewhere now.
    pub(crate) fn remove(&self, bytes: usize) {
        self.live.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// The events that were put here and are still known.
    pub(crate) fn events(&self) -> Vec<Weak<Event>> {
        let mut events = self.lock();
        events.retain(|event| event.strong_count() > 0);
        events.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Event>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All segments that hold anything.
#[derive(Default)]
pub(crate) struct Space(BTreeMap<u64, Arc<Segment>>);

impl Space {
    pub(crate) fn segment(&mut self, generation: u64) -> Arc<Segment> {
        let segment = self.0.entry(generation).or_insert_with(|| {
            Arc::new(Segment {
                live: AtomicU64::new(0),
                events: Mutex::default(),
            })
        });
        segment.clone()
    }

    /// What was freed is forgotten.
    pub(crate) fn forget_before(&mut self, generation: u64) {
        self.0 = self.0.split_off(&generation);
    }

    pub(crate) fn live(&self) -> u64 {
        self.0.values().map(|segment| segment.live()).sum()
    }
}
