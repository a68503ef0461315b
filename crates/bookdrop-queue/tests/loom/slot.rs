//! The reply slot by itself.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bookdrop_queue::park::wait;
use bookdrop_queue::timer::Alarm;
use bookdrop_queue::{ReplySlot, ToWake};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::tools::{deaf, model, poll_once};

type Slot = Arc<ReplySlot<u32>>;

fn slot() -> Slot {
    Arc::new(ReplySlot::new())
}

fn leave(slot: &Slot, answer: u32) -> thread::JoinHandle<bool> {
    let slot = slot.clone();
    thread::spawn(move || slot.answer(answer).map(ToWake::wake).is_ok())
}

fn outcome(slot: &Slot) -> u32 {
    wait(poll_fn(|cx| slot.poll(cx)))
}

#[test]
fn an_answer_reaches_a_requester_that_goes_to_sleep() {
    model(|| {
        let slot = slot();
        let worker = leave(&slot, 5);
        assert_eq!(outcome(&slot), 5);
        assert!(worker.join().unwrap());
    });
}

#[test]
fn of_two_answers_one_counts() {
    model(|| {
        let slot = slot();
        let workers = [5, 6].map(|n| (n, leave(&slot, n)));
        let answer = outcome(&slot);
        let reached = workers.map(|(n, worker)| worker.join().unwrap().then_some(n));
        assert_eq!(reached.into_iter().flatten().collect::<Vec<_>>(), [answer]);
    });
}

/// The requester's task moves to another waker while the answer comes.
#[test]
fn a_requester_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let slot = slot();
        assert!(poll_once(poll_fn(|cx| slot.poll(cx)), &deaf()).is_pending());
        let worker = leave(&slot, 5);
        assert_eq!(outcome(&slot), 5);
        assert!(worker.join().unwrap());
    });
}

/// The deadline's alarm takes the waker; an answer that comes then must not be lost either.
#[test]
fn an_alarm_against_an_answer() {
    model(|| {
        let slot = slot();
        let late = Arc::new(AtomicBool::new(false));
        let timer = thread::spawn({
            let (slot, late) = (slot.clone(), late.clone());
            move || {
                late.store(true, Ordering::Relaxed);
                slot.ring();
            }
        });
        let worker = leave(&slot, 5);
        let answer = wait(poll_fn(|cx| match slot.poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            // As one with a deadline does; here it is looked at after the slot.
            Poll::Pending if late.load(Ordering::Relaxed) => Poll::Ready(slot.give_up().err()),
            Poll::Pending => Poll::Pending,
        }));
        timer.join().unwrap();
        assert_eq!(answer, worker.join().unwrap().then_some(5));
    });
}

/// A deadline that comes while nobody answers.
#[test]
fn an_alarm_reaches_a_requester_that_goes_to_sleep() {
    model(|| {
        let slot = slot();
        let late = Arc::new(AtomicBool::new(false));
        let timer = thread::spawn({
            let (slot, late) = (slot.clone(), late.clone());
            move || {
                late.store(true, Ordering::Relaxed);
                slot.ring();
            }
        });
        wait(poll_fn(|cx| {
            match slot.poll(cx).is_ready() || late.load(Ordering::Relaxed) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
        timer.join().unwrap();
    });
}

#[test]
fn a_give_up_reaches_a_worker_that_watches() {
    model(|| {
        let slot = slot();
        let requester = thread::spawn({
            let slot = slot.clone();
            move || slot.give_up().map(ToWake::wake).is_ok()
        });
        let mut watching = None;
        wait(poll_fn(|cx| slot.poll_unwanted(&mut watching, cx)));
        slot.stop_watching(&mut watching);
        assert!(!slot.is_awaited());
        assert!(requester.join().unwrap());
        assert!(slot.answer(5).is_err());
    });
}

/// Two watch, one stops watching, and the give-up reaches the other.
#[test]
fn one_who_stops_watching_takes_nothing_from_the_other() {
    model(|| {
        let slot = slot();
        let mut stopped = None;
        assert!(
            poll_once(poll_fn(|cx| slot.poll_unwanted(&mut stopped, cx)), &deaf()).is_pending()
        );
        let worker = thread::spawn({
            let slot = slot.clone();
            move || {
                let mut watching = None;
                wait(poll_fn(|cx| slot.poll_unwanted(&mut watching, cx)));
            }
        });
        let requester = thread::spawn({
            let slot = slot.clone();
            move || slot.give_up().map(ToWake::wake).is_ok()
        });
        slot.stop_watching(&mut stopped);
        assert!(requester.join().unwrap());
        worker.join().unwrap();
    });
}

#[test]
fn an_answer_against_a_give_up() {
    model(|| {
        let slot = slot();
        let worker = leave(&slot, 5);
        let there = match slot.give_up() {
            Err(answer) => Some(answer),
            Ok(workers) => {
                workers.wake();
                None
            }
        };
        assert_eq!(there, worker.join().unwrap().then_some(5));
        assert!(!slot.is_awaited());
    });
}
