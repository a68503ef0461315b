//! What is found when a folder is opened.
//!
//! A record that was flushed is there, or its damage is told; what was being written when the power went is cut off. Which of the
//! two a hole is follows from where it lies: the header of a segment says where the one before it ends, and that all of it was
//! flushed; in the newest one, the write behind a flush begins with a mark that says how far it had been flushed.

use std::collections::BTreeMap;
use std::ops::Range;

use super::frame::{Head, Position};
use super::scan::{self, Piece, scan};
use super::segment::{self, Found, HEADER, Header};
use super::writer::MARK;
use super::{Error, ErrorKind, LONGEST_SEGMENT};
use crate::storage::{File, Folder};

/// A part of the journal that was once flushed, and cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// These bytes of a segment. All other records of it were found.
    Bytes {
        /// The file.
        file: String,
        /// From the first to behind the last one.
        range: Range<u64>,
    },
    /// The header of a segment. Its records were found.
    Header {
        /// The file.
        file: String,
    },
    /// A whole segment: neither its header nor any record of it was found.
    Segment {
        /// The file.
        file: String,
    },
    /// A whole segment is not there.
    Missing {
        /// What it was called.
        file: String,
    },
}

impl Damage {
    /// A record that lies there in so many bytes, and makes no sense.
    pub(crate) fn of_record(at: Position, length: u64) -> Self {
        Damage::Bytes {
            file: segment::name_of_segment(at.generation),
            range: at.offset..at.offset + length,
        }
    }
}

/// How a folder was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// How many records there are.
    pub records: u64,
    /// What was lost.
    pub damage: Vec<Damage>,
    /// Bytes of a write that was not finished, and was cut off: nobody was told that it was.
    pub cut: u64,
}

impl Recovery {
    /// These bytes of a segment are lost. What lies side by side is one place.
    fn lose(&mut self, file: &str, lost: Range<u64>) {
        if lost.is_empty() {
            return;
        }
        match self.damage.last_mut() {
            Some(Damage::Bytes { file: last, range })
                if last == file && range.end == lost.start =>
            {
                range.end = lost.end;
            }
            _ => self.damage.push(Damage::Bytes {
                file: file.to_owned(),
                range: lost,
            }),
        }
    }
}

/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered<'a> {
    /// Where it lies.
    pub position: Position,
    /// Its number: that of the record before it and one, unless that was lost.
    pub sequence: u64,
    /// What it is, as it was appended.
    pub kind: u32,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// What a journal goes on from.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) recovery: Recovery,
    /// Bytes of the file of each segment, by its generation.
    pub(super) segments: BTreeMap<u64, u64>,
    /// Where the newest one ends; all of it is on the disk.
    pub(super) end: Option<Position>,
    pub(super) next_sequence: u64,
}

impl Known {
    /// Bytes of the newest segment.
    pub(super) fn length_of_newest(&self) -> Option<u64> {
        self.segments.values().next_back().copied()
    }
}

/// A folder whose journal was read, and is not written to yet.
#[derive(Debug)]
pub(crate) struct Closed<F> {
    pub(super) folder: F,
    pub(super) names: Vec<String>,
    pub(super) known: Known,
}

impl<F: Folder> Closed<F> {
    /// Reads all segments, each of them as a whole into memory, and hands every record over, the oldest first.
    pub(crate) fn read(folder: F, mut visit: impl FnMut(Recovered<'_>)) -> Result<Self, Error> {
        // An earlier process may have ended before the names that are seen now were sure.
        let names = folder.flush().and_then(|()| folder.names());
        let names = names.map_err(|error| Error::io("list the folder", error))?;
        let known = recover(&folder, &names, &mut visit)?;
        Ok(Closed {
            folder,
            names,
            known,
        })
    }

    /// Bytes of the newest segment.
    pub(crate) fn length_of_newest(&self) -> Option<u64> {
        self.known.length_of_newest()
    }

    /// Whether nothing was lost.
    pub(crate) fn is_whole(&self) -> bool {
        self.known.recovery.damage.is_empty()
    }

    /// The records need one that stood before all of them, so the segment before the oldest one is missing, if there ever was one.
    pub(crate) fn miss_the_oldest(&mut self) {
        let oldest = self.known.segments.first_key_value();
        let missing = oldest.and_then(|(oldest, _)| oldest.checked_sub(1));
        let missing = missing.filter(|generation| *generation > 0);
        let damage = missing.map(|generation| Damage::Missing {
            file: segment::name_of_segment(generation),
        });
        self.known.recovery.damage.extend(damage);
    }
}

/// Reads all segments, and hands every record over in order.
fn recover<F: Folder>(
    folder: &F,
    names: &[String],
    visit: &mut dyn FnMut(Recovered<'_>),
) -> Result<Known, Error> {
    let mut generations: Vec<u64> = names
        .iter()
        .filter_map(|n| segment::generation_of(n))
        .collect();
    generations.sort_unstable();
    let mut known = Known {
        next_sequence: 1,
        ..Known::default()
    };
    let mut headers = Vec::new();
    for generation in &generations {
        headers.push(header_of(folder, *generation)?);
    }
    for (index, generation) in generations.iter().enumerate() {
        let next = headers.get(index + 1).copied().flatten();
        let end = next.and_then(|next| end_said_by(next, *generation, &mut known.recovery.damage));
        let is_newest = index + 1 == generations.len();
        let segment = Segment {
            generation: *generation,
            end,
            length: headers[index].map(|header| header.length.min(LONGEST_SEGMENT)),
        };
        if let Some(header) = headers[index] {
            known.next_sequence = known.next_sequence.max(header.first_sequence);
        }
        let records_before = known.recovery.records;
        let end = segment.read(folder, is_newest, &mut known, visit)?;
        if headers[index].is_none() {
            let file = segment::name_of_segment(*generation);
            let is_found = known.recovery.records > records_before;
            known.recovery.damage.push(match is_found {
                true => Damage::Header { file },
                false => Damage::Segment { file },
            });
        }
        known.end = Some(Position {
            generation: *generation,
            offset: end,
        });
    }
    Ok(known)
}

/// The header of a segment, unless it is damaged.
fn header_of<F: Folder>(folder: &F, generation: u64) -> Result<Option<Header>, Error> {
    let file = segment::name_of_segment(generation);
    let bytes = read(folder, &file, HEADER)?;
    match Header::decode(&bytes, generation) {
        Found::Header(header) => Ok(Some(header)),
        Found::Newer(version) => Err(ErrorKind::NewerVersion { file, version }.into()),
        Found::Damaged => Ok(None),
    }
}

/// Where the segment before this header ends. If the header speaks of a later one, that one is lost, and the earlier one's end is not
/// known.
fn end_said_by(header: Header, generation: u64, damage: &mut Vec<Damage>) -> Option<u64> {
    let said = header.previous_end?;
    if said.generation > generation {
        let file = segment::name_of_segment(said.generation);
        damage.push(Damage::Missing { file });
    }
    (said.generation == generation).then_some(said.offset)
}

/// The first bytes of a file, as many of these as there are.
fn read<F: Folder>(folder: &F, name: &str, most: usize) -> Result<Vec<u8>, Error> {
    let file = folder.open(name);
    let file = file.map_err(|error| Error::io(format!("open {name}"), error))?;
    let bytes = file.length().and_then(|length| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(most)];
        file.read_at(&mut bytes, 0)?;
        Ok(bytes)
    });
    bytes.map_err(|error| Error::io(format!("read {name}"), error))
}

