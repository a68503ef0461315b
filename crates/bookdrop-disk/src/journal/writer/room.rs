//! Room for what is to be appended: spare files, and segments that are freed.

use super::{Journal, Need, cost};
use crate::journal::Error;
use crate::journal::beside::{Made, Wanted};
use crate::journal::segment::{HEADER, name_of_segment};
use crate::journal::space::{KEPT, Spare};
use crate::storage::Folder;

impl<F: Folder> Journal<F> {
    /// Makes a spare file if there are too few, so that no append has to wait for it. Takes as long as it takes to write a
    /// segment.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`](crate::journal::ErrorKind::NoSpace) or [`ErrorKind::Io`](crate::journal::ErrorKind::Io); the journal
    /// can be used as before.
    pub fn prepare(&mut self) -> Result<(), Error> {
        let length = self.settings.segment_bytes;
        self.spares.ensure(&self.folder, KEPT, Need::Frees, length)
    }

    /// Whether a spare file is to be made, for records of at most `longest` bytes. While there are some, and much room is left in the
    /// segment that is written to, an older one may yet be freed and used again; to make one takes the disk from those who flush.
    pub fn is_spare_wanted(&self, longest: usize) -> bool {
        let is_needed_soon = self.left_in_segment() < (self.left_in_spare() + cost(longest)) / 2;
        self.spares.is_one_wanted() && (is_needed_soon || self.spares.is_one_missing())
    }

    /// A file that [is wanted](Journal::is_spare_wanted), or that was a segment before and is not open yet, so that no append has to
    /// wait for it: it is to be [made](Wanted::make), and then [kept](Journal::keep_spare). `None` as well where the last one could not
    /// be made.
    pub fn wanted_spare(&mut self, longest: usize) -> Option<Wanted> {
        if let Some(name) = self.spares.not_open() {
            let (name, length) = (name.to_owned(), None);
            return Some(Wanted { name, length });
        }
        let is_wanted = self.is_spare_wanted(longest) && !self.spares.is_in_vain();
        is_wanted.then(|| Wanted {
            name: self.spares.new_name(),
            length: Some(self.settings.segment_bytes),
        })
    }

    /// Leaves room for so many more bytes to what [frees](Need::Frees) a segment: what it writes down again takes more than what lies
    /// there.
    pub fn reserve(&mut self, bytes: u64) {
        let files = (bytes + self.settings.segment_bytes / 2) / self.settings.segment_bytes;
        self.spares
            .reserve(usize::try_from(files).unwrap_or(usize::MAX / 2));
    }

    /// Whether there are too few spare files. Right after opening that says that the disk is full.
    pub fn lacks_spares(&self) -> bool {
        self.spares.is_one_wanted()
    }

    /// Keeps a file that was made or opened for it.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`](crate::journal::ErrorKind::NoSpace) or [`ErrorKind::Io`](crate::journal::ErrorKind::Io), with which it
    /// was not; the journal can be used as before. To make one is not tried again until somebody
    /// [says so](Journal::try_spares_again).
    pub fn keep_spare(&mut self, made: Made<F::File>) -> Result<(), Error> {
        let Made { name, file, is_new } = made;
        if !is_new {
            return self.spares.opened(&name, file);
        }
        self.spares.note_making(file.is_ok());
        let file = Some(file?);
        self.spares.keep(Spare { name, file });
        Ok(())
    }

    /// There may be room on the disk again.
    pub fn try_spares_again(&mut self) {
        self.spares.try_again();
    }

    /// Bytes that can be appended for sure by records of this need, each of at most `longest` bytes with its own write, without
    /// waiting for a spare file: each counts for what [`cost`] says.
    pub fn room(&self, need: Need, longest: usize) -> u64 {
        // What is left at the end of each, but for the last one, may be too little for the next record.
        let used = |left: u64| left.saturating_sub(cost(longest));
        let (segment, spare) = (self.left_in_segment(), self.left_in_spare());
        match self.spares.count_for(need) as u64 {
            0 if self.spares.is_reserve_in_use(need) => 0,
            0 => segment,
            spares => used(segment) + (spares - 1) * used(spare) + spare,
        }
    }

    pub(super) fn left_in_segment(&self) -> u64 {
        let offset = self.current.as_ref().map(|current| current.offset);
        offset.map_or(0, |offset| self.settings.segment_bytes - offset)
    }

    fn left_in_spare(&self) -> u64 {
        self.settings.segment_bytes - HEADER as u64
    }

    /// Frees the segments before this generation, but never the newest one. Their records are gone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::journal::ErrorKind::Io), which poisons the journal; some of them may be freed.
    pub fn free_before(&mut self, generation: u64) -> Result<(), Error> {
        self.check_poison()?;
        self.poisoning(|journal| {
            while let Some((&oldest, _)) = journal.segments.first_key_value() {
                if oldest >= generation || journal.segments.len() == 1 {
                    break;
                }
                journal.free(oldest)?;
            }
            Ok(())
        })
    }

    /// Its name is sure to be gone before that of the next one goes, so that no record ever outlives a later one.
    fn free(&mut self, generation: u64) -> Result<(), Error> {
        let name = name_of_segment(generation);
        let has_usual_length = self.segments.get(&generation) == Some(&self.settings.segment_bytes);
        // It is not opened before it is used: on a full disk there is no other one, also where files cannot be opened for now.
        let spare = (has_usual_length && self.spares.is_one_wanted()).then(|| Spare {
            name: self.spares.new_name(),
            file: None,
        });
        let freed = match &spare {
            Some(spare) => self.folder.recycle(&name, &spare.name),
            None => self.folder.remove(&name),
        };
        let freed = freed.and_then(|()| match F::IS_FAR {
            true => Ok(()),
            false => self.folder.flush(),
        });
        freed.map_err(|error| Error::io(format!("free {name}"), error))?;
        self.segments.remove(&generation);
        match spare {
            Some(spare) => self.spares.keep(spare),
            // What it took may be enough for one.
            None => self.spares.try_again(),
        }
        Ok(())
    }
}
