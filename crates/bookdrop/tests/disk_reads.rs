//! What is read back from the disk, where nothing is kept in memory, and what is not.
#![cfg(all(unix, feature = "disk"))]

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bookdrop::{Consumer, DeadLetterId, DeadLetters, Driver, Event, Producer};
use bookdrop_disk::Options;
use bookdrop_disk::storage::{self, DiskFolder, Folder};
use tempfile::TempDir;

/// Far more than all that is read beside a body of such a length.
const LENGTH: usize = 20_000;
const COUNT: usize = 10;

/// What is read.
#[derive(Default)]
struct Reads {
    bytes: AtomicUsize,
    fail: AtomicBool,
}

struct Watched<X>(X, Arc<Reads>);

impl Folder for Watched<DiskFolder> {
    type File = Watched<File>;

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Self::File> {
        Ok(Watched(self.0.create(name, length)?, self.1.clone()))
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        Ok(Watched(self.0.open(name)?, self.1.clone()))
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

impl storage::File for Watched<File> {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.1.bytes.fetch_add(buffer.len(), Ordering::SeqCst);
        match self.1.fail.load(Ordering::SeqCst) {
            true => Err(io::Error::other("page 7 is torn")),
            false => self.0.read_at(buffer, offset),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        storage::File::flush(&self.0)
    }
}

/// A queue with so many dead letters.
struct Opened {
    letters: DeadLetters<String>,
    ids: Vec<DeadLetterId>,
    reads: Arc<Reads>,
    _folder: TempDir,
}

fn opened() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let reads = Arc::new(Reads::default());
    let mut options = Options::default();
    options.cache_bytes = 0;
    options.segment_bytes = 1 << 20;
    let watched = Watched(DiskFolder::open(folder.path()).unwrap(), reads.clone());
    let (records, _) = bookdrop_disk::open_folder(watched, &options).unwrap();
    let driver = Driver::new(records);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    for _ in 0..COUNT {
        let book = Event::new("S").with_body("a".repeat(LENGTH));
        a.send(book).wait().unwrap();
        b.receive().wait().unwrap().reject("torn").wait().unwrap();
    }
    let letters = driver.dead_letters();
    let ids = letters.list().wait().unwrap();
    Opened {
        letters,
        ids: ids.into_iter().map(|letter| letter.id).collect(),
        reads,
        _folder: folder,
    }
}

impl Opened {
    /// The bytes that are read while something is done.
    fn read_by(&self, act: impl FnOnce(&DeadLetters<String>)) -> usize {
        let before = self.reads.bytes.load(Ordering::SeqCst);
        act(&self.letters);
        self.reads.bytes.load(Ordering::SeqCst) - before
    }
}

#[test]
fn no_dead_letter_is_read_to_be_discarded_or_replayed() {
    let opened = opened();
    let ids = &opened.ids;
    let read = opened.read_by(|letters| {
        assert!(letters.discard(ids[0]).wait().unwrap());
        assert!(letters.replay(ids[1]).wait().unwrap());
        assert_eq!(letters.replay_all().wait().unwrap(), COUNT - 2);
    });
    assert_eq!(read, 0, "to be discarded or replayed");
    let opened = self::opened();
    let read = opened.read_by(|letters| {
        assert_eq!(letters.discard_all().wait().unwrap(), COUNT);
    });
    assert_eq!(read, 0, "to be discarded");
}

#[test]
fn no_other_dead_letter_is_read_where_one_is_taken() {
    let opened = opened();
    let read = opened.read_by(|letters| {
        let event = letters.take(opened.ids[COUNT - 1]).wait().unwrap();
        assert_eq!(event.expect("it is there").body().len(), LENGTH);
    });
    assert!((LENGTH..2 * LENGTH).contains(&read), "{read} bytes");
}

#[test]
fn a_dead_letter_that_cannot_be_read_for_now_is_not_taken_out() {
    let opened = opened();
    let take = || opened.letters.take(opened.ids[0]).wait();
    opened.reads.fail.store(true, Ordering::SeqCst);
    take().expect_err("it cannot be read");
    opened.reads.fail.store(false, Ordering::SeqCst);
    assert_eq!(take().unwrap().expect("it is there").body().len(), LENGTH);
}
