//! Giving space back: segments in which nothing lies that is needed are freed, and what pins an old one is written down again.
//!
//! Segments are freed from the oldest on, so a record never outlives a later one about the same event. An event that is needed
//! and lies in the oldest segment is carried: written down again, as it stands, at the end of the journal. That is done only
//! while the journal is more than twice as long as what is needed of it, so each byte is carried once in a while, and no slow
//! group makes the folder grow. On a full disk it is done while there is anything to be gained, and whoever settles and finds no room
//! gives space back by itself, in place of the thread that does so otherwise.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind, Record};
use bookdrop_queue::clock;
use bookdrop_records::Unread;

use crate::event::{Event, length_as_of};
use crate::journal::{self, Journal, Need, cost};
use crate::ledger::{Page, millis};
use crate::storage::Folder;

use super::errors::{no_space, scarce};
use super::{Keep, Keeper, Writing};

/// It is looked every so often whether there is something to tidy up, also where nobody asked for it.
const INTERVAL: Duration = Duration::from_secs(1);
/// Segments beyond twice of what is needed: the one that is written to, and the one that is being emptied.
const SLACK: u64 = 2;
/// So many bytes of events are carried at once, about.
const CARRIED_AT_ONCE: usize = 64 << 10;

/// What the one who gives space back knows.
#[derive(Default)]
pub(super) struct Tidying {
    /// How much of the journal was not needed when the last try gained nothing. The same is not tried again.
    in_vain: Option<u64>,
    /// Whether that try failed. After some time it is tried again all the same: the disk may be better by then.
    has_failed: bool,
}

impl Tidying {
    /// A try gained nothing while so much of the journal was not needed.
    fn was_in_vain(&mut self, unneeded: u64, has_failed: bool) {
        self.in_vain = Some(unneeded);
        self.has_failed = has_failed;
    }

    fn try_again_what_failed(&mut self) {
        if std::mem::take(&mut self.has_failed) {
            self.in_vain = None;
        }
    }
}

