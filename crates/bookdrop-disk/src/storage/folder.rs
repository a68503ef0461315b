//! A folder of the operating system.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::retry_on_intr;

use super::{File, Folder};

/// So many zeros are written at once. Linux keeps the file in memory in pieces of about that length. It goes through all of a piece at
/// each small write: after writes of a mebibyte, appending took more than twice as long. After writes of a page it took as long as
/// now, but to make the file, and to flush what was written to it later, took two to three times as long.
const ZEROS: usize = 16 << 10;

/// A folder of the operating system: the one that was opened, whatever has its name later. Clones share it.
#[derive(Clone, Debug)]
pub struct DiskFolder {
    path: Arc<Path>,
    /// Its files are found from here, and their names are flushed here.
    opened: Arc<fs::File>,
}

impl DiskFolder {
    /// A folder that exists.
    ///
    /// # Errors
    /// `NotADirectory`, or whatever else the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok(DiskFolder {
            path: path.into(),
            opened: Arc::new(open_at(CWD, path, flags)?),
        })
    }

    /// Its name when it was opened, for people.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells it from every other folder as long as it is open.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = self.opened.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Opens a file, to read and write, with further flags.
    fn open_with(&self, name: &str, flags: OFlags) -> io::Result<fs::File> {
        let file = open_at(&*self.opened, name, OFlags::RDWR | flags);
        file.map_err(|error| self.explained(name, error))
    }

    /// Says what to do where nothing is found because the folder is not there any more, where a folder is in the way, or where the
    /// process may not do it.
    fn explained(&self, name: &str, error: io::Error) -> io::Error {
        let advice = match error.kind() {
            io::ErrorKind::NotFound if self.was_removed() => {
                let folder = self.path.display();
                format!("the folder {folder} was removed: open the driver again")
            }
            io::ErrorKind::IsADirectory => {
                format!("a queue has no folder {name}, so move it elsewhere")
            }
            io::ErrorKind::PermissionDenied => {
                "the process has to be allowed to read and write all files of the folder".to_owned()
            }
            _ => return error,
        };
        io::Error::new(error.kind(), format!("{error}; {advice}"))
    }

    /// Whether it has no name any more.
    fn was_removed(&self) -> bool {
        let links = self.opened.metadata().map(|folder| folder.nlink());
        links.is_ok_and(|links| links == 0)
    }
}

fn open_at(
    folder: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg + Copy,
    flags: OFlags,
) -> io::Result<fs::File> {
    // With what the umask of the process leaves of it, as everywhere.
    let mode = Mode::from_raw_mode(0o666);
    let flags = flags | OFlags::CLOEXEC;
    let opened = retry_on_intr(|| rustix::fs::openat(&folder, name, flags, mode));
    Ok(opened?.into())
}

/// Never over another file: that would be one of a process that has the folder open as well, as where its lock was removed.
#[cfg(target_os = "linux")]
fn rename_in(folder: &fs::File, from: &str, to: &str) -> rustix::io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // The file system does not know how, or Linux itself.
        Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(folder, from, folder, to),
        renamed => renamed,
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_in(folder: &fs::File, from: &str, to: &str) -> rustix::io::Result<()> {
    rustix::fs::renameat(folder, from, folder, to)
}

impl Folder for DiskFolder {
    type File = fs::File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&*self.opened)? {
            // Names of ours are text, so what cannot be read of others does not matter.
            let name = entry?.file_name().to_string_lossy().into_owned();
            if ![".", ".."].contains(&&*name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, length: u64) -> io::Result<fs::File> {
        let file = self.open_with(name, OFlags::CREATE | OFlags::EXCL)?;
        match fill(&file, length) {
            Ok(()) => Ok(file),
            Err(error) => {
                // It is of no use, and takes room where there is none. If it stays, it is found when the folder is opened.
                let _ = self.remove(name);
                Err(error)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<fs::File> {
        self.open_with(name, OFlags::empty())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let renamed = rename_in(&self.opened, from, to);
        renamed.map_err(|error| self.explained(to, error.into()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = rustix::fs::unlinkat(&*self.opened, name, AtFlags::empty());
        removed.map_err(|error| self.explained(name, error.into()))
    }

    fn flush(&self) -> io::Result<()> {
        self.opened.sync_all()
    }
}

/// Zeros and not a hole, so that later writes change neither its length nor where it lies, and cannot run out of room.
fn fill(file: &fs::File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
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
