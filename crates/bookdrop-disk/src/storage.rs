//! What the journal needs of a file system, and no more: so that a test can stand in for it with one that loses power.

// Nobody has tried it elsewhere yet.
#[cfg(unix)]
mod folder;

use std::io;
use std::sync::Arc;

#[cfg(unix)]
pub use folder::DiskFolder;

/// Whether this says that there is no room on the disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// A folder that nobody else writes to.
///
/// A name that was made, changed or removed is sure to be so after a loss of power only once [`flush`](Folder::flush) has
/// returned; until then either may be found.
pub trait Folder {
    /// A file of it.
    type File: File;

    /// Whether it lies behind a network, so that each word to it takes long, and may take for ever. Then nobody waits for it but the
    /// threads that work for the queue. What is done to it is sure in the order in which it was done, so nothing is flushed before
    /// something else is done. And the consumers of a queue that is kept there may outlive this process: an event is handed over when
    /// that is sure to be known, and not before.
    const IS_FAR: bool = false;

    /// How many places of it were found damaged, whether or not that is seen in a file.
    fn damaged(&self) -> u64 {
        0
    }

    /// The names of its files, in any order.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes a file of so many zeros, and sees to it that there is room for all of them, also after a loss of power.
    ///
    /// # Errors
    /// `AlreadyExists`, `StorageFull`, or whatever else the file system says. Then there is no such file, or part of one.
    fn create(&self, name: &str, length: u64) -> io::Result<Self::File>;

    /// Opens a file to read and write.
    ///
    /// # Errors
    /// `NotFound`, or whatever else the file system says.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, which no other one has.
    ///
    /// # Errors
    /// Whatever the file system says: best `AlreadyExists`, where another one has it after all.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file another name, which no other one has, and lets go of what was written to it: of that, any part may be found there.
    ///
    /// # Errors
    /// As of [`rename`](Folder::rename).
    fn recycle(&self, from: &str, to: &str) -> io::Result<()> {
        self.rename(from, to)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns when all names are sure.
    ///
    /// # Errors
    /// Whatever the file system says. Then nothing is known of the names since the last success.
    // By its caller, tests know which flush it is.
    #[track_caller]
    fn flush(&self) -> io::Result<()>;

    /// Bytes that can be written yet, as far as is known, where files that are there have no room of their own and there is little
    /// left: then nothing is taken in, and what is there makes room. `None` where there is enough.
    fn scarce(&self) -> Option<u64> {
        None
    }
}

/// A file whose length does not change.
///
/// What was written is sure to be there after a loss of power only once [`flush`](File::flush) has returned; until then any
/// part of it may be.
pub trait File {
    /// Its length in bytes.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer with what lies from this offset on.
    ///
    /// # Errors
    /// `UnexpectedEof` beyond the end, or whatever else the file system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of the bytes.
    ///
    /// # Errors
    /// Whatever the file system says. Then any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when all that was written is sure.
    ///
    /// # Errors
    /// Whatever the file system says. Then nothing is known of what was written since the last success, nor can it be
    /// learned: what is read may not be what reaches the disk.
    // By its caller, tests know which flush it is.
    #[track_caller]
    fn flush(&self) -> io::Result<()>;

    /// The same of a folder that is [far](Folder::IS_FAR), but nothing is waited for on this thread. Dropped, nothing more is written to
    /// it.
    ///
    /// # Errors
    /// As of [`flush`](File::flush).
    fn flush_without_waiting(&self) -> impl Future<Output = io::Result<()>> + Send
    where
        Self: Sync,
    {
        std::future::ready(self.flush())
    }
}

impl<F: Folder> Folder for Arc<F> {
    type File = F::File;

    const IS_FAR: bool = F::IS_FAR;

    fn damaged(&self) -> u64 {
        (**self).damaged()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        (**self).names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Self::File> {
        (**self).create(name, length)
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        (**self).open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn recycle(&self, from: &str, to: &str) -> io::Result<()> {
        (**self).recycle(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }

    #[track_caller]
    fn flush(&self) -> io::Result<()> {
        (**self).flush()
    }

    fn scarce(&self) -> Option<u64> {
        (**self).scarce()
    }
}
