//! Flushing, for those who wait: in turns, beside those who write.

use std::future::poll_fn;
use std::task::Poll;

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_records::Ledger as _;

use super::Keeper;
use super::errors::broken;
use crate::journal;
use crate::ledger::Turn;
use crate::options::Sync;
use crate::storage::Folder;

impl<F> Keeper<F>
where
    F: Folder + Send + std::marker::Sync,
    F::File: Send + std::marker::Sync,
{
    /// Writes everything that was noted so far, at least up to this note, and flushes it. Others can write meanwhile. Gives the turn to
    /// do so back, unless it had to end before tasks were woken.
    fn commit<'a>(&self, note: u64, turn: Option<Turn<'a>>) -> Result<Option<Turn<'a>>, Error> {
        let written = self.write_for_sure(note);
        // What found room is confirmed, whatever did not.
        let turn = self.flush_written(turn)?;
        written.map(|()| turn)
    }

    /// Flushes everything that was written so far.
    fn flush_written<'a>(&self, turn: Option<Turn<'a>>) -> Result<Option<Turn<'a>>, Error> {
        let survival = &self.ledger.survival;
        let note = survival.written_so_far();
        if let Err(error) = self.flush_journal() {
            return Err(self.break_down(error));
        }
        Ok(survival.flushed(note, turn))
    }

    /// Flushes the journal, and tells nobody.
    pub(super) fn flush_journal(&self) -> Result<(), journal::Error> {
        // In a statement of its own: others can write during the flush.
        let flush = self.writing().journal.begin_flush()?;
        let Some(flush) = flush else {
            return Ok(());
        };
        let flushed = flush.run();
        self.writing().journal.end_flush(flush, flushed)
    }

    /// Flushes for those who wait, or every so often, until the end. Where many wait two threads do it in turns: one wakes those who
    /// waited for its flush while the other one flushes.
    pub(crate) fn flush(&self) {
        let survival = &self.ledger.survival;
        match self.settings.sync {
            Sync::Always | Sync::Never => {
                let mut turn = None;
                while let Some(mine) = survival.wait_for_turn(turn) {
                    turn = self.commit_or_refuse(Some(mine));
                }
            }
            Sync::Every(time) => {
                while survival.sleep(time) {
                    self.commit_or_refuse(None);
                }
            }
        }
    }

    /// Commits for those who wait, until the end, as [`flush`](Keeper::flush) does; but whoever polls this waits for nothing on its
    /// thread. Only what there is no room for is left to the threads.
    pub(super) async fn commit_as_task(&self) {
        let task = self.ledger.survival.task();
        while let Some(turn) = poll_fn(|cx| task.poll_turn(cx)).await {
            self.commit_without_waiting(turn).await;
            let_others_go_on().await;
        }
    }

    async fn commit_without_waiting(&self, turn: Turn<'_>) {
        let survival = &self.ledger.survival;
        match self.write_at_least(self.writing(), self.ledger.noted()) {
            Ok(()) => {}
            // Everybody was told.
            Err(error) if error.kind() == ErrorKind::Broken => return,
            Err(_) => return survival.leave_to_thread(turn),
        }
        let note = survival.written_so_far();
        match self.flush_journal_without_waiting().await {
            Ok(()) => drop(survival.flushed(note, Some(turn))),
            Err(error) => drop(self.break_down(error)),
        }
    }

    async fn flush_journal_without_waiting(&self) -> Result<(), journal::Error> {
        // In a statement of its own: others can write during the flush.
        let flush = self.writing().journal.begin_flush()?;
        let Some(flush) = flush else {
            return Ok(());
        };
        let flushed = flush.run_without_waiting().await;
        self.writing().journal.end_flush(flush, flushed)
    }

    /// Commits; those who wait are told if that cannot be done for now.
    pub(crate) fn commit_or_refuse<'a>(&self, turn: Option<Turn<'a>>) -> Option<Turn<'a>> {
        let noted = self.ledger.noted();
        self.commit(noted, turn).unwrap_or_else(|error| {
            self.ledger.survival.refuse(noted, error);
            None
        })
    }

    /// Nothing can be written any more: all who wait are told, also consumers and requesters. Returns what they are told.
    pub(super) fn break_down(&self, error: impl Into<Error>) -> Error {
        let first = self.ledger.survival.break_down(broken(error));
        if let Some(queue) = self.queue.upgrade() {
            queue.break_down();
        }
        first
    }
}

/// Those who were told of one commit have their turn before the next one, which is then for all that they do.
async fn let_others_go_on() {
    let mut has_been_asked = false;
    poll_fn(|cx| match std::mem::replace(&mut has_been_asked, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
