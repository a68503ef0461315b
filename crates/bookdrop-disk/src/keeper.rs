//! The keeper: writes the ledger to the journal, and gives its space back.
//!
//! Threads work for it: some flush for those who wait, in turns, and one makes spare files and frees segments. None of them holds up
//! those who write.
//!
//! Invariant: a lock of the keeper is taken before the ledger's and an event's facts, and never while one of them is held; of its own,
//! `tidying` is taken before `writing`, and that before `space` and `ids`. Nobody is woken under any of them.

mod errors;
mod flushing;
mod shortage;
mod tidy;

use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bookdrop_backend::{Error, ErrorKind, Record};
use bookdrop_queue::Queue;
use bookdrop_records::Unread;

use crate::event::{Entry, Event, Place};
use crate::ids::{Ids, SaidIn};
use crate::journal::{self, Journal, Need, Position};
use crate::ledger::{Holds, Ledger, Page, Reach};
use crate::options::Sync;
use crate::reading::Reading;
use crate::space::{Segment, Space};
use crate::storage::Folder;
use errors::{no_space, nowhere, scarce};
use shortage::Shortage;
use tidy::Tidying;

/// The keeper of a folder, whatever the folder is.
pub(crate) trait Keep: Send + std::marker::Sync {
    fn ledger(&self) -> &Arc<Ledger>;

    fn sync(&self) -> Sync;

    /// Whether the folder is [far](Folder::IS_FAR).
    fn is_far(&self) -> bool;

    /// Writes what was noted up to this note, unless that has been written. What was noted since is written as far as there is room.
    fn write_up_to(&self, note: u64) -> Result<(), Error>;

    /// The record of an event that is on the disk alone.
    fn read(&self, event: &Event) -> Result<Arc<Record>, Unread>;

    /// Why an event of this length cannot be taken in; `None` if it can, or has to wait for room.
    fn refusal(&self, event: &Event) -> Option<Error>;

    /// Commits for those who wait, until the end, in place of the threads; but not where the folder is near.
    fn commit_as_task(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Waits on this thread until what was noted up to this note survives a loss of power. It may be the one to commit.
    fn wait_here(&self, note: u64) -> Result<(), Error>;

    /// Writes and flushes everything that was noted, and says in the journal that this is all: when nobody else does so any more.
    fn seal(&self);
}

/// The keeper of a folder of this kind.
pub(crate) struct Keeper<F: Folder> {
    folder: Arc<F>,
    writing: Mutex<Writing<F>>,
    /// Held by the one who gives space back.
    tidying: Mutex<Tidying>,
    shortage: Shortage,
    space: Mutex<Space>,
    /// What events take beside those bytes in which they lie, so that nobody needs the lock to ask for it.
    grown: Arc<AtomicU64>,
    ids: Mutex<Ids>,
    reading: Reading<F>,
    ledger: Arc<Ledger>,
    /// Where senders stand in line for room.
    queue: Weak<Queue<Entry>>,
    settings: Settings,
}

/// How it keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) sync: Sync,
    pub(crate) max_event_bytes: usize,
    pub(crate) segment_bytes: u64,
}

struct Writing<F: Folder> {
    journal: Journal<Arc<F>>,
    /// Kept for its room.
    empty: Page,
    /// Where the notes of the last page lie. Kept for its room.
    positions: Vec<Position>,
    /// Where the last event lies, most often that of the next one too, and its generation.
    segment: Option<(u64, Arc<Segment>)>,
    /// Bytes that were written since a flush was last wanted.
    unflushed: usize,
    /// Whether a spare file was wanted after the last write: then somebody was told.
    is_spare_wanted: bool,
    /// The segment with the last table of groups, if there is one.
    groups_at: Option<u64>,
}

/// So many bytes are written at most before a flush is wanted, whether or not anybody waits for it. Those who begin a new segment
/// have to wait until the one before is flushed: this much of it, about.
const UNFLUSHED: usize = 4 << 20;

