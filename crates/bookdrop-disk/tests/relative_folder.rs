//! A folder that is named from the working directory, which changes later. Alone in its process, which has one for all threads.

#![cfg(unix)]

use std::{env, fs};

use bookdrop_backend::{Backend, Place, Progress, Record};
use bookdrop_disk::Options;
use bookdrop_queue::park::wait;

#[test]
fn it_stays_the_one_that_was_opened() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(there.path().join("queue")).unwrap();
    env::set_current_dir(here.path()).unwrap();
    let mut options = Options::default();
    options.segment_bytes = 4096;
    let (records, _) = bookdrop_disk::open("queue".as_ref(), &options).unwrap();
    env::set_current_dir(there.path()).unwrap();
    for _ in 0..100 {
        let record = vec![Record::default()];
        wait(records.publish(record, Progress::default(), true)).expect("there is room");
    }
    drop(records);
    let left = fs::read_dir(there.path().join("queue")).unwrap();
    assert_eq!(left.count(), 0);
    let (records, _) = bookdrop_disk::open(&here.path().join("queue"), &options).unwrap();
    wait(records.join(Place::In("default"))).expect("anybody can join");
    let stats = wait(records.stats(Some("default"))).unwrap();
    assert_eq!(stats.expect("it is there").queued, 100);
}
