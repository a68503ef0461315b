//! Closing and draining.

use std::future::poll_fn;

use bookdrop_queue::park::wait;
use bookdrop_queue::{Over, Refusal};

use crate::tools::*;

#[test]
fn a_close_ends_a_consumer_that_goes_to_sleep() {
    model(|| {
        let (queue, reader) = queue(1);
        let consumer = spawn(&queue, move |queue| receive_and_ack(queue, reader));
        queue.close();
        assert_eq!(consumer.join().unwrap(), Err(Over));
        nothing_is_left(&queue);
    });
}

#[test]
fn a_close_ends_two_consumers() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        let consumers =
            [(); 2].map(|()| spawn(&queue, move |queue| receive_and_ack(queue, reader)));
        queue.close();
        assert_eq!(
            consumers.map(|consumer| consumer.join().unwrap()),
            [Err(Over), Err(Over)]
        );
        nothing_is_left(&queue);
    });
}

/// What was taken in is handed out before the end, and what was not is given back.
#[test]
fn a_close_against_a_send_and_a_receive() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)));
        let closer = spawn(&queue, |queue| queue.close());
        let received = receive_and_ack(&queue, reader);
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
    bounded(4, || {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)));
        let closer = spawn(&queue, |queue| queue.close());
        let mut all = vec![receive_and_ack(&queue, reader).unwrap()];
        closer.join().unwrap();
        if let Err(refused) = sender.join().unwrap() {
            assert_eq!(refused.why, Refusal::Closed);
            all.push(refused.item.number);
        }
        all.extend(rest(&queue, reader));
        assert_eq!(all, [0, 1]);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_drain_waits_for_what_is_in_hand() {
    for fails in [false, true] {
        model(move || {
            let (queue, reader) = queue(1);
            assert!(queue.try_send(Note::new(1), None).is_ok());
            let worker = spawn(&queue, move |queue| {
                // It may have been drained before.
                let taken = queue.try_receive(reader).ok().flatten()?;
                match fails {
                    true => queue.failed(taken, None),
                    false => drop(queue.ack(taken)),
                }
                Some(())
            });
            queue.begin_drain();
            let mut waiting = None;
            wait(poll_fn(|cx| queue.poll_empty_handed(&mut waiting, cx)));
            assert_eq!((waiting, queue.counts().1.in_hand), (None, 0));
            let left = queue.take_left().0.len();
            let worked = worker.join().unwrap().is_some();
            assert_eq!(left, usize::from(fails || !worked));
            nothing_is_left(&queue);
        });
    }
}

/// Two drains at once, one of which is given up.
#[test]
fn a_drain_that_is_given_up_leaves_the_other_one_alone() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(1), None).is_ok());
        let taken = queue.try_receive(reader).unwrap().unwrap();
        queue.begin_drain();
        let mut given_up = None;
        let waker = deaf();
        assert!(
            poll_once(
                poll_fn(|cx| queue.poll_empty_handed(&mut given_up, cx)),
                &waker
            )
            .is_pending()
        );
        let drain = spawn(&queue, |queue| {
            let mut waiting = None;
            wait(poll_fn(|cx| queue.poll_empty_handed(&mut waiting, cx)));
        });
        let worker = spawn(&queue, move |queue| drop(queue.ack(taken)));
        queue.stop_waiting_empty_handed(&mut given_up);
        drain.join().unwrap();
        worker.join().unwrap();
        nothing_is_left(&queue);
    });
}
