//! Reading records back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bookdrop_backend::Record;
use bookdrop_records::Unread;

use crate::journal::{self, Position, Readable};
use crate::ledger::note::Note;
use crate::storage::Folder;

/// Files that are kept open to be read, at most.
const OPEN_FILES: usize = 64;

impl From<journal::Error> for Unread {
    fn from(error: journal::Error) -> Self {
        match error.kind() {
            journal::ErrorKind::NoRecord => Unread::ForGood(error.into()),
            // It may be there, whatever the operating system said: in a folder that was removed nothing is found, and nothing is damaged.
            _ => Unread::ForNow(error.into()),
        }
    }
}

/// Reads records back, beside the one who writes.
pub(crate) struct Reading<F: Folder> {
    folder: Arc<F>,
    files: Mutex<BTreeMap<u64, Arc<Readable<F::File>>>>,
}

impl<F: Folder> Reading<F> {
    pub(crate) fn new(folder: Arc<F>) -> Self {
        Reading {
            folder,
            files: Mutex::default(),
        }
    }

    /// The record of an event of about so many bytes.
    pub(crate) fn read(&self, at: Position, length: usize) -> Result<Record, Unread> {
        let file = self.file(at.generation)?;
        let read = file.read(at.offset, length, |kind, payload| {
            match Note::decode(kind, payload)? {
                Note::Event { record, .. } => Some(record),
                _ => None,
            }
        });
        Ok(read?)
    }

    fn file(&self, generation: u64) -> Result<Arc<Readable<F::File>>, journal::Error> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&generation) {
            return Ok(file.clone());
        }
        let file = Arc::new(Readable::open(&*self.folder, generation)?);
        if files.len() == OPEN_FILES {
            files.pop_last();
        }
        files.insert(generation, file.clone());
        Ok(file)
    }

    /// What was freed is not read any more.
    pub(crate) fn forget_before(&self, generation: u64) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        *files = files.split_off(&generation);
    }
}
