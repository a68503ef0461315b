//! Appends, flushes, reads back, and gives space back.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::beside::{Flush, Made, Readable, Spare};
use super::frame::{Frame, HEAD, Position, length_with};
use super::recovery::{Recovered, Recovery, recover};
use super::scan::payload_of;
use super::segment::{HEADER, Header, name_of_segment};
use super::space::{KEPT, Spares};
use super::{Error, ErrorKind, Settings};
use crate::storage::{File, Folder};

pub use super::space::Need;

/// The kind of the frame with which each write begins: it says how far the journal had been flushed before.
pub(super) const MARK: u32 = 0;
/// Bytes of such a frame.
const MARK_LENGTH: usize = length_with(16);

/// Bytes that a record of so many takes at most: each write has a mark as well.
pub const fn cost(payload: usize) -> u64 {
    (MARK_LENGTH + length_with(payload)) as u64
}

/// What is appended.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it is: anything but zero.
    pub kind: u32,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// A journal that is open.
///
/// Whoever has it is the only one who writes to the folder.
#[derive(Debug)]
pub struct Journal<F: Folder> {
    folder: F,
    settings: Settings,
    /// The segment that is written to. There is none before the first record after the folder was opened.
    current: Option<Open<F::File>>,
    /// All that can be read, the current one too.
    generations: BTreeSet<u64>,
    /// Behind all that was written.
    end: Option<Position>,
    /// Up to there all is on the disk.
    flushed: Option<Position>,
    next_sequence: u64,
    spares: Spares,
    /// Whether a write or a flush has failed.
    is_poisoned: bool,
    /// What is to be written next. Kept for its room.
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Open<X> {
    file: Arc<X>,
    generation: u64,
    /// Behind what was written.
    offset: u64,
}

impl<F: Folder> Journal<F> {
    /// Opens a folder, which may be empty, and hands every record that is there over, the oldest first.
    ///
    /// It reads all segments, each of them as a whole into memory. What is damaged is told in the [`Recovery`], and
    /// left out. A write that was not finished is cut off.
    ///
    /// # Errors
    /// [`ErrorKind::NewerVersion`], or [`ErrorKind::Io`]. A full disk is none.
    pub fn open(
        folder: F,
        settings: Settings,
        mut visit: impl FnMut(Recovered<'_>),
    ) -> Result<(Self, Recovery), Error> {
        // An earlier process may have ended before the names that are seen now were sure.
        let names = folder.flush().and_then(|()| folder.names());
        let names = names.map_err(|error| Error::io("list the folder", error))?;
        let known = recover(&folder, &names, &mut visit)?;
        let spares = Spares::find(&folder, &names, settings.segment_bytes)?;
        let mut journal = Journal {
            folder,
            settings,
            current: None,
            generations: known.generations.into_iter().collect(),
            end: known.end,
            flushed: known.end,
            next_sequence: known.next_sequence,
            spares,
            is_poisoned: false,
            buffer: Vec::new(),
        };
        match journal.prepare() {
            Err(error) if *error.kind() != ErrorKind::NoSpace => Err(error),
            _ => Ok((journal, known.recovery)),
        }
    }

    /// Bytes that a record may have.
    pub fn longest_record(&self) -> usize {
        let frames = self.settings.segment_bytes as usize - HEADER - MARK_LENGTH;
        // Frames and segments are multiples of eight.
        frames - HEAD
    }

    /// Appends records, all of them or none. They survive the process at once, and a loss of power after the next
    /// [`flush`](Journal::flush). Tells where each of them lies.
    ///
    /// # Errors
    /// [`ErrorKind::TooLong`] and [`ErrorKind::NoSpace`]: nothing was written, and the journal can be used as before. Any
    /// other one poisons it: each of the records may be found when the folder is opened again, or not.
    pub fn append(
        &mut self,
        records: &[Record<'_>],
        need: Need,
        mut appended: impl FnMut(Position),
    ) -> Result<(), Error> {
        self.check_poison()?;
        let limit = self.longest_record();
        if let Some(record) = records.iter().find(|r| r.payload.len() > limit) {
            let length = record.payload.len();
            return Err(ErrorKind::TooLong { length, limit }.into());
        }
        let parts = self.split(records);
        let segment_bytes = self.settings.segment_bytes;
        let (spares, folder) = (&mut self.spares, &self.folder);
        spares.ensure(folder, parts.len() - 1, need, segment_bytes)?;
        self.poisoning(|journal| {
            for (index, part) in parts.into_iter().enumerate() {
                if index > 0 {
                    journal.begin_segment()?;
                }
                journal.write(&records[part], &mut appended)?;
            }
            Ok(())
        })
    }

    /// Which of them go to the current segment, and which to each new one.
    fn split(&self, records: &[Record<'_>]) -> Vec<Range<usize>> {
        let room_behind = |offset: u64| {
            let room = self.settings.segment_bytes.saturating_sub(offset);
            (room as usize).saturating_sub(MARK_LENGTH)
        };
        let mut room = match &self.current {
            Some(current) => room_behind(current.offset),
            None => 0,
        };
        let (mut parts, mut begin) = (Vec::new(), 0);
        for (index, record) in records.iter().enumerate() {
            let length = length_with(record.payload.len());
            if length > room {
                parts.push(begin..index);
                begin = index;
                room = room_behind(HEADER as u64);
            }
            room -= length;
        }
        parts.push(begin..records.len());
        parts
    }

    fn write(
        &mut self,
        records: &[Record<'_>],
        appended: &mut impl FnMut(Position),
    ) -> Result<(), Error> {
        let Some(mut at) = self.begin_write().filter(|_| !records.is_empty()) else {
            return Ok(());
        };
        for record in records {
            debug_assert_ne!(record.kind, MARK);
            let frame = Frame {
                sequence: self.next_sequence,
                kind: record.kind,
                payload: record.payload,
            };
            frame.encode(at, &mut self.buffer);
            self.next_sequence += 1;
            appended(at);
            at.offset += frame.length() as u64;
        }
        self.end_write(at)
    }

    /// Puts the mark into the buffer with which each write begins. Returns the place behind it.
    fn begin_write(&mut self) -> Option<Position> {
        let current = self.current.as_ref()?;
        let mut at = Position {
            generation: current.generation,
            offset: current.offset,
        };
        let mark = payload_of(self.flushed.unwrap_or_default());
        let mark = Frame {
            sequence: self.next_sequence,
            kind: MARK,
            payload: &mark,
        };
        self.buffer.clear();
        mark.encode(at, &mut self.buffer);
        at.offset += mark.length() as u64;
        Some(at)
    }

    /// Writes what is in the buffer, up to this place.
    fn end_write(&mut self, end: Position) -> Result<(), Error> {
        if let Some(current) = &mut self.current {
            let written = current.file.write_at(&self.buffer, current.offset);
            written.map_err(|error| Error::io("write to the journal", error))?;
            current.offset = end.offset;
            self.end = Some(end);
        }
        Ok(())
    }

    /// Writes a mark and nothing else, if there is room for it.
    fn write_mark(&mut self) -> Result<(), Error> {
        let segment_bytes = self.settings.segment_bytes;
        match self.begin_write() {
            Some(end) if end.offset <= segment_bytes => self.end_write(end),
            _ => Ok(()),
        }
    }

    /// Ends the current segment, and begins another one. There is a spare file for it.
    fn begin_segment(&mut self) -> Result<(), Error> {
        // The new header says that all before it is on the disk.
        self.flush_current()?;
        self.current = None;
        let spare = self.spares.take().ok_or(ErrorKind::NoSpace)?;
        let newest = self.generations.last().copied().unwrap_or(0);
        let header = Header {
            generation: newest + 1,
            first_sequence: self.next_sequence,
            previous_end: self.end,
        };
        let name = name_of_segment(header.generation);
        let file = self.folder.open(&spare).and_then(|file| {
            file.write_at(&header.encode(), 0)?;
            file.flush()?;
            self.folder.rename(&spare, &name)?;
            self.folder.flush()?;
            Ok(file)
        });
        let file = file.map_err(|error| Error::io(format!("make {name}"), error))?;
        self.generations.insert(header.generation);
        self.current = Some(Open {
            file: Arc::new(file),
            generation: header.generation,
            offset: HEADER as u64,
        });
        Ok(())
    }

    /// Returns when all that was appended survives a loss of power.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], which poisons the journal: what was appended since the last flush may be found when the folder is
    /// opened again, or not.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.check_poison()?;
        self.poisoning(Self::flush_current)
    }

    fn flush_current(&mut self) -> Result<(), Error> {
        match self.unflushed() {
            Some(flush) => {
                let flushed = flush.run();
                self.note_flush(&flush, flushed)
            }
            None => Ok(()),
        }
    }

    /// Flushes, and says so in the journal itself: what is damaged from now on is told from what was being written.
    ///
    /// # Errors
    /// As [`flush`](Journal::flush).
    pub fn seal(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.poisoning(|journal| {
            journal.write_mark()?;
            journal.flush_current()
        })
    }

    /// The same in two parts, so that others can append meanwhile: the flush is to be [run](Flush::run), and then
    /// [ended](Journal::end_flush). `None` where there is nothing to flush.
    ///
    /// # Errors
    /// [`ErrorKind::Poisoned`].
    pub fn begin_flush(&self) -> Result<Option<Flush<F::File>>, Error> {
        self.check_poison()?;
        Ok(self.unflushed())
    }

    /// What was appended before the flush began survives a loss of power now, if it ended well.
    ///
    /// # Errors
    /// As [`flush`](Journal::flush).
    pub fn end_flush(
        &mut self,
        flush: Flush<F::File>,
        flushed: std::io::Result<()>,
    ) -> Result<(), Error> {
        self.poisoning(|journal| journal.note_flush(&flush, flushed))
    }

    fn unflushed(&self) -> Option<Flush<F::File>> {
        let current = self.current.as_ref().filter(|_| self.flushed != self.end)?;
        Some(Flush {
            file: current.file.clone(),
            end: self.end,
        })
    }

    fn note_flush(
        &mut self,
        flush: &Flush<F::File>,
        flushed: std::io::Result<()>,
    ) -> Result<(), Error> {
        flushed.map_err(|error| Error::io("flush the journal", error))?;
        // A later one may have ended before.
        self.flushed = self.flushed.max(flush.end);
        Ok(())
    }

    /// Reads a record that was appended or recovered: its kind goes with its bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NoRecord`], or [`ErrorKind::Io`].
    pub fn read(&self, at: Position) -> Result<(u32, Vec<u8>), Error> {
        if !self.generations.contains(&at.generation) {
            return Err(ErrorKind::NoRecord.into());
        }
        let segment = Readable::open(&self.folder, at.generation)?;
        segment.read(at.offset, HEAD, |kind, payload| {
            Some((kind, payload.to_vec()))
        })
    }

    /// Makes a spare file if there are too few, so that no append has to wait for it. Takes as long as it takes to write a
    /// segment.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] or [`ErrorKind::Io`]; the journal can be used as before.
    pub fn prepare(&mut self) -> Result<(), Error> {
        let length = self.settings.segment_bytes;
        self.spares
            .ensure(&self.folder, KEPT, Need::GivesRoom, length)
    }

    /// A file that is wanted as a spare one, so that no append has to wait for it: it is to be [made](Spare::make), and then
    /// [kept](Journal::keep_spare).
    pub fn wanted_spare(&mut self) -> Option<Spare> {
        let is_wanted = self.spares.is_one_wanted();
        is_wanted.then(|| Spare {
            name: self.spares.new_name(),
            length: self.settings.segment_bytes,
        })
    }

    /// Whether there are too few spare files. Right after opening that says that the disk is full.
    pub fn lacks_spares(&self) -> bool {
        self.spares.is_one_wanted()
    }

    /// Keeps a file that was made for it.
    pub fn keep_spare(&mut self, made: Made) {
        self.spares.keep(made.0);
    }

    /// Bytes that can be appended for sure by records that take room, each of at most `longest` bytes with its own write, without
    /// waiting for a spare file: each counts for what [`cost`] says.
    pub fn room(&self, longest: usize) -> u64 {
        // What is left at the end of a segment may be too little for the next record.
        let usable = |bytes: u64| bytes.saturating_sub(cost(longest));
        let offset = self.current.as_ref().map(|current| current.offset);
        let here = offset.map_or(0, |offset| self.settings.segment_bytes - offset);
        let there = self.settings.segment_bytes - HEADER as u64;
        usable(here) + self.spares.for_taking() as u64 * usable(there)
    }

    /// Frees the segments before this generation, but never the newest one. Their records are gone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], which poisons the journal; some of them may be freed.
    pub fn free_before(&mut self, generation: u64) -> Result<(), Error> {
        self.check_poison()?;
        self.poisoning(|journal| {
            while let Some(oldest) = journal.generations.first().copied() {
                if oldest >= generation || journal.generations.len() == 1 {
                    break;
                }
                journal.free(oldest)?;
            }
            Ok(())
        })
    }

    /// Its name is sure to be gone before that of the next one goes, so that no record ever outlives a later one.
    fn free(&mut self, generation: u64) -> Result<(), Error> {
        let name = name_of_segment(generation);
        let is_kept = self.spares.is_one_wanted() && self.has_usual_length(&name);
        let freed = if is_kept {
            let spare = self.spares.new_name();
            let renamed = self.folder.rename(&name, &spare);
            renamed.map(|()| Some(spare))
        } else {
            self.folder.remove(&name).map(|()| None)
        };
        let freed = freed.and_then(|spare| self.folder.flush().map(|()| spare));
        let spare = freed.map_err(|error| Error::io(format!("free {name}"), error))?;
        self.generations.remove(&generation);
        if let Some(spare) = spare {
            self.spares.keep(spare);
        }
        Ok(())
    }

    fn has_usual_length(&self, name: &str) -> bool {
        let length = self.folder.open(name).and_then(|file| file.length());
        length.is_ok_and(|length| length == self.settings.segment_bytes)
    }

    /// All segments that can be read, the oldest first.
    pub fn generations(&self) -> impl Iterator<Item = u64> {
        self.generations.iter().copied()
    }

    fn check_poison(&self) -> Result<(), Error> {
        match self.is_poisoned {
            true => Err(ErrorKind::Poisoned.into()),
            false => Ok(()),
        }
    }

    fn poisoning(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let changed = change(self);
        self.is_poisoned |= changed.is_err();
        changed.map_err(Error::for_good)
    }
}
