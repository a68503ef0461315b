//! Every interleaving of the parker's flag and of the timer's arming against its going to sleep.
//!
//! A wake-up that is lost shows as a deadlock, which loom reports. Time stands still in a model, so
//! that a deadline has passed from the start or never comes.

#![cfg(loom)]

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bookdrop_queue::{
    clock,
    park::{park_limit, wait, wait_until},
    timer::{Alarm, Armed, Timer},
};
use loom::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// A one-shot event with room for one waker. Its flag is relaxed: only the wake-up orders.
struct Event {
    happened: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Event {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            happened: AtomicBool::new(false),
            waker: Mutex::new(None),
        })
    }

    fn fire(&self) {
        self.happened.store(true, Ordering::Relaxed);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        if self.happened.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn happens(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| self.poll(cx))
    }
}

/// Fires the event from a thread of its own.
fn fire(event: &Arc<Event>) -> thread::JoinHandle<()> {
    let event = Arc::clone(event);
    thread::spawn(move || event.fire())
}

#[test]
fn a_wake_from_another_thread_is_not_lost() {
    loom::model(|| {
        let event = Event::new();
        let thread = fire(&event);
        wait(event.happens());
        thread.join().unwrap();
    });
}

/// The waker is called by two threads, and what each did before is seen by the last poll.
#[test]
fn of_two_wakes_at_once_neither_is_lost() {
    loom::model(|| {
        let done = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let act = |n: usize, waker: Waker| {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                done[n].store(true, Ordering::Relaxed);
                waker.wake();
            })
        };
        let mut started = false;
        wait(poll_fn(|cx| {
            if !std::mem::replace(&mut started, true) {
                // Not joined: a thread that is over interleaves with nothing.
                for n in [0, 1] {
                    act(n, cx.waker().clone());
                }
            }
            if done.iter().all(|done| done.load(Ordering::Relaxed)) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
    });
}

#[test]
fn a_thread_waits_again_with_the_same_parker() {
    loom::model(|| {
        let events = [Event::new(), Event::new()];
        let thread = thread::spawn({
            let events = events.clone();
            move || events.iter().for_each(|event| event.fire())
        });
        events.iter().for_each(|event| wait(event.happens()));
        thread.join().unwrap();
    });
}

/// Both waits park the same thread, so the unpark meant for one may end the park of the other.
#[test]
fn a_wait_inside_a_poll_takes_no_wake_from_the_outer_one() {
    loom::model(|| {
        let (outer, inner) = (Event::new(), Event::new());
        let mut threads = None;
        wait(poll_fn(|cx| {
            let poll = outer.poll(cx);
            threads.get_or_insert_with(|| {
                let both = [fire(&outer), fire(&inner)];
                wait(inner.happens());
                both
            });
            poll
        }));
        for thread in threads.unwrap() {
            thread.join().unwrap();
        }
    });
}

/// The waker of another wait of this thread, long over, unparks the thread without a reason.
#[test]
fn a_stray_unpark_neither_ends_a_wait_nor_hides_a_wake() {
    loom::model(|| {
        let event = Event::new();
        let mut threads = None;
        wait(poll_fn(|cx| {
            threads.get_or_insert_with(|| {
                let old = wait(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
                [thread::spawn(move || old.wake()), fire(&event)]
            });
            event.poll(cx)
        }));
        threads
            .unwrap()
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_limit_that_has_passed_ends_the_wait_and_one_to_come_does_not() {
    loom::model(|| {
        let event = Event::new();
        let thread = fire(&event);
        let far = clock::after(clock::now(), Duration::MAX);
        let past = clock::now();
        let mut f = pin!(event.happens());
        if wait_until(f.as_mut(), past).is_none() {
            assert_eq!(wait_until(f, far), Some(()));
        }
        thread.join().unwrap();
    });
}

/// Loom's threads are not the system's: the parker must be the model thread's own.
#[test]
fn a_limit_is_noted_on_the_waiting_thread_only() {
    loom::model(|| {
        let far = clock::after(clock::now(), Duration::MAX);
        let mut thread = None;
        wait(poll_fn(|cx| {
            let waker = cx.waker().clone();
            assert!(park_limit(&waker, far));
            thread = Some(thread::spawn(move || {
                wait(poll_fn(|_| {
                    assert!(!park_limit(&waker, far));
                    Poll::Ready(())
                }))
            }));
            Poll::Ready(())
        }));
        thread.unwrap().join().unwrap();
    });
}

/// Counts its rings.
struct Count(AtomicUsize);

impl Count {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn rung(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Alarm for Count {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Arms for a moment that has passed.
fn arm(timer: &'static Timer, count: &Arc<Count>) -> Armed {
    let weak: Weak<Count> = Arc::downgrade(count);
    timer.arm(clock::now(), weak)
}

/// Plays the timer's thread until `count` has been rung `times`, which is a deadlock if it is not.
fn serve(timer: &'static Timer, count: &Arc<Count>, times: usize) -> thread::JoinHandle<()> {
    let count = Arc::clone(count);
    thread::spawn(move || timer.serve_for_model(|| count.rung() < times))
}

#[test]
fn an_arm_against_the_thread_going_to_sleep() {
    loom::model(|| {
        let (timer, count) = (Timer::for_model(), Count::new());
        let thread = serve(timer, &count, 1);
        let armed = arm(timer, &count);
        thread.join().unwrap();
        assert!(!armed.cancel());
        assert_eq!((count.rung(), timer.armed()), (1, 0));
    });
}

#[test]
fn two_arms_one_after_the_other() {
    loom::model(|| {
        let (timer, count) = (Timer::for_model(), Count::new());
        let thread = serve(timer, &count, 2);
        let armed = [arm(timer, &count), arm(timer, &count)];
        thread.join().unwrap();
        assert_eq!((count.rung(), timer.armed()), (2, 0));
        drop(armed);
    });
}

/// One of the two wakes the thread for both.
#[test]
fn two_arms_at_once() {
    loom::model(|| {
        let (timer, count) = (Timer::for_model(), Count::new());
        let thread = serve(timer, &count, 2);
        let other = thread::spawn({
            let count = Arc::clone(&count);
            move || arm(timer, &count)
        });
        let armed = [arm(timer, &count), other.join().unwrap()];
        thread.join().unwrap();
        assert_eq!((count.rung(), timer.armed()), (2, 0));
        drop(armed);
    });
}

/// An arm for later, which makes the thread sleep to a limit, is followed by an earlier one.
#[test]
fn an_earlier_arm_against_a_sleep_with_a_limit() {
    loom::model(|| {
        let (timer, count, never) = (Timer::for_model(), Count::new(), Count::new());
        let thread = serve(timer, &count, 1);
        let weak: Weak<Count> = Arc::downgrade(&never);
        let late = timer.arm(clock::after(clock::now(), Duration::from_secs(2)), weak);
        let armed = arm(timer, &count);
        thread.join().unwrap();
        assert!(!armed.cancel());
        assert!(late.cancel());
        assert_eq!((count.rung(), never.rung(), timer.armed()), (1, 0, 0));
    });
}

/// Either the cancel is in time or the alarm rings, and never both.
#[test]
fn a_cancel_against_the_ring() {
    loom::model(|| {
        let (timer, count, last) = (Timer::for_model(), Count::new(), Count::new());
        let thread = serve(timer, &last, 1);
        let cancelled = arm(timer, &count).cancel();
        let end = arm(timer, &last);
        thread.join().unwrap();
        assert_eq!(count.rung(), usize::from(!cancelled));
        assert_eq!(timer.armed(), 0);
        drop(end);
    });
}

/// A waiting thread whose future arms the timer, as one does below a combinator.
#[test]
fn an_alarm_that_wakes_a_wait() {
    struct Wakes(Arc<Event>);
    impl Alarm for Wakes {
        fn ring(&self) {
            self.0.fire();
        }
    }
    loom::model(|| {
        let (timer, event) = (Timer::for_model(), Event::new());
        let alarm = Arc::new(Wakes(Arc::clone(&event)));
        let thread = thread::spawn({
            let event = Arc::clone(&event);
            move || timer.serve_for_model(|| !event.happened.load(Ordering::Relaxed))
        });
        let weak: Weak<Wakes> = Arc::downgrade(&alarm);
        let armed = timer.arm(clock::now(), weak);
        wait(event.happens());
        thread.join().unwrap();
        assert!(!armed.cancel());
    });
}
