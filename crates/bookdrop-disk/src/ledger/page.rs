//! Notes in a row, as bytes.

use std::ops::Range;
use std::sync::Arc;

use super::note::kind::GROUPS;
use crate::event::Event;
use crate::journal::{Record, length_with};

/// Notes in a row, to be written at once.
#[derive(Default)]
pub(crate) struct Page {
    pub(super) bytes: Vec<u8>,
    notes: Vec<Noted>,
    /// Which of them is the last table of groups.
    table: Option<usize>,
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

impl Page {
    /// What was put behind this place is a note. Returns its length.
    pub(super) fn end_note(&mut self, begin: usize, kind: u32, event: Option<Arc<Event>>) -> usize {
        let range = begin..self.bytes.len();
        let length = range.len();
        if kind == GROUPS {
            self.table = Some(self.notes.len());
        }
        self.notes.push(Noted { kind, range, event });
        length
    }

    /// The kinds and bytes of its notes.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> + Clone {
        self.notes.iter().map(|noted| Record {
            kind: noted.kind,
            payload: &self.bytes[noted.range.clone()],
        })
    }

    /// Which of its notes is the last table of groups.
    pub(crate) fn table(&self) -> Option<usize> {
        self.table
    }

    /// Bytes of its notes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The events that are to lie where its notes lie, each with the bytes that it takes there.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Option<&Arc<Event>>, usize)> {
        self.notes
            .iter()
            .map(|noted| (noted.event.as_ref(), length_with(noted.range.len())))
    }

    /// Empties it; it keeps its room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.notes.clear();
        self.table = None;
    }

    pub(super) fn append(&mut self, later: Page) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&later.bytes);
        let table = later.table.map(|table| table + self.notes.len());
        self.table = table.or(self.table);
        self.notes
            .extend(later.notes.into_iter().map(|noted| Noted {
                range: noted.range.start + offset..noted.range.end + offset,
                ..noted
            }));
    }
}
