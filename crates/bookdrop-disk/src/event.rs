//! What the ledger knows of an event.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bookdrop_backend::Record;

use crate::ids::SaidIn;
use crate::journal::{Position, length_with};
use crate::ledger::Ledger;
use crate::ledger::note::{Standing, Standings, length_beside};
use crate::space::Segment;

pub(crate) type Event = bookdrop_records::Event<Ledger>;
pub(crate) type Entry = bookdrop_records::Entry<Ledger>;

/// What the ledger knows of an event.
pub struct Account {
    has_delay: bool,
    /// Bytes that it takes in the journal, about.
    pub(crate) length: usize,
    facts: Mutex<Facts>,
}

/// What changes about an event.
#[derive(Default)]
pub(crate) struct Facts {
    /// Its number in the journal; zero while it was not written down.
    pub(crate) number: u64,
    /// The last note about it, but for those of a hand-over, of which nobody waits to be sure; zero if there was none.
    pub(crate) noted: u64,
    /// When it was sent, in milliseconds since 1970.
    pub(crate) sent: u64,
    /// The whole of it; `None` while it is on the disk alone.
    pub(crate) record: Option<Arc<Record>>,
    pub(crate) place: Option<Place>,
    /// How it stands in each group that has not done with it.
    pub(crate) standings: Standings,
}

/// Where an event lies in the journal.
pub(crate) struct Place {
    pub(crate) position: Position,
    /// That it takes there.
    pub(crate) bytes: usize,
    /// Bytes of graves that were noted since, and lie there too when it is written down again.
    pub(crate) grown: usize,
    pub(crate) segment: Arc<Segment>,
    /// Among the events of the segment, once it was added to them.
    pub(crate) index: usize,
    /// Where its id is said, if one was given: here. Who remembers the id is told so.
    pub(crate) id_said_in: Option<SaidIn>,
}

/// Bytes of an event in the journal beside its texts and its content, with its frame.
const FIXED: usize = 128;

impl Account {
    /// That of an event that may be about to be sent.
    pub(crate) fn new(record: Record) -> Self {
        let content = record.content.len();
        let mut account = Account::known(&record, content, Facts::default());
        let facts = account.facts.get_mut();
        facts.unwrap_or_else(PoisonError::into_inner).record = Some(Arc::new(record));
        account
    }

    /// That of an event of which this much is known, with so many bytes of content.
    pub(crate) fn known(record: &Record, content: usize, facts: Facts) -> Self {
        Account {
            has_delay: record.delay.is_some(),
            length: Account::length_of(record, content),
            facts: Mutex::new(facts),
        }
    }

    /// Bytes that an event takes in the journal, about, with so many bytes of content.
    pub(crate) fn length_of(record: &Record, content: usize) -> usize {
        let key = record.key.as_ref().map_or(0, |key| key.len());
        FIXED + record.id.len() + key + content
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its id is said, if it is remembered, and the event lies in the journal.
    pub(crate) fn id_said_in(&self) -> Option<SaidIn> {
        self.facts().place.as_ref()?.id_said_in.clone()
    }

    /// The last note about it for which somebody waits, if there is any.
    pub(crate) fn last_note(&self) -> Option<u64> {
        let noted = self.facts().noted;
        (noted > 0).then_some(noted)
    }

    /// The whole of it, unless it is on the disk alone: then where it lies.
    pub(crate) fn record(&self) -> Result<Arc<Record>, Option<Position>> {
        let facts = self.facts();
        let place = || facts.place.as_ref().map(|place| place.position);
        facts.record.clone().ok_or_else(place)
    }
}

/// Bytes that an event takes where it is written down again, as it stands while what was noted behind this note is not there.
pub(crate) fn length_as_of(event: &Event, note: u64) -> usize {
    let account = &event.account;
    let times = [account.has_delay, event.time_to_live.is_some()];
    let texts_and_content = account.length - FIXED;
    let beside = length_beside(times, event.key.is_some());
    let facts = account.facts();
    let standings = facts.standings.iter();
    let standings = standings.map(|standing| standing.length() - standing.grave_behind(note));
    length_with(beside + texts_and_content + standings.sum::<usize>())
}

impl Facts {
    /// Whoever did something to it waits for this note, unless nothing was written down: of a request nothing is before it is dead.
    pub(crate) fn wait_up_to(&mut self, note: u64) {
        if self.number > 0 {
            self.noted = note;
        }
    }

    /// Bytes that are written of it as a dead letter.
    pub(crate) fn graves(&self) -> usize {
        self.standings.iter().map(Standing::grave).sum()
    }

    /// Bytes of those that are noted behind this note, and so do not lie where it lies.
    pub(crate) fn graves_behind(&self, note: u64) -> usize {
        let standings = self.standings.iter();
        standings.map(|standing| standing.grave_behind(note)).sum()
    }

    /// Graves were put to it or taken from it, where they took so many bytes before.
    pub(crate) fn count_graves(&mut self, before: usize) {
        let now = self.graves();
        if let Some(place) = self.place.as_mut().filter(|_| before != now) {
            // Those that were written down with it are not among those that were noted since.
            let grown = (place.grown + now).saturating_sub(before);
            place.segment.grow(place.grown, grown);
            place.grown = grown;
        }
    }

    /// Whether it stands elsewhere than in the queue in some group, so that what is queued can all go and it stays.
    pub(crate) fn is_stuck(&self) -> bool {
        self.standings.iter().any(|standing| !standing.is_queued)
    }

    /// Whether every group has done with it.
    pub(crate) fn is_over(&self) -> bool {
        self.standings.is_empty()
    }
}
