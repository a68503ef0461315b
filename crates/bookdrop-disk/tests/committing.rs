//! A task that commits in place of the threads, for a folder that is far: here the disk is as near as ever, and only who does it is
//! another one.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
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
use support::{fetch, join};

const SEGMENT: u64 = 4096;
const ROOM: u64 = 40 * SEGMENT;

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

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options
}

fn opened(disk: &Disk) -> Records {
    let (records, _) = open_folder(disk.clone(), &options()).expect("there is room");
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

/// How many are there when the power went now, and came back.
fn left_of(records: Records, disk: &Disk) -> u64 {
    disk.light_fuse(0);
    drop(records);
    disk.lose_power();
    let (_, report) = open_folder(disk.clone(), &options()).expect("there is room");
    report.events
}

#[test]
fn what_the_task_committed_survives_a_loss_of_power() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(&disk);
    join(&records, "default");
    {
        let mut committing = pin!(records.store().committing());
        assert!(poll(committing.as_mut()).is_pending(), "nobody waits yet");
        for _ in 0..100 {
            let mut sending = pin!(send(&records, 10));
            while poll(sending.as_mut()).is_pending() {
                assert!(poll(committing.as_mut()).is_pending(), "it goes on");
            }
        }
    }
    assert_eq!(left_of(records, &disk), 100);
}

#[test]
fn when_the_task_is_dropped_the_threads_go_on() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(&disk);
    join(&records, "default");
    {
        let mut committing = pin!(records.store().committing());
        assert!(poll(committing.as_mut()).is_pending(), "nobody waits yet");
        let mut sending = pin!(send(&records, 10));
        assert!(poll(sending.as_mut()).is_pending(), "the task has no turn");
    }
    wait_as_a_task(send(&records, 10)).expect("there is room");
    assert_eq!(left_of(records, &disk), 2);
}

#[test]
fn room_that_has_to_be_gained_is_gained_by_a_thread() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(&disk);
    // What one is done with is needed by the other one: all of it has to be written again.
    let (reader, _) = (join(&records, "default"), join(&records, "b"));
    let committing = records.store().committing();
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
}
