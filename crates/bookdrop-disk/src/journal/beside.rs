//! What is done beside the one who writes: flushing, making files, reading.

use std::sync::Arc;

use super::frame::{Frame, HEAD, Position, length_with, u32_at};
use super::segment::name_of_segment;
use super::writer::MARK;
use super::{Error, ErrorKind};
use crate::storage::{File, Folder};

/// A flush under way: all that was appended before it was begun survives when it has ended well.
#[derive(Debug)]
pub struct Flush<X> {
    pub(super) file: Arc<X>,
    pub(super) end: Option<Position>,
}

impl<X: File> Flush<X> {
    /// Flushes. Meanwhile the journal can be appended to.
    ///
    /// # Errors
    /// Whatever the file system says; it is for [`Journal::end_flush`].
    pub fn run(&self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// A file that is about to become a spare one.
#[derive(Debug)]
pub struct Spare {
    pub(super) name: String,
    pub(super) length: u64,
}

impl Spare {
    /// Makes the file. Takes as long as it takes to write a segment; meanwhile the journal can be used.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] or [`ErrorKind::Io`]; the journal can be used as before.
    pub fn make<F: Folder>(self, folder: &F) -> Result<Made, Error> {
        let Spare { name, length } = self;
        match folder.create(&name, length) {
            Ok(_) => Ok(Made(name)),
            Err(error) => Err(Error::io(format!("create {name}"), error)),
        }
    }
}

/// A file that can become a segment; see [`Journal::keep_spare`].
#[derive(Debug)]
pub struct Made(pub(super) String);

/// Opens a segment to read from it, beside the one who writes to the journal.
pub(crate) fn open_segment<F: Folder>(folder: &F, generation: u64) -> Result<F::File, Error> {
    let name = name_of_segment(generation);
    let file = folder.open(&name);
    file.map_err(|error| Error::io(format!("open {name}"), error))
}

/// Reads a record of this segment.
pub(crate) fn read<X: File>(file: &X, at: Position) -> Result<(u32, Vec<u8>), Error> {
    let bytes = read_frame(file, at.offset);
    let bytes = bytes.map_err(|error| {
        let name = name_of_segment(at.generation);
        Error::io(format!("read {name}"), error)
    })?;
    match Frame::decode(&bytes, at) {
        Some(found) if found.kind != MARK => Ok((found.kind, found.payload.to_vec())),
        _ => Err(ErrorKind::NoRecord.into()),
    }
}

fn read_frame<X: File>(file: &X, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEAD];
    file.read_at(&mut bytes, offset)?;
    let length = length_with(u32_at(&bytes, 4) as usize);
    // What is damaged may say anything.
    if offset + length as u64 <= file.length()? {
        bytes.resize(length, 0);
        file.read_at(&mut bytes[HEAD..], offset + HEAD as u64)?;
    }
    Ok(bytes)
}
