//! A folder in which no file can be made or opened for a while.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bookdrop_disk::storage::Folder;

use crate::disk::{Disk, OnDisk};

/// While it is barred no file can be made or opened, for this reason. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Barred {
    disk: Disk,
    is_barred: Arc<AtomicBool>,
    why: io::ErrorKind,
}

impl Barred {
    pub(crate) fn new(disk: Disk, why: io::ErrorKind) -> Self {
        Barred {
            disk,
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

impl Folder for Barred {
    type File = OnDisk;

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<OnDisk> {
        self.check().and_then(|()| self.disk.create(name, length))
    }

    fn open(&self, name: &str) -> io::Result<OnDisk> {
        self.check().and_then(|()| self.disk.open(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn flush(&self) -> io::Result<()> {
        self.disk.flush()
    }
}
