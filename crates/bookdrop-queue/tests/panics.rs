//! Foreign code that panics when the queue calls it for somebody: the panic ends there, and all else goes on.

#![cfg(not(any(loom, shuttle)))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bookdrop_queue::{
    Asking, CallId, Cause, Hand, Item, Limits, OnFull, Queue, Reader, Seat, Waited,
};

/// A number, and the count of those that were let go of; an odd one panics when it is.
struct Bomb {
    number: u32,
    hand: Hand,
    call: Option<CallId>,
    discarded: Arc<AtomicUsize>,
}

impl Item for Bomb {
    type Answer = u32;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn call(&self) -> Option<CallId> {
        self.call
    }

    fn ask_for(&mut self, call: CallId, _: Instant) {
        self.call = Some(call);
    }

    fn sever(&mut self) -> Option<CallId> {
        self.call.take()
    }

    fn discarded(self, _: Cause, _: u32, answer: impl FnOnce(u32)) {
        self.discarded.fetch_add(1, Ordering::Relaxed);
        answer(self.number);
        assert!(self.number.is_multiple_of(2), "an odd one");
    }

    fn told(_: Cause) -> u32 {
        0
    }
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
    /// Of a consumer that is there all the time.
    _seat: Seat,
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
        let seat = queue.join_default();
        Bench {
            queue,
            reader: seat.reader(),
            _seat: seat,
            discarded: Arc::default(),
        }
    }

    fn bomb(&self, number: u32) -> Bomb {
        Bomb {
            number,
            hand: Hand::default(),
            call: None,
            discarded: self.discarded.clone(),
        }
    }

    fn send(&self, number: u32) {
        assert!(self.queue.try_send(self.bomb(number), None).is_ok());
    }

    /// A request with a waker that panics.
    fn ask(&self, number: u32, deadline: Instant) -> CallId {
        let asking = Asking {
            deadline,
            waits_for_consumer: false,
            waker: Waker::from(Arc::new(Loud)),
            wakes_at_deadline: false,
        };
        let call = self.queue.send_request(self.bomb(number), None, asking);
        call.ok().expect("there is room")
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
            .map(|taken| self.queue.ack(self.reader, taken).number)
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
    assert!(bench.queue.send_express(bench.bomb(2)).is_ok());
    assert_eq!(bench.rest(), [2]);
    bench.wait(&Waker::from(Arc::new(Loud)));
    let sent = bench.queue.send(bench.bomb(4), None, Waker::noop().clone());
    assert!(matches!(sent, Ok(None)));
    assert_eq!(bench.rest(), [4]);
}

#[test]
fn an_item_is_taken_though_one_that_nobody_waits_for_panics() {
    let bench = Bench::new(8, OnFull::Wait);
    bench.ask(1, Instant::now());
    bench.send(2);
    let taken = bench.queue.try_receive(bench.reader).ok().flatten();
    assert_eq!(taken.map(|taken| taken.item.number), Some(2));
    assert_eq!(bench.discarded.load(Ordering::Relaxed), 1);
}

#[test]
fn every_requester_is_told_though_one_of_the_items_panics() {
    let bench = Bench::new(8, OnFull::Wait);
    let late = Instant::now() + std::time::Duration::from_secs(60);
    let calls = [2, 3, 4].map(|n| bench.ask(n, late));
    bench.queue.close();
    let cx = &mut Context::from_waker(Waker::noop());
    let answers = calls.map(|call| match bench.queue.poll_answer(call, cx) {
        Poll::Ready(Waited::Answered(number)) => Some(number),
        _ => None,
    });
    assert_eq!(answers, [Some(2), Some(3), Some(4)]);
}

#[test]
fn room_is_made_though_the_oldest_panics() {
    let bench = Bench::new(1, OnFull::DropOldest);
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.rest(), [2]);
}
