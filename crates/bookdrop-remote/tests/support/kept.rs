//! A queue in memory that has guests. Another keeper of the same process may go on with it.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bookdrop_backend::{
    Backend, Fetched, NotFetched, NotPublished, Progress, Reader, Receipt, Record, Unanswered, Wait,
};
use bookdrop_queue::park::wait;
use bookdrop_queue::{Backoff, Limits, OnFull};
use bookdrop_records::{HandOver, Records, Until};
use bookdrop_remote::{Ending, GuestId, Hosted};
use bytes::Bytes;

pub(crate) struct Kept {
    records: Records,
    noted: Mutex<Noted>,
    /// Until when those who asked want their answer.
    pub(crate) deadlines: Mutex<Vec<Instant>>,
}

/// Who was handed what.
#[derive(Default)]
struct Noted {
    names: HashMap<Receipt, HandOver>,
    guests: HashMap<(GuestId, HandOver), Receipt>,
}

/// The bounds of a small queue.
pub(crate) fn limits(capacity: usize) -> Limits {
    Limits {
        capacity,
        backoff: Backoff {
            first: Duration::from_millis(1),
            max: Duration::from_millis(1),
        },
        ..Limits::default()
    }
}

impl Kept {
    pub(crate) fn new(limits: Limits, on_full: OnFull) -> Self {
        Kept {
            records: Records::in_memory(limits, on_full),
            noted: Mutex::default(),
            deadlines: Mutex::default(),
        }
    }
}

impl Hosted for Kept {
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
        let fetched = self.records.fetch(reader, max, wait).await?;
        let mut noted = self.noted.lock().expect("no panic");
        for one in fetched.iter().filter(|one| one.deadline.is_none()) {
            let name = HandOver([one.receipt.0, 0, one.attempt.into()]);
            noted.names.insert(one.receipt, name);
            noted.guests.insert((guest, name), one.receipt);
        }
        Ok(fetched)
    }

    fn publish_for(
        &self,
        _guest: GuestId,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> impl Future<Output = Result<(), NotPublished>> + Send {
        self.records.publish(records, progress, waits)
    }

    fn request_for(
        &self,
        _guest: GuestId,
        record: Record,
        until: Until,
    ) -> impl Future<Output = Result<Bytes, Unanswered>> + Send {
        let mut deadlines = self.deadlines.lock().expect("no panic");
        deadlines.push(until.deadline);
        self.records.request_until(pending(), record, until)
    }

    /// There is one guest.
    fn end_for(&self, _guest: GuestId, how: Ending) {
        wait(self.records.close()).expect("it is in memory");
        if how == Ending::Drained {
            let mut draining = pin!(self.records.drain());
            // What is in hand is the guest's affair.
            let _ = draining
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    fn forget(&self, _guest: GuestId) {}

    fn name_of(&self, receipt: Receipt) -> Option<HandOver> {
        let noted = self.noted.lock().expect("no panic");
        noted.names.get(&receipt).copied()
    }

    fn claim(&self, guest: GuestId, hand: HandOver) -> Option<Receipt> {
        let mut noted = self.noted.lock().expect("no panic");
        noted.guests.remove(&(guest, hand))
    }

    fn was_lost(&self, _guest: GuestId, _hand: HandOver) -> bool {
        false
    }

    fn settle_claims(&self, guest: GuestId) {
        let mut noted = self.noted.lock().expect("no panic");
        let unclaimed = noted.guests.extract_if(|(of, _), _| *of == guest);
        let unclaimed: Vec<_> = unclaimed.map(|(_, receipt)| receipt).collect();
        drop(noted);
        unclaimed
            .into_iter()
            .for_each(|receipt| self.put_back(receipt));
    }

    fn put_back(&self, receipt: Receipt) {
        self.records.put_back(receipt);
    }

    fn lose(&self, receipt: Receipt) {
        self.records.lose(receipt);
    }
}
