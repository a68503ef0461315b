//! The backend: what the contract asks, in terms of the queue.

mod asking;
mod fetching;
mod figures;
mod giving;
mod hands;
mod readers;
mod sending;
mod working;

use std::collections::BTreeSet;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;

use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, ErrorKind, Fetched, Letters, NotFetched,
    NotPublished, Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats,
    Unanswered, Wait, Why,
};
use bookdrop_queue::{Limits, OnFull, Queue, Taken};
use bytes::Bytes;

use crate::entry::Entry;
use crate::in_memory::InMemory;
use crate::reason::told_reason;
use crate::store::{Ledger, Store, Unread};
use asking::Asked;
pub use asking::Until;
use fetching::Fetching;
use figures::stats_of;
use giving::Giving;
use hands::Hands;
pub use hands::{HandOver, Holder, InHand};
use readers::Readers;
use sending::Sending;
use working::Unwanted;

/// A queue of records over a store, or in memory: a backend.
///
/// In memory it is the one to test codecs and wrappers with.
///
/// A requester does not survive its process, so neither do requests: they are not noted, unless they become dead letters.
pub struct Records<S: Store = InMemory> {
    /// It is given up before what it keeps is gone.
    store: S,
    queue: Arc<Queue<Entry<S::Ledger>>>,
    readers: Readers,
    hands: Hands<S::Ledger>,
    /// Held while a group is joined, so that of two new ones the later knows of the room that the other takes.
    joining: Mutex<()>,
}

impl Records {
    /// A queue in memory, which is gone when the process ends.
    pub fn in_memory(limits: Limits, on_full: OnFull) -> Self {
        Records::new(Queue::new(limits, on_full, seed()), InMemory::default())
    }
}

impl<S: Store> Records<S> {
    /// A queue, and the store of its events.
    pub fn new(queue: Arc<Queue<Entry<S::Ledger>>>, store: S) -> Self {
        Records {
            store,
            queue,
            readers: Readers::default(),
            hands: Hands::default(),
            joining: Mutex::default(),
        }
    }

