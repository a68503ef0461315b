//! Sending into a full queue.

use bookdrop_queue::{Cause, OnFull, Sending};
use std::task::Context;

use crate::tools::*;

fn queued(queue: &TestQueue) -> usize {
    queue.depths("default").unwrap().queued
}

/// Who stands in line is let in when there is room, and never one too many.
#[test]
fn two_waiting_senders_are_let_in() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let senders = [1, 2].map(|n| spawn(&queue, move |queue| send(queue, Note::new(n)).is_ok()));
        let mut received = Vec::new();
        for _ in 0..3 {
            received.push(receive_and_ack(&queue, reader).unwrap());
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
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let mut first = Sending::new(Note::new(1), None);
        let waker = deaf();
        assert!(
            queue
                .poll_send(&mut first, &mut Context::from_waker(&waker))
                .is_pending()
        );
        let late = spawn(&queue, |queue| queue.try_send(Note::new(2), None).is_ok());
        let mut received = vec![receive_and_ack(&queue, reader).unwrap()];
        received.push(receive_and_ack(&queue, reader).unwrap());
        assert_eq!(received, [0, 1]);
        let went_in = late.join().unwrap();
        assert!(
            queue
                .poll_send(&mut first, &mut Context::from_waker(&waker))
                .is_ready()
        );
        assert_eq!(rest(&queue, reader), if went_in { vec![2] } else { vec![] });
        nothing_is_left(&queue);
    });
}

/// It is sent or given back, never both and never neither; and the place goes to the next one.
#[test]
fn a_waiting_sender_is_dropped_while_it_is_let_in() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let mut leaving = Sending::new(Note::new(1), None);
        let waker = deaf();
        assert!(
            queue
                .poll_send(&mut leaving, &mut Context::from_waker(&waker))
                .is_pending()
        );
        let other = spawn(&queue, |queue| send(queue, Note::new(2)).is_ok());
        let consumer = spawn(&queue, move |queue| {
            [(); 2].map(|()| receive_and_ack(queue, reader).unwrap())
        });
        let back = queue.cancel_send(&mut leaving).map(|note| note.number);
        assert!(other.join().unwrap());
        let mut all: Vec<_> = consumer.join().unwrap().into();
        assert!(back.is_none() || !all.contains(&1));
        all.extend(rest(&queue, reader));
        all.extend(back);
        assert_eq!(sorted(all), [0, 1, 2]);
        nothing_is_left(&queue);
    });
}

/// The task moves to another waker while its note is let in.
#[test]
fn a_sender_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let mut sending = Sending::new(Note::new(1), None);
        let waker = deaf();
        assert!(
            queue
                .poll_send(&mut sending, &mut Context::from_waker(&waker))
                .is_pending()
        );
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader).unwrap());
        let sent = bookdrop_queue::park::wait(std::future::poll_fn(|cx| {
            queue.poll_send(&mut sending, cx)
        }));
        assert!(sent.is_ok());
        assert_eq!(consumer.join().unwrap(), 0);
        assert_eq!(rest(&queue, reader), [1]);
        nothing_is_left(&queue);
    });
}

#[test]
fn the_oldest_makes_room() {
    model(|| {
        let (queue, reader) = queue_that(1, OnFull::DropOldest);
        let fate = Fate::default();
        let senders = [1, 2].map(|n| {
            let note = Note::with_fate(n, &fate);
            spawn(&queue, move |queue| {
                assert!(queue.try_send(note, None).is_ok())
            })
        });
        let mut all = rest(&queue, reader);
        senders
            .into_iter()
            .for_each(|sender| sender.join().unwrap());
        assert!(queued(&queue) <= 1);
        all.extend(rest(&queue, reader));
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
