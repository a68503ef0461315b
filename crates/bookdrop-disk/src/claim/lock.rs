//! The lock on a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bookdrop_backend::{Error, ErrorKind};
use fs4::{FileExt, TryLockError};

use super::{At, LOCK};
use crate::storage::is_full;

/// The folders that this process has. What the file says does not tell: in two containers two processes may have one number.
static OURS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The lock on a folder, until it is dropped.
pub(super) struct Lock {
    file: File,
    folder: PathBuf,
}

impl Lock {
    pub(super) fn new(at: &At<'_>) -> Result<Self, Error> {
        let folder = fs::canonicalize(at.0);
        let folder = folder.map_err(|error| at.failed("find it", error))?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(at.path(LOCK));
        let file = file.map_err(|error| at.failed("open the file `lock` in it", error))?;
        // Locked together with it, so that whoever meets the lock knows whose it is.
        let mut ours = ours();
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = match ours.contains(&folder) {
                    true => "this process".to_owned(),
                    false => holder_in(file),
                };
                return Err(at.says(ErrorKind::InUse, format!("{holder} has it open")));
            }
            Err(TryLockError::Error(error)) => return Err(at.failed("lock it", error)),
        }
        ours.insert(folder.clone());
        drop(ours);
        let lock = Lock { file, folder };
        match lock.sign() {
            // It is for people to read; the lock holds without it.
            Err(error) if !is_full(&error) => {
                Err(at.failed("write to the file `lock` in it", error))
            }
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
        ours.remove(&self.folder);
    }
}

fn ours() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other process that the file names.
fn holder_in(mut file: File) -> String {
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
