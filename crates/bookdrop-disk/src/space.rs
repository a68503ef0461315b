//! What of the journal is still needed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::event::{Event, Place};

/// The room of so many events is kept where there are none.
const FEW: usize = 64;

/// A segment, and the events that lie in it.
pub(crate) struct Segment {
    /// Bytes that the events in it that some group has not done with take here, with what was noted of them since. Written down
    /// again they take no more: groups that have done with one are left out.
    live: AtomicU64,
    /// Those of all segments that lie elsewhere: when an event is written down again, it takes these as well.
    grown: Arc<AtomicU64>,
    events: Mutex<Events>,
}

/// Events by their index. A place that an event has left is the next one's, so that what is settled takes no memory: a weak
/// reference keeps that of the whole event.
#[derive(Default)]
struct Events {
    places: Vec<Option<Weak<Event>>>,
    free: Vec<usize>,
}

impl Segment {
    pub(crate) fn live(&self) -> u64 {
        // Relaxed, here and below: whoever decides by it looks at the events as well, under their locks.
        self.live.load(Ordering::Relaxed)
    }

    /// An event of so many bytes came to lie here. Returns its index.
    pub(crate) fn add(&self, event: &Arc<Event>, bytes: usize) -> usize {
        self.live.fetch_add(bytes as u64, Ordering::Relaxed);
        self.lock().add(Arc::downgrade(event))
    }

    /// What was noted of an event since it lies here takes so many bytes, where it took so many before.
    pub(crate) fn grow(&self, before: usize, now: usize) {
        for bytes in [&self.live, &*self.grown] {
            bytes.fetch_add(now as u64, Ordering::Relaxed);
            bytes.fetch_sub(before as u64, Ordering::Relaxed);
        }
    }

    /// The event that lay at this place is needed no more, or lies elsewhere now.
    pub(crate) fn remove(&self, place: &Place) {
        self.grow(place.grown, 0);
        self.live.fetch_sub(place.bytes as u64, Ordering::Relaxed);
        self.lock().remove(place.index);
    }

    /// The events that lie here.
    pub(crate) fn events(&self) -> Vec<Weak<Event>> {
        self.lock().places.iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    fn add(&mut self, event: Weak<Event>) -> usize {
        if let Some(index) = self.free.pop() {
            self.places[index] = Some(event);
            return index;
        }
        self.places.push(Some(event));
        self.places.len() - 1
    }

    fn remove(&mut self, index: usize) {
        self.places[index] = None;
        self.free.push(index);
        if self.free.len() == self.places.len() && self.places.len() > FEW {
            *self = Events::default();
        }
    }
}

/// All segments that hold anything.
#[derive(Default)]
pub(crate) struct Space {
    segments: BTreeMap<u64, Arc<Segment>>,
    grown: Arc<AtomicU64>,
}

impl Space {
    pub(crate) fn segment(&mut self, generation: u64) -> Arc<Segment> {
        let segment = self.segments.entry(generation).or_insert_with(|| {
            Arc::new(Segment {
                live: AtomicU64::new(0),
                grown: self.grown.clone(),
                events: Mutex::default(),
            })
        });
        segment.clone()
    }

    /// What was freed is forgotten.
    pub(crate) fn forget_before(&mut self, generation: u64) {
        self.segments = self.segments.split_off(&generation);
    }

    pub(crate) fn live(&self) -> u64 {
        self.segments.values().map(|segment| segment.live()).sum()
    }

    /// Bytes that events take beside those that they lie in, when they are written down again.
    pub(crate) fn grown(&self) -> Arc<AtomicU64> {
        self.grown.clone()
    }
}
