//! The ledger: what happened to the events, on its way to the journal.
//!
//! The queue tells each event what happens to it, under its lock. That is noted here as bytes in memory, in the order in which it
//! happens, and nothing more: no system call is made under the queue's lock. Whoever has to be sure of it waits for the
//! [`Survival`] of what was noted so far.
//!
//! Invariant: locks are taken in this order: the queue's, an event's facts, the ledger's. None of the latter is held while one of
//! the former is taken. The lock of [`Survival`] is taken last, or alone.

mod groups;
pub(crate) mod note;
mod page;
mod pending;
mod survival;
mod told;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use bookdrop_backend::Record;
use bookdrop_queue::GroupId;

use crate::event::{Event, Place};
use crate::ids::Sent;
use crate::wall::Wall;
use note::{Standings, State};
use page::AGAIN;
pub(crate) use page::{Holds, Page};
use pending::Pending;
pub(crate) use survival::{Reach, Survival, Turn, Waiting};

/// What is to be written down.
pub struct Ledger {
    pending: Mutex<Pending>,
    pub(crate) wall: Wall,
    pub(crate) survival: Survival,
    bounds: Bounds,
}

/// How much there may be of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of events that some group has not done with.
    pub(crate) live: u64,
    /// Bytes of events that are kept in memory although they are on the disk.
    pub(crate) resident: u64,
    /// Bytes of a note about groups or ids. It is far more than one of them takes.
    pub(crate) note: usize,
    /// Bytes of the reason of a dead letter. What is longer is cut.
    pub(crate) reason: usize,
}

impl Bounds {
    /// For segments of so many bytes: an event that stands in all groups, as a dead letter in each, fits into one of them.
    pub(crate) fn of_segments(segment_bytes: u64, live: u64, resident: u64) -> Self {
        let segment = segment_bytes as usize;
        Bounds {
            live,
            resident,
            note: segment / 2 - BESIDE,
            reason: (segment / 256).clamp(64, 4096),
        }
    }
}

/// Bytes of a segment that are left beside its longest note, and more.
const BESIDE: usize = 256;

/// What happened to an event of which the ledger knows.
pub(crate) enum Change<'a> {
    HandedOver,
    Returned(Option<Instant>),
    Due,
    Buried(&'a bookdrop_queue::DeadReason, u64, SystemTime),
    Replayed,
    Gone,
}

impl Ledger {
    pub(crate) fn new(bounds: Bounds, wall: Wall) -> Self {
        let pending = Pending {
            wall,
            ..Pending::default()
        };
        Ledger {
            pending: Mutex::new(pending),
            wall,
            survival: Survival::default(),
            bounds,
        }
    }

    /// Whether there is room for it in the journal, however many bytes of events there are.
    pub(crate) fn has_room_in_journal(&self, event: &Event) -> bool {
        let pending = self.lock();
        pending.room_left() >= pending.cost_of(event)
    }

    /// Bytes for which there is room in the journal.
    pub(crate) fn room_in_journal(&self) -> u64 {
        self.lock().room_left()
    }

    /// An event waits for room. Sees to it that there will be some in the journal, if it is that which is missing: nobody may wait for
    /// what was noted before, and so it may not be written yet. Whether it is.
    pub(crate) fn ask_for_room(&self, event: &Event) -> bool {
        let is_missing = !self.has_room_in_journal(event);
        if is_missing {
            self.survival.want_space();
        }
        is_missing
    }

    // ---- groups ----

    /// Whether one more group can be written down.
    pub(crate) fn has_room_for_group(&self, name: &str) -> bool {
        let standing = note::longest_standing(self.bounds.reason);
        let groups = &self.lock().groups;
        groups.have_room_for(name, self.bounds.note, standing)
    }

    /// Groups were given names that are not written down.
    pub(crate) fn named_groups(&self) {
        self.lock().note_groups();
    }

    /// A group that was there before, under the number that it had.
    pub(crate) fn restore_group(&self, id: GroupId, number: u64, name: &str, is_joined: bool) {
        self.lock().groups.restore(id, number, name, is_joined);
    }