    /// As [`fetch`](Backend::fetch), for one who may outlive this process.
    ///
    /// # Errors
    /// As of [`fetch`](Backend::fetch).
    pub async fn fetch_for(
        &self,
        holder: Holder,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Result<Vec<Fetched>, NotFetched> {
        self.fetch_as(Some(holder), reader, max, wait).await
    }

    async fn fetch_as(
        &self,
        holder: Option<Holder>,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Result<Vec<Fetched>, NotFetched> {
        let reader = self.readers.get(reader).ok_or(NotFetched::Closed)?;
        loop {
            let taken = Fetching::new(&self.queue, self.ledger(), reader, max, wait).await?;
            let handed_over = self.hand_over(reader, taken, holder).await;
            let (fetched, trouble) = handed_over.map_err(NotFetched::Backend)?;
            match trouble {
                _ if !fetched.is_empty() => return Ok(fetched),
                // Others may be read well, but who asks for them at once keeps the store from getting better.
                Some(error) => return Err(NotFetched::Backend(error)),
                None => {}
            }
        }
    }

    /// As [`publish`](Backend::publish), for one who may be closed meanwhile: then it stands in line no more.
    ///
    /// # Errors
    /// As of [`publish`](Backend::publish).
    pub async fn publish_until(
        &self,
        closed: impl Future<Output = ()> + Send,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> Result<(), NotPublished> {
        let mut closed = pin!(closed);
        let (mut sent, mut noted) = (Ok(()), 0);
        for record in records {
            let entry = self.entry(record);
            let mut sending = Sending::new(&self.queue, &self.store, entry, &progress, waits);
            let ended = poll_fn(|cx| match Pin::new(&mut sending).poll(cx) {
                Poll::Pending => closed.as_mut().poll(cx).map(|()| None),
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
            });
            match ended.await {
                Some(Ok(note)) => noted = note.max(noted),
                Some(Err(error)) => {
                    sent = Err(error);
                    break;
                }
                None => {
                    // It may have been let in at the last moment.
                    drop(sending);
                    noted = self.ledger().noted();
                    sent = Err(NotPublished::Closed);
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

    /// As [`request`](Backend::request), for one who may be closed meanwhile: then it ends if no consumer has it in hand.
    ///
    /// # Errors
    /// As of [`request`](Backend::request).
    pub async fn request_until(
        &self,
        closed: impl Future<Output = ()> + Send,
        record: Record,
        until: Until,
    ) -> Result<Bytes, Unanswered> {
        let (entry, due) = self.entry(record);
        if let Some(error) = self.store.refusal(entry.event()) {
            let why = Why::Backend(error);
            return Err(Unanswered {
                why,
                was_taken: false,
            });
        }
        let mut asked = Asked::new(&self.queue, (entry, due), until);
        let (mut closed, mut is_closed) = (pin!(closed), false);
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = Pin::new(&mut asked).poll(cx) {
                return Poll::Ready(outcome);
            }
            is_closed = is_closed || closed.as_mut().poll(cx).is_ready();
            match is_closed.then(|| asked.close()).flatten() {
                Some(outcome) => Poll::Ready(outcome),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// How many stand in the queue of this consumer's group, also behind their key.
    pub fn queued(&self, reader: Reader) -> usize {
        let reader = self.readers.get(reader);
        reader.map_or(0, |reader| self.queue.queued(reader.group))
    }

    /// What failed and waits, as long as the queue and not its consumer found right, is ready at once.
    pub fn waive_backoff(&self) {
        self.queue.waive_backoff();
    }

    /// Consumers of before may be about to come again: until [`expect_no_more_consumers`](Records::expect_no_more_consumers) no
    /// request is told that there is none.
    pub fn expect_consumers(&self) {
        self.queue.expect_consumers();
    }

    /// Whoever wanted to come again has come.
    pub fn expect_no_more_consumers(&self) {
        self.queue.expect_no_more_consumers();
    }

    /// What was handed over before the queue was opened is in somebody's hand still.
    pub fn hold_again(&self, in_hand: Vec<InHand<S::Ledger>>) {
        self.hands.hold_again(in_hand);
    }

    /// Names what is in hand; a request has no name, since it ends with this process.
    pub fn name_of(&self, receipt: Receipt) -> Option<HandOver> {
        self.hands.name_of(receipt)
    }

    /// What this holder was handed before the queue was opened, and has in hand still: once.
    pub fn claim(&self, holder: Holder, name: HandOver) -> Option<Receipt> {
        self.hands.claim(holder, name)
    }

    /// What was handed to this holder before the queue was opened, and it does not claim, never reached it.
    pub fn put_back_unclaimed(&self, holder: Holder) {
        for (_, receipt) in self.hands.take_unclaimed(Some(holder)) {
            self.put_back(receipt);
        }
    }

    /// Whoever was handed something before the queue was opened, and has not claimed it, is gone. Returns what that is.
    pub fn lose_unclaimed(&self) -> Vec<(Holder, HandOver)> {
        let unclaimed = self.hands.take_unclaimed(None).into_iter();
        unclaimed
            .map(|(whose, receipt)| {
                self.lose(receipt);
                whose
            })
            .collect()
    }

    /// What is in hand never got to its consumer: it comes back at once, and was not handed over. Nothing happens to what is not in
    /// hand.
    pub fn put_back(&self, receipt: Receipt) {
        let come_back = |reader, taken| self.queue.put_back(reader, taken);
        self.hands.give_up(&self.queue, receipt, come_back);
    }

    /// Whoever had it in hand is gone: it comes back at once. It was handed over, and did not fail. Nothing happens to what is not in
    /// hand.
    pub fn lose(&self, receipt: Receipt) {
        let come_back = |reader, taken| self.queue.lost(reader, taken);
        self.hands.give_up(&self.queue, receipt, come_back);
    }

    /// Where the events are kept.
    pub fn store(&self) -> &S {
        &self.store
    }

    fn ledger(&self) -> &S::Ledger {
        self.store.ledger()
    }

    fn entry(&self, record: Record) -> (Entry<S::Ledger>, Option<Instant>) {
        Entry::new(record, self.store.ledger().clone())
    }

    /// Ends when all that happened so far is as durable as it is going to be, also where nothing was done: that was perhaps done before,
    /// by somebody who was told that it may be lost.
    async fn survive(&self, is_done: bool) -> Result<(), Error> {
        let noted = self.ledger().noted();
        match is_done {
            true => self.survive_up_to(noted).await,
            false => self.store.survive(noted).await,
        }
    }

    /// The same of what was noted up to this note: whoever waits for that is not told of what was noted later, and cannot be written.
    async fn survive_up_to(&self, note: u64) -> Result<(), Error> {
        self.store.survive(note).await.map_err(uncertain)
    }

    /// Makes deliveries of what was taken. What cannot be read back failed, and where its record is damaged it is buried; what is out of
    /// reach was not handed over. Says why, if the store may be better tomorrow.
    async fn hand_over(
        &self,
        reader: bookdrop_queue::Reader,
        taken: Vec<Taken<Entry<S::Ledger>>>,
        holder: Option<Holder>,
    ) -> Result<(Vec<Fetched>, Option<Error>), Error> {
        let mut giving = Giving::new(&self.queue, &self.hands, reader, taken);
        let mut trouble = None;
        while let Some(event) = giving.next() {
            let read = self.store.read(event).await;
            match read {
                Ok(record) => giving.hold(Arc::unwrap_or_clone(record)),
                Err(Unread::ForGood(error)) => giving.bury(&error),
                Err(Unread::ForNow(error)) => {
                    giving.fail();
                    trouble = Some(error);
                }
                Err(Unread::OutOfReach(error)) => {
                    giving.put_back();
                    trouble = Some(error);
                }
            }
        }
        if let Some(holder) = holder {
            giving.note_holder(holder);
        }
        if !giving.asks_alone() {
            self.store.handed_over().await?;
        }
        Ok((giving.end(), trouble))
    }

    fn join_group(&self, name: &str) -> Result<bookdrop_queue::Seat, Error> {
        let (seat, is_news) = self.note_joined(name)?;
        self.store.joined(is_news);
        Ok(seat)
    }

    /// Joins a group. Says whether that is news, which was noted.
    fn note_joined(&self, name: &str) -> Result<(bookdrop_queue::Seat, bool), Error> {
        let _one_at_a_time = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = self.store.refusal_of_group(name) {
            return Err(error);
        }
        let mut is_news = false;
        let seat = self.queue.join_and_tell(name, Entry::copy, |group| {
            is_news = self.ledger().joined(group, name);
        });
        Ok((seat, is_news))
    }

    /// Looks at dead letters of a group, the oldest first.
    fn look_at_dead<V>(
        &self,
        group: &str,
        which: Letters,
        look: impl Fn(&bookdrop_queue::Dead<Entry<S::Ledger>>) -> V,
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

    /// Whether a dead letter is there still.
    fn is_dead(&self, group: &str, id: u64) -> bool {
        let there = self.look_at_dead(group, Letters::These(vec![id]), |_| ());
        !there.is_empty()
    }

    async fn told_dead(&self, group: &str, which: Letters) -> Result<Vec<Dead>, Error> {
        let dead = self.look_at_dead(group, which, |dead| {
            let event = dead.item.event().clone();
            (
                event,
                dead.id,
                dead.deliveries,
                dead.reason.clone(),
                dead.at,
            )
        });
        let mut told = Vec::with_capacity(dead.len());
        for (event, id, attempts, reason, at) in dead {
            let record = match self.store.read(&event).await {
                // It was discarded meanwhile.
                Err(_) if !self.is_dead(group, id) => continue,
                // One that is damaged does not hide the others.
                Err(Unread::ForGood(_)) => event.remains(),
                record => Arc::unwrap_or_clone(record?),
            };
            told.push(Dead {
                id,
                record,
                attempts,
                reason: told_reason(reason),
                at,
            });
        }
        Ok(told)
    }
}

/// Decides on the random part of the waits before an event is tried again.
pub fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
}

impl<S: Store> Backend for Records<S> {
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
        all.survives_restart = S::SURVIVES_RESTART;
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
        self.publish_until(pending(), records, progress, waits)
    }

    fn outgoing(&self, _record: Record) -> Result<Outgoing, Error> {
        let message =
            "there are no transactions here: events are sent within one in PostgreSQL alone";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    async fn request(&self, record: Record, asking: Asking) -> Result<Bytes, Unanswered> {
        self.request_until(pending(), record, asking.into()).await
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
        self.fetch_as(None, reader, max, wait).await
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
        stats.damaged = self.store.damaged();
        Ok(Some(stats))
    }

    async fn groups(&self) -> Result<Vec<String>, Error> {
        Ok(self.queue.groups())
    }

    async fn remove_group(&self, group: &str) -> Result<bool, Error> {
        let is_removed = self.queue.remove_group_and_tell(group, |id| {
            self.ledger().removed(id);
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
        self.told_dead(group, which).await
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
struct EmptyHands<'a, L: Ledger> {
    queue: &'a Queue<Entry<L>>,
    waiting: bookdrop_queue::Waiting,
}

impl<L: Ledger> Drop for EmptyHands<'_, L> {
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
