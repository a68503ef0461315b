//! The files that wait to become segments: made before they are needed, and used again after a segment was freed.

use super::segment::{name_of_spare, number_of_spare};
use super::{Error, ErrorKind, LEAST_SEGMENT};
use crate::storage::{File, Folder};

/// Files that are kept for later segments; what is freed beyond them goes back to the file system.
pub(crate) const KEPT: usize = 4;

/// What a record does to the room in the journal.
///
/// On a full disk, those that take room are refused first, and those that free some last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It takes room, as an event does.
    TakesRoom,
    /// It gives room back in the end, as an ack does.
    GivesRoom,
    /// A segment is freed when it is written, as with an event that is written down again.
    Frees,
}

impl Need {
    /// Files that are left for those whose need is greater. What frees a segment may take more than one: that much is written down
    /// again, and the end of a file may be too short for the next record.
    const fn leaves_at_least(self) -> usize {
        match self {
            Need::TakesRoom => 3,
            Need::GivesRoom => 2,
            Need::Frees => 0,
        }
    }
}

/// A file that waits to become a segment. It is open, so that nothing but the disk can keep it from becoming one; but one that was a
/// segment before is opened some time after it was freed, at the latest when it is to be used.
#[derive(Debug)]
pub(crate) struct Spare<X> {
    pub(crate) name: String,
    pub(crate) file: Option<X>,
}

/// How the last attempt to make one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Making {
    Works,
    /// It could not be made, and is not tried again before somebody says so.
    InVain,
    /// It could not be made, and is to be tried again.
    ToBeTried,
}

#[derive(Debug)]
pub(crate) struct Spares<X> {
    files: Vec<Spare<X>>,
    /// The names of those that are too short, now that segments are longer than before.
    shorter: Vec<String>,
    /// Of the last one that was made. Numbers are not used twice: a rename of the former one may still be lost.
    last_number: u64,
    making: Making,
    /// So many more than otherwise are left for what frees a segment.
    reserved: usize,
}

impl<X: File> Spares<X> {
    /// Those that are in a folder, beside segments of these lengths. What is of no use is removed.
    pub(crate) fn find<F: Folder<File = X>>(
        folder: &F,
        names: &[String],
        length: u64,
        of_segments: impl Iterator<Item = u64>,
    ) -> Result<Self, Error> {
        let mut spares = Spares {
            files: Vec::new(),
            shorter: Vec::new(),
            last_number: 0,
            making: Making::Works,
            reserved: 0,
        };
        let mut others = Vec::new();
        for name in names {
            let Some(number) = number_of_spare(name) else {
                continue;
            };
            spares.last_number = spares.last_number.max(number);
            let found = folder
                .open(name)
                .and_then(|file| Ok((file.length()?, file)));
            let (found, file) = found.map_err(|error| Error::io(format!("open {name}"), error))?;
            let name = name.clone();
            match found == length {
                true => spares.files.push(Spare {
                    name,
                    file: Some(file),
                }),
                false => others.push((name, found)),
            }
        }
        if F::IS_FAR {
            spares.clean(folder)?;
        }
        let known: Vec<u64> = of_segments
            .chain(others.iter().map(|other| other.1))
            .collect();
        for (name, found) in others {
            // Else its length is its own: it was being filled when the power went.
            let is_former = known.iter().filter(|length| **length == found).count() > 1;
            if is_former && (LEAST_SEGMENT..length).contains(&found) {
                spares.shorter.push(name);
                continue;
            }
            let removed = folder.remove(&name);
            removed.map_err(|error| Error::io(format!("remove {name}"), error))?;
        }
        Ok(spares)
    }

    /// Lets go of what was written to them: a process ended before they were segments, and a folder that is far would keep it.
    fn clean<F: Folder<File = X>>(&mut self, folder: &F) -> Result<(), Error> {
        for at in 0..self.files.len() {
            let new = self.new_name();
            let name = std::mem::replace(&mut self.files[at].name, new);
            let cleaned = folder.recycle(&name, &self.files[at].name);
            cleaned.map_err(|error| Error::io(format!("clean {name}"), error))?;
        }
        Ok(())
    }

    /// Whether there are files that became too short. As long as no longer ones can be made they are all there is for a full disk, with
    /// the former length of segments.
    pub(crate) fn are_some_too_short(&self) -> bool {
        !self.shorter.is_empty()
    }

