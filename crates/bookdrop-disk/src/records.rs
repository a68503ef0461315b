//! The queue of records in a folder.

#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod histories;

use std::future::Future;
use std::sync::Arc;

use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, Fetched, Letters, NotFetched, NotPublished,
    Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats, Unanswered,
    Wait,
};
use bookdrop_queue::Queue;
use bookdrop_records::{Store, seed};
use bytes::Bytes;

use crate::claim::Claim;
use crate::event::Entry;
use crate::kept::{Contents, Kept, Report};
use crate::options::Options;
use crate::storage::Folder;

/// A queue of records in a folder, where it survives the process.
///
/// A requester does not survive its process, so neither do requests: they are not written to the folder, unless they become
/// dead letters.
pub struct Records {
    queue: bookdrop_records::Records<Kept>,
    /// Places that were damaged when the folder was opened.
    damaged: u64,
}

impl Records {
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
        let (queue, folder, contents) = Kept::open(folder, claim, options, seed())?;
        let Contents { report, in_hand } = contents;
        let records = Records {
            damaged: report.damage.len() as u64,
            ..Records::new(queue, folder)
        };
        records.queue.hold_again(in_hand);
        Ok((records, report))
    }

    /// The queue, for one who hands its events to other processes.
    pub fn queue(&self) -> &bookdrop_records::Records<impl Store + use<>> {
        &self.queue
    }

    /// Sees to it that what is done survives, for those who wait for that, until nobody has the queue any more. It waits for nothing on
    /// the thread that polls it, and is for a folder that is far: dropped, or for a folder that is not, threads do the same.
    pub fn committing(&self) -> impl Future<Output = ()> + Send + use<> {
        self.queue.store().commit_as_task()
    }

    pub(crate) fn new(queue: Arc<Queue<Entry>>, folder: Kept) -> Self {
        Records {
            queue: bookdrop_records::Records::new(queue, folder),
            damaged: 0,
        }
    }
}

impl Backend for Records {
    fn capabilities(&self) -> Capabilities {
        let mut all = self.queue.capabilities();
        all.survives_restart = true;
        all
    }

    fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    fn publish(
        &self,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> impl Future<Output = Result<(), NotPublished>> + Send {
        self.queue.publish(records, progress, waits)
    }

    fn outgoing(&self, record: Record) -> Result<Outgoing, Error> {
        self.queue.outgoing(record)
    }

    fn request(
        &self,
        record: Record,
        asking: Asking,
    ) -> impl Future<Output = Result<Bytes, Unanswered>> + Send {
        self.queue.request(record, asking)
    }

    fn join(&self, place: Place<'_>) -> impl Future<Output = Result<Reader, Error>> + Send {
        self.queue.join(place)
    }

    fn leave(&self, reader: Reader) {
        self.queue.leave(reader);
    }

    fn fetch(
        &self,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> impl Future<Output = Result<Vec<Fetched>, NotFetched>> + Send {
        self.queue.fetch(reader, max, wait)
    }

    fn settle(
        &self,
        receipt: Receipt,
        how: Settlement,
    ) -> impl Future<Output = Result<Settled, Error>> + Send {
        self.queue.settle(receipt, how)
    }

    fn unwanted(&self, receipt: Receipt) -> impl Future<Output = ()> + Send {
        self.queue.unwanted(receipt)
    }

    fn in_hand(&self) -> usize {
        self.queue.in_hand()
    }

    async fn stats(&self, group: Option<&str>) -> Result<Option<Stats>, Error> {
        let mut stats = self.queue.stats(group).await?;
        if let Some(all) = stats.as_mut().filter(|_| group.is_none()) {
            all.damaged = self.damaged;
        }
        Ok(stats)
    }

    fn groups(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        self.queue.groups()
    }

    fn remove_group(&self, group: &str) -> impl Future<Output = Result<bool, Error>> + Send {
        self.queue.remove_group(group)
    }

    fn purge(&self) -> impl Future<Output = Result<usize, Error>> + Send {
        self.queue.purge()
    }

    fn dead(
        &self,
        group: &str,
        which: Letters,
    ) -> impl Future<Output = Result<Vec<Dead>, Error>> + Send {
        self.queue.dead(group, which)
    }

    fn replay(
        &self,
        group: &str,
        which: Letters,
    ) -> impl Future<Output = Result<usize, Error>> + Send {
        self.queue.replay(group, which)
    }

    fn discard(
        &self,
        group: &str,
        which: Letters,
    ) -> impl Future<Output = Result<usize, Error>> + Send {
        self.queue.discard(group, which)
    }

    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send {
        self.queue.close()
    }

    fn drain(&self) -> impl Future<Output = Result<(), Error>> + Send {
        self.queue.drain()
    }
}
