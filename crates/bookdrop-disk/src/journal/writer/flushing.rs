//! Seeing to it that what was appended survives a loss of power.

use super::{Journal, Need};
use crate::journal::Error;
use crate::journal::beside::Flush;
use crate::storage::Folder;

impl<F: Folder> Journal<F> {
    /// Returns when all that was appended survives a loss of power.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::journal::ErrorKind::Io), which poisons the journal: what was appended since the last flush may be
    /// found when the folder is opened again, or not.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.check_poison()?;
        self.poisoning(|journal| journal.flush_current())
    }

    #[track_caller]
    pub(super) fn flush_current(&mut self) -> Result<(), Error> {
        match self.unflushed() {
            Some(flush) => {
                let flushed = flush.run();
                self.note_flush(&flush, flushed)
            }
            None => Ok(()),
        }
    }

    /// Flushes, and says so in the journal itself: where anything was appended, what is damaged from now on is told from what was being
    /// written.
    ///
    /// # Errors
    /// As [`flush`](Journal::flush), and [`ErrorKind::NoSpace`](crate::journal::ErrorKind::NoSpace): it is flushed then, and the
    /// journal can be used as before.
    pub fn seal(&mut self) -> Result<(), Error> {
        self.flush()?;
        if self.current.is_none() {
            return Ok(());
        }
        if self.room_here() > 0 {
            return self.poisoning(|journal| {
                journal.put_mark();
                journal.write()?;
                journal.flush_current()
            });
        }
        // The header of the next segment says the same. What is left in that is lost to the next process, which begins with a new one:
        // on a full disk that one needs what there is to free a segment, whatever it takes.
        let length = self.settings.segment_bytes;
        self.spares
            .ensure(&self.folder, 1, Need::GivesRoom, length)?;
        self.poisoning(Self::begin_segment)
    }

    /// The same in two parts, so that others can append meanwhile: the flush is to be [run](Flush::run), and then
    /// [ended](Journal::end_flush). `None` where there is nothing to flush.
    ///
    /// # Errors
    /// [`ErrorKind::Poisoned`](crate::journal::ErrorKind::Poisoned).
    pub fn begin_flush(&self) -> Result<Option<Flush<F::File>>, Error> {
        self.check_poison()?;
        Ok(self.unflushed())
    }

    /// What was appended before the flush began survives a loss of power now, if it ended well.
    ///
    /// # Errors
    /// As [`flush`](Journal::flush).
    pub fn end_flush(
        &mut self,
        flush: Flush<F::File>,
        flushed: std::io::Result<()>,
    ) -> Result<(), Error> {
        // Whatever has gone wrong meanwhile may have been about this one.
        self.check_poison()?;
        self.poisoning(|journal| journal.note_flush(&flush, flushed))
    }

    fn unflushed(&self) -> Option<Flush<F::File>> {
        let current = self.current.as_ref().filter(|_| self.flushed != self.end)?;
        Some(Flush {
            segment: current.segment.clone(),
            end: self.end,
        })
    }

    fn note_flush(
        &mut self,
        flush: &Flush<F::File>,
        flushed: std::io::Result<()>,
    ) -> Result<(), Error> {
        flushed.map_err(|error| Error::io("flush the journal", error))?;
        // A later one may have ended before.
        self.flushed = self.flushed.max(flush.end);
        Ok(())
    }
}
