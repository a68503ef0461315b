//! What the integration tests share: waiting for something observable, polling by hand, and counting drops.

// Each test binary uses a part of it.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bookdrop::{Consumer, Delivery, Driver, Event, Producer, Stats};

/// After so long a thing that has to happen is taken not to happen.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(30);

/// A limit that no test reaches, unless it would never end.
pub(crate) const FAR: Duration = Duration::from_secs(120);

/// So many in the long form of the tests (`BOOKDROP_LONG=1`), else so few.
pub(crate) fn scaled(usual: usize, long: usize) -> usize {
    match std::env::var_os("BOOKDROP_LONG").is_some_and(|value| value == "1") {
        true => long,
        false => usual,
    }
}

/// Runs the body of a test that starts threads, and fails if it does not end: a thread that waits for another one, which
/// has failed, would wait for ever.
pub(crate) fn bounded(body: impl FnOnce() + Send + 'static) {
    let (running, ended) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _running = running;
        body();
    });
    let limit = WATCHDOG * scaled(4, 40) as u32;
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(limit) {
        panic!("the test does not end; see above for a thread that failed");
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + WATCHDOG;
    while !is_so() {
        assert!(Instant::now() < until, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until it is no sooner than `at`.
pub(crate) fn pass(at: Instant) {
    while let Some(left) = at
        .checked_duration_since(Instant::now())
        .filter(|d| !d.is_zero())
    {
        std::thread::sleep(left);
    }
}

pub(crate) fn stats<T, R>(driver: &Driver<T, R>) -> Stats {
    driver.stats().wait().unwrap()
}

/// Polls until it is ready or waits, with a waker that nobody looks at.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_on(future, &Wakes::new())
}

/// Polls until it is ready or waits, with a waker that counts and that nobody else has. One that wakes itself does not wait,
/// but lets others run: it is polled again, and that wake-up does not count.
pub(crate) fn poll_on<F: Future + Unpin>(future: &mut F, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    for _ in 0..100 {
        let before = wakes.count();
        let polled = poll_with(future, wakes);
        if polled.is_ready() || wakes.count() == before {
            return polled;
        }
        wakes.0.store(before, Ordering::SeqCst);
    }
    panic!("it wakes itself again and again");
}

/// Polls once, with a waker that counts.
pub(crate) fn poll_with<F: Future + Unpin>(future: &mut F, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    let waker = Waker::from(wakes.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The next delivery, which has to come.
#[track_caller]
pub(crate) fn next<T: Send, R: Send>(consumer: &mut Consumer<T, R>) -> Delivery<T, R> {
    let received = consumer.receive().wait_for(WATCHDOG);
    received
        .expect("an event has to come")
        .expect("the driver is open")
}

/// What a consumer is told for whom nothing is left.
#[track_caller]
pub(crate) fn end_of<T: Send, R: Send>(consumer: &mut Consumer<T, R>) -> bookdrop::ReceiveError {
    let received = consumer.receive().wait_for(WATCHDOG);
    received
        .expect("the end has to come")
        .expect_err("nothing is left")
}

/// The name of the next event, which is acked.
#[track_caller]
pub(crate) fn next_name<T: Send, R: Send>(consumer: &mut Consumer<T, R>) -> String {
    let delivery = next(consumer);
    let name = delivery.name().to_owned();
    delivery
        .ack()
        .wait()
        .expect("an ack in memory does not fail");
    name
}

#[track_caller]
pub(crate) fn is_empty<T, R>(consumer: &mut Consumer<T, R>) -> bool {
    match consumer.try_receive().wait() {
        Err(bookdrop::TryReceiveError::Empty) => true,
        Err(other) => panic!("neither an event nor empty: {other}"),
        Ok(_) => false,
    }
}

/// Sends events of these names, for which there is room.
#[track_caller]
pub(crate) fn send_all(producer: &Producer, names: &[&'static str]) {
    for name in names {
        producer
            .try_send(Event::new(*name))
            .wait()
            .expect("there is room");
    }
}

/// A driver of untyped events with its two ends.
pub(crate) fn library(capacity: usize) -> (Driver, Producer, Consumer) {
    let driver = Driver::memory(capacity);
    let (producer, consumer) = (Producer::new(&driver), Consumer::new(&driver));
    (driver, producer, consumer)
}

/// A body that counts those of its kind that are alive.
pub(crate) struct Counted(Arc<AtomicUsize>);

/// How many bodies are alive.
#[derive(Clone, Default)]
pub(crate) struct Living(Arc<AtomicUsize>);

impl Living {
    pub(crate) fn body(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.0.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.0.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::SeqCst);
        assert!(before > 0, "dropped twice");
    }
}
