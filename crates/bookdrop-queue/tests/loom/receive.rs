//! Receiving against sending, settling and leaving.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bookdrop_queue::park::wait;
use bookdrop_queue::timer::Alarm;
use bookdrop_queue::{Over, clock};
use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::tools::*;

#[test]
fn a_send_reaches_a_consumer_that_goes_to_sleep() {
    model(|| {
        let (queue, consumer) = queue(1);
        let consumer = spawn_with(consumer, Consumer::receive_and_ack);
        assert!(send(&queue, Note::new(1)).is_ok());
        let (received, _consumer) = consumer.join().unwrap();
        assert_eq!(received, Ok(1));
        nothing_is_left(&queue);
    });
}

#[test]
fn two_sends_reach_two_consumers() {
    bounded(3, || {
        let (queue, consumers) = queue_for_two(2);
        let consumers = consumers.map(|one| spawn_with(one, Consumer::receive_and_ack));
        for n in [1, 2] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        let [(one, _one), (other, _other)] = consumers.map(|one| one.join().unwrap());
        assert_eq!(sorted(vec![one.unwrap(), other.unwrap()]), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// One place, so that each consumer also lets the next note in.
#[test]
fn two_sends_reach_two_consumers_through_one_place() {
    bounded(3, || {
        let (queue, consumers) = queue_for_two(1);
        let consumers = consumers.map(|one| spawn_with(one, Consumer::receive_and_ack));
        for n in [1, 2] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        let [(one, _one), (other, _other)] = consumers.map(|one| one.join().unwrap());
        assert_eq!(sorted(vec![one.unwrap(), other.unwrap()]), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// The one that sleeps longest is woken for the note, but it leaves: the other one has to get it.
#[test]
fn a_consumer_that_leaves_while_it_is_notified_passes_it_on() {
    bounded(4, || {
        let (queue, [mut leaving, other]) = queue_for_two(1);
        assert!(leaving.look(&deaf()).is_none());
        let other = spawn_with(other, Consumer::receive_and_ack);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)).is_ok());
        leaving.stop_waiting();
        let (received, _other) = other.join().unwrap();
        assert_eq!(received, Ok(1));
        assert!(sender.join().unwrap());
        nothing_is_left(&queue);
    });
}

/// Somebody else was quicker: the one that was woken in vain sleeps again, and is woken for the next.
#[test]
fn a_consumer_that_is_woken_in_vain_is_woken_again() {
    model(|| {
        let (queue, [mut quick, woken]) = queue_for_two(1);
        let woken = spawn_with(woken, |one| one.receive_and_ack().unwrap());
        assert!(send(&queue, Note::new(1)).is_ok());
        let mut all = quick.rest();
        assert!(send(&queue, Note::new(2)).is_ok());
        let (received, _woken) = woken.join().unwrap();
        all.push(received);
        all.extend(quick.rest());
        assert_eq!(sorted(all), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// A stream keeps its place when its `next` is dropped, and nobody looks when it is woken.
#[test]
fn a_stream_that_nobody_polls_takes_no_wake_up_from_another() {
    model(|| {
        let (queue, [mut stream, other]) = queue_for_two(1);
        assert!(stream.look_as_stream(&deaf()).is_none());
        let other = spawn_with(other, Consumer::receive_and_ack);
        assert!(send(&queue, Note::new(1)).is_ok());
        let (received, _other) = other.join().unwrap();
        assert_eq!(received, Ok(1));
        stream.stop_waiting();
        nothing_is_left(&queue);
    });
}

/// The one that leaves may have been notified, may look once more, and may find the note.
#[test]
fn a_consumer_that_looks_once_more_and_leaves_loses_nothing() {
    bounded(3, || {
        let (queue, [mut leaving, other]) = queue_for_two(2);
        assert!(leaving.look(&deaf()).is_none());
        let other = spawn_with(other, |one| one.receive_and_ack().unwrap());
        let sender = spawn(&queue, |queue| {
            assert!(send(queue, Note::new(1)).is_ok());
            assert!(send(queue, Note::new(2)).is_ok());
        });
        let found = leaving.look(&deaf());
        leaving.stop_waiting();
        let (received, _other) = other.join().unwrap();
        sender.join().unwrap();
        let mut all = vec![received];
        all.extend(found.map(Delivery::ack));
        all.extend(leaving.rest());
        assert_eq!(sorted(all), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// A waker is replaced while the note comes: the task has moved.
#[test]
fn a_consumer_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)).is_ok());
        let mut found = consumer.look(&deaf());
        if found.is_none() {
            found = consumer.look(&deaf());
        }
        let found = found.unwrap_or_else(|| {
            wait(poll_fn(|cx| {
                consumer.look(cx.waker()).map_or(Poll::Pending, Poll::Ready)
            }))
        });
        assert!(sender.join().unwrap());
        assert_eq!(found.ack(), 1);
        nothing_is_left(&queue);
    });
}

#[test]
fn what_failed_reaches_a_consumer_that_waits() {
    model(|| {
        let (queue, [mut fails, consumer]) = queue_for_two(1);
        fill(&queue, [1]);
        let delivery = fails.take();
        let consumer = spawn_with(consumer, |one| {
            let delivery = one.receive().unwrap();
            (delivery.attempt(), delivery.ack())
        });
        delivery.failed();
        let (received, _consumer) = consumer.join().unwrap();
        assert_eq!(received, (2, 1));
        nothing_is_left(&queue);
    });
}

/// Two work at the same time, but not on one key.
#[test]
fn the_second_of_a_key_waits_for_the_first() {
    bounded(4, || {
        let (queue, [mut one, other]) = queue_for_two(2);
        for n in [1, 2] {
            assert!(queue.try_send(Note::with_key(n, "k"), None).is_ok());
        }
        let at_work = Arc::new(AtomicUsize::new(0));
        let work = move |consumer: &mut Consumer, fails: bool| {
            let delivery = consumer.receive().unwrap();
            let others = at_work.fetch_add(1, Ordering::Relaxed);
            assert_eq!(others, 0, "one key, two at work");
            let number = delivery.number();
            at_work.fetch_sub(1, Ordering::Relaxed);
            match fails && delivery.attempt() == 1 {
                true => delivery.failed(),
                false => drop(delivery.finish()),
            }
            number
        };
        let others_work = work.clone();
        let other = spawn_with(other, move |other| others_work(other, false));
        let first = work(&mut one, true);
        let (second, _other) = other.join().unwrap();
        // Whoever failed left one behind.
        let mut seen = sorted([first, second].into_iter().chain(one.rest()).collect());
        seen.dedup();
        assert_eq!(seen, [1, 2]);
        nothing_is_left(&queue);
    });
}

/// Settling the first is what makes the second ready: a consumer that sleeps has to be woken for it.
#[test]
fn a_settled_key_wakes_the_one_who_waits_for_the_next() {
    model(|| {
        let (queue, [mut first, second]) = queue_for_two(2);
        for n in [1, 2] {
            assert!(queue.try_send(Note::with_key(n, "k"), None).is_ok());
        }
        let delivery = first.take();
        let second = spawn_with(second, Consumer::receive_and_ack);
        delivery.ack();
        let (received, _second) = second.join().unwrap();
        assert_eq!(received, Ok(2));
        nothing_is_left(&queue);
    });
}

/// What was sent for later is due, and the alarm rings.
#[test]
fn an_alarm_wakes_a_consumer_for_what_is_due() {
    model(|| {
        let (queue, consumer) = queue(1);
        let consumer = spawn_with(consumer, Consumer::receive_and_ack);
        assert!(queue.try_send(Note::new(1), Some(clock::now())).is_ok());
        queue.ring();
        let (received, _consumer) = consumer.join().unwrap();
        assert_eq!(received, Ok(1));
        nothing_is_left(&queue);
    });
}

#[test]
fn removing_a_group_ends_its_consumers() {
    model(|| {
        let (queue, consumer) = queue(1);
        let consumer = spawn_with(consumer, Consumer::receive_and_ack);
        assert!(queue.remove_group("default"));
        let (received, _consumer) = consumer.join().unwrap();
        assert_eq!(received, Err(Over));
        nothing_is_left(&queue);
    });
}

/// A group that comes to be while something is sent gets all of it or nothing, and the other one gets it in any case.
#[test]
fn a_group_is_joined_during_a_send() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let joiner = spawn(&queue, |queue| Consumer::in_group(queue, "audit"));
        assert!(send(&queue, Note::new(1)).is_ok());
        let mut audit = joiner.join().unwrap();
        assert_eq!(consumer.rest(), [1]);
        let seen = audit.rest();
        assert!(seen.is_empty() || seen == [1]);
        nothing_is_left(&queue);
    });
}
