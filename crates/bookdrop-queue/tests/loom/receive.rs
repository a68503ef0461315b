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
        let (queue, reader) = queue(1);
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        assert!(send(&queue, Note::new(1)).is_ok());
        assert_eq!(consumer.join().unwrap(), Ok(1));
        nothing_is_left(&queue);
    });
}

#[test]
fn two_sends_reach_two_consumers() {
    bounded(4, || {
        let (queue, reader) = queue(2);
        let consumers =
            [(); 2].map(|()| spawn(&queue, move |queue| receive_and_ack(queue, reader)));
        for n in [1, 2] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        let received = consumers.map(|consumer| consumer.join().unwrap().unwrap());
        assert_eq!(sorted(received.into()), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// One place, so that each consumer also lets the next note in.
#[test]
fn two_sends_reach_two_consumers_through_one_place() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        let consumers =
            [(); 2].map(|()| spawn(&queue, move |queue| receive_and_ack(queue, reader)));
        for n in [1, 2] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        let received = consumers.map(|consumer| consumer.join().unwrap().unwrap());
        assert_eq!(sorted(received.into()), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// The one that sleeps longest is woken for the note, but it leaves: the other one has to get it.
#[test]
fn a_consumer_that_leaves_while_it_is_notified_passes_it_on() {
    model(|| {
        let (queue, reader) = queue(1);
        let mut waiting = None;
        assert!(look(&queue, reader, &mut waiting, &deaf()).is_none());
        let other = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)).is_ok());
        queue.stop_receiving(reader.group, &mut waiting);
        assert_eq!(other.join().unwrap(), Ok(1));
        assert!(sender.join().unwrap());
        nothing_is_left(&queue);
    });
}

/// Somebody else was quicker: the one that was woken in vain sleeps again, and is woken for the next.
#[test]
fn a_consumer_that_is_woken_in_vain_is_woken_again() {
    model(|| {
        let (queue, reader) = queue(1);
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader).unwrap());
        assert!(send(&queue, Note::new(1)).is_ok());
        let mut all = rest(&queue, reader);
        assert!(send(&queue, Note::new(2)).is_ok());
        all.push(consumer.join().unwrap());
        all.extend(rest(&queue, reader));
        assert_eq!(sorted(all), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// A stream keeps its place when its `next` is dropped, and nobody looks when it is woken.
#[test]
fn a_stream_that_nobody_polls_takes_no_wake_up_from_another() {
    model(|| {
        let (queue, reader) = queue(1);
        let mut waiting = None;
        let waker = deaf();
        let next = poll_fn(|cx| queue.poll_next(reader, &mut waiting, cx, &mut |_| unreachable!()));
        assert!(poll_once(next, &waker).is_pending());
        let other = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        assert!(send(&queue, Note::new(1)).is_ok());
        assert_eq!(other.join().unwrap(), Ok(1));
        queue.stop_receiving(reader.group, &mut waiting);
        nothing_is_left(&queue);
    });
}

/// The one that leaves may have been notified, may look once more, and may find the note.
#[test]
fn a_consumer_that_looks_once_more_and_leaves_loses_nothing() {
    bounded(4, || {
        let (queue, reader) = queue(2);
        let mut waiting = None;
        assert!(look(&queue, reader, &mut waiting, &deaf()).is_none());
        let other = spawn(&queue, move |queue| receive_and_ack(queue, reader).unwrap());
        let sender = spawn(&queue, |queue| {
            assert!(send(queue, Note::new(1)).is_ok());
            assert!(send(queue, Note::new(2)).is_ok());
        });
        let found = look(&queue, reader, &mut waiting, &deaf());
        queue.stop_receiving(reader.group, &mut waiting);
        let mut all = vec![other.join().unwrap()];
        sender.join().unwrap();
        all.extend(
            found
                .into_iter()
                .flatten()
                .map(|taken| queue.ack(taken).number),
        );
        all.extend(rest(&queue, reader));
        assert_eq!(sorted(all), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// A waker is replaced while the note comes: the task has moved.
#[test]
fn a_consumer_that_changes_its_waker_is_woken_by_the_new_one() {
    model(|| {
        let (queue, reader) = queue(1);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)).is_ok());
        let mut waiting = None;
        let mut found = look(&queue, reader, &mut waiting, &deaf());
        if found.is_none() {
            found = look(&queue, reader, &mut waiting, &deaf());
        }
        if found.is_none() {
            let taken = wait(poll_fn(|cx| {
                look(&queue, reader, &mut waiting, cx.waker()).map_or(Poll::Pending, Poll::Ready)
            }));
            found = Some(taken);
        }
        assert!(sender.join().unwrap());
        let numbers: Vec<_> = found
            .into_iter()
            .flatten()
            .map(|taken| queue.ack(taken).number)
            .collect();
        assert_eq!(numbers, [1]);
    });
}

#[test]
fn what_failed_reaches_a_consumer_that_waits() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(1), None).is_ok());
        let taken = queue.try_receive(reader).unwrap().unwrap();
        let consumer = spawn(&queue, move |queue| {
            let taken = receive(queue, reader).unwrap();
            (taken.attempt(), queue.ack(taken).number)
        });
        queue.failed(taken, None);
        assert_eq!(consumer.join().unwrap(), (2, 1));
        nothing_is_left(&queue);
    });
}