struct Segment {
    generation: u64,
    /// Where it ends, if that is known.
    end: Option<u64>,
    /// Bytes that its file has to have; `None` where its header is damaged.
    length: Option<u64>,
}

impl Segment {
    /// Hands its records over. Returns where it ends.
    fn read<F: Folder>(
        &self,
        folder: &F,
        is_newest: bool,
        known: &mut Known,
        visit: &mut dyn FnMut(Recovered<'_>),
    ) -> Result<u64, Error> {
        let file = segment::name_of_segment(self.generation);
        let most = LONGEST_SEGMENT as usize;
        let bytes = read(folder, &file, most)?;
        let length = bytes.len() as u64;
        known.segments.insert(self.generation, length);
        // All up to there was flushed, so it is damaged where it cannot be read.
        let flushed = match self.end {
            Some(end) => end,
            None => scan::flushed(&bytes, self.generation).min(length),
        };
        let looked_at = self.end.map_or(length, |end| end.min(length));
        let records_before = known.recovery.records;
        let mut end = looked_at;
        for piece in scan(&bytes[..looked_at as usize], self.generation) {
            match piece {
                Piece::Frame(offset, frame) => {
                    known.next_sequence = known.next_sequence.max(frame.sequence);
                    if frame.kind == MARK {
                        continue;
                    }
                    known.next_sequence = known.next_sequence.max(frame.sequence + 1);
                    known.recovery.records += 1;
                    visit(Recovered {
                        position: Position {
                            generation: self.generation,
                            offset,
                        },
                        sequence: frame.sequence,
                        kind: frame.kind,
                        payload: frame.payload,
                    });
                }
                Piece::Gap(gap) => {
                    known.recovery.lose(&file, gap.start..gap.end.min(flushed));
                    if gap.end > flushed {
                        end = gap.start.max(flushed);
                        break;
                    }
                }
            }
        }
        if is_newest {
            confirm(folder, &file, &bytes, flushed..end)?;
        }
        let is_lost = self.length.is_none() && known.recovery.records == records_before;
        // Where it ended is not known if nothing of it is left, or the file has become shorter. What was there may have been confirmed.
        let last = match (self.end, self.length) {
            (None, _) if is_lost => length,
            (None, Some(full)) if length < full => full,
            _ => flushed,
        };
        if end < last {
            known.recovery.lose(&file, end..last);
            return Ok(last);
        }
        if is_newest {
            known.recovery.cut += self.unfinished(&bytes, end, known.next_sequence);
        }
        Ok(end)
    }

    /// Bytes of the frame behind the end that is not whole, if one was begun there. Whatever else lies there was there before.
    fn unfinished(&self, bytes: &[u8], end: u64, next_sequence: u64) -> u64 {
        let behind = &bytes[end as usize..];
        let at = Position {
            generation: self.generation,
            offset: end,
        };
        let begun = Head::decode(behind, at).filter(|head| head.sequence == next_sequence);
        begun.map_or(0, |head| behind.len().min(head.length()) as u64)
    }
}

/// Sees to it that what was read is on the disk, and not only in memory: it is written once more, and flushed.
///
/// After a flush has failed, its pages may be taken for clean, though they never reached the disk.
fn confirm<F: Folder>(
    folder: &F,
    file: &str,
    bytes: &[u8],
    range: Range<u64>,
) -> Result<(), Error> {
    if range.is_empty() {
        return Ok(());
    }
    let again = folder.open(file).and_then(|file| {
        file.write_at(
            &bytes[range.start as usize..range.end as usize],
            range.start,
        )?;
        file.flush()
    });
    again.map_err(|error| Error::io(format!("write the end of {file} again"), error))
}
