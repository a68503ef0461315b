//! The journal that is open: appends records, and reads them back.

mod flushing;
mod room;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::beside::{Readable, Written};
use super::frame::{Frame, HEAD, Position, length_with};
use super::recovery::{Closed, Recovered, Recovery};
use super::scan::payload_of;
use super::segment::{HEADER, Header, name_of_segment};
use super::space::Spares;
use super::{Error, ErrorKind, Settings};
use crate::storage::{File, Folder};

pub use super::space::Need;

/// The kind of the frame that says how far the segment had been flushed before. A write begins with one, unless an earlier one says
/// the same.
pub(super) const MARK: u32 = 0;
/// Bytes of such a frame.
const MARK_LENGTH: usize = length_with(16);

/// Bytes that a record of so many takes at most: its write may have a mark as well.
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
    /// Bytes of the file of each that can be read, the current one too, by its generation.
    segments: BTreeMap<u64, u64>,
    /// Behind all that was written.
    end: Option<Position>,
    /// Up to there all is on the disk.
    flushed: Option<Position>,
    next_sequence: u64,
    spares: Spares<F::File>,
    /// Whether a write or a flush has failed.
    is_poisoned: bool,
    /// What is to be written next. Kept for its room.
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Open<X> {
    segment: Arc<Written<X>>,
    generation: u64,
    /// Behind what was written.
    offset: u64,
    /// What its last mark says.
    marked: Option<Position>,
}

impl<F: Folder> Journal<F> {
    /// Opens a folder, which may be empty, and hands every record that is there over, the oldest first.
    ///
    /// It reads all segments, each of them as a whole into memory. What is damaged is told in the [`Recovery`], and
    /// left out. A write that was not finished is cut off.
    ///
    /// # Errors
    /// [`ErrorKind::NewerVersion`], [`ErrorKind::Io`], or [`ErrorKind::NoSpace`] where there is nothing yet, or where segments are to be
    /// longer than they were. Else a full disk is none.
    pub fn open(
        folder: F,
        settings: Settings,
        visit: impl FnMut(Recovered<'_>),
    ) -> Result<(Self, Recovery), Error> {
        Journal::go_on(Closed::read(folder, visit)?, settings)
    }

    /// Opens what was read.
    pub(crate) fn go_on(closed: Closed<F>, settings: Settings) -> Result<(Self, Recovery), Error> {
        let Closed {
            folder,
            names,
            known,
        } = closed;
        let length = settings.segment_bytes;
        let is_longer = known.length_of_newest() < Some(length);
        let lengths = known.segments.values().copied();
        let spares = Spares::find(&folder, &names, length, lengths)?;
        let mut journal = Journal {
            folder,
            settings,
            current: None,
            segments: known.segments,
            end: known.end,
            flushed: known.end,
            next_sequence: known.next_sequence,
            spares,
            is_poisoned: false,
            buffer: Vec::new(),
        };
        let found = journal.spares.count();
        // Without files that are as long as this nothing could be settled; with the former length it may.
        let was_better = journal.spares.are_some_too_short() || (is_longer && found == 0);
        let is_of_use_as_it_is = !journal.segments.is_empty() && !was_better;
        match journal.prepare() {
            // What is there can be handed out and settled all the same.
            Err(error) if *error.kind() == ErrorKind::NoSpace && is_of_use_as_it_is => {}
            Err(error) => {
                journal.spares.remove_behind(found, &journal.folder);
                return Err(error);
            }
            Ok(()) => journal.spares.remove_short_ones(&journal.folder),
        }
        Ok((journal, known.recovery))
    }

    /// Bytes that a record may have.
    pub fn longest_record(&self) -> usize {
        let frames = self.settings.segment_bytes as usize - HEADER - MARK_LENGTH;
        // Frames and segments are multiples of eight.
        frames - HEAD
    }

    /// Appends records, as many as there is room for; those that [free](Need::Frees) something all or not at all. They survive the
    /// process at once, and a loss of power after the next [`flush`](Journal::flush). Tells where each of them lies, and how many
    /// they are.
    ///
    /// # Errors
    /// [`ErrorKind::TooLong`], [`ErrorKind::NoSpace`], or why no further file could be made or opened: nothing was written, and the
    /// journal can be used as before. One that [poisons](Journal::is_poisoned) it: each of the records may be found when the folder
    /// is opened again, or not.
    pub fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = Record<'a>, IntoIter: Clone>,
        need: Need,
        mut appended: impl FnMut(Position),
    ) -> Result<usize, Error> {
        self.check_poison()?;
        let records = records.into_iter();
        let count = self.make_room(records.clone(), need)?;
        self.poisoning(|journal| {
            for record in records.take(count) {
                if length_with(record.payload.len()) > journal.room_here() {
                    journal.write()?;
                    journal.begin_segment()?;
                }
                appended(journal.put(record));
            }
            journal.write()
        })?;
        Ok(count)
    }

