//! Whoever waits when the driver breaks is told.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bookdrop_backend::{
    Asking, Backend, ErrorKind, NotFetched, Place, Progress, Record, Settlement, Unanswered, Wait,
    Why,
};
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
    let (records, _) = bookdrop_disk::open_folder(disk.clone(), &options).expect("there is room");
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

fn request(id: &str) -> (Record, Asking) {
    let record = Record {
        id: id.into(),
        ..Record::default()
    };
    let asking = Asking {
        timeout: Duration::from_secs(1_000),
        waits_for_consumer: false,
    };
    (record, asking)
}

#[test]
fn a_requester_is_unless_somebody_works_on_it() {
    let disk = Disk::new(7, 1 << 20, None);
    let records = opened(&disk);
    let reader = wait(records.join(Place::In("default"))).unwrap();
    let (sender, told) = channel();
    let waker = Waker::from(Arc::new(Told(sender)));
    let mut cx = Context::from_waker(&waker);
    let [(first, asking), (second, asking_too)] = ["first", "second"].map(request);
    let mut in_hand = pin!(records.request(first, asking));
    assert!(in_hand.as_mut().poll(&mut cx).is_pending());
    let fetched = wait(records.fetch(reader, 1, Wait::No)).unwrap().remove(0);
    let mut queued = pin!(records.request(second, asking_too));
    assert!(queued.as_mut().poll(&mut cx).is_pending());

    break_down(&records, &disk);
    told.recv_timeout(Duration::from_secs(60))
        .expect("it is woken");
    let Poll::Ready(Err(Unanswered { why, was_taken })) = queued.as_mut().poll(&mut cx) else {
        panic!("it goes on");
    };
    assert!(!was_taken, "nobody had it");
    let Why::Backend(error) = why else {
        panic!("{why:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");

    let answer = Settlement::Answer("fine".into());
    wait(records.settle(fetched.receipt, answer)).unwrap();
    let Poll::Ready(Ok(answer)) = in_hand.as_mut().poll(&mut cx) else {
        panic!("it has no answer");
    };
    assert_eq!(answer, "fine");
}
