//! The ledger: what happened to the events, on its way to the journal.
//!
//! The queue tells each event what happens to it, under its lock. That is noted here as bytes in memory, in the order in which it
//! happens, and nothing more: no system call is made under the queue's lock. Whoever has to be sure of it waits for the
//! [`Survival`] of what was noted so far.
//!
//! Invariant: locks are taken in this order: the queue's, an event's facts, the ledger's. None of the latter is held while one of
//! the former is taken.

mod groups;
pub(crate) mod note;
mod survival;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bookdrop_backend::Record;
use bookdrop_queue::{GroupId, Hand, clock};

use crate::entry::told_reason;
use crate::event::{Event, Facts, Place};
use crate::journal::cost;
use groups::Groups;
use note::{Grave, Note, Standing, State, encode_event, kind};
pub(crate) use survival::{Survival, Waiting};

/// What is to be written down.
pub(crate) struct Ledger {
    pending: Mutex<Pending>,
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
}

/// What was noted and not written yet.
#[derive(Default)]
struct Pending {
    page: Page,
    /// How many notes there ever were.
    noted: u64,
    /// Of the last event.
    last_number: u64,
    groups: Groups,
    /// Bytes of all events that some group has not done with.
    live: u64,
    /// Of these, bytes of events that are in memory as a whole.
    resident: u64,
    room: Room,
}

/// Notes in a row, to be written at once.
#[derive(Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    notes: Vec<Noted>,
    /// The number of the last note, among all.
    pub(crate) last: u64,
}

/// One note of a page.
struct Noted {
    kind: u32,
    range: Range<usize>,
    /// The event that is to lie there.
    event: Option<Arc<Event>>,
}

/// Room in the journal.
#[derive(Default)]
struct Room {
    /// Bytes that could be written when it was last looked at.
    left: u64,
    /// Bytes noted since then, of those that are being written.
    in_writing: u64,
    /// Bytes noted since then, of those that wait.
    waiting: u64,
}

/// What happened to an event of which the ledger knows.
pub(crate) enum Change<'a> {
    HandedOver,
    Returned(Option<Instant>),
    Buried(&'a bookdrop_queue::DeadReason, u64, SystemTime),
    Replayed,
    Gone,
}

