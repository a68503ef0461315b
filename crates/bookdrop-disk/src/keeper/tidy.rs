//! Giving space back: segments in which nothing lies that is needed are freed, and what pins an old one is written down again.
//!
//! Segments are freed from the oldest on, so a record never outlives a later one about the same event. An event that is needed
//! and lies in the oldest segment is carried: written down again, as it stands, at the end of the journal. That is done only
//! while the journal is more than twice as long as what is needed of it, so each byte is carried once in a while, and no slow
//! group makes the folder grow. On a full disk it is done while there is anything to be gained, and whoever settles and finds no room
//! gives space back by itself, in place of the thread that does so otherwise.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_queue::clock;

use crate::event::Event;
use crate::journal::{Journal, Need};
use crate::ledger::millis;
use crate::storage::Folder;

use super::{Keep, Keeper};

/// It is looked every so often whether there is something to tidy up, also where nobody asked for it.
const INTERVAL: Duration = Duration::from_secs(1);
/// Segments beyond twice of what is needed: the one that is written to, and the one that is being emptied.
const SLACK: u64 = 2;
/// So many bytes of events are carried at once, about.
const CARRIED_AT_ONCE: u64 = 64 << 10;

/// What the one who gives space back knows.
#[derive(Default)]
pub(super) struct Tidying {
    /// The last note of ids that were carried.
    last_ids: u64,
    /// How much was needed when the last try gained nothing. The same is not tried again.
    in_vain: Option<u64>,
}

