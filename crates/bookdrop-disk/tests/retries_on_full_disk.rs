//! A full disk on which events fail again and again: what is said of them takes more room than there is, and does not pile up.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
mod support;

use std::time::Duration;

use bookdrop_backend::{
    Backend, DeadReason, ErrorKind, Fetched, NotPublished, Progress, Reader, Record, Settlement,
};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use disk::Disk;
use support::{fetch, join};

const SEGMENT: u64 = 4096;
const PLENTY: u64 = 1000 * SEGMENT;

fn opened(disk: &Disk) -> Records {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.limits.capacity = 100_000;
    options.limits.max_dead = 100_000;
    options.limits.max_attempts = u32::MAX;
    options.limits.max_deliveries = u32::MAX;
    let (records, _) = Records::open_folder(disk.clone(), &options).expect("there is room");
    records
}

/// Sends an event of so many bytes. Whether there is room for it.
fn send(records: &Records, bytes: usize) -> bool {
    let record = Record {
        id: "S".into(),
        content: vec![b'x'; bytes].into(),
        ..Record::default()
    };
    match wait(records.publish(vec![record], Progress::default(), true)) {
        Ok(()) => true,
        Err(NotPublished::Backend(error)) if error.kind() == ErrorKind::NoSpace => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// A queue on a disk without room for one more event of so many bytes, and how many there are.
fn full(bytes: usize) -> (Disk, Records, Reader, usize) {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk);
    let reader = join(&records, "default");
    disk.set_room(8 * SEGMENT);
    let count = (0..).take_while(|_| send(&records, bytes)).count();
    (disk, records, reader, count)
}

/// Sends go on by themselves, without more room on the disk.
fn goes_on(records: &Records, bytes: usize) {
    while !send(records, bytes) {
        std::thread::yield_now();
    }
}

/// It comes back at once. Whether that survives is another matter.
fn fail(records: &Records, fetched: Fetched) {
    let at_once = Settlement::RetryAfter(Duration::ZERO);
    let _ = wait(records.settle(fetched.receipt, at_once));
}

fn count(records: &Records, reader: Reader) -> usize {
    std::iter::from_fn(|| fetch(records, reader)).count()
}

#[test]
fn acks_free_it_however_often_the_events_failed_before() {
    let (disk, records, reader, count_sent) = full(400);
    for _ in 0..20_000 {
        let fetched = fetch(&records, reader).expect("all are there");
        fail(&records, fetched);
    }
    for _ in 0..count_sent {
        let fetched = fetch(&records, reader).expect("all are there");
        let _ = wait(records.settle(fetched.receipt, Settlement::Done));
    }
    goes_on(&records, 400);
    drop(records);
    let records = opened(&disk);
    let reader = join(&records, "default");
    assert_eq!(count(&records, reader), 1, "what was acked came back");
}

#[test]
fn discarding_frees_it_when_all_became_dead_letters() {
    let (disk, records, reader, count_sent) = full(10);
    for _ in 0..3 * count_sent {
        let fetched = fetch(&records, reader).expect("all are there");
        fail(&records, fetched);
    }
    while let Some(fetched) = fetch(&records, reader) {
        let reason = DeadReason::Rejected("no".to_owned());
        let _ = wait(records.settle(fetched.receipt, Settlement::Bury(reason)));
    }
    let dead = wait(records.dead("default")).expect("they can be read");
    assert_eq!(dead.len(), count_sent);
    let dead = dead.into_iter().map(|dead| dead.id).collect();
    let _ = wait(records.take_dead("default", dead));
    goes_on(&records, 10);
    drop(records);
    let records = opened(&disk);
    let reader = join(&records, "default");
    assert_eq!(count(&records, reader), 1);
    let dead = wait(records.dead("default")).expect("they can be read");
    assert_eq!(dead.len(), 0, "what was discarded came back");
}