impl Ledger {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Ledger {
            pending: Mutex::default(),
            survival: Survival::default(),
            bounds,
        }
    }

    // ---- what the queue tells ----

    /// An event was taken in for these groups.
    pub(crate) fn accepted<'a>(
        &self,
        event: &Arc<Event>,
        groups: impl Iterator<Item = (GroupId, &'a str)>,
        due: Option<Instant>,
    ) {
        let mut facts = event.facts();
        let mut pending = self.lock();
        pending.last_number += 1;
        let number = pending.last_number;
        facts.number = number;
        facts.sent = millis(clock::wall());
        facts.standings = groups
            .map(|(id, name)| Standing {
                group: pending.number_of(id, name),
                order: number,
                deliveries: 0,
                failures: 0,
                state: waiting_until(due),
            })
            .collect();
        pending.live += event.length as u64;
        pending.resident += event.length as u64;
        if let Some(record) = &facts.record {
            pending.write_down(event, &facts, record);
        }
    }

    /// An event that was for the first group to come goes there.
    pub(crate) fn moved(&self, event: &Event, group: GroupId, name: &str) {
        let mut facts = event.facts();
        let mut pending = self.lock();
        let group = pending.number_of(group, name);
        let number = facts.number;
        for standing in &mut facts.standings {
            standing.group = group;
            pending.note(&Note::Moved { number, group });
        }
    }

    /// Something happened to an event in this group.
    pub(crate) fn changed(
        &self,
        event: &Arc<Event>,
        group: GroupId,
        hand: &Hand,
        what: Change<'_>,
    ) {
        let mut facts = event.facts();
        let mut pending = self.lock();
        let Some(group) = pending.groups.known(group) else {
            return;
        };
        if facts.number == 0 {
            // A request, or one that was never taken in.
            if let Change::Buried(reason, id, at) = what {
                let grave = grave_of(reason, id, at);
                pending.bury_request(event, &mut facts, group, hand.deliveries(), grave);
            }
            return;
        }
        let Facts {
            number, standings, ..
        } = &mut *facts;
        let Some(at) = standings.iter().position(|one| one.group == group) else {
            return;
        };
        let number = *number;
        if let Change::Gone = what {
            standings.swap_remove(at);
            pending.note(&Note::Gone { number, group });
            if facts.is_over() {
                pending.let_go(event, &mut facts);
            }
            return;
        }
        let note = pending.change(number, &mut standings[at], hand, what);
        pending.note(&note);
    }

    /// Whether there is room for an event, in bytes of events and in the journal.
    pub(crate) fn has_room(&self, event: &Event) -> bool {
        let pending = self.lock();
        let length = event.length as u64;
        let fits = pending.live == 0 || pending.live + length <= self.bounds.live;
        fits && pending.room.rest() >= cost(event.length)
    }

    /// Whether there is room for it in the journal, however many bytes of events there are.
    pub(crate) fn has_room_in_journal(&self, event: &Event) -> bool {
        self.lock().room.rest() >= cost(event.length)
    }

    // ---- groups ----

    /// Whether one more group can be written down.
    pub(crate) fn has_room_for_group(&self, name: &str) -> bool {
        self.lock().groups.length_with(name) <= self.bounds.note
    }

    /// A consumer joined this group.
    pub(crate) fn joined(&self, id: GroupId, name: &str) {
        let mut pending = self.lock();
        if pending.groups.join(id, name) {
            pending.note_groups();
        }
    }

    /// This group was removed.
    pub(crate) fn removed(&self, id: GroupId) {
        let mut pending = self.lock();
        if pending.groups.forget(id) {
            pending.note_groups();
        }
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
        let is_resident = event.facts().record.is_some();
        let mut pending = self.lock();
        pending.live += event.length as u64;
        pending.resident += u64::from(is_resident) * event.length as u64;
    }

    // ---- what the keeper does ----

    /// How many notes there were so far.
    pub(crate) fn noted(&self) -> u64 {
        self.lock().noted
    }

    /// Takes out what is to be written next, in exchange for an empty page.
    pub(crate) fn turn_page(&self, empty: Page) -> Page {
        let mut pending = self.lock();
        let pending = &mut *pending;
        pending.room.in_writing = std::mem::take(&mut pending.room.waiting);
        let mut page = std::mem::replace(&mut pending.page, empty);
        page.last = pending.noted;
        page
    }

    /// Puts a page back that could not be written, in front of what came since.
    pub(crate) fn turn_back(&self, mut page: Page) {
        let mut pending = self.lock();
        let later = std::mem::take(&mut pending.page);
        page.append(later);
        pending.page = page;
        pending.room.waiting += std::mem::take(&mut pending.room.in_writing);
    }

    /// So much room there is now that all that was taken out is written.
    pub(crate) fn set_room(&self, left: u64) {
        let mut pending = self.lock();
        pending.room.left = left;
        pending.room.in_writing = 0;
    }

    /// An event lies there now. Where there is much in memory already, it is on the disk alone from now on.
    pub(crate) fn placed(&self, event: &Arc<Event>, place: Place) {
        let mut facts = event.facts();
        if facts.is_over() {
            return;
        }
        place.segment.add(event);
        if let Some(former) = facts.place.replace(place) {
            former.segment.remove(event);
        }
        let mut pending = self.lock();
        if facts.record.is_some() && pending.resident > self.bounds.resident {
            pending.resident -= event.length as u64;
            facts.record = None;
        }
    }

    /// Writes an event down again as it stands: the segment in which it lies is about to be freed. Its record is the one that lies
    /// there.
    pub(crate) fn carry(&self, event: &Arc<Event>, facts: &Facts, record: &Record) {
        self.lock().write_down(event, facts, record);
    }

    /// Writes down again what is known of groups, and these ids.
    pub(crate) fn carry_rest(&self, ids: Vec<(u64, String)>) {
        let mut pending = self.lock();
        pending.note_groups();
        let mut ids = ids.into_iter().peekable();
        while ids.peek().is_some() {
            let mut length = 0;
            let some = std::iter::from_fn(|| {
                length += note::length_of_id(&ids.peek()?.1);
                ids.next_if(|_| length <= self.bounds.note)
            });
            let some = Note::Ids(some.collect());
            pending.note(&some);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// The number of a group. One that is seen for the first time is written down with its name.
    fn number_of(&mut self, id: GroupId, name: &str) -> u64 {
        if let Some(number) = self.groups.known(id) {
            return number;
        }
        let number = self.groups.add(id, name);
        self.note_groups();
        number
    }

    fn note_groups(&mut self) {
        let note = Note::Groups(self.groups.table());
        self.note(&note);
    }

    /// Changes how an event stands, and says so.
    fn change(
        &mut self,
        number: u64,
        standing: &mut Standing,
        hand: &Hand,
        what: Change<'_>,
    ) -> Note {
        let group = standing.group;
        match what {
            Change::HandedOver => {
                standing.deliveries = hand.deliveries();
                standing.state = State::Ready;
                Note::HandedOver {
                    number,
                    group,
                    deliveries: standing.deliveries,
                }
            }
            Change::Returned(due) => {
                standing.failures = hand.failures();
                standing.state = waiting_until(due);
                Note::Returned {
                    number,
                    group,
                    failures: standing.failures,
                    due: match standing.state {
                        State::Until(due) => due,
                        _ => 0,
                    },
                }
            }
            Change::Buried(reason, id, at) => {
                let grave = grave_of(reason, id, at);
                standing.state = State::Dead(Box::new(grave.clone()));
                Note::Buried {
                    number,
                    group,
                    grave,
                }
            }
            Change::Replayed => {
                self.last_number += 1;
                *standing = Standing {
                    group,
                    order: self.last_number,
                    deliveries: 0,
                    failures: 0,
                    state: State::Ready,
                };
                Note::Replayed {
                    number,
                    group,
                    order: standing.order,
                }
            }
            Change::Gone => unreachable!("it stands nowhere any more"),
        }
    }

    /// A request is written down when it becomes a dead letter, and not before: a requester does not survive the process.
    fn bury_request(
        &mut self,
        event: &Arc<Event>,
        facts: &mut Facts,
        group: u64,
        deliveries: u32,
        grave: Grave,
    ) {
        self.last_number += 1;
        facts.number = self.last_number;
        facts.sent = grave.at;
        facts.standings.push(Standing {
            group,
            order: facts.number,
            deliveries,
            failures: 0,
            state: State::Dead(Box::new(grave)),
        });
        self.live += event.length as u64;
        self.resident += event.length as u64;
        if let Some(record) = &facts.record {
            self.write_down(event, facts, record);
        }
    }

    /// Every group has done with it: it takes no room any more.
    fn let_go(&mut self, event: &Event, facts: &mut Facts) {
        self.live -= event.length as u64;
        if facts.record.is_some() {
            self.resident -= event.length as u64;
        }
        if let Some(place) = facts.place.take() {
            place.segment.remove(event);
        }
    }

    fn write_down(&mut self, event: &Arc<Event>, facts: &Facts, record: &Record) {
        let page = &mut self.page;
        let begin = page.bytes.len();
        encode_event(
            facts.number,
            facts.sent,
            record,
            &facts.standings,
            &mut page.bytes,
        );
        self.noted(begin, kind::EVENT, Some(event.clone()));
    }

    fn note(&mut self, note: &Note) {
        let begin = self.page.bytes.len();
        let kind = note.encode(&mut self.page.bytes);
        self.noted(begin, kind, None);
    }

    fn noted(&mut self, begin: usize, kind: u32, event: Option<Arc<Event>>) {
        let range = begin..self.page.bytes.len();
        self.room.waiting += cost(range.len());
        self.page.notes.push(Noted { kind, range, event });
        self.noted += 1;
    }
}

impl Room {
    fn rest(&self) -> u64 {
        self.left
            .saturating_sub(self.in_writing)
            .saturating_sub(self.waiting)
    }
}

impl Page {
    /// The kinds and bytes of its notes.
    pub(crate) fn records(&self) -> Vec<crate::journal::Record<'_>> {
        let record = |noted: &Noted| crate::journal::Record {
            kind: noted.kind,
            payload: &self.bytes[noted.range.clone()],
        };
        self.notes.iter().map(record).collect()
    }

    /// Bytes of its notes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The events that are to lie where its notes lie.
    pub(crate) fn events(&self) -> impl Iterator<Item = Option<&Arc<Event>>> {
        self.notes.iter().map(|noted| noted.event.as_ref())
    }

    /// Empties it; it keeps its room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.notes.clear();
    }

    fn append(&mut self, later: Page) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&later.bytes);
        self.notes
            .extend(later.notes.into_iter().map(|noted| Noted {
                range: noted.range.start + offset..noted.range.end + offset,
                ..noted
            }));
    }
}

fn grave_of(reason: &bookdrop_queue::DeadReason, id: u64, at: SystemTime) -> Grave {
    Grave {
        id,
        at: millis(at),
        reason: told_reason(reason.clone()),
    }
}

/// Never early: a part of a millisecond counts as a whole one.
fn waiting_until(due: Option<Instant>) -> State {
    let Some(due) = due else {
        return State::Ready;
    };
    let wait = due.saturating_duration_since(clock::now());
    let at = clock::wall().checked_add(wait + Duration::from_millis(1));
    State::Until(at.map_or(u64::MAX, millis))
}

/// In milliseconds since 1970.
pub(crate) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    u64::try_from(millis).unwrap_or(u64::MAX)
}
