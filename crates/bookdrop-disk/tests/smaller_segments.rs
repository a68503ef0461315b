//! Folders that are opened with shorter segments than those with which they were made.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bookdrop_backend::{
    Backend, DeadReason, Fetched, Letters, Place, Progress, Reader, Record, Settlement, Wait,
};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;

fn options(segment_bytes: u64) -> Options {
    let mut options = Options::default();
    options.segment_bytes = segment_bytes;
    options.sync = Sync::Never;
    options
}

fn open(path: &Path, segment_bytes: u64) -> Records {
    let (records, report) = bookdrop_disk::open(path, &options(segment_bytes)).unwrap();
    assert_eq!(report.damage, []);
    records
}

fn record(id: &str, bytes: usize) -> Record {
    Record {
        id: id.into(),
        content: vec![b'x'; bytes].into(),
        ..Record::default()
    }
}

fn publish(records: &Records, record: Record) {
    wait(records.publish(vec![record], Progress::default(), true)).unwrap();
}

fn join(records: &Records, group: &str) -> Reader {
    wait(records.join(Place::In(group))).unwrap()
}

fn fetch(records: &Records, reader: Reader) -> Fetched {
    wait(records.fetch(reader, 1, Wait::No)).unwrap().remove(0)
}

/// The segments that there are, by their length.
fn segments(path: &Path) -> Vec<u64> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let segments = entries.filter(|entry| {
        let name = entry.file_name().into_string().unwrap();
        name.starts_with("journal-")
    });
    // One may be freed meanwhile.
    let lengths = segments.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    lengths.collect()
}

#[test]
fn how_opening_goes_on_is_told_by_the_real_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 8 << 20);
    for number in 0..6 {
        publish(&records, record(&number.to_string(), 1 << 20));
    }
    drop(records);
    for _ in 0..3 {
        let mut options = options(1 << 20);
        options.on_progress = Some(Arc::new(|opening| assert!(opening.bytes <= opening.of)));
        let (records, _) = bookdrop_disk::open(folder.path(), &options).unwrap();
        publish(&records, record("one more", 100));
    }
}

/// Sends and receives until the first segment is freed: what was needed of it was written down again.
fn work_until_the_first_is_freed(records: &Records, path: &Path, groups: &[&str]) {
    let first = path.join("journal-0000000000000001");
    let readers: Vec<Reader> = groups.iter().map(|group| join(records, group)).collect();
    for number in 0..20_000 {
        publish(records, record(&number.to_string(), 1000));
        for reader in &readers {
            let fetched = fetch(records, *reader);
            wait(records.settle(fetched.receipt, Settlement::Done)).unwrap();
        }
        if !first.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it is still there");
}

/// More than is written again at once.
#[test]
fn many_events_of_one_segment_are_carried() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 1 << 18);
    let reader = join(&records, "default");
    let in_hand: Vec<Fetched> = (0..200)
        .map(|number| {
            publish(&records, record(&format!("in hand {number}"), 1000));
            fetch(&records, reader)
        })
        .collect();
    work_until_the_first_is_freed(&records, folder.path(), &["default"]);
    drop((records, in_hand));
    let records = open(folder.path(), 1 << 18);
    let reader = join(&records, "default");
    let there = (0..200).map(|_| fetch(&records, reader).record.id);
    let there: std::collections::BTreeSet<_> = there.collect();
    assert_eq!(there.len(), 200);
}

#[test]
fn an_event_that_is_longer_than_they_are_is_carried() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 1 << 16);
    join(&records, "default");
    publish(&records, record("large", 20_000));
    drop(records);
    let records = open(folder.path(), 4096);
    let _in_hand = fetch(&records, join(&records, "default"));
    work_until_the_first_is_freed(&records, folder.path(), &["default"]);
    drop(records);
    // The least multiple of what was asked for, of which the event takes no more than half.
    let lengths = segments(folder.path());
    assert!(
        lengths.iter().all(|length| *length == 10 * 4096),
        "{lengths:?}"
    );

    let records = open(folder.path(), 4096);
    let large = fetch(&records, join(&records, "default"));
    assert_eq!(
        (&*large.record.id, large.record.content.len()),
        ("large", 20_000)
    );
    wait(records.settle(large.receipt, Settlement::Done)).unwrap();
    drop(records);
    // They are as was asked for once nothing long is there.
    let records = open(folder.path(), 4096);
    publish(&records, record("one more", 100));
    drop(records);
    assert!(segments(folder.path()).contains(&4096));
}

