//! Words for users' futures, and who tells them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use bookdrop_backend::telling::{Offered, Offers, Promise, TakesBack, Teller, Word, promise};

/// Nothing takes so long.
const LONG: Duration = Duration::from_secs(30);

fn poll<V>(word: &mut Word<V>, waker: &Waker) -> Poll<Option<V>> {
    Pin::new(word).poll(&mut Context::from_waker(waker))
}

/// Says that it was woken.
struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.send(()).expect("somebody listens");
    }
}

fn bell() -> (Waker, Receiver<()>) {
    let (rings, rung) = channel();
    (Waker::from(Arc::new(Bell(rings))), rung)
}

#[test]
fn a_word_wakes_whoever_waits_for_it() {
    let (told, mut word) = promise();
    let (waker, rung) = bell();
    assert_eq!(poll(&mut word, &waker), Poll::Pending);
    let teller = Teller::default();
    teller.tell(move || told.send(7));
    rung.recv_timeout(LONG).expect("it is woken");
    assert_eq!(poll(&mut word, &waker), Poll::Ready(Some(7)));
}

/// Says by which thread it was woken.
struct SaysWhere(Sender<ThreadId>);

impl Wake for SaysWhere {
    fn wake(self: Arc<Self>) {
        let here = thread::current().id();
        self.0.send(here).expect("somebody listens");
    }
}

#[test]
fn a_waker_of_a_kind_that_is_trusted_is_called_at_once_and_any_other_by_another_thread() {
    let teller = Teller::default();
    let (says, woken) = channel();
    let waker = Waker::from(Arc::new(SaysWhere(says)));
    let woken_by = |teller: &Teller| {
        let (told, mut word) = promise();
        assert_eq!(poll(&mut word, &waker), Poll::Pending);
        teller.send(told, 7);
        let thread = woken.recv_timeout(LONG).expect("it is woken");
        assert_eq!(poll(&mut word, &waker), Poll::Ready(Some(7)));
        thread
    };
    let here = thread::current().id();
    teller.trust([bell().0]);
    assert_ne!(woken_by(&teller), here);
    let teller = Teller::default();
    teller.trust([bell().0, waker.clone()]);
    assert_eq!(woken_by(&teller), here);
    // Who does not wait yet has none.
    let (told, mut word) = promise();
    teller.send(told, 7);
    assert_eq!(poll(&mut word, &waker), Poll::Ready(Some(7)));
}

#[test]
fn whoever_waits_is_told_when_nobody_will_tell() {
    let (told, mut word) = promise::<()>();
    let (waker, rung) = bell();
    assert_eq!(poll(&mut word, &waker), Poll::Pending);
    drop(told);
    rung.try_recv().expect("it is woken");
    assert_eq!(poll(&mut word, &waker), Poll::Ready(None));
}

#[test]
fn what_nobody_waits_for_is_dropped() {
    let value = Arc::new(());
    let (told, word) = promise();
    assert!(told.is_awaited());
    drop(word);
    assert!(!told.is_awaited());
    told.send(value.clone());
    assert_eq!(Arc::strong_count(&value), 1);
    let (told, word) = promise();
    told.send(value.clone());
    drop(word);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A waker that tells when it is dropped.
struct TellsInTheEnd(Mutex<Option<Promise<u8>>>);

impl Wake for TellsInTheEnd {
    fn wake(self: Arc<Self>) {}
}

impl Drop for TellsInTheEnd {
    fn drop(&mut self) {
        let told = self.0.get_mut().expect("no panic").take();
        told.expect("it is dropped once").send(7);
    }
}

#[test]
fn a_replaced_waker_does_not_end_the_poll_that_replaces_it() {
    let (told, mut word) = promise();
    let former = Waker::from(Arc::new(TellsInTheEnd(Mutex::new(Some(told)))));
    assert_eq!(poll(&mut word, &former), Poll::Pending);
    drop(former);
    let (waker, rung) = bell();
    assert_eq!(poll(&mut word, &waker), Poll::Pending);
    rung.try_recv().expect("it is woken");
    assert_eq!(poll(&mut word, &waker), Poll::Ready(Some(7)));
}

#[test]
fn one_that_blocks_is_overtaken() {
    let teller = Teller::default();
    let (goes_on, is_free) = channel::<()>();
    teller.tell(move || is_free.recv().unwrap_or_default());
    let (told, word) = promise();
    teller.tell(move || told.send(7));
    let (waker, rung) = bell();
    let mut word = pin!(word);
    let mut cx = Context::from_waker(&waker);
    while word.as_mut().poll(&mut cx).is_pending() {
        let Some(due) = teller.overtake() else {
            rung.recv_timeout(LONG).expect("it is woken");
            continue;
        };
        let _ = rung.recv_timeout(due.saturating_duration_since(Instant::now()));
    }
    drop(goes_on);
}

/// What came back.
#[derive(Default)]
struct Back(Mutex<Vec<u8>>);

impl TakesBack<u8> for Back {
    fn take_back(&self, value: u8) {
        self.0.lock().expect("no panic").push(value);
    }
}

impl Back {
    fn came(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

#[test]
fn what_is_offered_and_not_taken_comes_back() {
    let back = Arc::new(Back::default());
    assert_eq!(Offered::new(&back, 1).take(), Some(1));
    assert_eq!(back.came(), []);
    drop(Offered::new(&back, 2));
    assert_eq!(back.came(), [2]);
    let (told, word) = promise();
    told.send(Offered::new(&back, 3));
    drop(word);
    assert_eq!(back.came(), [3]);
}

#[test]
fn what_is_offered_for_long_is_taken_back() {
    let back = Arc::new(Back::default());
    let (mut offers, now) = (Offers::default(), Instant::now());
    assert_eq!(offers.wakes_at(), None);
    let [gone, late, soon] = [1, 2, 3].map(|value| Offered::new(&back, value));
    offers.note(&gone, now);
    offers.note(&late, now);
    offers.note(&soon, now + LONG);
    drop(gone);
    assert_eq!(back.came(), [1]);
    assert_eq!(offers.take_back(now), [0; 0]);
    let due = offers.wakes_at().expect("two are not taken");
    assert!(due > now && due < now + LONG);
    assert_eq!(offers.take_back(due), [2]);
    assert_eq!(late.take(), None);
    assert_eq!(soon.take(), Some(3));
    assert_eq!(offers.take_back(due), [0; 0]);
    assert_eq!(offers.wakes_at(), None);
    assert_eq!(back.came(), []);
}
