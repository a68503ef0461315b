//! The lock on a folder.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{
    self,
    ErrorKind::{AlreadyExists, NotFound},
    Read, Write,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bookdrop_backend::{Error, ErrorKind};
use fs4::{FileExt, TryLockError};

use super::{LOCK, failed, says};
use crate::storage::{DiskFolder, Folder, is_full};

/// The folders that this process has. What the file says does not tell: in two containers two processes may have one number.
static OURS: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

/// What tells a folder from every other one as long as it is open, whatever its name is.
type Identity = (u64, u64);

/// The lock on a folder, until it is dropped.
pub(super) struct Lock {
    file: File,
    identity: Identity,
}

impl Lock {
    pub(super) fn new(folder: &DiskFolder) -> Result<Self, Error> {
        let failed = |doing, error| failed(folder.path(), doing, error);
        let identity = folder.identity();
        let identity = identity.map_err(|error| failed("find it", error))?;
        // Changed together with the lock, so that whoever meets the lock knows that it is another one's.
        let mut ours = ours();
        // Looked at first: the file that was locked may be gone, and another one is not locked.
        if ours.contains(&identity) {
            return Err(in_use(folder, "this process"));
        }
        let file = file_in(folder);
        let file = file.map_err(|error| failed("open the file `lock` in it", error))?;
        FileExt::try_lock(&file).map_err(|error| match error {
            TryLockError::WouldBlock => in_use(folder, &holder_in(&file)),
            TryLockError::Error(error) => failed("lock it", error),
        })?;
        ours.insert(identity);
        drop(ours);
        let lock = Lock { file, identity };
        match lock.sign() {
            // It is for people to read; the lock holds without it.
            Err(error) if !is_full(&error) => Err(failed("write to the file `lock` in it", error)),
            _ => Ok(lock),
        }
    }

    /// Says in the file who has the folder.
    fn sign(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        writeln!(&self.file, "{}", this_process())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut ours = ours();
        // If that fails, it is unlocked when the file is closed.
        let _ = FileExt::unlock(&self.file);
        ours.remove(&self.identity);
    }
}

/// The file that is locked, which is made if it is not there.
fn file_in(folder: &DiskFolder) -> io::Result<File> {
    match folder.open(LOCK) {
        Err(error) if error.kind() == NotFound => {}
        opened => return opened,
    }
    match folder.create(LOCK, 0) {
        // Another process was quicker.
        Err(error) if error.kind() == AlreadyExists => folder.open(LOCK),
        made => made,
    }
}

fn in_use(folder: &DiskFolder, holder: &str) -> Error {
    let what = format!("{holder} has it open");
    says(folder.path(), ErrorKind::InUse, what)
}

fn ours() -> MutexGuard<'static, BTreeSet<Identity>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other process that the file names.
fn holder_in(mut file: &File) -> String {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    match holder.trim() {
        "" => "another process".to_owned(),
        holder if holder == this_process() => format!("another {holder}"),
        holder => holder.to_owned(),
    }
}

fn this_process() -> String {
    format!("process {}", std::process::id())
}
