//! No file of the folder is found, as where it was removed, or here for a while: no event is taken for damaged.

#[path = "support/barred.rs"]
mod barred;
#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
#[allow(dead_code)]
mod support;

use std::io;

use bookdrop_backend::{
    Backend, DeadReason, ErrorKind, Letters, NotFetched, Progress, Reader, Record, Settlement, Wait,
};
use bookdrop_disk::storage::Folder;
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use barred::Barred;
use disk::Disk;
use support::{fetch, join, settle};

const SEGMENT: u64 = 4096;
const KEPT: usize = 300;

/// Every event is read back from the disk.
fn opened<F>(folder: F) -> (Records, Reader)
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.cache_bytes = 0;
    let (records, _) = bookdrop_disk::open_folder(folder, &options).expect("there is room");
    let reader = join(&records, "default");
    (records, reader)
}

fn folder() -> Barred<Disk> {
    Barred::new(Disk::new(7, u64::MAX, None), io::ErrorKind::NotFound)
}

fn send(records: &Records, content: usize) {
    let record = Record {
        content: vec![b'x'; content].into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true)).expect("there is room");
}

fn bury(records: &Records, reader: Reader) {
    let fetched = fetch(records, reader).expect("it is there");
    let torn = DeadReason::Rejected("torn".to_owned());
    settle(records, fetched, Settlement::Bury(torn));
}

#[test]
fn an_event_that_is_not_found_for_now_comes_again() {
    let folder = folder();
    let (records, reader) = opened(folder.clone());
    send(&records, KEPT);
    folder.bar(true);
    let Err(NotFetched::Backend(error)) = wait(records.fetch(reader, 1, Wait::No)) else {
        panic!("it cannot be read");
    };
    assert!(error.to_string().contains("it is barred"), "{error}");
    folder.bar(false);
    let fetched = fetch(&records, reader).expect("it failed once, and comes again at once");
    assert_eq!(fetched.record.content.len(), KEPT);
}

#[test]
fn a_dead_letter_that_is_not_found_for_now_is_there_still() {
    let folder = folder();
    let (records, reader) = opened(folder.clone());
    send(&records, KEPT);
    bury(&records, reader);
    drop(records);
    // No file of it is open to be read any more.
    let (records, _) = opened(folder.clone());
    folder.bar(true);
    wait(records.dead("default", Letters::All)).expect_err("it cannot be read");
    folder.bar(false);
    let dead = wait(records.dead("default", Letters::All)).expect("it can be read");
    assert_eq!(dead[0].record.content.len(), KEPT);
}

/// What pins a segment is written again as it was, or not at all.
#[test]
fn what_is_not_found_for_now_is_not_written_again_without_its_content() {
    let folder = folder();
    let (records, reader) = opened(folder.clone());
    for _ in 0..30 {
        send(&records, KEPT);
        bury(&records, reader);
        for _ in 0..10 {
            send(&records, 100);
            fetch(&records, reader).expect("it is there");
        }
    }
    drop(records);
    // No file of it is open to be read any more, and what was in hand is queued again.
    let (records, _) = opened(folder.clone());
    folder.bar(true);
    // There is no room to say of so many that they are gone, unless segments are freed.
    let purged = wait(records.purge()).expect_err("no segment can be freed");
    assert_eq!(purged.kind(), ErrorKind::Unknown, "{purged}");
    folder.bar(false);
    drop(records);
    let (records, _) = opened(folder);
    let dead = wait(records.dead("default", Letters::All)).expect("they can be read");
    let lengths: Vec<_> = dead.iter().map(|dead| dead.record.content.len()).collect();
    assert_eq!(lengths, [KEPT; 30]);
}