    /// Goes on behind the events and groups that there ever were.
    pub(crate) fn restore_numbers(&self, last_event: u64, last_group: u64) {
        let mut pending = self.lock();
        pending.last_number = last_event;
        pending.groups.go_on_behind(last_group);
    }

    /// An event that was there before.
    pub(crate) fn restore_event(&self, event: &Event) {
        let mut facts = event.account.facts();
        for standing in &mut facts.standings {
            standing.is_queued = standing.state == State::Ready;
        }
        let is_resident = facts.record.is_some();
        let mut pending = self.lock();
        pending.count_stuck(event, false, &facts);
        pending.live += event.account.length as u64;
        pending.resident += u64::from(is_resident) * event.account.length as u64;
    }

    // ---- what the keeper does ----

    /// Takes out what is to be written next, in exchange for an empty page, with the number of its last note.
    pub(crate) fn turn_page(&self, empty: Page) -> (Page, u64) {
        let mut pending = self.lock();
        pending.in_writing = pending.page.cost();
        (std::mem::replace(&mut pending.page, empty), pending.noted)
    }

    /// Puts a page back of which the first so many notes were appended and no more could be, in front of what came since. So much room
    /// is left.
    pub(crate) fn turn_back(&self, mut page: Page, appended: usize, left: u64) {
        if let Some(reach) = page.remove_appended(appended) {
            self.survival.reached(reach);
        }
        let mut pending = self.lock();
        let later = std::mem::take(&mut pending.page);
        page.append(later);
        page.thin_out();
        pending.page = page;
        pending.set_room(left);
    }

    /// So much room there is now that all that was taken out is written.
    pub(crate) fn set_room(&self, left: u64) {
        self.lock().set_room(left);
    }

    /// Whether there is so much in memory that events are to be on the disk alone.
    pub(crate) fn is_cache_full(&self) -> bool {
        self.lock().resident > self.bounds.resident
    }

    /// An event lies there now. Where the cache is full, it is on the disk alone from now on.
    pub(crate) fn placed(&self, event: &Arc<Event>, mut place: Place, is_cache_full: bool) {
        let mut facts = event.account.facts();
        if facts.is_over() {
            return;
        }
        place.index = place.segment.add(event, place.bytes);
        place.grown = facts.graves_behind(self.survival.appended_so_far());
        place.segment.grow(0, place.grown);
        if let Some(former) = facts.place.replace(place) {
            former.segment.remove(&former);
        }
        if is_cache_full && facts.record.take().is_some() {
            self.lock().resident -= event.account.length as u64;
        }
    }

    // ---- what is written down again ----
    //
    // It is written before what was noted and waits, so that space can be given back whatever waits for some. What waits was noted
    // before, so it comes too late: when all of it is written, things stand as they do now.

    /// Puts an event down again as it stands, on a page that is written before anything else: the segment in which it lies is about
    /// to be freed. Its record is the one that lies there. What is in hand for a group that was removed since may be held for ever,
    /// and is not carried. A reason why it is dead that waits to be written takes no room before it is.
    pub(crate) fn put_again(&self, event: &Arc<Event>, record: &Record, on: &mut Page) {
        let mut facts = event.account.facts();
        self.lock().leave_removed(event, &mut facts);
        if !facts.is_over() {
            let appended = self.survival.appended_so_far();
            let standings = facts.standings.iter();
            let standings: Standings = standings.map(|one| one.as_of(appended)).collect();
            on.put_event(AGAIN, event, (&facts, &standings), record);
        }
    }

    /// Puts down again what is known of groups.
    pub(crate) fn put_groups_again(&self, on: &mut Page) {
        on.put(AGAIN, &self.lock().groups.table());
    }

    /// Puts these ids down again.
    pub(crate) fn put_ids_again(&self, ids: Vec<Sent>, on: &mut Page) {
        let mut ids = ids.into_iter().peekable();
        while ids.peek().is_some() {
            let mut length = 0;
            on.put_ids_again(std::iter::from_fn(|| {
                let is_first = length == 0;
                length += note::length_of_id(&ids.peek()?.id);
                ids.next_if(|_| is_first || length <= self.bounds.note)
            }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In milliseconds since 1970.
pub(crate) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    u64::try_from(millis).unwrap_or(u64::MAX)
}
