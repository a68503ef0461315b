//! Ids are remembered however often what they came with is written again.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
#[allow(dead_code)]
mod support;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bookdrop_backend::{Backend, Progress, Reader, Record, Settlement};
use bookdrop_disk::storage::{File, Folder};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use disk::{Disk, OnDisk};
use support::{fetch, join, settle};

const SEGMENT: u64 = 4096;
const AN_HOUR: Duration = Duration::from_secs(3_600);
/// Nobody waits longer than this for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens it; so many ids are remembered for so long.
fn open<F>(folder: F, ids: usize, window: Duration) -> Records
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.limits.duplicate_window = window;
    options.limits.max_remembered_ids = ids;
    let (records, _) = bookdrop_disk::open_folder(folder, &options).expect("there is room");
    records
}

fn send(records: &Records, id: &str, is_id_given: bool) {
    let record = Record {
        id: id.into(),
        is_id_given,
        content: format!("{id} {}", "x".repeat(200)).into_bytes().into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true)).expect("there is room");
}

/// Sends something with this id, and acks it.
fn send_and_ack(records: &Records, reader: Reader, id: &str, is_id_given: bool) {
    send(records, id, is_id_given);
    let fetched = fetch(records, reader).expect("it was sent");
    assert_eq!(&*fetched.record.id, id);
    settle(records, fetched, Settlement::Done);
}

/// Sends and acks until what was needed of the first so many segments has been written again, and they are freed.
fn work_until_freed(records: &Records, reader: Reader, disk: &Disk, segments: u64) {
    let name = format!("journal-{segments:016x}");
    let begin = Instant::now();
    while disk.names().expect("there is power").contains(&name) {
        send_and_ack(records, reader, "something else", false);
        assert!(begin.elapsed() < PATIENCE, "it is still there");
        thread::yield_now();
    }
}

/// Whether one that is sent with this id is a duplicate when the folder is opened again.
fn is_remembered(disk: &Disk, id: &str) -> bool {
    let records = open(disk.clone(), 1_000, AN_HOUR);
    let reader = join(&records, "default");
    while fetch(&records, reader).is_some() {}
    send(&records, id, true);
    fetch(&records, reader).is_none()
}

/// When it was sent no ids were remembered, so another one could have its id.
#[test]
fn what_is_written_again_without_being_remembered_makes_no_other_id_forgotten() {
    let disk = Disk::new(7, u64::MAX, None);
    let records = open(disk.clone(), 1, Duration::ZERO);
    let reader = join(&records, "default");
    send(&records, "twin", true);
    let sent = SystemTime::now();
    while sent.elapsed().unwrap_or_default() < Duration::from_millis(2) {
        thread::yield_now();
    }
    send(&records, "twin", true);
    let _first = fetch(&records, reader).expect("it was sent");
    let second = fetch(&records, reader).expect("it was sent");
    settle(&records, second, Settlement::Done);
    drop(records);

    let records = open(disk.clone(), 1, AN_HOUR);
    let reader = join(&records, "default");
    let _first = fetch(&records, reader).expect("it was not acked");
    send_and_ack(&records, reader, "young", true);
    work_until_freed(&records, reader, &disk, 2);
    drop(records);
    assert!(is_remembered(&disk, "young"));
}

/// Does something once, when this text is written.
#[derive(Clone)]
struct Watched {
    disk: Disk,
    once: Arc<Mutex<Option<Once>>>,
}

struct Once {
    text: &'static [u8],
    act: Box<dyn FnOnce() + Send>,
}

struct WatchedFile(OnDisk, Watched);

impl Folder for Watched {
    type File = WatchedFile;

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<WatchedFile> {
        Ok(WatchedFile(self.disk.create(name, length)?, self.clone()))
    }

    fn open(&self, name: &str) -> io::Result<WatchedFile> {
        Ok(WatchedFile(self.disk.open(name)?, self.clone()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn flush(&self) -> io::Result<()> {
        self.disk.flush()
    }
}

impl File for WatchedFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let is_met = |once: &mut Once| {
            let mut places = bytes.windows(once.text.len());
            places.any(|place| place == once.text)
        };
        let met = self.1.once.lock().unwrap().take_if(is_met);
        if let Some(once) = met {
            (once.act)();
        }
        self.0.write_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn what_is_acked_while_it_is_written_again_counts_once() {
    let disk = Disk::new(7, u64::MAX, None);
    let watched = Watched {
        disk: disk.clone(),
        once: Arc::default(),
    };
    let records = Arc::new(open(watched.clone(), 2, AN_HOUR));
    let reader = join(&records, "default");
    send_and_ack(&records, reader, "first", true);
    send(&records, "second", true);
    let receipt = fetch(&records, reader).expect("it was sent").receipt;
    let acking = records.clone();
    let act = move || {
        let acked = pin!(acking.settle(receipt, Settlement::Done));
        let _ = acked.poll(&mut Context::from_waker(Waker::noop()));
    };
    *watched.once.lock().unwrap() = Some(Once {
        text: b"second xxx",
        act: Box::new(act),
    });
    work_until_freed(&records, reader, &disk, 1);
    assert!(watched.once.lock().unwrap().is_none(), "it was acked");
    drop(records);
    for id in ["first", "second"] {
        assert!(is_remembered(&disk, id), "{id}");
    }
}
