//! What errors of the driver on disk say to do.
#![cfg(all(unix, feature = "disk"))]

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use bookdrop::{
    BackendError, BackendErrorKind, Consumer, Driver, Error, Event, OpenErrorKind, Producer,
    ReceiveError, SendErrorKind, TryReceiveError,
};
use bookdrop_disk::Options;
use bookdrop_disk::storage::{DiskFolder, Folder};
use tempfile::TempDir;

/// Nothing takes that long.
const A_MINUTE: Duration = Duration::from_secs(60);

fn open(folder: &TempDir, options: &str) -> Driver<String> {
    let address = format!("disk:{}?{options}", folder.path().display());
    Driver::open(address).wait().unwrap()
}

fn book(length: usize) -> Event<String> {
    Event::new("S").with_body("a".repeat(length))
}

#[test]
fn an_event_that_is_too_large_is_told_all_that_has_to_be_larger() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=65536&max_event_bytes=1000");
    let a = Producer::new(&driver);
    let said = |length| {
        let error = a.send(book(length)).wait().unwrap_err();
        let SendErrorKind::Backend(error) = error.kind() else {
            panic!("{error}");
        };
        assert_eq!(error.kind(), BackendErrorKind::TooLarge);
        error.to_string()
    };
    let of_events = said(2_000);
    assert!(
        of_events.contains("`max_event_bytes` is 1000;"),
        "{of_events}"
    );
    assert!(of_events.contains("`max_event_bytes`"), "{of_events}");
    assert!(!of_events.contains("`segment_bytes`"), "{of_events}");
    let of_both = said(40_000);
    assert!(of_both.contains("or `max_event_bytes` and"), "{of_both}");
    assert!(of_both.contains("`segment_bytes`"), "{of_both}");
}

#[cfg(feature = "message-pack")]
#[test]
fn another_codec_is_told_how_to_open_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder, "segment_bytes=4096&codec=msgpack"));
    let address = format!("disk:{}", folder.path().display());
    let error = Driver::<String>::open(address).wait().unwrap_err();
    let OpenErrorKind::Backend(error) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), BackendErrorKind::Invalid);
    let said = error.to_string();
    assert!(said.contains("open it with `codec=msgpack`"), "{said}");
}

#[test]
fn a_folder_that_dead_letters_fill_is_full_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=4096&max_bytes=1500");
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.send(book(1_000)).wait().unwrap();
    b.receive().wait().unwrap().reject("torn").wait().unwrap();
    let error = a.try_send(book(1_000)).wait().unwrap_err();
    assert_eq!(error.kind(), &SendErrorKind::Full);
    let said = error.to_string();
    assert!(said.contains("`max_bytes`"), "{said}");
    assert!(said.contains("dead letters"), "{said}");
    driver.dead_letters().discard_all().wait().unwrap();
    a.try_send(error.into_event()).wait().unwrap();
}

/// What an error says, and all that it came of, each inside none of those before it.
fn said_once(error: &dyn StdError) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let is_new = said.iter().all(|former| !former.contains(&text));
        assert!(is_new, "{text:?} is said twice: {said:?}");
        said.push(text);
        next = error.source();
    }
    said
}

#[test]
fn no_chain_of_errors_says_anything_twice() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=4096");
    let file = folder.path().join("bookdrop.json");
    for path in [folder.path().to_owned(), file.join("below"), file] {
        let address = format!("disk:{}", path.display());
        let error = Driver::<String>::open(address).wait().unwrap_err();
        let said = said_once(&error);
        assert_eq!(said.len(), 1, "{error}");
        let what = said[0].split(": ").last().unwrap();
        assert_eq!(format!("{error:?}").matches(what).count(), 1, "{error:?}");
        said_once(&Error::from(error));
    }
    let a = Producer::new(&driver);
    for invalid in [book(3_000), book(1).with_key("")] {
        let error = a.send(invalid).wait().unwrap_err();
        said_once(&error);
        said_once(&Error::from(error));
    }
}

/// A folder in which no files can be made while it is shut, and why not.
struct Shut(DiskFolder, Arc<AtomicBool>, io::ErrorKind);

