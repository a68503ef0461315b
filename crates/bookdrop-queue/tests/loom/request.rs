//! Requests on their way through the queue: who gets the answer, or the request back.

use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use bookdrop_queue::{Asking, Cause, Refusal};

use crate::sender::{ask_with, asking};
use crate::tools::*;

/// Takes the request, which nobody may get once its requester has given up.
fn take(consumer: &mut Consumer, requester: &Requester) -> Option<Delivery> {
    let has_left = !requester.is_awaited();
    let delivery = consumer.try_receive().unwrap();
    assert!(
        !has_left || delivery.is_none(),
        "nobody works for those who left"
    );
    delivery
}

/// Either the consumer has the request, or the requester gets it back.
#[test]
fn a_give_up_against_a_hand_over() {
    model(|| {
        let (queue, consumer) = queue(1);
        let requester = ask(&queue, Note::new(1)).ok().unwrap();
        let its = requester.clone();
        let consumer = spawn_with(consumer, move |consumer| take(consumer, &its));
        let (outcome, back) = requester.give_up();
        assert_eq!(outcome, None);
        let (delivery, _consumer) = consumer.join().unwrap();
        let is_there = delivery.is_none();
        assert_eq!(back.is_some(), is_there, "never both, never neither");
        assert!(!delivery.is_some_and(|delivery| delivery.answer(5)));
        nothing_is_left(&queue);
    });
}

/// The request stands in line, is let in, and handed over, while its requester gives up.
#[test]
fn a_give_up_against_the_way_through_a_full_queue() {
    model(|| {
        let (queue, consumer) = queue(1);
        fill(&queue, [0]);
        let requester = ask(&queue, Note::new(1)).ok().unwrap();
        let its = requester.clone();
        let consumer = spawn_with(consumer, move |consumer| {
            assert_eq!(consumer.receive_and_ack(), Ok(0));
            take(consumer, &its)
        });
        let (outcome, back) = requester.give_up();
        assert_eq!(outcome, None);
        let (delivery, _consumer) = consumer.join().unwrap();
        let is_there = delivery.is_none();
        assert_eq!(back.is_some(), is_there, "never both, never neither");
        assert!(!delivery.is_some_and(|delivery| delivery.answer(5)));
        nothing_is_left(&queue);
    });
}

/// One request is given up in front of another one, which is handed over all the same, and to its own consumer only.
#[test]
fn a_give_up_in_front_of_another_request() {
    model(|| {
        let (queue, consumer) = queue(2);
        let [first, second] = [1, 2].map(|n| ask(&queue, Note::new(n)).ok().unwrap());
        let consumer = spawn_with(consumer, |consumer| {
            let mut all = Vec::new();
            while let Some(delivery) = consumer.try_receive().unwrap() {
                all.push(delivery.number());
                delivery.answer(5);
            }
            all
        });
        let (outcome, back) = first.give_up();
        let (seen, _consumer) = consumer.join().unwrap();
        match back {
            Some(note) => assert_eq!((note, outcome, seen), (1, None, vec![2])),
            None => assert_eq!(seen, [1, 2]),
        }
        assert_eq!(second.outcome(), Outcome::Replied(5));
        nothing_is_left(&queue);
    });
}

/// The work fails, or is dropped, while the requester gives up: the request is gone.
#[test]
fn a_give_up_against_a_return() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let requester = ask(&queue, Note::new(1)).ok().unwrap();
        let delivery = consumer.take();
        let worker = spawn(&queue, move |_| delivery.failed());
        let (outcome, _) = requester.give_up();
        worker.join().unwrap();
        assert_eq!(outcome, None);
        assert!(
            consumer.rest().is_empty(),
            "nobody works for those who left"
        );
        nothing_is_left(&queue);
    });
}

