//! Requests: who gets the answer, or the request back.

use bookdrop_queue::{Cause, Reader, Refusal, Taken};

use crate::tools::*;

/// Either the requester gets the answer, or the one who answers is told that nobody wants it.
#[test]
fn an_answer_against_a_give_up() {
    model(|| {
        let (queue, reader) = queue(1);
        let (note, requester) = Note::request(1);
        assert!(queue.send_request(note, None).is_ok());
        let taken = queue.try_receive(reader).unwrap().unwrap();
        let consumer = spawn(&queue, move |queue| answer(queue, taken, 5));
        let (outcome, back) = requester.give_up(&queue);
        let reached = consumer.join().unwrap();
        assert_eq!(outcome, reached.then_some(Outcome::Replied(5)));
        assert_eq!(back, None, "a consumer had it");
        let (counters, _) = queue.counts();
        let counted = [
            counters.answered,
            counters.replies_refused,
            counters.given_up,
        ];
        assert_eq!(
            counted,
            [u64::from(reached), u64::from(!reached), u64::from(!reached)]
        );
        nothing_is_left(&queue);
    });
}

/// Takes the request, which nobody may get once its requester has given up.
fn take(queue: &TestQueue, reader: Reader, requester: &Requester) -> Option<Taken<Note>> {
    let has_left = !requester.slot.is_awaited();
    let taken = queue.try_receive(reader).unwrap();
    assert!(
        !has_left || taken.is_none(),
        "nobody works for those who left"
    );
    taken
}

/// Either the consumer has the request, or the requester gets it back.
#[test]
fn a_give_up_against_a_hand_over() {
    model(|| {
        let (queue, reader) = queue(1);
        let (note, requester) = Note::request(1);
        assert!(queue.send_request(note, None).is_ok());
        let consumer = spawn(&queue, {
            let requester = requester.clone();
            move |queue| take(queue, reader, &requester)
        });
        let (outcome, back) = requester.give_up(&queue);
        assert_eq!(outcome, None);
        let taken = consumer.join().unwrap();
        assert_eq!(back.is_some(), taken.is_none(), "never both, never neither");
        if let Some(taken) = taken {
            assert!(!answer(&queue, taken, 5));
        }
        nothing_is_left(&queue);
    });
}

/// The request stands in line, is let in, and handed over, while its requester gives up.
#[test]
fn a_give_up_against_the_way_through_a_full_queue() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let (note, requester) = Note::request(1);
        assert!(queue.send_request(note, None).is_ok());
        let consumer = spawn(&queue, {
            let requester = requester.clone();
            move |queue| {
                assert_eq!(receive_and_ack(queue, reader), Ok(0));
                take(queue, reader, &requester)
            }
        });
        let (outcome, back) = requester.give_up(&queue);
        assert_eq!(outcome, None);
        let taken = consumer.join().unwrap();
        assert_eq!(back.is_some(), taken.is_none(), "never both, never neither");
        if let Some(taken) = taken {
            assert!(!answer(&queue, taken, 5));
        }
        nothing_is_left(&queue);
    });
}

/// The work fails, or is dropped, while the requester gives up: the request is gone.
#[test]
fn a_give_up_against_a_return() {
    model(|| {
        let (queue, reader) = queue(1);
        let (note, requester) = Note::request(1);
        assert!(queue.send_request(note, None).is_ok());
        let taken = queue.try_receive(reader).unwrap().unwrap();
        let consumer = spawn(&queue, move |queue| queue.failed(taken, None));
        let (outcome, _) = requester.give_up(&queue);
        consumer.join().unwrap();
        assert_eq!(outcome, None);
        assert!(
            rest(&queue, reader).is_empty(),
            "nobody works for those who left"
        );
        nothing_is_left(&queue);
    });
}

/// Nobody is there to answer: the request is refused, or its requester is told.
#[test]
fn the_last_consumer_leaves() {
    model(|| {
        let (queue, reader) = queue(1);
        let (note, requester) = Note::request(1);
        let leaver = spawn(&queue, move |queue| queue.leave(reader.group));
        match queue.send_request(note, None) {
            Ok(()) => assert_eq!(
                requester.outcome(),
                Outcome::Failed(Cause::NoConsumer, true)
            ),
            Err(refused) => assert_eq!(refused.why, Refusal::NoConsumer),
        }
        leaver.join().unwrap();
        nothing_is_left(&queue);
    });
}

/// The same with a request on its way into the line.
#[test]
fn the_last_consumer_leaves_a_full_queue() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let (note, requester) = Note::request(1);
        let leaver = spawn(&queue, move |queue| queue.leave(reader.group));
        match queue.send_request(note, None) {
            Ok(()) => assert_eq!(
                requester.outcome(),
                Outcome::Failed(Cause::NoConsumer, true)
            ),
            Err(refused) => assert_eq!(refused.why, Refusal::NoConsumer),
        }
        leaver.join().unwrap();
        assert_eq!(queue.waiting_senders(), 0);
    });
}

/// The last consumer leaves and the work on a request comes back undone: nobody will do it.
#[test]
fn the_last_consumer_leaves_with_a_request_in_hand() {
    model(|| {
        let (queue, reader) = queue(1);
        let (note, requester) = Note::request(1);
        assert!(queue.send_request(note, None).is_ok());
        let taken = queue.try_receive(reader).unwrap().unwrap();
        let leaver = spawn(&queue, move |queue| queue.leave(reader.group));
        queue.failed(taken, None);
        assert_eq!(
            requester.outcome(),
            Outcome::Failed(Cause::NoConsumer, false)
        );
        leaver.join().unwrap();
        nothing_is_left(&queue);
    });
}

#[test]
fn a_close_ends_a_request_that_nobody_took() {
    model(|| {
        let (queue, _) = queue(1);
        let (note, requester) = Note::request(1);
        let closer = spawn(&queue, |queue| queue.close());
        match queue.send_request(note, None) {
            Ok(()) => assert_eq!(requester.outcome(), Outcome::Failed(Cause::Closed, true)),
            Err(refused) => assert_eq!(refused.why, Refusal::Closed),
        }
        closer.join().unwrap();
        nothing_is_left(&queue);
    });
}

/// A request that nobody works on ends with the queue; one that somebody works on is answered.
#[test]
fn a_close_against_a_request() {
    bounded(4, || {
        let (queue, reader) = queue(1);
        let (note, requester) = Note::request(1);
        let closer = spawn(&queue, |queue| queue.close());
        let consumer = spawn(&queue, move |queue| match receive(queue, reader) {
            Ok(taken) => answer(queue, taken, 5),
            Err(_) => false,
        });
        match queue.send_request(note, None) {
            Ok(()) => match requester.outcome() {
                Outcome::Replied(5) => assert!(consumer.join().unwrap()),
                outcome => {
                    assert_eq!(outcome, Outcome::Failed(Cause::Closed, true));
                    assert!(!consumer.join().unwrap());
                }
            },
            Err(refused) => {
                assert_eq!(refused.why, Refusal::Closed);
                assert!(!consumer.join().unwrap());
            }
        }
        closer.join().unwrap();
        nothing_is_left(&queue);
    });
}
