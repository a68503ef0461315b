//! The queue of records: what is common to a folder and to memory.

mod asking;
mod fetching;
mod figures;
#[cfg(test)]
mod full_disk;
mod hands;
#[cfg(test)]
mod histories;
mod readers;
mod sending;
mod surviving;
mod working;

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, ErrorKind, Fetched, Letters, NotFetched,
    NotPublished, Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats,
    Unanswered, Wait, Why,
};
use bookdrop_queue::{Limits, OnFull, Queue, Taken};
use bytes::Bytes;

use crate::claim::Claim;
use crate::entry::{Entry, told_reason};
use crate::event::Event;
use crate::kept::Kept;
use crate::kept::Report;
use crate::options::Options;
use crate::reading::Unread;
use crate::storage::Folder;
use asking::Asked;
use fetching::Fetching;
use figures::stats_of;
use hands::Hands;
use readers::Readers;
use sending::Sending;
use surviving::Surviving;
use working::Unwanted;

/// A queue of records: in a folder, where it survives the process, or in memory.
///
/// In memory it is the backend to test codecs and wrappers with.
///
/// A requester does not survive its process, so neither do requests: they are not written to the folder, unless they become
/// dead letters.
pub struct Records {
    /// The folder; `None` for what lives in memory alone. It is given up before what it keeps is gone.
    folder: Option<Kept>,
    queue: Arc<Queue<Entry>>,
    readers: Readers,
    hands: Hands,
    /// Held while a group is joined, so that of two new ones the later knows of the room that the other takes.
    joining: Mutex<()>,
    /// Places that were damaged when the folder was opened.
    damaged: u64,
}

impl Records {
    /// A queue in memory, which is gone when the process ends.
    pub fn in_memory(limits: Limits, on_full: OnFull) -> Self {
        Records::new(Queue::new(limits, on_full, seed()), None)
    }

    /// A queue in a folder, which is made if it is not there. It belongs to this process until what is returned is dropped.
    ///
    /// It reads the whole journal, which is at most a little more than twice as long as the events that are there. What it
    /// found damaged is in the report.
    ///
    /// # Errors
    /// `InUse`, with the process that has it; `Invalid`, for a folder that holds something else, or another codec; `Denied`,
    /// `NotFound`, `NewerVersion`, `NoSpace` and `Io`. Nothing is lost or changed then, but that there may be a file
    /// `lock` that was not there.
    #[cfg(unix)]
    pub fn open(path: &std::path::Path, options: &Options) -> Result<(Self, Report), Error> {
        let claim = Claim::new(path, &options.codec)?;
        Records::open_claimed(claim.folder(), Some(claim), options)
    }

    /// The same in a folder of any kind, which belongs to this process.
    ///
    /// # Errors
    /// As [`open`](Records::open), of what the journal says.
    pub fn open_folder<F>(folder: F, options: &Options) -> Result<(Self, Report), Error>
    where
        F: Folder + Send + std::marker::Sync + 'static,
        F::File: Send + std::marker::Sync + 'static,
    {
        Records::open_claimed(folder, None, options)
    }

    fn open_claimed<F>(
        folder: F,
        claim: Option<Claim>,
        options: &Options,
    ) -> Result<(Self, Report), Error>
    where
        F: Folder + Send + std::marker::Sync + 'static,
        F::File: Send + std::marker::Sync + 'static,
    {
        let (queue, folder, report) = Kept::open(folder, claim, options, seed())?;
        let records = Records {
            damaged: report.damage.len() as u64,
            ..Records::new(queue, Some(folder))
        };
        Ok((records, report))
    }

    fn new(queue: Arc<Queue<Entry>>, folder: Option<Kept>) -> Self {
        Records {
            folder,
            queue,
            readers: Readers::default(),
            hands: Hands::default(),
            joining: Mutex::default(),
            damaged: 0,
        }
    }

    fn entry(&self, record: Record) -> (Entry, Option<Instant>) {
        let ledger = self.folder.as_ref().map(|folder| folder.ledger().clone());
        Entry::new(record, ledger)
    }