#[test]
fn groups_whose_names_take_more_than_they_hold_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let name = |number: usize| format!("{number}{}", "g".repeat(200));
    let records = open(folder.path(), 1 << 16);
    for number in 0..40 {
        join(&records, &name(number));
    }
    drop(records);
    let records = open(folder.path(), 4096);
    join(&records, "default");
    publish(&records, record("one", 400));
    drop(records);
    let records = open(folder.path(), 4096);
    assert_eq!(wait(records.groups()).unwrap().len(), 41);
    assert_eq!(&*fetch(&records, join(&records, &name(7))).record.id, "one");
}

/// A reason may be longer in longer segments.
#[test]
fn dead_letters_whose_reasons_take_more_than_they_hold_are_carried() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 1 << 20);
    let groups = ["one", "two", "three", "four", "five", "six"];
    let readers = groups.map(|group| join(&records, group));
    publish(&records, record("dead", 100));
    let reason = DeadReason::Rejected("r".repeat(4000));
    for reader in readers {
        let how = Settlement::Bury(reason.clone());
        wait(records.settle(fetch(&records, reader).receipt, how)).unwrap();
    }
    drop(records);
    let records = open(folder.path(), 4096);
    work_until_the_first_is_freed(&records, folder.path(), &groups);
    drop(records);
    let records = open(folder.path(), 4096);
    for group in groups {
        let dead = wait(records.dead(group, Letters::All)).unwrap();
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].reason, reason);
    }
}

/// Some events in each long segment are needed, and pin it.
#[test]
fn long_segments_are_given_back_where_they_are_short_now() {
    const LONG: u64 = 1 << 18;
    const SHORT: u64 = 1 << 15;
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), LONG);
    let reader = join(&records, "default");
    let numbers = 0..45;
    let in_hand: Vec<Fetched> = numbers
        .map(|number| {
            publish(&records, record(&number.to_string(), 16_000));
            fetch(&records, reader)
        })
        .collect();
    let needed = in_hand.iter().step_by(5).count() as u64 * 16_200;
    for (number, fetched) in in_hand.into_iter().enumerate() {
        if number % 5 != 0 {
            wait(records.settle(fetched.receipt, Settlement::Done)).unwrap();
        }
    }
    drop(records);
    // With long segments that is no more than there may be.
    assert_eq!(segments(folder.path()), [LONG; 3]);

    let _records = open(folder.path(), SHORT);
    let allowed = 2 * needed + 3 * SHORT;
    let bytes = || segments(folder.path()).iter().sum::<u64>();
    let begun = Instant::now();
    while bytes() > allowed {
        let is_long = begun.elapsed() > Duration::from_secs(60);
        assert!(!is_long, "{} bytes, {allowed} allowed", bytes());
        thread::yield_now();
    }
}

#[test]
fn an_id_that_is_longer_than_they_are_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 1 << 16);
    let id = "i".repeat(5000);
    let given = || Record {
        is_id_given: true,
        ..record(&id, 10)
    };
    let reader = join(&records, "default");
    publish(&records, given());
    let fetched = fetch(&records, reader);
    wait(records.settle(fetched.receipt, Settlement::Done)).unwrap();
    drop(records);
    let records = open(folder.path(), 4096);
    work_until_the_first_is_freed(&records, folder.path(), &["default"]);
    drop(records);
    let records = open(folder.path(), 4096);
    publish(&records, given());
    assert_eq!(wait(records.stats(None)).unwrap().unwrap().queued, 0);
}