    /// Sees to it that there are spare files for these records, or for the first ones of them. Returns for how many.
    fn make_room<'a>(
        &mut self,
        records: impl Iterator<Item = Record<'a>>,
        need: Need,
    ) -> Result<usize, Error> {
        let (mut room, mut further, mut count) = (self.room_here_for(need), 0, 0);
        for record in records {
            let length = record.payload.len();
            let limit = self.longest_record();
            if length > limit {
                return Err(ErrorKind::TooLong { length, limit }.into());
            }
            let length = length_with(length);
            if length > room {
                further += 1;
                let length = self.settings.segment_bytes;
                match self.spares.ensure(&self.folder, further, need, length) {
                    Err(error) if count == 0 || need == Need::Frees => return Err(error),
                    Err(_) => return Ok(count),
                    Ok(()) => room = self.room_behind(HEADER + MARK_LENGTH),
                }
            }
            room -= length;
            count += 1;
        }
        Ok(count)
    }

    /// Bytes of frames for which there is room in the current segment, behind what is in the buffer.
    fn room_here(&self) -> usize {
        let Some(current) = &self.current else {
            return 0;
        };
        let mark = if self.buffer.is_empty() {
            MARK_LENGTH
        } else {
            0
        };
        self.room_behind(current.offset as usize + self.buffer.len() + mark)
    }

    /// The same for records of this need.
    fn room_here_for(&self, need: Need) -> usize {
        match self.spares.is_reserve_in_use(need) {
            true => 0,
            false => self.room_here(),
        }
    }

    fn room_behind(&self, offset: usize) -> usize {
        (self.settings.segment_bytes as usize).saturating_sub(offset)
    }

    /// Puts a record into the buffer, behind a mark if there is news of what was flushed. There is a segment, and room in it.
    fn put(&mut self, record: Record<'_>) -> Position {
        debug_assert_ne!(record.kind, MARK);
        if self.buffer.is_empty() && self.is_mark_due() {
            self.put_mark();
        }
        let position = self.put_frame(record);
        self.next_sequence += 1;
        position
    }

    /// Whether something of this segment was flushed of which no mark in it speaks.
    fn is_mark_due(&self) -> bool {
        let current = self.current.as_ref();
        let is_here = |at: &Position| current.is_some_and(|open| open.generation == at.generation);
        let flushed = self.flushed.filter(is_here);
        flushed > current.and_then(|open| open.marked)
    }

    fn put_mark(&mut self) {
        let payload = payload_of(self.flushed.unwrap_or_default());
        if let Some(current) = &mut self.current {
            current.marked = self.flushed;
        }
        self.put_frame(Record {
            kind: MARK,
            payload: &payload,
        });
    }

    fn put_frame(&mut self, Record { kind, payload }: Record<'_>) -> Position {
        let sequence = self.next_sequence;
        let at = self.end_of_buffer();
        let frame = Frame {
            sequence,
            kind,
            payload,
        };
        frame.encode(at, &mut self.buffer);
        at
    }

    fn end_of_buffer(&self) -> Position {
        let current = self.current.as_ref();
        let written = current.map_or((0, 0), |current| (current.generation, current.offset));
        Position {
            generation: written.0,
            offset: written.1 + self.buffer.len() as u64,
        }
    }

    /// Writes what is in the buffer.
    fn write(&mut self) -> Result<(), Error> {
        let end = self.end_of_buffer();
        if let Some(current) = self.current.as_mut().filter(|_| !self.buffer.is_empty()) {
            let written = current.segment.file.write_at(&self.buffer, current.offset);
            self.buffer.clear();
            written.map_err(|error| Error::io("write to the journal", error))?;
            current.offset = end.offset;
            self.end = Some(end);
        }
        Ok(())
    }

    /// Ends the current segment, and begins another one. There is a spare file for it.
    fn begin_segment(&mut self) -> Result<(), Error> {
        // The new header says that all before it is on the disk.
        if !F::IS_FAR {
            self.flush_current()?;
        }
        self.current = None;
        let (spare, file) = self.spares.take().ok_or(ErrorKind::NoSpace)?;
        let header = Header {
            generation: self.newest().unwrap_or(0) + 1,
            first_sequence: self.next_sequence,
            previous_end: self.end,
            length: self.settings.segment_bytes,
        };
        let name = name_of_segment(header.generation);
        let written = file.write_at(&header.encode(), 0);
        let made = written.and_then(|()| match F::IS_FAR {
            true => self.folder.rename(&spare, &name),
            false => {
                file.flush()?;
                self.folder.rename(&spare, &name)?;
                self.folder.flush()
            }
        });
        made.map_err(|error| Error::io(format!("make {name}"), error))?;
        self.segments.insert(header.generation, header.length);
        self.current = Some(Open {
            segment: Arc::new(Written::new(file)),
            generation: header.generation,
            offset: HEADER as u64,
            marked: None,
        });
        Ok(())
    }

    /// Reads a record that was appended or recovered: its kind goes with its bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NoRecord`], or [`ErrorKind::Io`].
    pub fn read(&self, at: Position) -> Result<(u32, Vec<u8>), Error> {
        if !self.segments.contains_key(&at.generation) {
            return Err(ErrorKind::NoRecord.into());
        }
        let segment = Readable::open(&self.folder, at.generation)?;
        segment.read(at.offset, HEAD, |kind, payload| {
            Some((kind, payload.to_vec()))
        })
    }

    /// Whether a write or a flush has failed: nothing can be appended any more.
    pub fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// The newest segment that can be read.
    pub fn newest(&self) -> Option<u64> {
        self.segments.keys().next_back().copied()
    }

    /// All segments that can be read, the oldest first.
    pub fn generations(&self) -> impl Iterator<Item = u64> {
        self.segments.keys().copied()
    }

    /// Bytes of all segments that can be read, up to where the newest one is written to. Those from before the folder was opened may be
    /// of other lengths.
    pub fn written(&self) -> u64 {
        self.segments.values().sum::<u64>() - self.left_in_segment()
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
        // Until it has ended well, and for good if it panics.
        self.is_poisoned = true;
        let changed = change(self);
        self.is_poisoned = changed.is_err();
        changed.map_err(Error::for_good)
    }
}
