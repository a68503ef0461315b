//! Folders that are opened with shorter segments than those with which they were made.

#![cfg(unix)]

use std::path::Path;
use std::sync::Arc;

use bookdrop_backend::{Backend, Progress, Record};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;

fn options(segment_bytes: u64) -> Options {
    let mut options = Options::default();
    options.segment_bytes = segment_bytes;
    options.sync = Sync::Never;
    options
}

fn open(path: &Path, segment_bytes: u64) -> Records {
    let (records, report) = Records::open(path, &options(segment_bytes)).unwrap();
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
        let (records, _) = Records::open(folder.path(), &options).unwrap();
        publish(&records, record("one more", 100));
    }
}