/// Two work at the same time, but not on one key.
#[test]
fn the_second_of_a_key_waits_for_the_first() {
    model(|| {
        let (queue, reader) = queue(2);
        for n in [1, 2] {
            assert!(queue.try_send(Note::with_key(n, "k"), None).is_ok());
        }
        let at_work = Arc::new(AtomicUsize::new(0));
        let work = move |queue: &TestQueue, fails: bool| {
            let taken = receive(queue, reader).unwrap();
            assert_eq!(
                at_work.fetch_add(1, Ordering::Relaxed),
                0,
                "one key, two at work"
            );
            let number = taken.item.number;
            at_work.fetch_sub(1, Ordering::Relaxed);
            match fails && taken.attempt() == 1 {
                true => queue.failed(taken, None),
                false => drop(queue.ack(taken)),
            }
            number
        };
        let others_work = work.clone();
        let other = spawn(&queue, move |queue| {
            [(); 1].map(|()| others_work(queue, false))
        });
        let first = work(&queue, true);
        let all = [first, other.join().unwrap()[0]];
        // Whoever failed left one behind.
        let left = rest(&queue, reader);
        let mut seen: Vec<_> = all.into_iter().chain(left).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [1, 2]);
        nothing_is_left(&queue);
    });
}

/// Settling the first is what makes the second ready: a consumer that sleeps has to be woken for it.
#[test]
fn a_settled_key_wakes_the_one_who_waits_for_the_next() {
    model(|| {
        let (queue, reader) = queue(2);
        for n in [1, 2] {
            assert!(queue.try_send(Note::with_key(n, "k"), None).is_ok());
        }
        let first = queue.try_receive(reader).unwrap().unwrap();
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        queue.ack(first);
        assert_eq!(consumer.join().unwrap(), Ok(2));
        nothing_is_left(&queue);
    });
}

/// What was sent for later is due, and the alarm rings.
#[test]
fn an_alarm_wakes_a_consumer_for_what_is_due() {
    model(|| {
        let (queue, reader) = queue(1);
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        assert!(queue.try_send(Note::new(1), Some(clock::now())).is_ok());
        queue.ring();
        assert_eq!(consumer.join().unwrap(), Ok(1));
        nothing_is_left(&queue);
    });
}

#[test]
fn removing_a_group_ends_its_consumers() {
    model(|| {
        let (queue, reader) = queue(1);
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        assert!(queue.remove_group("default"));
        assert_eq!(consumer.join().unwrap(), Err(Over));
        nothing_is_left(&queue);
    });
}

/// A group that comes to be while something is sent gets all of it or nothing, and the other one gets it in any case.
#[test]
fn a_group_is_joined_during_a_send() {
    model(|| {
        let (queue, reader) = queue(1);
        let joiner = spawn(&queue, |queue| queue.join("audit", Note::copy));
        assert!(send(&queue, Note::new(1)).is_ok());
        let audit = bookdrop_queue::Reader {
            group: joiner.join().unwrap(),
            auto_ack: false,
        };
        assert_eq!(rest(&queue, reader), [1]);
        let seen = rest(&queue, audit);
        assert!(seen.is_empty() || seen == [1]);
        nothing_is_left(&queue);
    });
}
