//! A task that commits in place of the threads, where the folder is far.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
#[path = "support/far.rs"]
mod far;
#[allow(dead_code)]
mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bookdrop_backend::{Backend, NotPublished, Progress, Record, Settled, Settlement};
use bookdrop_disk::{Options, Records, open_folder};

use disk::Disk;
use far::{Far, TASK};
use support::{fetch, join};

const SEGMENT: u64 = 4096;
const ROOM: u64 = 40 * SEGMENT;
/// Those that commit where no task does.
const THREAD: &str = "bookdrop-flush";

/// Wakes its thread, of which nobody knows that it could commit by itself.
struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait_as_a_task<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn opened(folder: &Far<Disk>) -> Records {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    let (records, _) = open_folder(folder.clone(), &options).expect("there is room");
    records
}

fn send(
    records: &Records,
    content: usize,
) -> impl Future<Output = Result<(), NotPublished>> + Send {
    let record = Record {
        content: vec![b'x'; content].into(),
        ..Record::default()
    };
    records.publish(vec![record], Progress::default(), true)
}

/// How often a file was flushed by them so far.
fn flushes_by(folder: &Far<Disk>, who: &str) -> usize {
    let all = folder.flushed_by();
    all.iter().filter(|by| *by == who).count()
}

#[test]
fn a_task_commits_and_no_thread() {
    let folder = Far::new(Disk::new(7, ROOM, None));
    let records = opened(&folder);
    let mut committing = pin!(records.store().committing());
    assert!(poll(committing.as_mut()).is_pending(), "nobody waits yet");
    join(&records, "default");
    let before = [TASK, THREAD].map(|who| flushes_by(&folder, who));
    for _ in 0..100 {
        let mut sending = pin!(send(&records, 10));
        while poll(sending.as_mut()).is_pending() {
            assert!(poll(committing.as_mut()).is_pending(), "it goes on");
        }
    }
    let after = [TASK, THREAD].map(|who| flushes_by(&folder, who));
    assert!(after[0] >= before[0] + 100, "{after:?}");
    assert_eq!(after[1], before[1]);
}

#[test]
fn when_the_task_is_dropped_the_threads_go_on() {
    let folder = Far::new(Disk::new(7, ROOM, None));
    let records = opened(&folder);
    join(&records, "default");
    let mut sending = pin!(send(&records, 10));
    {
        let mut committing = pin!(records.store().committing());
        assert!(poll(committing.as_mut()).is_pending(), "nobody waits yet");
        assert!(poll(sending.as_mut()).is_pending(), "the task has no turn");
    }
    wait_as_a_task(sending).expect("there is room");
    assert!(flushes_by(&folder, THREAD) > 0);
}

#[test]
fn room_that_has_to_be_gained_is_gained_by_a_thread() {
    let disk = Disk::new(7, ROOM, None);
    let folder = Far::new(disk.clone());
    let records = opened(&folder);
    // What one is done with is needed by the other one: all of it has to be written again.
    let (reader, _) = (join(&records, "default"), join(&records, "b"));
    let committing = records.store().committing();
    let before = flushes_by(&folder, THREAD);
    thread::scope(|scope| {
        scope.spawn(|| wait_as_a_task(committing));
        let mut sent = 0;
        while wait_as_a_task(send(&records, 100)).is_ok() {
            sent += 1;
            if sent == 100 {
                disk.set_room(0);
            }
        }
        for _ in 0..sent {
            let fetched = fetch(&records, reader).expect("it was sent");
            let settled = wait_as_a_task(records.settle(fetched.receipt, Settlement::Done));
            assert_eq!(settled.expect("there is room for that"), Settled::Yes);
        }
        drop(records);
    });
    assert!(flushes_by(&folder, THREAD) > before);
}

/// Where the folder is near, a flush takes the thread that asks for it.
#[test]
fn on_a_disk_there_is_no_task() {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    let disk = Disk::new(7, ROOM, None);
    let (records, _) = open_folder(disk, &options).expect("there is room");
    assert!(poll(pin!(records.store().committing())).is_ready());
    join(&records, "default");
    wait_as_a_task(send(&records, 10)).expect("there is room");
}
