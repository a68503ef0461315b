//! Giving space back: segments in which nothing lies that is needed are freed, and what pins an old one is written down again.
//!
//! Segments are freed from the oldest on, so a record never outlives a later one about the same event. An event that is needed
//! and lies in the oldest segment is carried: written down again, as it stands, at the end of the journal. That is done only
//! while the journal is more than twice as long as what is needed of it, so each byte is carried once in a while, and no slow
//! group makes the folder grow. On a full disk it is done while there is anything to be gained.

use std::sync::Arc;
use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_queue::clock;

use crate::event::Event;
use crate::journal::{self, Need};
use crate::ledger::millis;
use crate::storage::Folder;

use super::{Keep, Keeper};

/// It is looked every so often whether there is something to tidy up, also where nobody asked for it.
const INTERVAL: Duration = Duration::from_secs(1);
/// Segments beyond twice of what is needed: the one that is written to, and the one that is being emptied.
const SLACK: u64 = 2;
/// So many events are carried at once.
const CARRIED_AT_ONCE: usize = 64;

impl<F> Keeper<F>
where
    F: Folder + Send + std::marker::Sync,
    F::File: Send + std::marker::Sync,
{
    /// Gives space back and makes spare files, until the end.
    pub(crate) fn keep_tidy(&self) {
        loop {
            self.tidy_once();
            if !self.ledger.survival.wait_for_space_wanted(INTERVAL) {
                return;
            }
        }
    }

    /// Gives back what space there is to be given, and makes the spare files that are missing.
    pub(crate) fn tidy_once(&self) {
        // Nobody may wait for what was noted. What is freed need not be made. On a full disk each may fail, and the next is tried.
        let written = self.write(Need::GivesRoom);
        let tidied = self.tidy();
        if let Err(error) = written.and(tidied) {
            self.note_failure(error);
        }
        self.let_in();
        match self.make_spares() {
            Ok(()) => self.shortage.end(),
            Err(error) => self.shortage.begin(error),
        }
        self.let_in();
    }

    /// Makes spare files as long as there are too few, beside those who write.
    fn make_spares(&self) -> Result<(), Error> {
        let longest = self.settings.max_event_bytes;
        loop {
            let Some(spare) = self.writing().journal.wanted_spare(longest) else {
                return Ok(());
            };
            let made = spare.make(&*self.folder);
            let mut writing = self.writing();
            match made {
                Ok(made) => writing.journal.keep_spare(made),
                Err(error) => return Err(error.into()),
            }
            self.note_room(&writing.journal);
        }
    }

    /// Frees what nobody needs any more.
    fn tidy(&self) -> Result<(), Error> {
        self.ids().forget_old(millis(clock::wall()));
        // Each once: what could not be carried is tried again later.
        let segments = self.writing().journal.generations().count();
        for _ in 0..segments {
            let Some(oldest) = self.is_too_long() else {
                break;
            };
            self.carry(oldest)?;
            self.free_unneeded()?;
        }
        self.free_unneeded()
    }

    /// The oldest segment, if the journal is longer than it may be.
    fn is_too_long(&self) -> Option<u64> {
        let needed = self.space().live() + self.ids().bytes();
        let writing = self.writing();
        let mut generations = writing.journal.generations();
        let (oldest, later) = (generations.next()?, generations.count() as u64);
        let allowed = match self.shortage.is_there() {
            false => needed.saturating_mul(2),
            // Whatever can be given back is wanted. A little more is needed than the bytes of events.
            true => needed + needed / 8,
        };
        let allowed = allowed.div_ceil(self.settings.segment_bytes) + SLACK;
        (later + 1 > allowed && later > 0).then_some(oldest)
    }

    /// Writes down again what is needed of a segment.
    fn carry(&self, generation: u64) -> Result<(), Error> {
        // Where even that does not fit, nothing is noted that would have to wait in memory.
        self.write(Need::Frees)?;
        let segment = self.space().segment(generation);
        let events = segment.events();
        for some in events.chunks(CARRIED_AT_ONCE) {
            for event in some.iter().filter_map(|event| event.upgrade()) {
                self.carry_event(&event, generation)?;
            }
            self.write(Need::Frees)?;
        }
        let newest = self.writing().journal.newest();
        let ids = self.ids().carry(generation, newest.unwrap_or(generation));
        self.ledger.carry_ids(ids);
        self.write(Need::Frees)
    }

    fn carry_event(&self, event: &Arc<Event>, generation: u64) -> Result<(), Error> {
        let lies_there = |event: &Event| {
            let facts = event.facts();
            let place = facts.place.as_ref();
            place.is_some_and(|place| place.position.generation == generation)
        };
        if !lies_there(event) {
            return Ok(());
        }
        // Read before the facts are locked: that may take a while.
        let record = match self.read(event) {
            Err(_) if !lies_there(event) => return Ok(()),
            // It was damaged meanwhile. What is left of it must not pin its segment.
            Err(error) if error.kind() == ErrorKind::NotFound => Arc::new(event.remains()),
            record => record?,
        };
        let facts = event.facts();
        if !facts.is_over() {
            self.ledger.carry(event, &facts, &record);
        }
        Ok(())
    }

    /// Frees the segments in which nothing lies that is needed, up to the first in which there is.
    fn free_unneeded(&self) -> Result<(), Error> {
        let Some(last) = self.last_unneeded() else {
            return Ok(());
        };
        self.write(Need::Frees)?;
        self.ledger.carry_groups();
        self.write(Need::Frees)?;
        // Whatever was carried has to be there before what it was carried from is gone.
        self.commit(None)?;
        {
            let mut writing = self.writing();
            let freed = writing.journal.free_before(last + 1);
            self.note_room(&writing.journal);
            freed?;
        }
        self.space().forget_before(last + 1);
        self.reading.forget_before(last + 1);
        Ok(())
    }

    fn last_unneeded(&self) -> Option<u64> {
        let generations: Vec<u64> = self.writing().journal.generations().collect();
        let (_, older) = generations.split_last()?;
        let ids = self.ids().oldest_generation().unwrap_or(u64::MAX);
        let mut space = self.space();
        let unneeded = older
            .iter()
            .take_while(|generation| space.segment(**generation).live() == 0 && **generation < ids);
        unneeded.last().copied()
    }

    fn note_room(&self, journal: &journal::Journal<Arc<F>>) {
        let left = journal.room(self.settings.max_event_bytes);
        self.ledger.set_room(left);
    }

    /// Those who wait may find room now, and so may what could not be written.
    fn let_in(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.let_in();
        }
        self.ledger.survival.tell_news();
        self.ledger.survival.retry();
    }

    /// What cannot be tidied up now is tried again, when there is room perhaps. What poisoned the journal breaks the driver.
    fn note_failure(&self, error: Error) {
        if self.writing().journal.begin_flush().is_err() {
            self.ledger.survival.break_down(super::broken(error));
        }
    }
}
