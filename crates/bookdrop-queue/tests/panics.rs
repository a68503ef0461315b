//! Foreign code that panics when the queue calls it for somebody: the panic ends there, and all else goes on.

#![cfg(not(any(loom, shuttle)))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bookdrop_queue::{Cause, Item, Limits, OnFull, Queue, Reader, Sending, Standing};

/// A number, and the count of those that were let go of; an odd one panics when it is.
struct Bomb {
    number: u32,
    expires_at: Option<Instant>,
    discarded: Arc<AtomicUsize>,
}

impl Item for Bomb {
    type Requester = ();

    fn key(&self) -> Option<&str> {
        None
    }

    fn priority(&self) -> u8 {
        0
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    fn expires_by_itself(&self) -> bool {
        // So that it is only found to have expired when somebody comes for it.
        false
    }

    fn identity(&self) -> Option<&str> {
        None
    }

    fn is_request(&self) -> bool {
        false
    }

    fn waits_for_consumer(&self) -> bool {
        false
    }

    fn is_wanted(&self) -> bool {
        true
    }

    fn placed(&self, _: Standing) {}

    fn sever(&mut self) -> Option<()> {
        None
    }

    fn revive(&mut self, _: std::time::Instant) {}

    fn discarded(self, _: Cause, _: u32) {
        self.discarded.fetch_add(1, Ordering::Relaxed);
        assert!(self.number.is_multiple_of(2), "an odd one");
    }

    fn told((): (), _: Cause) {}
}

struct Loud;

impl Wake for Loud {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Bench {
    queue: Arc<Queue<Bomb>>,
    reader: Reader,
    discarded: Arc<AtomicUsize>,
}

impl Bench {
    fn new(capacity: usize, on_full: OnFull) -> Self {
        let limits = Limits {
            capacity,
            ..Limits::default()
        };
        let queue = Queue::new(limits, on_full, 1);
        let group = queue.join_default();
        let reader = Reader {
            group,
            auto_ack: false,
        };
        let discarded = Arc::default();
        Bench {
            queue,
            reader,
            discarded,
        }
    }

    fn bomb(&self, number: u32) -> Bomb {
        Bomb {
            number,
            expires_at: None,
            discarded: self.discarded.clone(),
        }
    }

    fn send(&self, number: u32) {
        assert!(self.queue.try_send(self.bomb(number), None).is_ok());
    }

    fn wait(&self, waker: &Waker) {
        let cx = &mut Context::from_waker(waker);
        let poll = self
            .queue
            .poll_receive(self.reader, 1, &mut None, cx, &mut |_| unreachable!());
        assert_eq!(poll, Poll::Pending);
    }

    fn rest(&self) -> Vec<u32> {
        let next = || self.queue.try_receive(self.reader).ok().flatten();
        std::iter::from_fn(next)
            .map(|taken| self.queue.ack(taken).number)
            .collect()
    }
}

#[test]
fn every_item_is_let_go_of_though_one_panics() {
    let bench = Bench::new(8, OnFull::Wait);
    (0..6).for_each(|n| bench.send(n));
    assert_eq!(bench.queue.purge(), 6);
    assert_eq!(bench.discarded.load(Ordering::Relaxed), 6);
    bench.send(7);
    assert_eq!(bench.rest(), [7]);
}

#[test]
fn every_waker_is_called_though_one_panics() {
    let bench = Bench::new(8, OnFull::Wait);
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    bench.wait(&Waker::from(Arc::new(Loud)));
    bench.wait(&Waker::from(counting.clone()));
    bench.queue.close();
    assert_eq!(counting.0.load(Ordering::Relaxed), 1);
}

#[test]
fn an_item_is_sent_though_the_waker_of_its_consumer_panics() {
    let bench = Bench::new(8, OnFull::Wait);
    bench.wait(&Waker::from(Arc::new(Loud)));
    let mut sending = Sending::new(bench.bomb(2), None);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(matches!(
        bench.queue.poll_send(&mut sending, cx),
        Poll::Ready(Ok(()))
    ));
    assert_eq!(bench.rest(), [2]);
}

#[test]
fn an_item_is_taken_though_one_that_has_expired_panics() {
    let bench = Bench::new(8, OnFull::Wait);
    let mut expired = bench.bomb(1);
    expired.expires_at = Some(Instant::now());
    assert!(bench.queue.try_send(expired, None).is_ok());
    bench.send(2);
    let taken = bench.queue.try_receive(bench.reader).ok().flatten();
    assert_eq!(taken.map(|taken| taken.item.number), Some(2));
}

#[test]
fn room_is_made_though_the_oldest_panics() {
    let bench = Bench::new(1, OnFull::DropOldest);
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.rest(), [2]);
}
