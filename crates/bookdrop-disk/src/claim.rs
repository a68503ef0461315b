//! A folder that belongs to this process.

mod making;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bookdrop_backend::{Error, ErrorKind};
use fs4::{FileExt, TryLockError};
use serde_json::{Value, json};

use crate::journal;

/// Locked as long as a process has the folder; says which one.
const LOCK: &str = "lock";
/// Says what the folder is.
const LABEL: &str = "bookdrop.json";
/// The label while it is being written.
const NEW_LABEL: &str = "bookdrop.json.new";
const FORMAT: &str = "bookdrop queue";
/// The version of what is written there.
const VERSION: u64 = 1;

/// A folder that belongs to this process, until it is dropped.
pub(crate) struct Claim {
    _lock: File,
}

impl Claim {
    /// Claims a folder, which is made if it is not there, for a queue whose contents are written in this codec.
    pub(crate) fn new(path: &Path, codec: &str) -> Result<Self, Error> {
        let folder = At(path);
        making::make(path).map_err(|error| match path.is_dir() {
            false if path.exists() => {
                folder.says(ErrorKind::Invalid, "it is a file; name a folder")
            }
            _ => folder.failed("make it", error),
        })?;
        // Looked at first, so that nothing is left in a folder that is not ours.
        folder.check_names()?;
        let claim = Claim {
            _lock: folder.lock()?,
        };
        folder.check_names()?;
        folder.check_label(codec)?;
        Ok(claim)
    }
}

struct At<'a>(&'a Path);

impl At<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A folder without a label has to be empty.
    fn check_names(&self) -> Result<(), Error> {
        let names = fs::read_dir(self.0).and_then(|entries| {
            let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            names.collect::<io::Result<Vec<String>>>()
        });
        let names = names.map_err(|error| self.failed("look into it", error))?;
        if names.iter().any(|name| name == LABEL) {
            return Ok(());
        }
        // Left by one that ended before it had written the label.
        let is_begun = |name: &String| name == LOCK || name == NEW_LABEL;
        match names.iter().find(|name| !is_begun(name)) {
            None => Ok(()),
            Some(name) if journal::is_segment(name) => Err(self.says(
                ErrorKind::Invalid,
                format!("there is {name}, but no {LABEL}: it is no queue, or was copied in part"),
            )),
            Some(name) => Err(self.says(
                ErrorKind::Invalid,
                format!("it holds something else, such as {name}; name an empty folder"),
            )),
        }
    }

    fn lock(&self) -> Result<File, Error> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(self.path(LOCK));
        let mut file = file.map_err(|error| self.failed("open the file `lock` in it", error))?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process",
                    holder if holder == this_process() => "this process",
                    holder => holder,
                };
                return Err(self.says(ErrorKind::InUse, format!("{holder} has it open")));
            }
            Err(TryLockError::Error(error)) => return Err(self.failed("lock it", error)),
        }
        let noted = file
            .set_len(0)
            .and_then(|()| file.write_all(this_process().as_bytes()));
        match noted {
            // It is for people to read; the lock holds without it.
            Err(error) if error.kind() != io::ErrorKind::StorageFull => {
                Err(self.failed("write to the file `lock` in it", error))
            }
            _ => Ok(file),
        }
    }

    fn check_label(&self, codec: &str) -> Result<(), Error> {
        let text = match fs::read_to_string(self.path(LABEL)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.put_label(codec),
            Err(error) => return Err(self.failed(format!("read {LABEL} in it"), error)),
        };
        let label: Value = serde_json::from_str(&text).unwrap_or_default();
        let version = label["version"].as_u64();
        if label["format"] != FORMAT || version.is_none() {
            let message = format!("its {LABEL} is not one of a queue");
            return Err(self.says(ErrorKind::Invalid, message));
        }
        if version > Some(VERSION) {
            let message = "it was written by a newer version of the library; use that one";
            return Err(self.says(ErrorKind::NewerVersion, message));
        }
        match label["codec"].as_str() {
            Some(known) if known == codec => Ok(()),
            known => {
                let advice = known.map(|known| format!("; open it with `codec={known}`"));
                let (known, advice) = (
                    known.unwrap_or("something unknown"),
                    advice.unwrap_or_default(),
                );
                let message =
                    format!("its events are written in {known}, and not in {codec}{advice}");
                Err(self.says(ErrorKind::Invalid, message))
            }
        }
    }

    fn put_label(&self, codec: &str) -> Result<(), Error> {
        let label = json!({ "format": FORMAT, "version": VERSION, "codec": codec });
        let put = || {
            let mut file = File::create(self.path(NEW_LABEL))?;
            writeln!(file, "{label}")?;
            file.sync_all()?;
            fs::rename(self.path(NEW_LABEL), self.path(LABEL))?;
            File::open(self.0)?.sync_all()
        };
        put().map_err(|error| self.failed(format!("write {LABEL} into it"), error))
    }

    fn failed(&self, doing: impl std::fmt::Display, error: io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Denied
            }
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            io::ErrorKind::NotADirectory => ErrorKind::Invalid,
            _ => ErrorKind::Io,
        };
        let message = format!(
            "the folder {}: could not {doing}: {error}",
            self.0.display()
        );
        Error::with_source(kind, message, error)
    }

    fn says(&self, kind: ErrorKind, what: impl std::fmt::Display) -> Error {
        Error::new(kind, format!("the folder {}: {what}", self.0.display()))
    }
}

fn this_process() -> String {
    format!("process {}", std::process::id())
}
