//! When what is sent is flushed, and who waits for it, on a disk whose flushes can be held up.
#![cfg(all(unix, feature = "disk"))]

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bookdrop::{Driver, Event, Producer};
use bookdrop_disk::storage::{self, DiskFolder, Folder};
use bookdrop_disk::{Options, Sync};
use tempfile::TempDir;

/// Holds flushes of records up while it is shut, and counts those that have ended.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Passed>, Condvar)>);

#[derive(Default)]
struct Passed {
    is_shut: bool,
    count: usize,
}

impl Gate {
    fn set_shut(&self, is_shut: bool) {
        self.0.0.lock().unwrap().is_shut = is_shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let (passed, changed) = &*self.0;
        let passed = passed.lock().unwrap();
        let mut passed = changed.wait_while(passed, |passed| passed.is_shut).unwrap();
        passed.count += 1;
        changed.notify_all();
    }

    fn count(&self) -> usize {
        self.0.0.lock().unwrap().count
    }

    fn wait_for_more_than(&self, count: usize) {
        let (passed, changed) = &*self.0;
        let passed = passed.lock().unwrap();
        let too_few = |passed: &mut Passed| passed.count <= count;
        drop(changed.wait_while(passed, too_few).unwrap());
    }
}

struct Gated<X>(X, Gate);

impl Folder for Gated<DiskFolder> {
    type File = Gated<File>;

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Self::File> {
        Ok(Gated(self.0.create(name, length)?, self.1.clone()))
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        Ok(Gated(self.0.open(name)?, self.1.clone()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

impl storage::File for Gated<File> {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.1.pass();
        storage::File::flush(&self.0)
    }
}

struct Opened {
    producer: Producer,
    gate: Gate,
    _folder: TempDir,
}

/// A queue whose first event is sent and flushed, so that its first segment has begun.
fn opened(sync: Sync) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::default();
    let mut options = Options::default();
    options.sync = sync;
    options.segment_bytes = 4096;
    let gated = Gated(DiskFolder::open(folder.path()).unwrap(), gate.clone());
    let (records, _) = bookdrop_disk::open_folder(gated, &options).unwrap();
    let producer = Producer::new(&Driver::new(records));
    producer.send(Event::new("first")).wait().unwrap();
    Opened {
        producer,
        gate,
        _folder: folder,
    }
}

#[test]
fn with_always_a_send_is_confirmed_by_a_flush_of_its_own_or_a_shared_one() {
    let Opened { producer, gate, .. } = opened(Sync::Always);
    for _ in 0..5 {
        let before = gate.count();
        producer.send(Event::new("second")).wait().unwrap();
        assert!(gate.count() > before);
    }
}

#[test]
fn a_thread_that_waits_for_a_time_is_not_held_up_by_a_slow_disk() {
    let Opened { producer, gate, .. } = opened(Sync::Always);
    gate.set_shut(true);
    let mut send = producer.send(Event::new("second"));
    send.wait_for(Duration::from_millis(1))
        .expect_err("its flush cannot have ended");
    gate.set_shut(false);
    send.wait().unwrap();
}

#[test]
fn an_interval_flushes_though_nobody_waits_for_it() {
    let Opened { producer, gate, .. } = opened(Sync::Every(Duration::from_millis(1)));
    gate.set_shut(true);
    let before = gate.count();
    producer.send(Event::new("second")).wait().unwrap();
    assert_eq!(gate.count(), before, "it was confirmed without a flush");
    gate.set_shut(false);
    gate.wait_for_more_than(before);
}

/// It does not even ask for one.
#[test]
fn with_never_nobody_flushes_until_the_folder_is_given_up() {
    let Opened { producer, gate, .. } = opened(Sync::Never);
    let before = gate.count();
    for _ in 0..3 {
        producer.send(Event::new("second")).wait().unwrap();
    }
    assert_eq!(gate.count(), before);
    drop(producer);
    assert!(gate.count() > before);
}
