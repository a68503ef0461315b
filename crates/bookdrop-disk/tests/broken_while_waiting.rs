//! Whoever waits when the driver breaks is told.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bookdrop_backend::{Backend, ErrorKind, NotFetched, Place, Progress, Record, Wait};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use disk::Disk;

/// Tells a test that somebody was woken.
struct Told(Sender<()>);

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        // The test may have ended.
        let _ = self.0.send(());
    }
}

fn opened(disk: &Disk) -> Records {
    let mut options = Options::default();
    options.segment_bytes = 4096;
    let (records, _) = Records::open_folder(disk.clone(), &options).expect("there is room");
    records
}

/// The next write fails.
fn break_down(records: &Records, disk: &Disk) {
    disk.light_fuse(0);
    // Of an event with a delay, so that nobody is woken to receive it.
    let record = Record {
        id: "a".into(),
        delay: Some(Duration::from_secs(1_000)),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true)).expect_err("it is broken");
}

#[test]
fn a_consumer_is() {
    for how in [Wait::Yes, Wait::Loosely] {
        let disk = Disk::new(7, 1 << 20, None);
        let records = opened(&disk);
        let reader = wait(records.join(Place::In("default"))).unwrap();
        let mut fetch = pin!(records.fetch(reader, 1, how));
        let (sender, told) = channel();
        let waker = Waker::from(Arc::new(Told(sender)));
        let mut cx = Context::from_waker(&waker);
        assert!(fetch.as_mut().poll(&mut cx).is_pending());

        break_down(&records, &disk);
        told.recv_timeout(Duration::from_secs(60))
            .expect("it is woken");
        let Poll::Ready(Err(NotFetched::Backend(error))) = fetch.as_mut().poll(&mut cx) else {
            panic!("it goes on");
        };
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    }
}
