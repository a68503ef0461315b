//! A folder in which no file can be made or opened for a while.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bookdrop_disk::storage::Folder;

/// While it is barred no file can be made or opened, for this reason. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Barred<F> {
    folder: F,
    is_barred: Arc<AtomicBool>,
    why: io::ErrorKind,
}

impl<F> Barred<F> {
    pub(crate) fn new(folder: F, why: io::ErrorKind) -> Self {
        Barred {
            folder,
            is_barred: Arc::default(),
            why,
        }
    }

    pub(crate) fn bar(&self, is_barred: bool) {
        self.is_barred.store(is_barred, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        match self.is_barred.load(Ordering::SeqCst) {
            true => Err(io::Error::new(self.why, "it is barred")),
            false => Ok(()),
        }
    }
}

impl<F: Folder> Folder for Barred<F> {
    type File = F::File;

    fn names(&self) -> io::Result<Vec<String>> {
        self.folder.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<F::File> {
        self.check().and_then(|()| self.folder.create(name, length))
    }

    fn open(&self, name: &str) -> io::Result<F::File> {
        self.check().and_then(|()| self.folder.open(name))
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
