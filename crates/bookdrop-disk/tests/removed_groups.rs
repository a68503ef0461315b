//! What a group leaves behind that is removed: nothing.

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bookdrop_backend::{Backend, NotPublished, Progress, Record, Settlement};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;

use support::{fetch, join, settle};

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = 4096;
    options.sync = Sync::Never;
    options
}

fn open(path: &Path, options: &Options) -> Records {
    let (records, report) = bookdrop_disk::open(path, options).expect("it can be opened");
    assert!(report.damage.is_empty(), "{report:?}");
    records
}

fn record(id: &str) -> Record {
    Record {
        id: id.into(),
        content: vec![b'x'; 300].into(),
        ..Record::default()
    }
}

fn try_publish(records: &Records, id: &str) -> Result<(), NotPublished> {
    wait(records.publish(vec![record(id)], Progress::default(), false))
}

fn publish(records: &Records, id: &str) {
    try_publish(records, id).expect("there is room");
}

fn remove(records: &Records, group: &str) {
    assert!(wait(records.remove_group(group)).expect("the disk works"));
}

/// The ids of all that is ready for this group, acked.
fn drain(records: &Records, group: &str) -> Vec<String> {
    let reader = join(records, group);
    let all = std::iter::from_fn(|| fetch(records, reader));
    let ids = all.map(|fetched| {
        let id = fetched.record.id.to_string();
        settle(records, fetched, Settlement::Done);
        id
    });
    ids.collect()
}

fn segment(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("journal-{generation:016x}"))
}

/// It is tidied by a thread of its own.
fn wait_until_freed(segment: &Path) {
    let begun = Instant::now();
    while segment.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is pinned");
        std::thread::yield_now();
    }
}

/// However it is settled.
#[test]
fn an_event_in_hand_takes_no_room_once_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.max_bytes = 1000;
    let records = open(folder.path(), &options);
    for round in 0..12 {
        let reader = join(&records, "removed");
        publish(&records, &round.to_string());
        let in_hand = fetch(&records, reader).expect("it is there");
        remove(&records, "removed");
        let how = match round % 3 {
            0 => Settlement::Done,
            1 => Settlement::Failed,
            _ => Settlement::Bury(bookdrop_backend::DeadReason::MaxAttempts),
        };
        settle(&records, in_hand, how);
        records.leave(reader);
    }
}

#[test]
fn an_event_in_hand_does_not_pin_the_journal() {
    for is_settled in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let records = open(folder.path(), &options());
        join(&records, "stays");
        let reader = join(&records, "removed");
        publish(&records, "pin");
        let in_hand = fetch(&records, reader).expect("it is there");
        assert_eq!(drain(&records, "stays"), ["pin"]);
        remove(&records, "removed");
        if is_settled {
            settle(&records, in_hand, Settlement::Done);
        }
        let first = segment(folder.path(), 1);
        let begun = Instant::now();
        // It is tidied by a thread of its own.
        while first.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is pinned");
            publish(&records, "filler");
            assert_eq!(drain(&records, "stays"), ["filler"]);
        }
    }
}

/// Also for a process that comes after this one was killed.
#[test]
fn a_group_of_the_same_name_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), &options());
    join(&records, "stays");
    let reader = join(&records, "again");
    publish(&records, "in hand");
    publish(&records, "queued");
    let in_hand = fetch(&records, reader).expect("it is there");
    remove(&records, "again");
    join(&records, "again");
    publish(&records, "new");
    let look = || {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            // A spare file may have become a segment meanwhile.
            let _ = std::fs::copy(entry.path(), copy.path().join(entry.file_name()));
        }
        let records = open(copy.path(), &options());
        assert_eq!(wait(records.groups()).unwrap(), ["stays", "again"]);
        assert_eq!(drain(&records, "again"), ["new"]);
        assert_eq!(drain(&records, "stays"), ["in hand", "queued", "new"]);
    };
    look();
    settle(&records, in_hand, Settlement::RetryAfter(Duration::ZERO));
    look();
    assert_eq!(drain(&records, "again"), ["new"]);
}

/// Whatever it is that is damaged: here an event that was sent afterwards.
#[test]
fn damage_does_not_bring_a_group_back() {
    for (stays, removed) in [("old", "young"), ("young", "old")] {
        let folder = tempfile::tempdir().unwrap();
        let records = open(folder.path(), &options());
        let readers = ["old", "young"].map(|group| (group, join(&records, group)));
        publish(&records, "first");
        let reader = readers.iter().find(|(group, _)| *group == removed);
        let _in_hand = fetch(&records, reader.unwrap().1).expect("it is there");
        remove(&records, removed);
        publish(&records, "second");
        drop(records);

        damage_second(folder.path(), 1);
        assert_left(folder.path(), stays);
    }
}

/// Changes a byte of the event "second", which lies in this segment.
fn damage_second(folder: &Path, generation: u64) {
    let file = segment(folder, generation);
    let mut bytes = std::fs::read(&file).unwrap();
    let mut windows = bytes.windows(6);
    let at = windows.position(|window| window == b"second").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
}

/// That event is damaged, and this is the only group. It has the first one.
fn assert_left(folder: &Path, group: &str) {
    let (records, report) = bookdrop_disk::open(folder, &options()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(wait(records.groups()).unwrap(), [group]);
    assert_eq!(drain(&records, group), ["first"]);
}

/// The last that tells of it is what it had in hand.
#[test]
fn damage_does_not_bring_a_group_back_whose_name_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path(), &options());
    let readers = ["stays", "removed"].map(|group| join(&records, group));
    while !segment(folder.path(), 2).exists() {
        publish(&records, "filler");
        for reader in readers {
            let filler = fetch(&records, reader).expect("it is there");
            settle(&records, filler, Settlement::Done);
        }
    }
    publish(&records, "first");
    let _in_hand = fetch(&records, readers[1]).expect("it is there");
    remove(&records, "removed");
    publish(&records, "second");
    drop(records);

    // The names of both lie in the first segment alone.
    let records = open(folder.path(), &options());
    wait_until_freed(&segment(folder.path(), 1));
    drop(records);
    damage_second(folder.path(), 2);
    assert_left(folder.path(), "stays");
}
