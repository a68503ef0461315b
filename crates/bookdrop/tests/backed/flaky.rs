//! A backend that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, ErrorKind, Fetched, Letters, NotFetched,
    NotPublished, Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats,
    Unanswered, Wait, Why,
};
use bookdrop_records::Records;
use bytes::Bytes;

/// Records, or errors.
pub(crate) struct Flaky {
    records: Records,
    fails: Arc<AtomicBool>,
    /// Whether it loses what a settlement ended with.
    forgets: bool,
}

/// What it says when it fails.
pub(crate) fn error() -> Error {
    Error::new(ErrorKind::NoSpace, "the shelf is full")
}

impl Flaky {
    pub(crate) fn new(records: Records) -> (Self, Arc<AtomicBool>) {
        let fails = Arc::new(AtomicBool::new(false));
        let flaky = Flaky {
            records,
            fails: fails.clone(),
            forgets: false,
        };
        (flaky, fails)
    }

    /// One that settles, and does not know whether it did.
    pub(crate) fn forgetful(records: Records) -> Self {
        Flaky {
            forgets: true,
            ..Flaky::new(records).0
        }
    }

    fn check(&self) -> Result<&Records, Error> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(error()),
            false => Ok(&self.records),
        }
    }
}

impl Backend for Flaky {
    fn capabilities(&self) -> Capabilities {
        self.records.capabilities()
    }

    fn capacity(&self) -> usize {
        self.records.capacity()
    }

    fn is_closed(&self) -> bool {
        self.records.is_closed()
    }

    async fn publish(
        &self,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> Result<(), NotPublished> {
        let there = self.check().map_err(NotPublished::Backend)?;
        there.publish(records, progress, waits).await
    }

    fn outgoing(&self, record: Record) -> Result<Outgoing, Error> {
        self.check()?.outgoing(record)
    }

    async fn request(&self, record: Record, asking: Asking) -> Result<Bytes, Unanswered> {
        let there = self.check().map_err(|error| Unanswered {
            why: Why::Backend(error),
            was_taken: false,
        })?;
        there.request(record, asking).await
    }

    async fn join(&self, place: Place<'_>) -> Result<Reader, Error> {
        self.check()?.join(place).await
    }

    fn leave(&self, reader: Reader) {
        self.records.leave(reader);
    }

    async fn fetch(
        &self,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Result<Vec<Fetched>, NotFetched> {
        let there = self.check().map_err(NotFetched::Backend)?;
        there.fetch(reader, max, wait).await
    }

    async fn settle(&self, receipt: Receipt, how: Settlement) -> Result<Settled, Error> {
        let settled = self.check()?.settle(receipt, how).await?;
        match settled {
            Settled::Yes if self.forgets => {
                let message = "the confirmation was lost";
                Err(Error::new(ErrorKind::Unknown, message))
            }
            settled => Ok(settled),
        }
    }

    async fn unwanted(&self, receipt: Receipt) {
        self.records.unwanted(receipt).await;
    }

    fn in_hand(&self) -> usize {
        self.records.in_hand()
    }

    async fn stats(&self, group: Option<&str>) -> Result<Option<Stats>, Error> {
        self.check()?.stats(group).await
    }

    async fn groups(&self) -> Result<Vec<String>, Error> {
        self.check()?.groups().await
    }

    async fn remove_group(&self, group: &str) -> Result<bool, Error> {
        self.check()?.remove_group(group).await
    }

    async fn purge(&self) -> Result<usize, Error> {
        self.check()?.purge().await
    }

    async fn dead(&self, group: &str, which: Letters) -> Result<Vec<Dead>, Error> {
        self.check()?.dead(group, which).await
    }

    async fn replay(&self, group: &str, which: Letters) -> Result<usize, Error> {
        self.check()?.replay(group, which).await
    }

    async fn discard(&self, group: &str, which: Letters) -> Result<usize, Error> {
        self.check()?.discard(group, which).await
    }

    async fn close(&self) -> Result<(), Error> {
        self.check()?.close().await
    }

    async fn drain(&self) -> Result<(), Error> {
        self.check()?.drain().await
    }
}
