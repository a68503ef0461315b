//! What a store has to do to be used as a queue. How many threads share it is said elsewhere, once for all of them.

use std::path::Path;

use crate::queue::Durability;

/// What is done in one transaction.
#[derive(Default)]
pub(crate) struct Batch {
    /// Events to put in.
    pub sends: Vec<Vec<u8>>,
    /// Events in hand that are done with, by their keys.
    pub acks: Vec<u64>,
    /// How many are to be taken in hand: no more than are ready.
    pub takes: usize,
    /// Those that were.
    pub taken: Vec<Taken>,
}

/// An event in hand.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// Its key.
    pub key: u64,
    /// The number that it carries.
    pub number: u64,
}

impl Batch {
    /// Whether it must survive what it is to survive. That an event is in hand need not: after a restart it is ready again, and at
    /// worst the count of its deliveries is too low.
    pub(crate) fn must_survive(&self) -> bool {
        !self.sends.is_empty() || !self.acks.is_empty()
    }

    /// How many operations it has.
    pub(crate) fn len(&self) -> usize {
        self.sends.len() + self.acks.len() + self.takes
    }
}

/// Where the queue stands, kept in memory: no store has to look for it, past what was removed.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    /// The first event that is ready has this key, or a later one.
    pub next: u64,
    /// The next event gets this key.
    pub end: u64,
}

impl Cursor {
    /// That of a store in which these are the first and the last key; everything in it is ready.
    pub(crate) fn between(keys: Option<(u64, u64)>) -> Self {
        let (next, end) = keys.map_or((1, 1), |(first, last)| (first, last + 1));
        Self { next, end }
    }

    /// The key for a new event.
    pub(crate) fn new_key(&mut self) -> u64 {
        self.end += 1;
        self.end - 1
    }

    /// How many are ready. Events are taken in order, so there is no gap behind the first one.
    pub(crate) fn ready(&self) -> u64 {
        self.end - self.next
    }
}

/// A store that is used as a queue. Whatever goes wrong panics: the figures would mean nothing.
pub(crate) trait Engine: Send + Sized + 'static {
    /// Opens what lies in a folder, which may be empty.
    fn open_in(folder: &Path, durability: Durability) -> Self;

    /// Does it all in one transaction.
    fn transact(&mut self, batch: &mut Batch);

    /// Where the queue stands.
    fn cursor(&self) -> Cursor;

    /// How many events are in the store.
    fn count(&mut self) -> u64;

    /// Takes all events out.
    fn clear(&mut self);
}
