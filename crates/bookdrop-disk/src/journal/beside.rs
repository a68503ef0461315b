//! What is done beside the one who writes: flushing, making files, reading.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frame::{Frame, HEAD, Position, length_with, u32_at};
use super::segment::name_of_segment;
use super::writer::MARK;
use super::{Error, ErrorKind};
use crate::storage::{File, Folder};

/// A segment that is written to. Several may flush it at the same time.
#[derive(Debug)]
pub(super) struct Written<X> {
    pub(super) file: X,
    /// Held by the thread that flushes: the operating system may tell one of those who flush of a failure, and let the next one succeed
    /// though the bytes are gone.
    turn: Mutex<()>,
    /// Whether a flush has failed.
    has_failed: AtomicBool,
}

impl<X: File> Written<X> {
    pub(super) fn new(file: X) -> Self {
        Written {
            file,
            turn: Mutex::default(),
            has_failed: AtomicBool::new(false),
        }
    }

    #[track_caller]
    fn flush(&self) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        self.note(self.file.flush())
    }

    /// A folder that is far writes nothing any more once it failed, so nobody has to wait for the turn, which a thread may hold long.
    async fn flush_without_waiting(&self) -> io::Result<()>
    where
        X: Sync,
    {
        self.check()?;
        self.note(self.file.flush_without_waiting().await)
    }

    fn check(&self) -> io::Result<()> {
        match self.has_failed.load(Ordering::Acquire) {
            true => Err(io::Error::other("an earlier flush has failed")),
            false => Ok(()),
        }
    }

    fn note(&self, flushed: io::Result<()>) -> io::Result<()> {
        if flushed.is_err() {
            self.has_failed.store(true, Ordering::Release);
        }
        flushed
    }
}

/// A flush under way: all that was appended before it was begun survives when it has ended well.
#[derive(Debug)]
pub struct Flush<X> {
    pub(super) segment: Arc<Written<X>>,
    pub(super) end: Option<Position>,
}

impl<X: File> Flush<X> {
    /// Flushes. Meanwhile the journal can be appended to.
    ///
    /// # Errors
    /// Whatever the file system says; it is for [`Journal::end_flush`](super::Journal::end_flush).
    #[track_caller]
    pub fn run(&self) -> io::Result<()> {
        self.segment.flush()
    }

    /// The same, but nothing is waited for on this thread.
    ///
    /// # Errors
    /// As of [`run`](Flush::run).
    pub async fn run_without_waiting(&self) -> io::Result<()>
    where
        X: Send + Sync,
    {
        self.segment.flush_without_waiting().await
    }
}

/// A file that is to be made, or that is there and to be opened.
#[derive(Debug)]
pub struct Wanted {
    pub(super) name: String,
    /// `None` if it is there.
    pub(super) length: Option<u64>,
}

impl Wanted {
    /// Makes the file, which takes as long as it takes to write a segment, or opens it. Meanwhile the journal can be used.
    pub fn make<F: Folder>(self, folder: &F) -> Made<F::File> {
        let Wanted { name, length } = self;
        let (made, doing) = match length {
            Some(length) => (folder.create(&name, length), "create"),
            None => (folder.open(&name), "open"),
        };
        Made {
            file: made.map_err(|error| Error::io(format!("{doing} {name}"), error)),
            name,
            is_new: length.is_some(),
        }
    }
}

/// A file that can become a segment, or why it could not be made; see [`Journal::keep_spare`](super::Journal::keep_spare).
#[derive(Debug)]
pub struct Made<X> {
    pub(super) name: String,
    pub(super) file: Result<X, Error>,
    pub(super) is_new: bool,
}

/// A segment that is read from, beside the one who writes to the journal.
pub(crate) struct Readable<X> {
    file: X,
    generation: u64,
    length: u64,
}

impl<X: File> Readable<X> {
    pub(crate) fn open<F: Folder<File = X>>(folder: &F, generation: u64) -> Result<Self, Error> {
        let name = name_of_segment(generation);
        let opened = folder.open(&name).and_then(|file| {
            Ok(Readable {
                length: file.length()?,
                file,
                generation,
            })
        });
        opened.map_err(|error| Error::io(format!("open {name}"), error))
    }

    /// Reads the record at this offset, whose frame has so many bytes, as is expected: it is read at once then.
    pub(crate) fn read<V>(
        &self,
        offset: u64,
        expected: usize,
        decode: impl FnOnce(u32, &[u8]) -> Option<V>,
    ) -> Result<V, Error> {
        let bytes = self.read_frame(offset, expected).map_err(|error| {
            let name = name_of_segment(self.generation);
            Error::io(format!("read {name}"), error)
        })?;
        let at = Position {
            generation: self.generation,
            offset,
        };
        let frame = Frame::decode(&bytes, at).filter(|frame| frame.kind != MARK);
        let decoded = frame.and_then(|frame| decode(frame.kind, frame.payload));
        decoded.ok_or_else(|| ErrorKind::NoRecord.into())
    }

    fn read_frame(&self, offset: u64, expected: usize) -> io::Result<Vec<u8>> {
        let there = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; expected.clamp(HEAD, there.max(HEAD))];
        self.file.read_at(&mut bytes, offset)?;
        let length = length_with(u32_at(&bytes, 4) as usize);
        // What is damaged may say anything.
        if length > bytes.len() && length <= there {
            bytes.resize(length, 0);
            self.file.read_at(&mut bytes, offset)?;
        }
        Ok(bytes)
    }
}