    /// Why an event cannot be taken in now, whatever is queued.
    fn refusal(&self, entry: &Entry) -> Option<Error> {
        self.folder.as_ref()?.keep().refusal(&entry.event)
    }

    /// Ends when all that happened so far is as durable as it is going to be, also where nothing was done: that was perhaps done before,
    /// by somebody who was told that it may be lost.
    async fn survive(&self, is_done: bool) -> Result<(), Error> {
        let noted = self.folder.as_ref().map(|folder| folder.ledger().noted());
        let noted = noted.unwrap_or(0);
        match is_done {
            true => self.survive_up_to(noted).await,
            false => self.wait_up_to(noted).await,
        }
    }

    /// The same of what was noted up to this note: whoever waits for that is not told of what was noted later, and cannot be written.
    async fn survive_up_to(&self, note: u64) -> Result<(), Error> {
        self.wait_up_to(note).await.map_err(uncertain)
    }

    async fn wait_up_to(&self, note: u64) -> Result<(), Error> {
        match &self.folder {
            Some(folder) => Surviving::new(folder.keep(), note).await,
            None => Ok(()),
        }
    }

    /// The whole of an event.
    fn record_of(&self, event: &Event) -> Result<Arc<Record>, Unread> {
        match (event.record(), &self.folder) {
            (Ok(record), _) => Ok(record),
            (Err(_), Some(folder)) => folder.keep().read(event),
            (Err(_), None) => unreachable!("it is in memory"),
        }
    }

    /// Makes deliveries of what was taken. What cannot be read back failed, and where its record is damaged it is buried. Says why, if
    /// the disk may be better tomorrow.
    fn hand_over(
        &self,
        reader: bookdrop_queue::Reader,
        taken: Vec<Taken<Entry>>,
    ) -> (Vec<Fetched>, Option<Error>) {
        let mut fetched = Vec::with_capacity(taken.len());
        let mut trouble = None;
        for taken in taken {
            match self.record_of(&taken.item.event) {
                Ok(record) => {
                    fetched.push(self.hands.hold(reader, taken, Arc::unwrap_or_clone(record)))
                }
                Err(Unread::ForGood(error)) => {
                    let why = bookdrop_queue::DeadReason::Undecodable(error.to_string());
                    self.queue.bury(reader, taken, why);
                }
                Err(Unread::ForNow(error)) => {
                    self.queue.failed(reader, taken, None);
                    trouble = Some(error);
                }
            }
        }
        (fetched, trouble)
    }

    fn join_group(&self, name: &str) -> Result<bookdrop_queue::Seat, Error> {
        let (seat, is_news) = self.note_joined(name)?;
        if let Some(folder) = &self.folder {
            // It survives the process at once, and a loss of power soon. On a full disk it is written when some space was freed.
            let _ = folder.keep().write_up_to(folder.ledger().noted());
            if is_news {
                folder.ledger().survival.want_flush();
            }
        }
        Ok(seat)
    }

    /// Joins a group. Says whether that is news, which was noted.
    fn note_joined(&self, name: &str) -> Result<(bookdrop_queue::Seat, bool), Error> {
        let _one_at_a_time = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = self.folder.as_ref().map(Kept::ledger);
        if ledger.is_some_and(|ledger| !ledger.has_room_for_group(name)) {
            let message = "there are too many groups for `segment_bytes`; remove some, or open the driver with a larger one, and make the consumer again";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut is_news = false;
        let seat = self.queue.join_and_tell(name, Entry::copy, |group| {
            is_news = ledger.is_some_and(|ledger| ledger.joined(group, name));
        });
        Ok((seat, is_news))
    }

    /// Looks at dead letters of a group, the oldest first.
    fn look_at_dead<V>(
        &self,
        group: &str,
        which: Letters,
        look: impl Fn(&bookdrop_queue::Dead<Entry>) -> V,
    ) -> Vec<V> {
        let ids: BTreeSet<u64> = match which {
            Letters::All => return self.queue.dead(group, look),
            Letters::These(ids) => ids.into_iter().collect(),
        };
        let mut seen = Vec::new();
        self.queue.dead(group, |dead| {
            if ids.contains(&dead.id) {
                seen.push(look(dead));
            }
        });
        seen
    }

    fn told_dead(&self, group: &str, which: Letters) -> Result<Vec<Dead>, Error> {
        let dead = self.look_at_dead(group, which, |dead| {
            let event = dead.item.event.clone();
            (
                event,
                dead.id,
                dead.deliveries,
                dead.reason.clone(),
                dead.at,
            )
        });
        let dead = dead
            .into_iter()
            .filter_map(|(event, id, attempts, reason, at)| {
                let record = match self.record_of(&event) {
                    // It was discarded meanwhile.
                    Err(_) if event.facts().is_over() => return None,
                    // One that is damaged does not hide the others.
                    Err(Unread::ForGood(_)) => Ok(event.remains()),
                    record => record.map(Arc::unwrap_or_clone).map_err(Error::from),
                };
                Some(record.map(|record| Dead {
                    id,
                    record,
                    attempts,
                    reason: told_reason(reason),
                    at,
                }))
            });
        dead.collect()
    }
}

/// Decides on the random part of the waits before an event is tried again.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
}

