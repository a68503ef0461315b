//! The files that wait to become segments: made before they are needed, and used again after a segment was freed.

use super::Error;
use super::segment::{name_of_spare, number_of_spare};
use crate::storage::{File, Folder};

/// Files that are kept for later segments; what is freed beyond them goes back to the file system.
pub(crate) const KEPT: usize = 3;

/// What a record does to the room in the journal.
///
/// On a full disk, those that take room are refused first, and those that give it last.
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
    /// Files that are left for those whose need is greater.
    const fn leaves(self) -> usize {
        match self {
            Need::TakesRoom => 2,
            Need::GivesRoom => 1,
            Need::Frees => 0,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Spares {
    names: Vec<String>,
    /// Of the last one that was made. Numbers are not used twice: a rename of the former one may still be lost.
    last_number: u64,
}

impl Spares {
    /// Those that are in a folder, without the ones that are of no use; these are removed.
    pub(crate) fn find<F: Folder>(
        folder: &F,
        names: &[String],
        length: u64,
    ) -> Result<Self, Error> {
        let mut spares = Spares::default();
        for name in names {
            let Some(number) = number_of_spare(name) else {
                continue;
            };
            spares.last_number = spares.last_number.max(number);
            let found = folder.open(name).and_then(|file| file.length());
            let found = found.map_err(|error| Error::io(format!("open {name}"), error))?;
            if found == length && spares.names.len() < KEPT {
                spares.names.push(name.clone());
            } else {
                // Its length is another one, or it was being filled when the power went.
                let removed = folder.remove(name);
                removed.map_err(|error| Error::io(format!("remove {name}"), error))?;
            }
        }
        Ok(spares)
    }

    /// Sees to it that so many can be taken for records of this need.
    pub(crate) fn ensure<F: Folder>(
        &mut self,
        folder: &F,
        count: usize,
        need: Need,
        length: u64,
    ) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        while self.names.len() < count + need.leaves() {
            let name = self.new_name();
            let made = folder.create(&name, length);
            made.map_err(|error| Error::io(format!("create {name}"), error))?;
            self.names.push(name);
        }
        Ok(())
    }

    /// How many there are for records that take room.
    pub(crate) fn for_taking(&self) -> usize {
        self.names.len().saturating_sub(Need::TakesRoom.leaves())
    }

    pub(crate) fn take(&mut self) -> Option<String> {
        self.names.pop()
    }

    /// Whether some of those are missing that are not for records that take room.
    pub(crate) fn is_one_missing(&self) -> bool {
        self.names.len() < Need::TakesRoom.leaves()
    }

    pub(crate) fn is_one_wanted(&self) -> bool {
        self.names.len() < KEPT
    }

    pub(crate) fn keep(&mut self, name: String) {
        self.names.push(name);
    }

    pub(crate) fn new_name(&mut self) -> String {
        self.last_number += 1;
        name_of_spare(self.last_number)
    }
}
