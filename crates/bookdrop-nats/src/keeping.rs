//! The queue of a keeper, as its guests use it.

use std::collections::{HashMap, HashSet};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bookdrop_backend::{
    Fetched, NotFetched, NotPublished, Progress, Reader, Receipt, Record, Unanswered, Wait,
};
use bookdrop_disk::Records;
use bookdrop_records::{HandOver, Holder, Until};
use bookdrop_remote::{Ending, GuestId, Hosted};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;

/// A consumer of a guest that was closed waits so long before it looks again whether there is nothing left.
const LOOKS_FOR_THE_END_EVERY: Duration = Duration::from_millis(20);

/// The queue of a keeper.
pub(crate) struct Keeping {
    records: Records,
    /// What was taken from guests that had not come in time.
    lost: Mutex<HashSet<(Holder, HandOver)>>,
    /// How far the guests are that were asked for.
    guests: Mutex<HashMap<GuestId, Arc<watch::Sender<Ending>>>>,
}

impl Keeping {
    pub(crate) fn new(records: Records) -> Self {
        Keeping {
            records,
            lost: Mutex::default(),
            guests: Mutex::default(),
        }
    }

    fn lost(&self) -> MutexGuard<'_, HashSet<(Holder, HandOver)>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guests(&self) -> MutexGuard<'_, HashMap<GuestId, Arc<watch::Sender<Ending>>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_of(&self, guest: GuestId) -> Arc<watch::Sender<Ending>> {
        self.guests().entry(guest).or_default().clone()
    }

    fn ending(&self, guest: GuestId) -> watch::Receiver<Ending> {
        self.state_of(guest).subscribe()
    }

    /// Ends when this guest has come so far.
    async fn comes_to(&self, guest: GuestId, how: Ending) {
        let mut ending = self.ending(guest);
        if ending.wait_for(|ending| *ending >= how).await.is_err() {
            // It is forgotten, and so is what it waits for.
            pending().await
        }
    }

    /// Consumers of the former keeper come again: until they had time to, nobody is told that there is none.
    pub(crate) fn expect_consumers(&self) {
        self.records.expect_consumers();
    }

    pub(crate) fn expect_no_more_consumers(&self) {
        self.records.expect_no_more_consumers();
    }

    /// Whoever had something in hand when the former keeper ended, and has not come since, is gone.
    pub(crate) fn lose_unclaimed(&self) {
        let lost = self.records.lose_unclaimed();
        *self.lost() = lost.into_iter().collect();
    }
}

fn holder(guest: GuestId) -> Holder {
    Holder(u128::from_be_bytes(guest.0))
}

impl Hosted for Keeping {
    type Queue = Records;

    fn queue(&self) -> &Records {
        &self.records
    }

    async fn fetch_for(
        &self,
        guest: GuestId,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Result<Vec<Fetched>, NotFetched> {
        let queue = &self.records;
        let fetch = |wait| queue.fetch_for(holder(guest), reader, max, wait);
        if wait != Wait::No {
            tokio::select! {
                fetched = fetch(wait) => return fetched,
                () = self.comes_to(guest, Ending::Closed) => {}
            }
        }
        loop {
            let ending = *self.ending(guest).borrow();
            if ending == Ending::Drained {
                return Err(NotFetched::Closed);
            }
            match fetch(Wait::No).await {
                Err(NotFetched::Empty) if ending == Ending::Open => return Err(NotFetched::Empty),
                Err(NotFetched::Empty) if queue.queued(reader) == 0 => {
                    return Err(NotFetched::Closed);
                }
                Err(NotFetched::Empty) if wait == Wait::No => return Err(NotFetched::Empty),
                Err(NotFetched::Empty) => {}
                fetched => return fetched,
            }
            // What is queued stands behind its key: somebody else may be handed it.
            tokio::select! {
                fetched = fetch(wait) => return fetched,
                () = self.comes_to(guest, Ending::Drained) => {}
                () = sleep(LOOKS_FOR_THE_END_EVERY) => {}
            }
        }
    }

    fn publish_for(
        &self,
        guest: GuestId,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> impl Future<Output = Result<(), NotPublished>> + Send {
        let closed = self.comes_to(guest, Ending::Closed);
        let queue = &self.records;
        queue.publish_until(closed, records, progress, waits)
    }

    async fn request_for(
        &self,
        guest: GuestId,
        record: Record,
        until: Until,
    ) -> Result<Bytes, Unanswered> {
        let closed = self.comes_to(guest, Ending::Closed);
        let queue = &self.records;
        queue.request_until(closed, record, until).await
    }

    fn end_for(&self, guest: GuestId, how: Ending) {
        self.state_of(guest).send_if_modified(|ending| {
            let is_news = *ending < how;
            *ending = how.max(*ending);
            is_news
        });
        self.records.waive_backoff();
    }

    fn forget(&self, guest: GuestId) {
        self.guests().remove(&guest);
    }

    fn name_of(&self, receipt: Receipt) -> Option<HandOver> {
        self.records.name_of(receipt)
    }

    fn claim(&self, guest: GuestId, hand: HandOver) -> Option<Receipt> {
        self.records.claim(holder(guest), hand)
    }

    fn was_lost(&self, guest: GuestId, hand: HandOver) -> bool {
        self.lost().contains(&(holder(guest), hand))
    }

    fn settle_claims(&self, guest: GuestId) {
        self.records.put_back_unclaimed(holder(guest));
    }

    fn put_back(&self, receipt: Receipt) {
        self.records.put_back(receipt);
    }

    fn lose(&self, receipt: Receipt) {
        self.records.lose(receipt);
    }
}
