//! Notes in a row, as bytes.

mod superseded;

use std::ops::Range;
use std::sync::Arc;

use bookdrop_backend::Record;

use super::note::kind::{self, GROUPS};
use super::note::{Note, Standing, encode_event};
use super::survival::Reach;
use crate::event::{Event, Facts};
use crate::ids::{SaidIn, Sent};
use crate::journal::{self, cost, length_with};

/// Notes in a row, to be written at once.
#[derive(Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    notes: Vec<Noted>,
    /// Bytes that they take in the journal at most.
    cost: u64,
    /// How many notes were left when it was last gone through for superseded ones.
    thinned: usize,
}

/// One note of a page.
struct Noted {
    kind: u32,
    range: Range<usize>,
    holds: Holds,
    /// Its number among all notes. It is greater than those of the notes before it.
    number: u64,
    /// The number of the first note that it stands for: its own, or that of an earlier one that was left out, since it says the same.
    stands_for: u64,
}

/// What lies where a note lies, and is told so.
pub(crate) enum Holds {
    /// Nothing.
    Nothing,
    /// An event.
    Event(Arc<Event>),
    /// Ids by themselves.
    Ids(Vec<SaidIn>),
}

/// A note of a page, as it is to lie in the journal.
pub(crate) struct Placement<'a> {
    pub(crate) holds: &'a Holds,
    /// That it takes there.
    pub(crate) bytes: usize,
    /// Whether it lies elsewhere before.
    pub(crate) is_again: bool,
}

/// The number of what is written down again: it is on a page of its own, before all that is noted.
pub(super) const AGAIN: u64 = 0;

impl Page {
    /// Puts an event down under this number, as it stands in its groups.
    pub(super) fn put_event(
        &mut self,
        number: u64,
        event: &Arc<Event>,
        (facts, standings): (&Facts, &[Standing]),
        record: &Record,
    ) {
        let begin = self.bytes.len();
        let (of_event, sent) = (facts.number, facts.sent);
        encode_event(of_event, sent, record, standings, &mut self.bytes);
        self.end_note(begin, kind::EVENT, Holds::Event(event.clone()), number);
    }

    /// Puts a note down under this number.
    pub(super) fn put(&mut self, number: u64, note: &Note) {
        let begin = self.bytes.len();
        let kind = note.encode(&mut self.bytes);
        self.end_note(begin, kind, Holds::Nothing, number);
    }

    /// Puts ids down again.
    pub(super) fn put_ids_again(&mut self, ids: impl Iterator<Item = Sent>) {
        let begin = self.bytes.len();
        let (ids, said_in) = ids.map(|sent| ((sent.at, sent.id), sent.said_in)).unzip();
        let kind = Note::Ids(ids).encode(&mut self.bytes);
        self.end_note(begin, kind, Holds::Ids(said_in), AGAIN);
    }

    fn end_note(&mut self, begin: usize, kind: u32, holds: Holds, number: u64) {
        self.push(Noted {
            kind,
            range: begin..self.bytes.len(),
            holds,
            number,
            stands_for: number,
        });
    }

    /// One more note, whose bytes are there.
    fn push(&mut self, noted: Noted) {
        self.cost += cost(noted.range.len());
        self.notes.push(noted);
    }

    /// The kinds and bytes of its notes.
    pub(crate) fn records(&self) -> impl Iterator<Item = journal::Record<'_>> + Clone {
        self.notes.iter().map(|noted| journal::Record {
            kind: noted.kind,
            payload: &self.bytes[noted.range.clone()],
        })
    }

    /// How many notes there are.
    pub(crate) fn count(&self) -> usize {
        self.notes.len()
    }

    /// Which of the first so many notes is the last table of groups.
    pub(crate) fn table_among(&self, count: usize) -> Option<usize> {
        let mut notes = self.notes[..count].iter();
        notes.rposition(|noted| noted.kind == GROUPS)
    }

    /// Bytes of its notes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that its notes take in the journal at most.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// Its notes, as they are to lie in the journal.
    pub(crate) fn placements(&self) -> impl Iterator<Item = Placement<'_>> {
        self.notes.iter().map(|noted| Placement {
            holds: &noted.holds,
            bytes: length_with(noted.range.len()),
            is_again: noted.number == AGAIN,
        })
    }

    /// Empties it; it keeps its room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.notes.clear();
        (self.cost, self.thinned) = (0, 0);
    }

    /// The first so many notes were appended, and the others are left. Returns how far the notes have come; `None` where that is not
    /// known from those that are left, since there are none.
    pub(super) fn remove_appended(&mut self, count: usize) -> Option<Reach> {
        // On a full disk none of them is, write after write: what waits is not copied each time.
        if count > 0 {
            self.retain(|index, _| index >= count);
        }
        let unsaid = self.notes.iter().map(|noted| noted.stands_for).min()?;
        let left = self.notes.first()?.number;
        Some(Reach {
            written: unsaid - 1,
            appended: left - 1,
        })
    }

    pub(super) fn append(&mut self, later: Page) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&later.bytes);
        self.cost += later.cost;
        self.notes
            .extend(later.notes.into_iter().map(|noted| Noted {
                range: noted.range.start + offset..noted.range.end + offset,
                ..noted
            }));
    }

    /// Keeps these notes only.
    fn retain(&mut self, is_kept: impl Fn(usize, &Noted) -> bool) {
        let old = std::mem::take(self);
        for (index, noted) in old.notes.into_iter().enumerate() {
            if is_kept(index, &noted) {
                let begin = self.bytes.len();
                self.bytes
                    .extend_from_slice(&old.bytes[noted.range.clone()]);
                let range = begin..self.bytes.len();
                self.push(Noted { range, ..noted });
            }
        }
        self.thinned = old.thinned;
    }
}
