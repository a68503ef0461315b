//! A folder as one behind a network is used, and who flushes it.

use std::future::{Future, ready};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bookdrop_disk::storage::{File, Folder};

/// Who flushes without waiting.
pub(crate) const TASK: &str = "a task";

/// Its files are near all the same, and no power is lost: so what is done to it is done in its order. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Far<F> {
    folder: F,
    flushed_by: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
pub(crate) struct FarFile<X> {
    file: X,
    flushed_by: Arc<Mutex<Vec<String>>>,
}

impl<F> Far<F> {
    pub(crate) fn new(folder: F) -> Self {
        Far {
            folder,
            flushed_by: Arc::default(),
        }
    }

    /// Which threads have flushed a file so far; or [`TASK`].
    pub(crate) fn flushed_by(&self) -> Vec<String> {
        let by = self.flushed_by.lock();
        by.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn file<X>(&self, file: X) -> FarFile<X> {
        FarFile {
            file,
            flushed_by: self.flushed_by.clone(),
        }
    }
}

impl<X> FarFile<X> {
    fn note(&self, who: &str) {
        let by = self.flushed_by.lock();
        by.unwrap_or_else(PoisonError::into_inner)
            .push(who.to_owned());
    }
}

impl<F: Folder> Folder for Far<F> {
    type File = FarFile<F::File>;

    const IS_FAR: bool = true;

    fn names(&self) -> io::Result<Vec<String>> {
        self.folder.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Self::File> {
        Ok(self.file(self.folder.create(name, length)?))
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        Ok(self.file(self.folder.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn flush(&self) -> io::Result<()> {
        self.folder.flush()
    }
}

impl<X: File> File for FarFile<X> {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.note(thread::current().name().unwrap_or("no name"));
        self.file.flush()
    }

    fn flush_without_waiting(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.note(TASK);
        ready(self.file.flush())
    }
}