impl Backend for Records {
    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::default();
        all.groups = true;
        all.keys = true;
        all.priority = true;
        all.delay = true;
        all.time_to_live = true;
        all.duplicate_detection = true;
        all.dead_letters = true;
        all.no_consumer_detection = true;
        all.survives_restart = self.folder.is_some();
        all
    }

    fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    async fn publish(
        &self,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> Result<(), NotPublished> {
        let (mut sent, mut noted) = (Ok(()), 0);
        for record in records {
            let keep = self.folder.as_ref().map(Kept::keep);
            let entry = self.entry(record);
            match Sending::new(&self.queue, keep, entry, &progress, waits).await {
                Ok(note) => noted = note.max(noted),
                Err(error) => {
                    sent = Err(error);
                    break;
                }
            }
        }
        if progress.taken() > 0
            && let Err(error) = self.survive_up_to(noted).await
        {
            progress.retreat(0);
            return Err(NotPublished::Backend(error));
        }
        sent
    }

    fn outgoing(&self, _record: Record) -> Result<Outgoing, Error> {
        let message =
            "there are no transactions here: events are sent within one in PostgreSQL alone";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    async fn request(&self, record: Record, asking: Asking) -> Result<Bytes, Unanswered> {
        let (entry, due) = self.entry(record);
        if let Some(error) = self.refusal(&entry) {
            let why = Why::Backend(error);
            return Err(Unanswered {
                why,
                was_taken: false,
            });
        }
        Asked::new(&self.queue, (entry, due), asking).await
    }

    async fn join(&self, place: Place<'_>) -> Result<Reader, Error> {
        let seat = match place {
            Place::In(group) => self.join_group(group)?,
            Place::Beside(reader) => {
                let known = self.readers.get(reader).ok_or_else(unknown_reader)?;
                self.queue.join_again(known.group, false)
            }
        };
        Ok(self.readers.add(seat))
    }

    fn leave(&self, reader: Reader) {
        if let Some(reader) = self.readers.remove(reader) {
            self.queue.leave(reader);
        }
    }

    async fn fetch(
        &self,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Result<Vec<Fetched>, NotFetched> {
        let reader = self.readers.get(reader).ok_or(NotFetched::Closed)?;
        loop {
            let ledger = self.folder.as_ref().map(|folder| &**folder.ledger());
            let taken = Fetching::new(&self.queue, ledger, reader, max, wait).await?;
            let (fetched, trouble) = self.hand_over(reader, taken);
            if let Some(folder) = &self.folder {
                // It was handed over even if the process ends now. Where that cannot be written, the count may be too low.
                let _ = folder.keep().write_up_to(folder.ledger().noted());
            }
            match trouble {
                _ if !fetched.is_empty() => return Ok(fetched),
                // Others may be read well, but who asks for them at once keeps the disk from getting better.
                Some(error) => return Err(NotFetched::Backend(error)),
                None => {}
            }
        }
    }

    async fn settle(&self, receipt: Receipt, how: Settlement) -> Result<Settled, Error> {
        let (settled, noted) = self.hands.settle(&self.queue, receipt, how)?;
        if let Some(noted) = noted {
            self.survive_up_to(noted).await?;
        }
        Ok(settled)
    }

    fn unwanted(&self, receipt: Receipt) -> impl Future<Output = ()> + Send {
        Unwanted::new(&self.queue, self.hands.call_of(receipt))
    }

    fn in_hand(&self) -> usize {
        let (_, depths) = self.queue.counts();
        depths.in_hand
    }

    async fn stats(&self, group: Option<&str>) -> Result<Option<Stats>, Error> {
        if let Some(group) = group {
            let depths = self.queue.depths(group);
            return Ok(depths.map(|depths| stats_of(Default::default(), depths)));
        }
        let (counters, depths) = self.queue.counts();
        let mut stats = stats_of(counters, depths);
        stats.waiting_senders = self.queue.waiting_senders();
        stats.waiting_requests = self.queue.waiting_requests();
        stats.damaged = self.damaged;
        Ok(Some(stats))
    }

    async fn groups(&self) -> Result<Vec<String>, Error> {
        Ok(self.queue.groups())
    }

    async fn remove_group(&self, group: &str) -> Result<bool, Error> {
        let is_removed = self.queue.remove_group_and_tell(group, |id| {
            if let Some(folder) = &self.folder {
                folder.ledger().removed(id);
            }
        });
        self.survive(is_removed).await?;
        Ok(is_removed)
    }

    async fn purge(&self) -> Result<usize, Error> {
        let purged = self.queue.purge();
        self.survive(purged > 0).await?;
        Ok(purged)
    }

    async fn dead(&self, group: &str, which: Letters) -> Result<Vec<Dead>, Error> {
        self.told_dead(group, which)
    }

    async fn replay(&self, group: &str, which: Letters) -> Result<usize, Error> {
        let ids = match which {
            Letters::All => self.queue.dead(group, |dead| dead.id),
            Letters::These(ids) => ids,
        };
        let replayed = ids.into_iter().filter(|id| self.queue.replay(group, *id));
        let replayed = replayed.count();
        self.survive(replayed > 0).await?;
        Ok(replayed)
    }

    async fn discard(&self, group: &str, which: Letters) -> Result<usize, Error> {
        let is_there = |id: &u64| self.queue.take_dead(group, *id).is_some();
        let discarded = match which {
            Letters::All => self.queue.take_all_dead(group).len(),
            Letters::These(ids) => ids.into_iter().filter(is_there).count(),
        };
        // Nobody else is told that what somebody took may be gone.
        if discarded > 0 {
            self.survive(true).await?;
        }
        Ok(discarded)
    }

    async fn close(&self) -> Result<(), Error> {
        self.queue.close();
        Ok(())
    }

    async fn drain(&self) -> Result<(), Error> {
        self.queue.begin_drain();
        let mut hands = EmptyHands {
            queue: &self.queue,
            waiting: None,
        };
        poll_fn(|cx| hands.queue.poll_empty_handed(&mut hands.waiting, cx)).await;
        Ok(())
    }
}

/// Waits until nothing is in hand.
struct EmptyHands<'a> {
    queue: &'a Queue<Entry>,
    waiting: bookdrop_queue::Waiting,
}

impl Drop for EmptyHands<'_> {
    fn drop(&mut self) {
        self.queue.stop_waiting_empty_handed(&mut self.waiting);
    }
}

/// What happened is in the queue, so it is not true that nothing was done.
fn uncertain(error: Error) -> Error {
    let message = match error.kind() {
        ErrorKind::Broken => {
            format!("it was done in this process, and may be lost with it: {error}")
        }
        _ => "it was done in this process, but could not be written yet: it is written when that is possible, and may be lost if \
              the process ends before"
            .into(),
    };
    Error::with_source(ErrorKind::Unknown, message, error)
}

fn unknown_reader() -> Error {
    Error::new(ErrorKind::Invalid, "there is no such consumer any more")
}
