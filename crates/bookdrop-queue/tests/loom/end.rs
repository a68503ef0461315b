//! Closing and draining.

use std::future::poll_fn;

use bookdrop_queue::park::wait;
use bookdrop_queue::{Over, Refusal};

use crate::tools::*;

/// Waits on this thread for empty hands.
pub(crate) fn wait_empty_handed(queue: &TestQueue) {
    let mut waiting = None;
    wait(poll_fn(|cx| queue.poll_empty_handed(&mut waiting, cx)));
    assert_eq!(waiting, None, "who found what it waited for waits no more");
}

#[test]
fn a_close_ends_a_consumer_that_goes_to_sleep() {
    model(|| {
        let (queue, consumer) = queue(1);
        let consumer = spawn_with(consumer, Consumer::receive_and_ack);
        queue.close();
        let (received, _consumer) = consumer.join().unwrap();
        assert_eq!(received, Err(Over));
        nothing_is_left(&queue);
    });
}

#[test]
fn a_close_ends_two_consumers() {
    bounded(4, || {
        let (queue, consumers) = queue_for_two(1);
        let consumers = consumers.map(|one| spawn_with(one, Consumer::receive_and_ack));
        queue.close();
        let [(one, _one), (other, _other)] = consumers.map(|one| one.join().unwrap());
        assert_eq!([one, other], [Err(Over), Err(Over)]);
        nothing_is_left(&queue);
    });
}

/// What was taken in is handed out before the end, and what was not is given back.
#[test]
fn a_close_against_a_send_and_a_receive() {
    bounded(3, || {
        let (queue, mut consumer) = queue(1);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)));
        let closer = spawn(&queue, |queue| queue.close());
        let received = consumer.receive_and_ack();
        closer.join().unwrap();
        match sender.join().unwrap() {
            // The consumer may have found the end only after what was sent before it.
            Ok(()) => assert_eq!(received, Ok(1)),
            Err(refused) => {
                assert_eq!((refused.why, refused.item.number), (Refusal::Closed, 1));
                assert_eq!(received, Err(Over));
            }
        }
        nothing_is_left(&queue);
    });
}

#[test]
fn a_close_gives_a_waiting_sender_its_note_back() {
    bounded(3, || {
        let (queue, mut consumer) = queue(1);
        fill(&queue, [0]);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)));
        let closer = spawn(&queue, |queue| queue.close());
        let mut all = vec![consumer.receive_and_ack().unwrap()];
        closer.join().unwrap();
        if let Err(refused) = sender.join().unwrap() {
            assert_eq!(refused.why, Refusal::Closed);
            all.push(refused.item.number);
        }
        all.extend(consumer.rest());
        assert_eq!(all, [0, 1]);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_drain_waits_for_what_is_in_hand() {
    for fails in [false, true] {
        model(move || {
            let (queue, consumer) = queue(1);
            fill(&queue, [1]);
            let worker = spawn_with(consumer, move |consumer| {
                // It may have been drained before.
                let delivery = consumer.try_receive().ok().flatten()?;
                match fails {
                    true => delivery.failed(),
                    false => drop(delivery.finish()),
                }
                Some(())
            });
            queue.begin_drain();
            wait_empty_handed(&queue);
            assert_eq!(queue.counts().1.in_hand, 0);
            let left = queue.take_left().0.len();
            let (worked, _consumer) = worker.join().unwrap();
            assert_eq!(left, usize::from(fails || worked.is_none()));
            nothing_is_left(&queue);
        });
    }
}

/// Two drains at once, one of which is given up.
#[test]
fn a_drain_that_is_given_up_leaves_the_other_one_alone() {
    bounded(4, || {
        let (queue, mut consumer) = queue(1);
        fill(&queue, [1]);
        let delivery = consumer.take();
        queue.begin_drain();
        let mut given_up = None;
        let poll = poll_fn(|cx| queue.poll_empty_handed(&mut given_up, cx));
        assert!(poll_once(poll, &deaf()).is_pending());
        let drain = spawn(&queue, wait_empty_handed);
        let worker = spawn(&queue, move |_| delivery.ack());
        queue.stop_waiting_empty_handed(&mut given_up);
        drain.join().unwrap();
        worker.join().unwrap();
        nothing_is_left(&queue);
    });
}

/// A consumer that found nothing ready, since somebody has the key in hand, is told when there is nothing more to wait
/// for.
#[test]
fn a_close_ends_a_consumer_that_waits_for_a_key() {
    bounded(4, || {
        let (queue, [mut first, second]) = queue_for_two(2);
        for n in [1, 2] {
            assert!(queue.try_send(Note::with_key(n, "k"), None).is_ok());
        }
        let delivery = first.take();
        let second = spawn_with(second, |second| {
            (second.receive_and_ack(), second.receive_and_ack())
        });
        let worker = spawn(&queue, |_| delivery.ack());
        queue.close();
        let (received, _second) = second.join().unwrap();
        assert_eq!(received, (Ok(2), Err(Over)));
        worker.join().unwrap();
        nothing_is_left(&queue);
    });
}
