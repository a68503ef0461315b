//! A folder of the operating system.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{File, Folder};

/// So many zeros are written at once. Linux keeps the file in memory in pieces of about that length. It goes through all of a piece at
/// each small write: after writes of a mebibyte, appending took more than twice as long. After writes of a page it took as long as
/// now, but to make the file, and to flush what was written to it later, took two to three times as long.
const ZEROS: usize = 16 << 10;

/// A folder of the operating system.
#[derive(Debug)]
pub struct DiskFolder {
    path: PathBuf,
    /// Kept open to flush the names.
    names: fs::File,
}

impl DiskFolder {
    /// A folder that exists.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(DiskFolder {
            path: path.to_owned(),
            names: fs::File::open(path)?,
        })
    }

    /// Says what to do where nothing is found because the folder is not there any more, or where a folder is in the way.
    fn explained(&self, error: io::Error) -> io::Error {
        let folder = self.path.display();
        let advice = match error.kind() {
            io::ErrorKind::NotFound if !self.is_where_it_was() => format!(
                "the folder {folder} was removed or renamed: give it its name back if it was renamed, else open the driver again"
            ),
            io::ErrorKind::IsADirectory => {
                "a queue has no folder of that name, so move it elsewhere".to_owned()
            }
            _ => return error,
        };
        io::Error::new(error.kind(), format!("{error}; {advice}"))
    }

    /// Whether the folder of this name is still the one that was opened.
    fn is_where_it_was(&self) -> bool {
        let identity = |folder: fs::Metadata| (folder.dev(), folder.ino());
        let there = fs::metadata(&self.path).map(identity);
        let opened = self.names.metadata().map(identity);
        matches!((there, opened), (Ok(there), Ok(opened)) if there == opened)
    }
}

impl Folder for DiskFolder {
    type File = fs::File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // Names of ours are text, so others are not among them.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, length: u64) -> io::Result<fs::File> {
        let path = self.path.join(name);
        let file = fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| self.explained(error))?;
        match fill(&file, length) {
            Ok(()) => Ok(file),
            Err(error) => {
                // It is of no use, and takes room where there is none. If it stays, it is found when the folder is opened.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<fs::File> {
        let path = self.path.join(name);
        let opened = fs::File::options().read(true).write(true).open(path);
        opened.map_err(|error| self.explained(error))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let renamed = fs::rename(self.path.join(from), self.path.join(to));
        renamed.map_err(|error| self.explained(error))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = fs::remove_file(self.path.join(name));
        removed.map_err(|error| self.explained(error))
    }

    fn flush(&self) -> io::Result<()> {
        self.names.sync_all()
    }
}

/// Zeros and not a hole, so that later writes change neither its length nor where it lies, and cannot run out of room.
fn fill(file: &fs::File, length: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS.min(usize::try_from(length).unwrap_or(ZEROS))];
    let mut offset = 0;
    while offset < length {
        let left = usize::try_from(length - offset).unwrap_or(zeros.len());
        let part = &zeros[..left.min(zeros.len())];
        file.write_all_at(part, offset)?;
        offset += part.len() as u64;
    }
    file.sync_all()
}

impl File for fs::File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.sync_data()
    }
}
