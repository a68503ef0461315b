//! Groups whose names are lost, as their records are damaged: they get other ones, and are groups like all others.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bookdrop_backend::{Backend, DeadReason, Letters, Progress, Record, Settlement};
use bookdrop_disk::journal::Damage;
use bookdrop_disk::{Options, Records, Report, Sync};
use bookdrop_queue::park::wait;

use support::{fetch, join, settle};

fn open_and_report(folder: &Path, segment_bytes: u64) -> (Records, Report) {
    let mut options = Options::default();
    options.segment_bytes = segment_bytes;
    options.sync = Sync::Never;
    bookdrop_disk::open(folder, &options).expect("it can be opened")
}

fn open(folder: &Path, segment_bytes: u64) -> Records {
    open_and_report(folder, segment_bytes).0
}

fn publish(records: &Records, id: &str) {
    let record = Record {
        id: id.into(),
        content: vec![b'x'; 100].into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true)).expect("there is room");
}

fn groups(records: &Records) -> Vec<String> {
    wait(records.groups()).expect("the disk works")
}

/// Loses each record in which this text is, such as the table of groups with this one.
fn lose_records_with(text: &str, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let windows = bytes.windows(text.len()).enumerate();
        let places = windows.filter(|(_, window)| *window == text.as_bytes());
        for at in places.map(|(at, _)| at).collect::<Vec<_>>() {
            bytes[at] ^= 1;
        }
        fs::write(path, bytes).unwrap();
    }
}

/// The ids of all that is ready, group by group, acked.
fn drain(records: &Records) -> Vec<(String, String)> {
    let mut ids = Vec::new();
    for group in groups(records) {
        let reader = join(records, &group);
        while let Some(fetched) = fetch(records, reader) {
            ids.push((group.clone(), fetched.record.id.to_string()));
            settle(records, fetched, Settlement::Done);
        }
    }
    ids
}

/// Opens it again and drains it: these ids are there, group by group.
fn assert_left(folder: &Path, expected: &[(&str, &str)]) {
    let drained = drain(&open(folder, 4096));
    let ids = drained.iter().map(|(group, id)| (&**group, &**id));
    assert!(ids.eq(expected.iter().copied()), "{drained:?}");
}

#[test]
fn they_stay_without_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 4096);
    join(&records, "kept");
    // It pins the segment with the damage.
    publish(&records, "0");
    join(&records, "lost");
    publish(&records, "1");
    drop(records);
    lose_records_with("lost", folder.path());

    let records = open(folder.path(), 4096);
    let reader = join(&records, "recovered-2");
    let fetched = fetch(&records, reader).expect("it is there");
    settle(&records, fetched, Settlement::Done);
    drop(records);
    let records = open(folder.path(), 4096);
    assert_eq!(groups(&records), ["kept", "recovered-2"]);
}

/// Also where the name that one would get is taken by a user.
#[test]
fn none_gets_the_name_of_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 4096);
    join(&records, "first");
    join(&records, "recovered-3");
    publish(&records, "0");
    join(&records, "lost");
    join(&records, "lost too");
    publish(&records, "1");
    drop(records);
    lose_records_with("lost", folder.path());

    let expected = [
        ("first", "0"),
        ("first", "1"),
        ("recovered-3", "0"),
        ("recovered-3", "1"),
        ("recovered-4", "1"),
        ("recovered-5", "1"),
    ];
    assert_left(folder.path(), &expected);
    assert_left(folder.path(), &[]);
    assert_eq!(groups(&open(folder.path(), 4096)).len(), 4);
}

/// The only name that is left is that of what was sent before there was any group.
#[test]
fn the_first_one_keeps_what_was_sent_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 4096);
    publish(&records, "0");
    join(&records, "lost");
    join(&records, "lost too");
    publish(&records, "1");
    drop(records);
    lose_records_with("lost", folder.path());

    let expected = [
        ("recovered-1", "0"),
        ("recovered-1", "1"),
        ("recovered-2", "1"),
    ];
    assert_left(folder.path(), &expected);
}