/// Nobody is there to answer: the request is refused, or its requester is told.
#[test]
fn the_last_consumer_leaves() {
    model(|| {
        let (queue, consumer) = queue(1);
        let leaver = spawn(&queue, move |_| drop(consumer));
        match request(&queue, Note::new(1)) {
            Ok(outcome) => assert_eq!(outcome, Outcome::Failed(Cause::NoConsumer, true)),
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
        let (queue, consumer) = queue(1);
        fill(&queue, [0]);
        let leaver = spawn(&queue, move |_| drop(consumer));
        match request(&queue, Note::new(1)) {
            Ok(outcome) => assert_eq!(outcome, Outcome::Failed(Cause::NoConsumer, true)),
            Err(refused) => assert_eq!(refused.why, Refusal::NoConsumer),
        }
        leaver.join().unwrap();
        assert_eq!((queue.waiting_senders(), queue.waiting_requests()), (0, 0));
    });
}

/// The last consumer leaves and the work on a request comes back undone: nobody will do it.
#[test]
fn the_last_consumer_leaves_with_a_request_in_hand() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let requester = ask(&queue, Note::new(1)).ok().unwrap();
        let delivery = consumer.take();
        let leaver = spawn(&queue, move |_| drop(consumer));
        delivery.failed();
        let outcome = requester.outcome();
        assert_eq!(outcome, Outcome::Failed(Cause::NoConsumer, false));
        leaver.join().unwrap();
        nothing_is_left(&queue);
    });
}

#[test]
fn a_close_ends_a_request_that_nobody_took() {
    model(|| {
        let (queue, _consumer) = queue(1);
        let closer = spawn(&queue, |queue| queue.close());
        match request(&queue, Note::new(1)) {
            Ok(outcome) => assert_eq!(outcome, Outcome::Failed(Cause::Closed, true)),
            Err(refused) => assert_eq!(refused.why, Refusal::Closed),
        }
        closer.join().unwrap();
        nothing_is_left(&queue);
    });
}

/// A request that nobody works on ends with the queue; one that somebody works on is answered.
#[test]
fn a_close_against_a_request() {
    bounded(3, || {
        let (queue, consumer) = queue(1);
        let closer = spawn(&queue, |queue| queue.close());
        let consumer = spawn_with(consumer, |consumer| match consumer.receive() {
            Ok(delivery) => delivery.answer(5),
            Err(_) => false,
        });
        let outcome = request(&queue, Note::new(1));
        let (answered, _consumer) = consumer.join().unwrap();
        match outcome {
            Ok(Outcome::Replied(5)) => assert!(answered),
            Ok(outcome) => {
                assert_eq!(outcome, Outcome::Failed(Cause::Closed, true));
                assert!(!answered);
            }
            Err(refused) => {
                assert_eq!(refused.why, Refusal::Closed);
                assert!(!answered);
            }
        }
        closer.join().unwrap();
        nothing_is_left(&queue);
    });
}

/// The queue lets go of many requests, and tells their requesters one after the other. When the first one hears it, others
/// have come, and stand where the second one stood: which gives up, and must not get theirs. There is only one run.
#[test]
fn a_give_up_between_the_end_of_a_request_and_its_news() {
    struct First(Mutex<Option<Requester>>);
    impl Wake for First {
        fn wake(self: Arc<Self>) {
            let second = self.0.lock().unwrap().take();
            let second = second.expect("it is told once");
            let later = [100, 101].map(|n| patient(&second.queue, n, deaf()));
            assert_eq!(second.give_up(), (None, None));
            for (later, n) in later.into_iter().zip([100, 101]) {
                assert_eq!(later.give_up(), (None, Some(n)));
            }
        }
    }
    fn patient(queue: &TestQueue, number: u32, waker: Waker) -> Requester {
        let asking = Asking {
            waits_for_consumer: true,
            ..asking(waker)
        };
        ask_with(queue, Note::new(number), asking).ok().unwrap()
    }
    model(|| {
        let (queue, consumer) = queue(64);
        let staying = patient(&queue, 0, deaf());
        let first = Arc::new(First(Mutex::new(None)));
        let waker = Waker::from(first.clone());
        let mut requesters = vec![
            ask_with(&queue, Note::new(1), asking(waker)).ok().unwrap(),
            ask(&queue, Note::new(2)).ok().unwrap(),
        ];
        *first.0.lock().unwrap() = requesters.pop();
        // So many that their places are closed up.
        requesters.extend((3..40).map(|n| ask(&queue, Note::new(n)).ok().unwrap()));
        drop(consumer);
        for requester in requesters {
            assert_eq!(
                requester.outcome(),
                Outcome::Failed(Cause::NoConsumer, true)
            );
        }
        assert_eq!(staying.give_up(), (None, Some(0)));
        nothing_is_left(&queue);
    });
}
