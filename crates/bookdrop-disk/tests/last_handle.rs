//! The last handle of a folder may go in a waker, on a thread that works for the folder.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;

use bookdrop_backend::{Backend, ErrorKind, Place, Progress, Record, Wait};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;

use disk::Disk;

/// Keeps a handle until it was woken and may go on.
struct Holder {
    _handle: Arc<Records>,
    woken: Sender<Option<String>>,
    may_go_on: Mutex<Receiver<()>>,
}

impl Wake for Holder {
    fn wake(self: Arc<Self>) {
        let thread = thread::current();
        let _ = self.woken.send(thread.name().map(str::to_owned));
        let _ = self.may_go_on.lock().unwrap().recv();
    }
}

fn record(length: usize) -> Record {
    Record {
        content: vec![b'x'; length].into(),
        ..Record::default()
    }
}

async fn send(records: Arc<Records>, length: usize) {
    let sent = records.publish(vec![record(length)], Progress::default(), true);
    sent.await.unwrap();
}

/// Sends an event, and lets the last handle go in the waker of that.
fn let_go_in_a_waker(records: Records, length: usize, thread: &str) {
    let records = Arc::new(records);
    let (woken, is_woken) = channel();
    let (go_on, may_go_on) = channel();
    let waker = Waker::from(Arc::new(Holder {
        _handle: records.clone(),
        woken,
        may_go_on: Mutex::new(may_go_on),
    }));
    {
        let mut sending = pin!(send(records, length));
        let polled = sending.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        assert_eq!(is_woken.recv().unwrap().as_deref(), Some(thread));
    }
    go_on.send(()).unwrap();
}

#[test]
fn it_may_go_on_a_thread_that_flushes() {
    let folder = tempfile::tempdir().unwrap();
    let (records, _) = bookdrop_disk::open(folder.path(), &Options::default()).unwrap();
    let_go_in_a_waker(records, 10, "bookdrop-flush");
    // Nobody waits for it, but it is given up.
    let (records, report) = loop {
        match bookdrop_disk::open(folder.path(), &Options::default()) {
            Err(error) if error.kind() == ErrorKind::InUse => thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert_eq!((report.events, report.damage.len()), (1, 0));
    let reader = wait(records.join(Place::In("default"))).unwrap();
    assert_eq!(wait(records.fetch(reader, 1, Wait::No)).unwrap().len(), 1);
}

#[test]
fn everything_is_flushed_where_it_goes_on_the_thread_that_tidies() {
    let mut options = Options::default();
    options.sync = Sync::Never;
    options.segment_bytes = 4096;
    options.max_bytes = 1000;
    let opened = |disk: &Disk| bookdrop_disk::open_folder(disk.clone(), &options).unwrap();
    for seed in 0..4 {
        let disk = Disk::new(seed, 1 << 20, None);
        let (records, _) = opened(&disk);
        wait(records.publish(vec![record(500)], Progress::default(), true)).unwrap();
        // There is no room for a second one, so it watches the disk.
        let_go_in_a_waker(records, 500, "bookdrop-tidy");
        while disk.is_used() {
            thread::yield_now();
        }
        disk.lose_power();
        assert_eq!(opened(&disk).1.events, 1, "seed {seed}");
    }
}