impl<F> Keeper<F>
where
    F: Folder + Send + std::marker::Sync,
    F::File: Send + std::marker::Sync,
{
    /// Gives space back and makes spare files, until the end.
    pub(crate) fn keep_tidy(&self) {
        let mut last_try = None;
        loop {
            let now = clock::now();
            let is_time = last_try.is_none_or(|last| now.duration_since(last) >= INTERVAL);
            if is_time {
                last_try = Some(now);
            }
            self.tidy_once(is_time);
            if !self.ledger.survival.wait_for_space_wanted(INTERVAL) {
                return;
            }
        }
    }

    /// Gives back what space there is to be given, and makes the spare files that are missing. After some time it tries again what
    /// was in vain.
    pub(crate) fn tidy_once(&self, after_some_time: bool) {
        if after_some_time {
            self.writing().journal.try_spares_again();
        }
        let before = self.ledger.room_in_journal();
        // Nobody may wait for what was noted. What is freed need not be made. On a full disk each may fail, and the next is tried.
        let written = self.write(Need::GivesRoom);
        let tidied = self.tidy();
        if let Err(error) = written.and(tidied) {
            self.note_failure(error);
        }
        self.make_spares();
        self.let_in();
        // Else the same would fail again, and ask for more space, without a pause.
        if after_some_time || self.ledger.room_in_journal() > before {
            self.ledger.survival.retry();
        }
    }

    /// Makes spare files as long as there are too few, beside those who write.
    fn make_spares(&self) {
        let longest = self.settings.max_event_bytes;
        loop {
            let Some(wanted) = self.writing().journal.wanted_spare(longest) else {
                break;
            };
            let made = wanted.make(&*self.folder);
            let mut writing = self.writing();
            if let Err(error) = writing.journal.keep_spare(made) {
                drop(writing);
                return self.shortage.begin(error.into());
            }
            self.note_room(&writing.journal);
        }
        // One that is wanted all the same could not be made before.
        if !self.writing().journal.is_spare_wanted(longest) {
            self.shortage.end();
        }
    }

    /// Gives space back for one who found none, and no file could be made. Whether there is more of it now.
    pub(super) fn gain_room(&self, lack: &Error) -> bool {
        let longest = self.settings.max_event_bytes;
        let room = || self.writing().journal.room(Need::GivesRoom, longest);
        let before = room();
        // Where it is known already, this one may say less.
        if !self.shortage.is_there() {
            self.shortage.begin(lack.clone());
        }
        // Another one may be about to give some back.
        drop(self.tidying());
        if room() <= before
            && let Err(error) = self.tidy()
        {
            self.note_failure(error);
        }
        room() > before
    }

    /// Frees what nobody needs any more.
    fn tidy(&self) -> Result<(), Error> {
        let mut tidying = self.tidying();
        self.ids().forget_old(millis(clock::wall()));
        // Each once: what could not be carried is tried again later.
        let segments = self.writing().journal.generations().count();
        for _ in 0..segments {
            let Some(oldest) = self.is_too_long(&tidying) else {
                break;
            };
            self.carry(oldest, &mut tidying)?;
            self.free_unneeded(&tidying)?;
        }
        self.free_unneeded(&tidying)?;
        let is_in_vain = self.shortage.is_there() && self.writing().journal.lacks_room();
        tidying.in_vain = is_in_vain.then(|| self.needed());
        Ok(())
    }

    /// Bytes of the journal that are needed.
    fn needed(&self) -> u64 {
        self.space().live() + self.ids().bytes()
    }

    /// The oldest segment, if the journal is longer than it may be.
    fn is_too_long(&self, tidying: &Tidying) -> Option<u64> {
        let needed = self.needed();
        let segment_bytes = self.settings.segment_bytes;
        let writing = self.writing();
        let journal = &writing.journal;
        let oldest = journal.generations().next()?;
        let length = journal.generations().count() as u64 * segment_bytes;
        let allowed = match (self.shortage.is_there(), journal.lacks_room()) {
            (false, _) => needed.saturating_mul(2) + SLACK * segment_bytes,
            // Whatever can be given back is wanted. A little more is needed than the bytes of events.
            (true, false) => needed + needed / 8 + SLACK * segment_bytes,
            // As soon as one segment can be gained. What is written down again needs marks as well.
            (true, true) => needed + needed / 128 + segment_bytes,
        };
        let is_worth_it = tidying
            .in_vain
            .is_none_or(|then| needed + segment_bytes / 8 <= then);
        let is_too_long = length > allowed && journal.newest() != Some(oldest);
        (is_too_long && is_worth_it && self.fits(journal, oldest)).then_some(oldest)
    }

    /// Whether what is needed of a segment can be written down again. Only then it can be freed, and there is room for the next one.
    fn fits(&self, journal: &Journal<Arc<F>>, generation: u64) -> bool {
        let live = self.space().segment(generation).live();
        let room = journal.room(Need::Frees, 0);
        let segment_bytes = self.settings.segment_bytes;
        room >= live + live / 64 + self.ledger.unwritten() + segment_bytes / 64
    }

    /// Writes down again what is needed of a segment.
    fn carry(&self, generation: u64, tidying: &mut Tidying) -> Result<(), Error> {
        // Where even that does not fit, nothing is noted that would have to wait in memory.
        self.write(Need::Frees)?;
        let segment = self.space().segment(generation);
        let mut noted = self.ledger.unwritten();
        for event in segment.events() {
            let Some(event) = event.upgrade() else {
                continue;
            };
            self.carry_event(&event, generation)?;
            noted += event.length as u64;
            if noted >= CARRIED_AT_ONCE {
                noted = 0;
                self.write(Need::Frees)?;
            }
        }
        let newest = self.writing().journal.newest();
        let ids = self.ids().carry(generation, newest.unwrap_or(generation));
        self.ledger.carry_ids(ids);
        tidying.last_ids = self.ledger.noted();
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
        self.ledger.carry(event, &mut event.facts(), &record);
        Ok(())
    }

    /// Frees the segments in which nothing lies that is needed, up to the first in which there is.
    fn free_unneeded(&self, tidying: &Tidying) -> Result<(), Error> {
        let Some(last) = self.last_unneeded() else {
            return Ok(());
        };
        let mut needed = tidying.last_ids;
        if self.writing().groups_at.is_some_and(|at| at <= last) {
            self.ledger.carry_groups();
            needed = self.ledger.noted();
        }
        // What else was noted is not needed for this, and may find no room.
        if !self.ledger.survival.is_written(needed) {
            self.write(Need::Frees)?;
        }
        // Whatever was carried has to be there before what it was carried from is gone.
        self.flush_written(None)?;
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

    fn note_room(&self, journal: &Journal<Arc<F>>) {
        let left = journal.room(Need::TakesRoom, self.settings.max_event_bytes);
        self.ledger.set_room(left);
    }

    /// Those who wait may find room now.
    fn let_in(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.let_in();
        }
        self.ledger.survival.tell_news();
    }

    /// What cannot be tidied up now is tried again, when there is room perhaps. What poisoned the journal breaks the driver.
    fn note_failure(&self, error: Error) {
        if self.writing().journal.is_poisoned() {
            self.break_down(error);
        }
    }

    fn tidying(&self) -> MutexGuard<'_, Tidying> {
        self.tidying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
