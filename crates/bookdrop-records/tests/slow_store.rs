//! A store that takes its time, or refuses: what was taken for a consumer that does not get it is put back.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use bookdrop_backend::{
    Backend, Error, ErrorKind, Fetched, NotFetched, Place, Progress, Reader, Record, Settled,
    Settlement, Wait,
};
use bookdrop_queue::park::wait;
use bookdrop_queue::{Limits, OnFull, Queue};
use bookdrop_records::{Event, Nowhere, Records, Store, Unread};

const READY: u8 = 0;
const SLOW: u8 = 1;
const REFUSES: u8 = 2;

/// How the store reads, and how it hands over.
#[derive(Clone, Default)]
struct Moods {
    reads: Arc<AtomicU8>,
    hands_over: Arc<AtomicU8>,
}

/// A store in memory, with moods.
#[derive(Default)]
struct Moody {
    ledger: Arc<Nowhere>,
    moods: Moods,
}

async fn end(mood: &AtomicU8) -> Result<(), Error> {
    poll_fn(|_| match mood.load(SeqCst) {
        SLOW => Poll::Pending,
        mood => Poll::Ready(mood),
    })
    .await;
    match mood.load(SeqCst) {
        READY => Ok(()),
        _ => Err(Error::new(ErrorKind::Io, "not now")),
    }
}

impl Store for Moody {
    type Ledger = Nowhere;

    const SURVIVES_RESTART: bool = false;

    fn damaged(&self) -> u64 {
        0
    }

    fn ledger(&self) -> &Arc<Nowhere> {
        &self.ledger
    }

    fn refusal(&self, _event: &Event<Nowhere>) -> Option<Error> {
        None
    }

    fn refusal_of_group(&self, _name: &str) -> Option<Error> {
        None
    }

    fn joined(&self, _is_news: bool) {}

    async fn handed_over(&self) -> Result<(), Error> {
        end(&self.moods.hands_over).await
    }

    async fn survive(&self, _note: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn read(&self, event: &Arc<Event<Nowhere>>) -> Result<Arc<Record>, Unread> {
        let read = end(&self.moods.reads).await;
        let read = read.map(|()| event.account.clone());
        read.map_err(Unread::OutOfReach)
    }

    fn watch(&self, _event: &Event<Nowhere>, _place: &mut Option<u64>, _cx: &Context<'_>) -> bool {
        false
    }

    fn stop_watching(&self, _place: &mut Option<u64>) {}
}

/// A queue with two events, and its consumer.
fn queue() -> (Records<Moody>, Moods, Reader) {
    let limits = Limits {
        max_deliveries: 1,
        ..Limits::default()
    };
    let store = Moody::default();
    let moods = store.moods.clone();
    let records = Records::new(Queue::new(limits, OnFull::Wait, 7), store);
    let two = ["one", "two"].map(|id| Record {
        id: id.into(),
        ..Record::default()
    });
    wait(records.publish(two.into(), Progress::default(), true)).expect("there is room");
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    (records, moods, reader)
}

fn fetch(records: &Records<Moody>, reader: Reader) -> Result<Vec<Fetched>, NotFetched> {
    wait(records.fetch(reader, 2, Wait::No))
}

/// Begins to fetch, and gives up.
fn give_up(records: &Records<Moody>, reader: Reader) {
    let mut fetching = pin!(records.fetch(reader, 2, Wait::Yes));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(fetching.as_mut().poll(&mut cx).is_pending());
    assert_eq!(records.in_hand(), 2);
}

/// Both are there, and it is as if nobody ever had them.
fn assert_both_are_new(records: &Records<Moody>, reader: Reader) {
    assert_eq!(records.in_hand(), 0);
    let fetched = fetch(records, reader).expect("they are there");
    let told = fetched.iter().map(|one| (&*one.record.id, one.attempt));
    assert_eq!(told.collect::<Vec<_>>(), [("one", 1), ("two", 1)]);
    for one in fetched {
        let settled = wait(records.settle(one.receipt, Settlement::Done));
        assert_eq!(settled, Ok(Settled::Yes));
    }
    let stats = wait(records.stats(None)).expect("it is in memory");
    let stats = stats.expect("there is a queue");
    assert_eq!((stats.handed_over, stats.returned, stats.dead), (2, 0, 0));
}

#[test]
fn who_gives_up_before_the_store_is_done_has_taken_nothing() {
    let (records, moods, reader) = queue();
    for mood in [&moods.reads, &moods.hands_over] {
        mood.store(SLOW, SeqCst);
        give_up(&records, reader);
        mood.store(READY, SeqCst);
    }
    assert_both_are_new(&records, reader);
}

#[test]
fn what_the_store_refuses_to_hand_over_or_has_no_way_to_stays() {
    let (records, moods, reader) = queue();
    for mood in [&moods.hands_over, &moods.reads] {
        mood.store(REFUSES, SeqCst);
        let refused = fetch(&records, reader);
        let is_told =
            matches!(refused, Err(NotFetched::Backend(error)) if error.kind() == ErrorKind::Io);
        assert!(is_told);
        mood.store(READY, SeqCst);
    }
    assert_both_are_new(&records, reader);
}