impl<F> Keeper<F>
where
    F: Folder + Send + std::marker::Sync,
    F::File: Send + std::marker::Sync,
{
    pub(crate) fn new(
        folder: Arc<F>,
        mut journal: Journal<Arc<F>>,
        ledger: Arc<Ledger>,
        queue: Weak<Queue<Entry>>,
        settings: Settings,
        (space, ids): (Space, Ids),
        groups_at: Option<u64>,
    ) -> Self {
        // Known from the beginning, so that the first sender is told and does not wait.
        let shortage = Shortage::default();
        if journal.lacks_spares() {
            shortage.begin(no_space());
        }
        if folder.scarce().is_some() {
            shortage.begin(scarce());
        }
        let grown = space.grown();
        journal.reserve(grown.load(Ordering::Relaxed));
        let keeper = Keeper {
            writing: Mutex::new(Writing {
                journal,
                empty: Page::default(),
                positions: Vec::new(),
                segment: None,
                unflushed: 0,
                is_spare_wanted: false,
                groups_at,
            }),
            tidying: Mutex::default(),
            shortage,
            reading: Reading::new(folder.clone()),
            space: Mutex::new(space),
            grown,
            ids: Mutex::new(ids),
            folder,
            ledger,
            queue,
            settings,
        };
        keeper.note_room(&keeper.writing().journal);
        keeper
    }

    /// Writes everything that was noted so far.
    pub(crate) fn write(&self, need: Need) -> Result<(), Error> {
        self.write_with(self.writing(), need)
    }

    fn write_with(&self, mut writing: MutexGuard<'_, Writing<F>>, need: Need) -> Result<(), Error> {
        if let Some(error) = self.ledger.survival.broken() {
            return Err(error);
        }
        let written = loop {
            match self.write_page(&mut writing, need) {
                // It says why there is no room for more.
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let is_poisoned = writing.journal.is_poisoned();
        // Whoever is told is told without the lock.
        drop(writing);
        written.map_err(|error| match is_poisoned {
            false => error.into(),
            true => self.break_down(error),
        })
    }

    /// Writes everything that was noted so far. Where there is no room for what was noted up to this note, space is given back first.
    fn write_for_sure(&self, note: u64) -> Result<(), Error> {
        loop {
            let lack = match self.write_at_least(self.writing(), note) {
                Err(error) if error.kind() != ErrorKind::Broken => error,
                written => return written,
            };
            if !self.gain_room(&lack) {
                // Another one may have gained some meanwhile, and while nothing is written again it is not in use for that.
                let tidying = self.tidying();
                let writing = self.writing();
                drop(tidying);
                let written = self.write_at_least(writing, note);
                return written.map_err(|error| self.shortage.why().unwrap_or(error));
            }
        }
    }

    /// Writes everything that was noted so far. Where there is no room for all of it, what was noted up to this note is enough.
    fn write_at_least(&self, writing: MutexGuard<'_, Writing<F>>, note: u64) -> Result<(), Error> {
        let written = self.write_with(writing, Need::GivesRoom);
        written.or_else(|error| match self.ledger.survival.is_written(note) {
            true => Ok(()),
            false => Err(error),
        })
    }

    /// Writes as much of what was noted as there is room for. Whether that was all of it.
    fn write_page(&self, writing: &mut Writing<F>, need: Need) -> Result<bool, journal::Error> {
        let (mut page, last) = self.ledger.turn_page(std::mem::take(&mut writing.empty));
        // For events, whether there is room was asked before they were noted.
        let written = self.append(writing, &page, need);
        let left = self.room_for_events(&writing.journal);
        match written {
            Ok(written) if written == page.count() => {
                self.ledger.survival.reached(Reach::all_up_to(last));
                self.ledger.set_room(left);
                page.clear();
                writing.empty = page;
                Ok(true)
            }
            Ok(written) => {
                self.ledger.turn_back(page, written, left);
                Ok(false)
            }
            Err(error) => {
                self.ledger.turn_back(page, 0, left);
                Err(error)
            }
        }
    }

    /// Bytes that events can take before a file is made for them.
    fn room_for_events(&self, journal: &Journal<Arc<F>>) -> u64 {
        match self.folder.scarce() {
            None => journal.room(Need::TakesRoom, self.settings.max_event_bytes),
            Some(_) => 0,
        }
    }

    /// Appends the notes of a page to the journal, as many as there is room for. Returns how many they are.
    fn append(
        &self,
        writing: &mut Writing<F>,
        page: &Page,
        need: Need,
    ) -> Result<usize, journal::Error> {
        let survival = &self.ledger.survival;
        let Writing {
            journal,
            positions,
            segment,
            ..
        } = writing;
        let newest = journal.newest();
        positions.clear();
        journal.reserve(self.grown.load(Ordering::Relaxed));
        let written = journal.append(page.records(), need, |at| positions.push(at))?;
        self.place(page, positions, segment);
        if let Some(table) = page.table_among(written) {
            writing.groups_at = Some(positions[table].generation);
        }
        let longest = self.settings.max_event_bytes;
        let is_spare_wanted = journal.is_spare_wanted(longest);
        let is_news = is_spare_wanted && !writing.is_spare_wanted;
        writing.is_spare_wanted = is_spare_wanted;
        if is_news || journal.newest() != newest {
            survival.want_space();
        }
        writing.unflushed += page.length();
        if writing.unflushed >= UNFLUSHED {
            writing.unflushed = 0;
            survival.want_flush();
        }
        Ok(written)
    }

    /// What is on a page lies there now.
    fn place(&self, page: &Page, positions: &[Position], known: &mut Option<(u64, Arc<Segment>)>) {
        let is_cache_full = self.ledger.is_cache_full();
        for (placement, &position) in page.placements().zip(positions) {
            let generation = position.generation;
            let event = match placement.holds {
                Holds::Nothing => continue,
                Holds::Ids(all) => {
                    all.iter().for_each(|said_in| said_in.set(generation));
                    continue;
                }
                Holds::Event(event) => event,
            };
            let id_said_in = self.place_id(event, generation, placement.is_again);
            known.take_if(|(of, _)| *of != generation);
            let (_, segment) =
                known.get_or_insert_with(|| (generation, self.space().segment(generation)));
            let place = Place {
                position,
                bytes: placement.bytes,
                grown: 0,
                segment: segment.clone(),
                index: 0,
                id_said_in,
            };
            self.ledger.placed(event, place, is_cache_full);
        }
    }

    /// The id of an event lies with it in this segment now, if it is remembered.
    fn place_id(&self, event: &Event, generation: u64, is_again: bool) -> Option<SaidIn> {
        let id = event.given_id.as_ref()?;
        if is_again {
            let account = &event.account;
            return account
                .id_said_in()
                .inspect(|said_in| said_in.set(generation));
        }
        let sent = event.account.facts().sent;
        self.ids().add(sent, id, generation)
    }

    fn writing(&self) -> MutexGuard<'_, Writing<F>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Keep for Keeper<F>
where
    F: Folder + Send + std::marker::Sync,
    F::File: Send + std::marker::Sync,
{
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn sync(&self) -> Sync {
        self.settings.sync
    }

    fn is_far(&self) -> bool {
        F::IS_FAR
    }

    fn write_up_to(&self, note: u64) -> Result<(), Error> {
        let is_written = || self.ledger.survival.is_written(note);
        if is_written() {
            return Ok(());
        }
        let writing = self.writing();
        // Whoever wrote meanwhile wrote all that there was.
        if is_written() {
            return Ok(());
        }
        match self.write_at_least(writing, note) {
            Err(error) if error.kind() != ErrorKind::Broken => self.write_for_sure(note),
            written => written,
        }
    }

    fn read(&self, event: &Event) -> Result<Arc<Record>, Unread> {
        loop {
            let position = match event.account.record() {
                Ok(record) => return Ok(record),
                Err(position) => position.ok_or_else(nowhere)?,
            };
            let record = self.reading.read(position, event.account.length);
            // It may have been carried elsewhere meanwhile, and its segment freed.
            if record.is_ok() || event.account.record().err() == Some(Some(position)) {
                return record.map(Arc::new);
            }
        }
    }

    fn refusal(&self, event: &Event) -> Option<Error> {
        let limit = self.settings.max_event_bytes;
        if event.account.length > limit {
            let length = event.account.length;
            let larger = match length as u64 > self.settings.segment_bytes / 2 {
                // It has to fit into half of a segment, whatever is allowed.
                true => "`max_event_bytes` and, to at least twice as much, `segment_bytes` larger",
                false => "`max_event_bytes` larger",
            };
            let message = format!(
                "the event takes {length} bytes, and `max_event_bytes` is {limit}; make it that at most, or {larger}"
            );
            return Some(Error::new(ErrorKind::TooLarge, message));
        }
        if let Some(error) = self.ledger.survival.broken() {
            return Some(error);
        }
        if !self.shortage.is_there() || self.ledger.has_room_in_journal(event) {
            return None;
        }
        // Some space may have been freed since.
        self.ledger.survival.want_space();
        self.shortage.why()
    }

    fn commit_as_task(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match F::IS_FAR {
            true => Box::pin(Keeper::commit_as_task(self)),
            false => Box::pin(ready(())),
        }
    }

    fn wait_here(&self, note: u64) -> Result<(), Error> {
        while let Some(turn) = self.ledger.survival.wait_here(note)? {
            self.commit_or_refuse(Some(turn));
        }
        Ok(())
    }

    fn seal(&self) {
        let _turn = self.ledger.survival.last_turn();
        self.commit_or_refuse(None);
        // Where that fails, as much is there as if the process had been killed now.
        let _ = self.writing().journal.seal();
    }
}