    pub(crate) fn remove_short_ones<F: Folder<File = X>>(&mut self, folder: &F) {
        for name in self.shorter.drain(..) {
            // If it stays, it is found when the folder is opened.
            let _ = folder.remove(&name);
        }
    }

    /// Sees to it that so many can be taken for records of this need: that they are there, and open.
    pub(crate) fn ensure<F: Folder<File = X>>(
        &mut self,
        folder: &F,
        count: usize,
        need: Need,
        length: u64,
    ) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        while self.files.len() < count + self.left_by(need) {
            if self.is_in_vain() {
                return Err(ErrorKind::NoSpace.into());
            }
            let name = self.new_name();
            let made = folder.create(&name, length);
            self.note_making(made.is_ok());
            let file = made.map_err(|error| Error::io(format!("create {name}"), error))?;
            self.files.push(Spare {
                name,
                file: Some(file),
            });
        }
        let next = self.files.len() - count;
        for spare in &mut self.files[next..] {
            if spare.file.is_none() {
                let opened = folder.open(&spare.name);
                let opened =
                    opened.map_err(|error| Error::io(format!("open {}", spare.name), error));
                spare.file = Some(opened?);
            }
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// Leaves no file that nobody will use, but for the first ones, which were there before.
    pub(crate) fn remove_behind<F: Folder<File = X>>(&mut self, first: usize, folder: &F) {
        for spare in self.files.drain(first..) {
            // If it stays, it is found when the folder is opened.
            let _ = folder.remove(&spare.name);
        }
    }

    /// How many there are for records of this need.
    pub(crate) fn count_for(&self, need: Need) -> usize {
        self.files.len().saturating_sub(self.left_by(need))
    }

    /// Whether there are fewer than are to be left by records of this need, and no more can be made. Then the segment that is written
    /// to was one of those, and what room it has is for the others.
    pub(crate) fn is_reserve_in_use(&self, need: Need) -> bool {
        self.making != Making::Works && self.files.len() < self.left_by(need)
    }

    /// So many more are to be left for what frees a segment.
    pub(crate) fn reserve(&mut self, files: usize) {
        self.reserved = files;
    }

    fn left_by(&self, need: Need) -> usize {
        match need {
            Need::Frees => 0,
            others => others.leaves_at_least() + self.reserved,
        }
    }

    /// The next one, which is open, and its name.
    pub(crate) fn take(&mut self) -> Option<(String, X)> {
        let Spare { name, file } = self.files.pop()?;
        Some((name, file?))
    }

    /// Whether some of those are missing that are not for records that take room.
    pub(crate) fn is_one_missing(&self) -> bool {
        self.files.len() < self.left_by(Need::TakesRoom)
    }

    pub(crate) fn is_one_wanted(&self) -> bool {
        self.files.len() < KEPT + self.reserved
    }

    pub(crate) fn keep(&mut self, spare: Spare<X>) {
        self.files.push(spare);
    }

    /// The name of one that is not open.
    pub(crate) fn not_open(&self) -> Option<&str> {
        let is_not_open = |spare: &&Spare<X>| spare.file.is_none();
        self.files
            .iter()
            .find(is_not_open)
            .map(|spare| &*spare.name)
    }

    /// One that was not open was opened. It may have been used meanwhile, and then is not found under this name, or is open already.
    pub(crate) fn opened(&mut self, name: &str, opened: Result<X, Error>) -> Result<(), Error> {
        let mut not_open = self.files.iter_mut().filter(|spare| spare.file.is_none());
        if let Some(spare) = not_open.find(|spare| spare.name == name) {
            spare.file = Some(opened?);
        }
        Ok(())
    }

    pub(crate) fn new_name(&mut self) -> String {
        self.last_number += 1;
        name_of_spare(self.last_number)
    }

    pub(crate) fn is_in_vain(&self) -> bool {
        self.making == Making::InVain
    }

    pub(crate) fn note_making(&mut self, is_made: bool) {
        self.making = match is_made {
            true => Making::Works,
            false => Making::InVain,
        };
    }

    pub(crate) fn try_again(&mut self) {
        if self.is_in_vain() {
            self.making = Making::ToBeTried;
        }
    }
}