/// How much is to be given back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// What is more than a fair share.
    FairShare,
    /// Room for one who found none, however much has to be written again for it.
    AnyRoom,
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
            self.tidying().try_again_what_failed();
        }
        let before = self.ledger.room_in_journal();
        // Nobody may wait for what was noted. On a full disk that may fail, and what is freed makes room for it.
        let _ = self.write(Need::GivesRoom);
        // What is freed need not be made.
        self.tidy(Goal::FairShare);
        self.make_spares();
        self.let_in();
        // Else the same would fail again, and ask for more space, without a pause.
        if after_some_time || self.ledger.room_in_journal() > before {
            self.ledger.survival.retry();
        }
    }

    /// Opens the spare files that are not open, and makes more as long as there are too few, beside those who write.
    fn make_spares(&self) {
        let longest = self.settings.max_event_bytes;
        let is_one_wanted = loop {
            let wanted = {
                let mut writing = self.writing();
                match writing.journal.wanted_spare(longest) {
                    Some(wanted) => wanted,
                    // In the same hold of the lock: what is written behind it may make one wanted, and that is no shortage.
                    None => break writing.journal.is_spare_wanted(longest),
                }
            };
            let made = wanted.make(&*self.folder);
            let mut writing = self.writing();
            if let Err(error) = writing.journal.keep_spare(made) {
                drop(writing);
                return self.shortage.begin(error.into());
            }
            self.note_room(&writing.journal);
        };
        if self.folder.scarce().is_some() {
            self.shortage.begin_if_new(scarce());
            return self.note_room(&self.writing().journal);
        }
        // There may have been too little before.
        self.note_room(&self.writing().journal);
        match is_one_wanted {
            false => self.shortage.end(),
            // It could not be made before. Whoever waits for it would be woken again and again.
            true => self.shortage.begin_if_new(no_space()),
        }
    }

    /// Gives space back for one who found none, and no file could be made. Whether there is more of it now.
    pub(super) fn gain_room(&self, lack: &Error) -> bool {
        let before = self.room_to_give();
        self.shortage.begin_if_new(lack.clone());
        // Another one may be about to give some back.
        drop(self.tidying());
        if self.room_to_give() <= before {
            self.tidy(Goal::AnyRoom);
        }
        let has_gained = self.room_to_give() > before;
        if has_gained {
            // There may be some for senders as well.
            self.ledger.survival.want_space();
        }
        has_gained
    }

    fn room_to_give(&self) -> u64 {
        let longest = self.settings.max_event_bytes;
        self.writing().journal.room(Need::GivesRoom, longest)
    }

    /// Frees what nobody needs any more. What poisons the journal breaks the driver; all else is tried again when there is room.
    fn tidy(&self, goal: Goal) {
        // Whoever is told of it is told when the lock is gone.
        let tidied = self.tidy_towards(goal, &mut self.tidying());
        if let Err(error) = tidied
            && self.writing().journal.is_poisoned()
        {
            self.break_down(error);
        }
    }

    fn tidy_towards(&self, goal: Goal, tidying: &mut Tidying) -> Result<(), Error> {
        self.ids().forget_old(millis(self.ledger.wall.now()));
        self.free_unneeded()?;
        let before = self.room_to_give();
        // Each once: what could not be carried is tried again later.
        let segments = self.writing().journal.generations().count();
        for _ in 0..segments {
            let Some(oldest) = self.to_be_emptied(goal, tidying) else {
                return Ok(());
            };
            match self.empty(oldest) {
                Ok(true) => {}
                // There is no room for what is needed of it.
                Ok(false) => return Ok(()),
                Err(error) => {
                    // Else everybody who finds no room would try the same, which is a lot of work.
                    tidying.was_in_vain(self.unneeded(), true);
                    return Err(error);
                }
            }
            if goal == Goal::AnyRoom && self.room_to_give() > before {
                return Ok(());
            }
        }
        // All of it was written again, and is as long as before.
        tidying.was_in_vain(self.unneeded(), false);
        Ok(())
    }

    /// Bytes of the journal that are needed.
    fn needed(&self) -> u64 {
        self.space().live() + self.ids().bytes()
    }

    /// Bytes of the journal that are not needed.
    fn unneeded(&self) -> u64 {
        let written = self.writing().journal.written();
        written.saturating_sub(self.needed())
    }

    /// The oldest segment, if the journal is longer than it may be.
    fn to_be_emptied(&self, goal: Goal, tidying: &Tidying) -> Option<u64> {
        let needed = self.needed();
        let segment_bytes = self.settings.segment_bytes;
        let allowed = match (goal, self.shortage.is_there()) {
            (Goal::FairShare, false) => 2 * needed + SLACK * segment_bytes,
            // Whatever can be given back is wanted. A little more is needed than the bytes of events.
            (Goal::FairShare, true) => needed + needed / 8 + SLACK * segment_bytes,
            (Goal::AnyRoom, _) => needed + segment_bytes,
        };
        let growth = match goal {
            Goal::FairShare => segment_bytes.max(needed / 16),
            Goal::AnyRoom => segment_bytes / 4,
        };
        let unneeded = self.unneeded();
        let is_new = tidying
            .in_vain
            .is_none_or(|then| unneeded >= then + growth || unneeded < then);
        let is_too_long = needed + unneeded > allowed;
        if !is_too_long || !is_new {
            return None;
        }
        let journal = &self.writing().journal;
        let oldest = journal.generations().next();
        oldest.filter(|oldest| journal.newest() != Some(*oldest))
    }

    /// Writes down again what is needed of a segment, and frees it. False where there is no room for that: nothing was done then.
    fn empty(&self, generation: u64) -> Result<bool, Error> {
        let need = match self.has_room_for(generation) {
            true => Need::Frees,
            false if self.shortage.is_there() => return Ok(false),
            // One that is longer than those of now: bit by bit, as files are made for it, and the reserve stays.
            false => Need::GivesRoom,
        };
        // First, so that a process that is killed meanwhile leaves them behind it.
        self.put_groups_behind(generation)?;
        self.carry(generation, need)?;
        self.free_unneeded()?;
        Ok(true)
    }

    /// Whether there is room in which what is needed of a segment can be written down again. Only then it can be freed, and there is
    /// room for the next one.
    fn has_room_for(&self, generation: u64) -> bool {
        let events = self.space().segment(generation).events();
        let events = events.iter().filter_map(std::sync::Weak::upgrade);
        let appended = self.ledger.survival.appended_so_far();
        let lengths = events.map(|event| length_as_of(&event, appended));
        let (events, longest) = lengths.fold((0, 0), |(sum, longest), length| {
            (sum + length as u64, longest.max(length))
        });
        let ids = self.ids().bytes_said_by(generation);
        let mut groups = Page::default();
        self.ledger.put_groups_again(&mut groups);
        // Each further write may begin with a mark.
        let further = events / CARRIED_AT_ONCE as u64 + u64::from(ids > 0);
        let needed = events + ids + groups.cost() + further * cost(0);
        // A note of ids takes half of a segment at most.
        let longest_of_ids = ids.min(self.settings.segment_bytes / 2) as usize;
        let longest = longest.max(longest_of_ids);
        // It is all summed up before: nobody who writes waits for that. A reason why an event is dead that is written meanwhile, or
        // while the others are written again, is not in the sum, and acks may take what is left of the segment that is written to.
        // The reserve is for both (`Journal::reserve`), and where it does not suffice, what could not be written again is tried
        // again later.
        let room = self.writing().journal.room(Need::Frees, longest);
        self.folder.scarce().map_or(room, |left| left.min(room)) >= needed
    }

    /// Writes down again what is needed of a segment.
    fn carry(&self, generation: u64, need: Need) -> Result<(), Error> {
        let (mut some, mut bytes) = (Vec::new(), 0);
        // In a statement of its own: nothing is locked while they are written.
        let events = self.space().segment(generation).events();
        for event in events {
            let Some(event) = event.upgrade() else {
                continue;
            };
            let Some(record) = self.record_to_carry(&event, generation)? else {
                continue;
            };
            bytes += event.account.length;
            some.push((event, record));
            if bytes >= CARRIED_AT_ONCE {
                self.write_again(&some, need)?;
                (some, bytes) = (Vec::new(), 0);
            }
        }
        self.write_again(&some, need)?;
        self.write_ids_again(generation)
    }

    /// The record of an event that lies there.
    fn record_to_carry(
        &self,
        event: &Event,
        generation: u64,
    ) -> Result<Option<Arc<Record>>, Error> {
        let lies_there = || {
            let facts = event.account.facts();
            let place = facts.place.as_ref();
            place.is_some_and(|place| place.position.generation == generation)
        };
        if !lies_there() {
            return Ok(None);
        }
        // Read before anything is locked: that may take a while.
        match self.read(event) {
            Err(_) if !lies_there() => Ok(None),
            // It was damaged meanwhile. What is left of it must not pin its segment.
            Err(Unread::ForGood(_)) => Ok(Some(event.remains().into())),
            record => Ok(Some(record?)),
        }
    }

    /// Writes these events down as they stand, before anything that was noted and waits.
    fn write_again(&self, events: &[(Arc<Event>, Arc<Record>)], need: Need) -> Result<(), Error> {
        let mut writing = self.writing();
        // Nothing that is noted from now on is written before them.
        let mut page = Page::default();
        for (event, record) in events {
            self.ledger.put_again(event, record, &mut page);
        }
        self.append_all(&mut writing, &page, need)
    }

    fn write_ids_again(&self, generation: u64) -> Result<(), Error> {
        let mut writing = self.writing();
        let mut page = Page::default();
        let said = self.ids().said_by(generation);
        self.ledger.put_ids_again(said, &mut page);
        self.append_all(&mut writing, &page, Need::Frees)
    }

    /// Appends a page before anything that was noted and waits.
    fn append_all(&self, writing: &mut Writing<F>, page: &Page, need: Need) -> Result<(), Error> {
        let written = self.append(writing, page, need)?;
        self.note_room(&writing.journal);
        match written == page.count() {
            true => Ok(()),
            false => Err(no_space()),
        }
    }

    /// Frees the segments in which nothing lies that is needed, up to the first in which there is.
    fn free_unneeded(&self) -> Result<(), Error> {
        let Some(last) = self.last_unneeded() else {
            return Ok(());
        };
        let last = self.put_groups_behind(last)?;
        // Whatever was carried has to be there before what it was carried from is gone.
        self.flush_journal()?;
        {
            let mut writing = self.writing();
            let freed = writing.journal.free_before(last + 1);
            self.note_room(&writing.journal);
            freed?;
        }
        if F::IS_FAR {
            // Without the lock, since it takes long.
            let said = self.folder.flush();
            said.map_err(|error| journal::Error::io("free segments", error))?;
        }
        self.space().forget_before(last + 1);
        self.reading.forget_before(last + 1);
        Ok(())
    }

    /// Sees to it that the groups are said behind this segment, so that it can be freed. Where there is no room for that, what lies
    /// before their table can be freed all the same. Returns the last segment that can.
    fn put_groups_behind(&self, last: u64) -> Result<u64, Error> {
        let mut writing = self.writing();
        let Some(table) = writing.groups_at.filter(|at| *at <= last) else {
            return Ok(last);
        };
        let mut page = Page::default();
        self.ledger.put_groups_again(&mut page);
        let written = self.append_all(&mut writing, &page, Need::Frees);
        // In the same hold of the lock: others write tables as well.
        let older = writing.journal.generations();
        let before = older.take_while(|generation| *generation < table).last();
        match (written, before) {
            (Err(error), Some(before)) if error.kind() == ErrorKind::NoSpace => Ok(before),
            (written, _) => written.map(|()| last),
        }
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

    pub(super) fn note_room(&self, journal: &Journal<Arc<F>>) {
        self.ledger.set_room(self.room_for_events(journal));
    }

    /// Those who wait may find room now.
    fn let_in(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.let_in();
        }
        self.ledger.survival.tell_news();
    }

    pub(super) fn tidying(&self) -> MutexGuard<'_, Tidying> {
        self.tidying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