impl Folder for Shut {
    type File = std::fs::File;

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Self::File> {
        match self.1.load(Ordering::SeqCst) {
            true => Err(io::Error::new(self.2, "the shelf is locked")),
            false => self.0.create(name, length),
        }
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        self.0.open(name)
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

/// Sends until that fails, which says this once.
fn send_until_it_says(driver: &Driver<String>, reason: &str) -> BackendErrorKind {
    let (said, kind) = send_until_it_fails(driver);
    assert_eq!(said.matches(reason).count(), 1, "{said}");
    kind
}

/// Sends until that fails; what is said then.
fn send_until_it_fails(driver: &Driver<String>) -> (String, BackendErrorKind) {
    let a = Producer::new(driver);
    let sent = |_| a.send(book(1_000)).wait();
    let error = (0..100).map(sent).find_map(Result::err).expect("it ends");
    let said = error.to_string();
    assert_eq!(said_once(&error).len(), 1, "{said}");
    let error = Error::from(error);
    assert_eq!(said_once(&error).len(), 1, "{said}");
    let kind = error.backend().expect("it is one of the disk").kind();
    (said, kind)
}

#[test]
fn a_send_for_which_no_file_can_be_made_says_why_and_goes_on_when_one_can() {
    for (reason, kind) in [
        (io::ErrorKind::Other, BackendErrorKind::Io),
        (io::ErrorKind::NotFound, BackendErrorKind::NotFound),
        (io::ErrorKind::PermissionDenied, BackendErrorKind::Denied),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::default();
        options.segment_bytes = 4096;
        let is_shut = Arc::new(AtomicBool::new(false));
        let disk = DiskFolder::open(folder.path()).unwrap();
        let shut = Shut(disk, is_shut.clone(), reason);
        let (records, _) = bookdrop_disk::open_folder(shut, &options).unwrap();
        let driver = Driver::new(records);
        is_shut.store(true, Ordering::SeqCst);
        assert_eq!(send_until_it_says(&driver, "the shelf is locked"), kind);
        is_shut.store(false, Ordering::SeqCst);
        goes_on(&driver);
    }
}

/// Whether a file can be made is tried about once a second.
fn goes_on(driver: &Driver<String>) {
    let limit = Instant::now() + A_MINUTE;
    let sent = || Producer::new(driver).send(book(1_000)).wait();
    while let Err(error) = sent() {
        assert!(Instant::now() < limit, "{error}");
        thread::yield_now();
    }
}

/// Nobody notices that, until a file is to be renamed.
#[test]
fn a_send_into_a_folder_that_was_removed_says_why() {
    // Where the thread that tidies is the first to notice, it has nobody to tell.
    let was_told = (0..20).any(|_| a_send_says_that_its_folder_was_removed());
    assert!(was_told, "no send was the first to notice");
}

fn a_send_says_that_its_folder_was_removed() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=4096&sync=never");
    std::fs::remove_dir_all(folder.path()).unwrap();
    let why = format!("the folder {} was removed", folder.path().display());
    let (said, kind) = send_until_it_fails(&driver);
    assert_eq!(kind, BackendErrorKind::Unknown, "it may have been written");
    if !said.contains(&why) {
        return false;
    }
    assert_eq!(said.matches(&why).count(), 1, "{said}");
    let kind = send_until_it_says(&driver, &why);
    assert_eq!(kind, BackendErrorKind::Broken);
    true
}

/// Whether it is there when the folder is opened again, nobody knows.
#[test]
fn a_dead_letter_whose_taking_cannot_be_written_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=4096&sync=never");
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.send_batch((3..203).map(book)).wait().unwrap();
    let torn = b.receive().wait().unwrap();
    torn.reject("page 7 is torn").wait().unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    let mut acked = || b.receive().wait().unwrap().ack().wait();
    let error = (0..199).find_map(|_| acked().err());
    let error = Error::from(error.expect("a file is to be renamed"));
    let error = error.backend().expect("it is one of the disk");
    assert_eq!(error.kind(), BackendErrorKind::Unknown);
    let letters = driver.dead_letters();
    let id = letters.list().wait().unwrap()[0].id;
    let taken = letters.take(id).wait().unwrap();
    assert_eq!(taken.expect("it is there").body(), book(3).body());
    assert!(letters.take(id).wait().unwrap().is_none());
}

/// Each of them may be about to look at it while the other one takes it.
#[test]
fn a_dead_letter_is_given_to_one_of_those_who_take_it() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=65536&sync=never");
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    for _ in 0..200 {
        a.send(book(3)).wait().unwrap();
        let torn = b.receive().wait().unwrap();
        torn.reject("page 7 is torn").wait().unwrap();
        let letters = driver.dead_letters();
        let id = letters.list().wait().unwrap()[0].id;
        let begin = Barrier::new(2);
        let take = || {
            begin.wait();
            letters.take(id).wait().unwrap().is_some()
        };
        let taken = thread::scope(|scope| [scope.spawn(take), scope.spawn(take)].map(joined));
        assert_ne!(taken[0], taken[1]);
    }
}

fn joined<V>(thread: thread::ScopedJoinHandle<'_, V>) -> V {
    thread.join().unwrap()
}

#[test]
fn what_is_not_said_yet_is_the_source() {
    let torn = || io::Error::other("page 7 is torn");
    for (message, length) in [
        ("the shelf cannot be read", 2),
        ("the shelf cannot be read: page 7 is torn", 1),
    ] {
        let error = BackendError::with_source(BackendErrorKind::Io, message, torn());
        let received = ReceiveError::Backend(error.clone());
        assert_eq!(said_once(&received).len(), length);
        assert_eq!(said_once(&TryReceiveError::from(received)).len(), length);
        let any = Error::from(error.clone());
        assert_eq!(said_once(&any).len(), length);
        assert_eq!(any.backend(), Some(&error));
    }
}
