//! A folder that belongs to this process.

mod label;
mod lock;
mod making;

use std::fmt::Display;
use std::io;
use std::path::Path;

use bookdrop_backend::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::journal;
use crate::storage::{DiskFolder, Folder, is_full};
use label::{LABEL, NEW_LABEL};
use lock::Lock;

/// Locked as long as a process has the folder; says which one.
const LOCK: &str = "lock";
/// Made and removed at once, to see whether files can be.
const PROBE: &str = "bookdrop.probe";
/// What a file system keeps in the first folder of a volume.
const OF_FILE_SYSTEM: &str = "lost+found";
const FORMAT: &str = "bookdrop queue";
/// The version of what is written there.
const VERSION: u64 = 1;

/// A folder that belongs to this process, until it is dropped.
pub(crate) struct Claim {
    /// Given up before the folder is: then no other one is taken for it.
    _lock: Lock,
    folder: DiskFolder,
    /// Whether there was no queue before.
    is_new: bool,
}

impl Claim {
    /// Claims a folder, which is made if it is not there, for a queue whose contents are written in this codec.
    pub(crate) fn new(path: &Path, codec: &str) -> Result<Self, Error> {
        making::make(path).map_err(|error| match path.is_dir() {
            false if path.exists() => says(path, ErrorKind::Invalid, "it is a file; name a folder"),
            _ => failed(path, "make it", error),
        })?;
        let folder = DiskFolder::open(path).map_err(|error| failed(path, "open it", error))?;
        // Looked at first, so that nothing is left in a folder that is not ours.
        check_names(&folder, codec)?;
        let lock = Lock::new(&folder)?;
        check_names(&folder, codec)?;
        check_writable(&folder)?;
        Ok(Claim {
            _lock: lock,
            is_new: is_new_with_label(&folder, codec)?,
            folder,
        })
    }

    /// What is claimed.
    pub(crate) fn folder(&self) -> DiskFolder {
        self.folder.clone()
    }

    /// The queue was not opened. Where it would have been a new one, the folder may become one of another codec. The file `lock` stays:
    /// another process may be about to lock it.
    pub(crate) fn take_back(&self) {
        let is_empty = || {
            self.folder
                .names()
                .is_ok_and(|names| others(names).is_empty())
        };
        if self.is_new && is_empty() {
            // If it stays, the codec does.
            let _ = self.folder.remove(LABEL);
        }
    }

    /// An error of what lies in the folder, with its name.
    pub(crate) fn tell_of(&self, error: Error) -> Error {
        let message = format!("the folder {}: {error}", self.folder.path().display());
        Error::with_source(error.kind(), message, error)
    }
}

/// A folder without a label has to be empty.
fn check_names(folder: &DiskFolder, codec: &str) -> Result<(), Error> {
    let names = folder.names();
    let names = names.map_err(|error| failed(folder.path(), "look into it", error))?;
    if names.iter().any(|name| name == LABEL) {
        return Ok(());
    }
    let others = others(names);
    let of_queue = others.iter().find(|name| journal::is_file(name));
    match of_queue.or(others.first()) {
        None => Ok(()),
        Some(name) if of_queue.is_some() => Err(says(
            folder.path(),
            ErrorKind::Invalid,
            format!(
                "there is {name}, but no {LABEL}, as where a queue was copied in part; {}",
                advice_on_label(codec)
            ),
        )),
        Some(name) => Err(says(
            folder.path(),
            ErrorKind::Invalid,
            format!("it holds something else, such as {name}; name an empty folder"),
        )),
    }
}

/// What comes later would find out otherwise, when events are sent.
fn check_writable(folder: &DiskFolder) -> Result<(), Error> {
    let made = match folder.create(PROBE, 0) {
        // It was left by a process that ended before it removed it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    };
    match made.and_then(|()| folder.remove(PROBE)) {
        // Its events can be received nevertheless.
        Err(error) if is_full(&error) => Ok(()),
        probed => probed.map_err(|error| failed(folder.path(), "make a file in it", error)),
    }
}

/// Sees to it that there is a label with this codec. Whether there was none.
fn is_new_with_label(folder: &DiskFolder, codec: &str) -> Result<bool, Error> {
    let text = label::read(folder);
    let text = text.map_err(|error| failed(folder.path(), format!("open {LABEL} in it"), error))?;
    let Some(text) = text else {
        let put = label::put(folder, &format!("{}\n", label_of(codec)));
        let put =
            put.map_err(|error| failed(folder.path(), format!("write {LABEL} into it"), error));
        return put.map(|()| true);
    };
    let label: Value = serde_json::from_slice(&text).unwrap_or_default();
    let version = label["version"].as_u64();
    let version = version.filter(|_| label["format"] == FORMAT);
    if version > Some(VERSION) {
        let message = "it was written by a newer version of the library; use that one";
        return Err(says(folder.path(), ErrorKind::NewerVersion, message));
    }
    let known = label["codec"].as_str();
    let Some(known) = known.filter(|_| version.is_some()) else {
        let message = format!(
            "its {LABEL} is damaged, or not one of a queue; {}",
            advice_on_label(codec)
        );
        return Err(says(folder.path(), ErrorKind::Invalid, message));
    };
    if known != codec {
        let message = format!(
            "its events are written in {known}, and not in {codec}; open it with `codec={known}`"
        );
        return Err(says(folder.path(), ErrorKind::Invalid, message));
    }
    Ok(false)
}

/// The names of what is not there in each folder that becomes a queue.
fn others(mut names: Vec<String>) -> Vec<String> {
    // The first ones are left by one that ended before the queue was opened.
    let passed_over = [LOCK, NEW_LABEL, PROBE, LABEL, OF_FILE_SYSTEM];
    names.retain(|name| !passed_over.contains(&name.as_str()));
    names
}

fn failed(folder: &Path, doing: impl Display, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ if is_full(&error) => ErrorKind::NoSpace,
        // Another name does it, or another place for what has a name of ours.
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename => ErrorKind::Invalid,
        _ => ErrorKind::Io,
    };
    let folder = folder.display();
    let message = format!("the folder {folder}: could not {doing}: {error}");
    Error::with_source(kind, message, error)
}

fn says(folder: &Path, kind: ErrorKind, what: impl Display) -> Error {
    Error::new(kind, format!("the folder {}: {what}", folder.display()))
}

/// What the label of a queue says.
fn label_of(codec: &str) -> Value {
    json!({ "format": FORMAT, "version": VERSION, "codec": codec })
}

/// What to do where there is none, or another one.
fn advice_on_label(codec: &str) -> String {
    let label = label_of(codec);
    format!(
        "if it is a queue, put a {LABEL} there that says `{label}`, with the codec of its events, else name another folder"
    )
}