/// Whatever came of that: nobody who comes later has what is left, and what is taken out stays away.
#[test]
fn the_first_one_was_joined_if_anything_was_handed_over() {
    for how in [
        Settlement::Done,
        Settlement::Bury(DeadReason::MaxAttempts),
        Settlement::RetryAfter(Duration::ZERO),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let records = open(folder.path(), 4096);
        publish(&records, "0");
        publish(&records, "1");
        let reader = join(&records, "lost");
        let fetched = fetch(&records, reader).expect("it is there");
        let is_left = matches!(how, Settlement::RetryAfter(_));
        settle(&records, fetched, how);
        drop(records);
        lose_records_with("lost", folder.path());

        let records = open(folder.path(), 4096);
        join(&records, "other");
        assert_eq!(groups(&records), ["recovered-1", "other"]);
        wait(records.discard("recovered-1", Letters::All)).expect("the disk works");
        drop(records);
        let records = open(folder.path(), 4096);
        for group in groups(&records) {
            assert_eq!(
                wait(records.dead(&group, Letters::All)).unwrap().len(),
                0,
                "{group}"
            );
        }
        let mut drained = drain(&records);
        drained.sort();
        let left = ["0", "1"].map(|id| ("recovered-1".to_owned(), id.to_owned()));
        assert_eq!(drained, left[usize::from(!is_left)..]);
    }
}

/// Their names take more than one of these holds.
#[test]
fn they_are_joined_where_segments_are_shorter_now() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 1 << 21);
    for number in 0..200 {
        join(&records, &format!("group-{number:03}"));
    }
    publish(&records, "one");
    drop(records);
    lose_records_with("group-000", folder.path());

    let records = open(folder.path(), 4096);
    assert_eq!(groups(&records).len(), 200);
    assert_eq!(drain(&records).len(), 200);
}

/// It is not there at all, and that is what is told.
#[test]
fn they_are_lost_with_the_first_file_and_their_events_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), 4096);
    join(&records, "lost");
    join(&records, "lost too");
    // More than one file is full of it.
    let ids: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    ids.iter().for_each(|id| publish(&records, id));
    drop(records);
    let first = "journal-0000000000000001";
    fs::remove_file(folder.path().join(first)).unwrap();

    let (records, report) = open_and_report(folder.path(), 4096);
    let file = first.to_owned();
    assert_eq!(report.damage, [Damage::Missing { file }]);
    assert_eq!(report.renamed_groups, ["recovered-1", "recovered-2"]);
    drop(records);
    // That is written down, and nothing of it is found any more.
    let (records, report) = open_and_report(folder.path(), 4096);
    assert_eq!(report.damage, []);
    let drained = drain(&records);
    let (one, other) = drained.split_at(drained.len() / 2);
    for (group, of_group) in [("recovered-1", one), ("recovered-2", other)] {
        let left = &ids[ids.len() - of_group.len()..];
        assert!(!left.is_empty(), "others lie in the files that are left");
        assert!(
            of_group
                .iter()
                .map(|(name, _)| name)
                .all(|name| name == group)
        );
        assert!(of_group.iter().map(|(_, id)| id).eq(left), "{of_group:?}");
    }
}

/// Two files, the first of which is pinned. In the second one there are acks, and events that were acked.
fn two_files_with_acks(folder: &Path) {
    let records = open(folder, 4096);
    let reader = join(&records, "lost");
    publish(&records, "pinned");
    let _in_hand = fetch(&records, reader);
    let second = folder.join("journal-0000000000000002");
    for number in 0.. {
        publish(&records, &number.to_string());
        let fetched = fetch(&records, reader).expect("it is there");
        settle(&records, fetched, Settlement::Done);
        if second.exists() {
            break;
        }
    }
}

/// No name is left to be written down. That there is none is.
#[test]
fn that_the_first_file_is_missing_is_told_once_where_no_event_is_left() {
    let folder = tempfile::tempdir().unwrap();
    two_files_with_acks(folder.path());
    let file = "journal-0000000000000001".to_owned();
    fs::remove_file(folder.path().join(&file)).unwrap();
    let missing = vec![Damage::Missing { file }];
    for told in [missing, vec![], vec![]] {
        let (_, report) = open_and_report(folder.path(), 4096);
        assert_eq!(report.damage, told);
    }
}

#[test]
fn a_damaged_file_that_was_freed_is_not_missed_where_no_event_is_left() {
    let folder = tempfile::tempdir().unwrap();
    two_files_with_acks(folder.path());
    lose_records_with("lost", folder.path());
    lose_records_with("pinned", folder.path());
    let (records, report) = open_and_report(folder.path(), 4096);
    assert!(!report.damage.is_empty());
    let begun = Instant::now();
    // It is tidied by a thread of its own.
    while folder.path().join("journal-0000000000000001").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is pinned");
        std::thread::yield_now();
    }
    drop(records);
    let (_, report) = open_and_report(folder.path(), 4096);
    assert_eq!(report.damage, []);
}
