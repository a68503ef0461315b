//! Where the oldest make room, none goes in vain: bytes that others hold are not freed by what stands in the queue.

use std::time::Duration;

use bookdrop_backend::{Backend, NotPublished, Place, Progress, Reader, Record, Settlement, Wait};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::{OnFull, park::wait};

/// Room for 10,000 bytes of events.
fn opened(folder: &tempfile::TempDir) -> (Records, Reader) {
    let mut options = Options::default();
    options.sync = Sync::Never;
    options.segment_bytes = 1 << 16;
    options.max_bytes = 10_000;
    options.on_full = OnFull::DropOldest;
    let (records, _) = bookdrop_disk::open(folder.path(), &options).unwrap();
    let reader = wait(records.join(Place::In("default"))).unwrap();
    (records, reader)
}

fn record(length: usize, delay: Option<Duration>) -> Record {
    Record {
        content: vec![b'x'; length].into(),
        delay,
        ..Record::default()
    }
}

fn send(records: &Records, record: Record) -> Result<(), NotPublished> {
    wait(records.publish(vec![record], Progress::default(), true))
}

fn settle_next(records: &Records, reader: Reader, how: Settlement) {
    let fetched = wait(records.fetch(reader, 1, Wait::No)).unwrap();
    for fetched in fetched {
        wait(records.settle(fetched.receipt, how.clone())).unwrap();
    }
}

fn queued(records: &Records) -> usize {
    wait(records.stats(None)).unwrap().unwrap().queued
}

/// Sends five small events and one that is too large beside what takes 8,000 bytes, then one that is not.
fn nothing_goes_in_vain(records: &Records) {
    for _ in 0..5 {
        send(records, record(100, None)).unwrap();
    }
    let refused = send(records, record(3_000, None));
    assert!(matches!(refused, Err(NotPublished::Full)), "{refused:?}");
    assert_eq!(queued(records), 5);
    send(records, record(1_400, None)).unwrap();
    assert!(queued(records) < 6, "the oldest go where that helps");
}

#[test]
fn what_is_in_hand_is_not_freed_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let (records, reader) = opened(&folder);
    send(&records, record(8_000, None)).unwrap();
    let in_hand = wait(records.fetch(reader, 1, Wait::No)).unwrap();
    nothing_goes_in_vain(&records);
    for fetched in in_hand {
        wait(records.settle(fetched.receipt, Settlement::Done)).unwrap();
    }
    send(&records, record(9_000, None)).unwrap();
}

#[test]
fn nor_is_what_is_in_hand_in_another_group() {
    let folder = tempfile::tempdir().unwrap();
    let (records, reader) = opened(&folder);
    let other = wait(records.join(Place::In("other"))).unwrap();
    send(&records, record(8_000, None)).unwrap();
    let _in_hand = wait(records.fetch(other, 1, Wait::No)).unwrap();
    settle_next(&records, reader, Settlement::Done);
    for _ in 0..3 {
        send(&records, record(100, None)).unwrap();
    }
    assert!(send(&records, record(3_000, None)).is_err());
    assert_eq!(queued(&records), 6);
}

#[test]
fn nor_are_dead_letters_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (records, reader) = opened(&folder);
    send(&records, record(8_000, None)).unwrap();
    settle_next(
        &records,
        reader,
        Settlement::Bury(bookdrop_backend::DeadReason::MaxAttempts),
    );
    drop(records);
    let (records, _) = opened(&folder);
    nothing_goes_in_vain(&records);
}

#[test]
fn nor_is_what_waits_until_it_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let (records, reader) = opened(&folder);
    let delay = Duration::from_millis(200);
    send(&records, record(8_000, Some(Duration::from_secs(1000)))).unwrap();
    nothing_goes_in_vain(&records);
    wait(records.purge()).unwrap();
    send(&records, record(8_000, Some(delay))).unwrap();
    while queued(&records) == 0 {
        std::thread::yield_now();
    }
    send(&records, record(3_000, None)).unwrap();
    settle_next(&records, reader, Settlement::Done);
    assert_eq!(queued(&records), 0, "the one that was due has gone");
}
