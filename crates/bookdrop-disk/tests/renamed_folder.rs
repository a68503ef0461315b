//! The folder is the one that was opened, whatever has its name later.

#![cfg(unix)]

#[allow(dead_code)]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use bookdrop_backend::{Backend, Progress, Reader, Record, Settlement};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;
use tempfile::TempDir;

use support::{fetch, join, settle};

/// So many events take several files.
const MANY: usize = 100;

/// Every event is read back from the disk.
fn open(folder: &Path) -> (Records, Reader) {
    let mut options = Options::default();
    options.segment_bytes = 4096;
    options.cache_bytes = 0;
    let (records, report) = bookdrop_disk::open(folder, &options).expect("it can be opened");
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    let reader = join(&records, "default");
    (records, reader)
}

fn send(records: &Records, content: &'static str) {
    let record = Record {
        content: content.into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true)).expect("there is room");
}

/// Takes all that is there out of the queue. Returns how many there were.
fn empty(records: &Records, reader: Reader, content: &str) -> usize {
    let next = || {
        let fetched = fetch(records, reader)?;
        assert_eq!(fetched.record.content, content);
        settle(records, fetched, Settlement::Done);
        Some(())
    };
    std::iter::from_fn(next).count()
}

/// Two names in a folder that is gone with what is returned.
fn names() -> (TempDir, PathBuf, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let (name, later) = (above.path().join("name"), above.path().join("later"));
    (above, name, later)
}

#[test]
fn what_is_sent_stays_in_the_folder_when_another_one_has_its_name() {
    let (_above, name, later) = names();
    let (records, _) = open(&name);
    send(&records, "ours");
    fs::rename(&name, &later).unwrap();
    fs::create_dir(&name).unwrap();
    for _ in 0..MANY {
        send(&records, "ours");
    }
    drop(records);
    assert_eq!(fs::read_dir(&name).unwrap().count(), 0);
    let (records, reader) = open(&later);
    assert_eq!(empty(&records, reader, "ours"), MANY + 1);
}

#[test]
fn what_is_received_is_of_the_folder_when_another_queue_has_its_name() {
    let (_above, name, later) = names();
    let (ours, reader) = open(&name);
    for _ in 0..MANY {
        send(&ours, "ours");
    }
    fs::rename(&name, &later).unwrap();
    let (theirs, _) = open(&name);
    for _ in 0..MANY {
        send(&theirs, "theirs");
    }
    assert_eq!(empty(&ours, reader, "ours"), MANY);
    drop((ours, theirs));
    let (theirs, reader) = open(&name);
    assert_eq!(empty(&theirs, reader, "theirs"), MANY);
}

#[test]
fn a_folder_that_was_renamed_is_in_use() {
    let (_above, name, later) = names();
    let ours = open(&name);
    fs::rename(&name, &later).unwrap();
    let Err(error) = bookdrop_disk::open(&later, &Options::default()) else {
        panic!("it is in use");
    };
    assert!(
        error.to_string().ends_with("this process has it open"),
        "{error}"
    );
    drop(open(&name));
    drop(ours);
    drop(open(&later));
}
