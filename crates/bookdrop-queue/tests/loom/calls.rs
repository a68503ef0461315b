//! A request in hand: its answer, its requester, its deadline, and those who work on it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use bookdrop_queue::park::wait;
use bookdrop_queue::{Asking, CallId, Waited, clock};
use loom::thread;

use crate::sender::{ask_with, asking};
use crate::tools::*;

/// A request, and its delivery.
fn in_hand(queue: &TestQueue, consumer: &mut Consumer) -> (Requester, Delivery) {
    let requester = ask(queue, Note::new(1)).ok().unwrap();
    (requester, consumer.take())
}

/// Leaves another answer, as somebody does who settled the request before; false when nobody wants it.
fn answer_later(queue: &TestQueue, call: CallId, with: u32) -> thread::JoinHandle<bool> {
    spawn(queue, move |queue| {
        queue.answer_later(call, Outcome::Replied(with)).is_ok()
    })
}

#[test]
fn an_answer_reaches_a_requester_that_goes_to_sleep() {
    model(|| {
        let (queue, consumer) = queue(1);
        let consumer = spawn_with(consumer, |consumer| consumer.receive().unwrap().answer(5));
        assert_eq!(
            request(&queue, Note::new(1)).ok(),
            Some(Outcome::Replied(5))
        );
        let (reached, _consumer) = consumer.join().unwrap();
        assert!(reached);
        nothing_is_left(&queue);
    });
}

/// Its consumer is done with it and says nothing: the requester does not wait for its deadline.
#[test]
fn an_ack_without_an_answer_reaches_a_requester_that_goes_to_sleep() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let worker = spawn(&queue, |_| delivery.ack());
        assert_eq!(requester.outcome(), Outcome::Unanswered);
        worker.join().unwrap();
        nothing_is_left(&queue);
    });
}

#[test]
fn of_two_answers_one_counts() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let later = answer_later(&queue, delivery.call(), 6);
        let worker = spawn(&queue, |_| delivery.answer(5));
        let outcome = requester.outcome();
        let reached = [(5, worker), (6, later)].map(|(n, worker)| (n, worker.join().unwrap()));
        let counted: Vec<_> = reached.iter().filter(|(_, reached)| *reached).collect();
        assert_eq!(counted.len(), 1);
        assert_eq!(outcome, Outcome::Replied(counted[0].0));
        let counters = queue.counts().0;
        assert_eq!((counters.answered, counters.replies_refused), (1, 1));
        nothing_is_left(&queue);
    });
}

/// The requester's task moves to another waker while the answer comes.
#[test]
fn a_requester_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let worker = spawn(&queue, |_| delivery.answer(5));
        let poll = poll_once(poll_fn(|cx| requester.poll(cx)), &deaf());
        let outcome = match poll {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => requester.outcome(),
        };
        assert_eq!(outcome, Outcome::Replied(5));
        assert!(worker.join().unwrap());
        nothing_is_left(&queue);
    });
}

/// Either the requester gets the answer, or the one who answers is told that nobody wants it.
#[test]
fn an_answer_against_a_give_up() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let worker = spawn(&queue, |_| delivery.answer(5));
        let (outcome, back) = requester.give_up();
        let reached = worker.join().unwrap();
        assert_eq!(outcome, reached.then_some(Outcome::Replied(5)));
        assert_eq!(back, None, "a consumer had it");
        assert!(!requester.is_awaited());
        let (counters, _) = queue.counts();
        let counted = [
            counters.answered,
            counters.replies_refused,
            counters.given_up,
        ];
        let [yes, no] = [u64::from(reached), u64::from(!reached)];
        assert_eq!(counted, [yes, no, no]);
        nothing_is_left(&queue);
    });
}

// ---- the deadline ----

/// The deadline of the requests here.
fn deadline() -> Instant {
    clock::after(clock::now(), Duration::from_secs(1))
}

/// A request whose deadline comes when the queue's alarm tells: no other time passes in a model.
fn overdue(queue: &TestQueue) -> Requester {
    let asking = Asking {
        deadline: deadline(),
        wakes_at_deadline: true,
        ..asking(deaf())
    };
    ask_with(queue, Note::new(1), asking).ok().unwrap()
}

/// Waits for an end: the answer, or none in time.
fn end(requester: &Requester) -> Option<Outcome> {
    let poll = |cx: &mut std::task::Context<'_>| requester.queue.poll_answer(requester.call, cx);
    match wait(poll_fn(poll)) {
        Waited::Answered(outcome) => Some(outcome),
        Waited::Overdue => requester.give_up().0,
    }
}

/// A deadline that comes while nobody answers. The requester's waker is a new one, so it is registered meanwhile.
#[test]
fn an_alarm_reaches_a_requester_that_goes_to_sleep() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let requester = overdue(&queue);
        let _delivery = consumer.take();
        let timer = spawn(&queue, |queue| queue.advance(deadline()));
        assert_eq!(end(&requester), None);
        timer.join().unwrap();
        assert_eq!(queue.waiting_requests(), 0);
    });
}

/// An answer that comes with the deadline reaches the requester, or is refused.
#[test]
fn an_alarm_against_an_answer() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let requester = overdue(&queue);
        let delivery = consumer.take();
        let timer = spawn(&queue, |queue| queue.advance(deadline()));
        let worker = spawn(&queue, |_| delivery.answer(5));
        let outcome = end(&requester);
        timer.join().unwrap();
        let reached = worker.join().unwrap();
        assert_eq!(outcome, reached.then_some(Outcome::Replied(5)));
        nothing_is_left(&queue);
    });
}

// ---- those who work on it ----

#[test]
fn a_give_up_reaches_a_worker_that_watches() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let call = delivery.call();
        let requester = spawn(&queue, move |_| requester.give_up());
        let mut working = None;
        wait(poll_fn(|cx| queue.poll_unwanted(call, &mut working, cx)));
        queue.stop_working(call, &mut working);
        assert!(!queue.is_awaited(call));
        assert_eq!(requester.join().unwrap(), (None, None));
        assert!(!delivery.answer(5));
        nothing_is_left(&queue);
    });
}

/// An answer of somebody else's makes the work as needless.
#[test]
fn an_answer_reaches_a_worker_that_watches() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let call = delivery.call();
        let other = answer_later(&queue, call, 6);
        let mut working = None;
        wait(poll_fn(|cx| queue.poll_unwanted(call, &mut working, cx)));
        queue.stop_working(call, &mut working);
        assert!(other.join().unwrap());
        assert!(!delivery.answer(5));
        assert_eq!(requester.outcome(), Outcome::Replied(6));
        nothing_is_left(&queue);
    });
}

/// Two watch, one stops watching, and the give-up reaches the other.
#[test]
fn one_who_stops_watching_takes_nothing_from_the_other() {
    bounded(4, || {
        let (queue, mut consumer) = queue(1);
        let (requester, delivery) = in_hand(&queue, &mut consumer);
        let call = delivery.call();
        let mut stopped = None;
        let watch = poll_fn(|cx| queue.poll_unwanted(call, &mut stopped, cx));
        assert!(poll_once(watch, &deaf()).is_pending());
        let worker = spawn(&queue, move |queue| {
            let mut working = None;
            wait(poll_fn(|cx| queue.poll_unwanted(call, &mut working, cx)));
        });
        let requester = spawn(&queue, move |_| requester.give_up());
        queue.stop_working(call, &mut stopped);
        assert_eq!(requester.join().unwrap(), (None, None));
        worker.join().unwrap();
        delivery.ack();
        nothing_is_left(&queue);
    });
}
