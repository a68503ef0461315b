//! The queue of records: what is common to a folder and to memory.

mod asking;
mod fetching;
mod hands;
mod readers;
mod sending;
mod working;

use std::future::{Future, poll_fn};
use std::sync::Arc;

use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, ErrorKind, Fetched, NotFetched, NotPublished,
    Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats, Unanswered, Wait,
};
use bookdrop_queue::{Limits, OnFull, Queue};
use bytes::Bytes;

use crate::entry::{Entry, told_reason};
use asking::Asked;
use fetching::Fetching;
use hands::Hands;
use readers::Readers;
use sending::Sending;
use working::Unwanted;

/// A queue of records in memory. What it holds is gone when the process ends.
///
/// It is the backend to test codecs and wrappers with, and what a [`Backend`] can do at most in one process.
pub struct Records {
    queue: Arc<Queue<Entry>>,
    readers: Readers,
    hands: Hands,
}

impl Records {
    /// An empty queue.
    pub fn new(limits: Limits, on_full: OnFull) -> Self {
        // The random part of the waits before an event is tried again.
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Records {
            queue: Queue::new(limits, on_full, seed),
            readers: Readers::default(),
            hands: Hands::default(),
        }
    }
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
        for record in records {
            Sending::new(&self.queue, record, &progress, waits).await?;
        }
        Ok(())
    }

    fn request(
        &self,
        record: Record,
        asking: Asking,
    ) -> impl Future<Output = Result<Bytes, Unanswered>> + Send {
        Asked::new(&self.queue, record, asking)
    }

    async fn join(&self, place: Place<'_>, auto_ack: bool) -> Result<Reader, Error> {
        let seat = match place {
            Place::In(group) => {
                let seat = self.queue.join(group, Entry::copy);
                match auto_ack {
                    false => seat,
                    true => {
                        let first = seat.reader();
                        let seat = self.queue.join_again(first.group, true);
                        self.queue.leave(first);
                        seat
                    }
                }
            }
            Place::Beside(reader) => {
                let known = self.readers.get(reader).ok_or_else(unknown_reader)?;
                self.queue.join_again(known.group, auto_ack)
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
        let taken = Fetching::new(&self.queue, reader, max, wait).await?;
        Ok(self.hands.hold(reader, taken))
    }

    async fn settle(&self, receipt: Receipt, how: Settlement) -> Result<Settled, Error> {
        self.hands.settle(&self.queue, receipt, how)
    }

    fn unwanted(&self, receipt: Receipt) -> impl Future<Output = ()> + Send {
        Unwanted::new(&self.queue, self.hands.call_of(receipt))
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
        Ok(Some(stats))
    }

    async fn groups(&self) -> Result<Vec<String>, Error> {
        Ok(self.queue.groups())
    }

    async fn remove_group(&self, group: &str) -> Result<bool, Error> {
        Ok(self.queue.remove_group(group))
    }

    async fn purge(&self) -> Result<usize, Error> {
        Ok(self.queue.purge())
    }

    async fn dead(&self, group: &str) -> Result<Vec<Dead>, Error> {
        Ok(self.queue.dead(group, told_dead))
    }

    async fn replay(&self, group: &str, dead: Vec<u64>) -> Result<usize, Error> {
        let replayed = dead.into_iter().filter(|id| self.queue.replay(group, *id));
        Ok(replayed.count())
    }

    async fn take_dead(&self, group: &str, dead: Vec<u64>) -> Result<Vec<Dead>, Error> {
        let taken = dead
            .into_iter()
            .filter_map(|id| self.queue.take_dead(group, id));
        Ok(taken.map(|dead| told_dead(&dead)).collect())
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

fn unknown_reader() -> Error {
    Error::new(ErrorKind::Invalid, "there is no such consumer any more")
}

fn told_dead(dead: &bookdrop_queue::Dead<Entry>) -> Dead {
    Dead {
        id: dead.id,
        record: Record::clone(&dead.item.record),
        attempts: dead.deliveries,
        reason: told_reason(dead.reason.clone()),
        at: dead.at,
    }
}

fn stats_of(counters: bookdrop_queue::Counters, depths: bookdrop_queue::Depths) -> Stats {
    let mut stats = Stats::default();
    stats.queued = depths.queued;
    stats.delayed = depths.delayed;
    stats.in_hand = depths.in_hand;
    stats.dead = depths.dead;
    stats.consumers = depths.consumers;
    stats.waiting_consumers = depths.waiting_consumers;
    stats.sent = counters.sent;
    stats.handed_over = counters.handed_over;
    stats.acked = counters.acked;
    stats.returned = counters.returned;
    stats.buried = counters.buried;
    stats.dead_dropped = counters.dead_dropped;
    stats.expired = counters.expired;
    stats.given_up = counters.given_up;
    stats.answered = counters.answered;
    stats.replies_refused = counters.replies_refused;
    stats.duplicates = counters.duplicates;
    stats.dropped_when_full = counters.dropped_when_full;
    stats.rejected_when_full = counters.rejected_when_full;
    stats.purged = counters.purged;
    stats
}
