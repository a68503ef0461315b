//! Sending into a full queue.

use std::future::poll_fn;
use std::task::Context;

use bookdrop_queue::park::wait;
use bookdrop_queue::{Cause, OnFull};

use crate::tools::*;

/// A sender that stands in line.
fn in_line(queue: &TestQueue, number: u32) -> Sender {
    let mut sender = Sender::new(queue, Note::new(number));
    let waker = deaf();
    let poll = sender.poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    sender
}

/// Who stands in line is let in when there is room, and never one too many.
#[test]
fn two_waiting_senders_are_let_in() {
    bounded(3, || {
        let (queue, mut consumer) = queue(1);
        fill(&queue, [0]);
        let senders = [1, 2].map(|n| spawn(&queue, move |queue| send(queue, Note::new(n)).is_ok()));
        let mut received = Vec::new();
        for _ in 0..3 {
            received.push(consumer.receive_and_ack().unwrap());
            assert!(queued(&queue) <= 1, "the bound is exact");
        }
        assert!(senders.into_iter().all(|sender| sender.join().unwrap()));
        assert_eq!(received[0], 0);
        assert_eq!(sorted(received), [0, 1, 2]);
        nothing_is_left(&queue);
    });
}

/// Who came first is let in first, and nobody gets past the line.
#[test]
fn nobody_gets_past_the_line() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        fill(&queue, [0]);
        let mut first = in_line(&queue, 1);
        let late = spawn(&queue, |queue| queue.send_express(Note::new(2)).is_ok());
        let received = [(); 2].map(|()| consumer.receive_and_ack().unwrap());
        assert_eq!(received, [0, 1]);
        let went_in = late.join().unwrap();
        assert!(first.poll(&mut Context::from_waker(&deaf())).is_ready());
        assert_eq!(consumer.rest(), if went_in { vec![2] } else { vec![] });
        nothing_is_left(&queue);
    });
}

/// It is sent or given back, never both and never neither; and the place goes to the next one.
#[test]
fn a_waiting_sender_is_dropped_while_it_is_let_in() {
    bounded(3, || {
        let (queue, consumer) = queue(1);
        fill(&queue, [0]);
        let mut leaving = in_line(&queue, 1);
        let other = spawn(&queue, |queue| send(queue, Note::new(2)).is_ok());
        let consumer = spawn_with(consumer, |consumer| {
            [(); 2].map(|()| consumer.receive_and_ack().unwrap())
        });
        let back = leaving.give_up().map(|note| note.number);
        assert!(other.join().unwrap());
        let (received, mut consumer) = consumer.join().unwrap();
        assert!(back.is_none() || !received.contains(&1));
        let all = received.into_iter().chain(consumer.rest()).chain(back);
        assert_eq!(sorted(all.collect()), [0, 1, 2]);
        nothing_is_left(&queue);
    });
}

/// The task moves to another waker while its note is let in.
#[test]
fn a_sender_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let (queue, consumer) = queue(1);
        fill(&queue, [0]);
        let mut sender = in_line(&queue, 1);
        let consumer = spawn_with(consumer, |consumer| consumer.receive_and_ack().unwrap());
        assert!(wait(poll_fn(|cx| sender.poll(cx))).is_ok());
        let (received, mut consumer) = consumer.join().unwrap();
        assert_eq!(received, 0);
        assert_eq!(consumer.rest(), [1]);
        nothing_is_left(&queue);
    });
}

#[test]
fn the_oldest_makes_room() {
    model(|| {
        let (queue, mut consumer) = queue_that(1, OnFull::DropOldest);
        let fate = Fate::default();
        let senders = [1, 2].map(|n| {
            let note = Note::with_fate(n, &fate);
            spawn(&queue, move |queue| assert!(send(queue, note).is_ok()))
        });
        let mut all = consumer.rest();
        senders
            .into_iter()
            .for_each(|sender| sender.join().unwrap());
        assert!(queued(&queue) <= 1);
        all.extend(consumer.rest());
        let displaced = std::mem::take(&mut *fate.lock().unwrap());
        assert!(
            displaced
                .iter()
                .all(|(_, cause)| *cause == Cause::Displaced)
        );
        assert_eq!(queue.counts().0.dropped_when_full, displaced.len() as u64);
        all.extend(displaced.into_iter().map(|(number, _)| number));
        assert_eq!(sorted(all), [1, 2]);
        nothing_is_left(&queue);
    });
}
