//! A folder in which no file can be made or opened while it is told so: there are too few file descriptors.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bookdrop_disk::storage::Folder;

use crate::disk::{Disk, OnDisk};

/// Such a folder; its clones are the same one.
#[derive(Clone)]
pub(crate) struct Crowded {
    disk: Disk,
    is_crowded: Arc<AtomicBool>,
}

impl Crowded {
    /// One that is not crowded yet.
    pub(crate) fn new(disk: Disk) -> Self {
        Crowded {
            disk,
            is_crowded: Arc::default(),
        }
    }

    pub(crate) fn set_crowded(&self, is_crowded: bool) {
        self.is_crowded.store(is_crowded, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        match self.is_crowded.load(Ordering::Relaxed) {
            true => Err(io::Error::other("too many open files")),
            false => Ok(()),
        }
    }
}

impl Folder for Crowded {
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
