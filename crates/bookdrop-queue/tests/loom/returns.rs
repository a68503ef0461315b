//! Deliveries that are acked without a word, against those who want to know when all hands are empty.

use bookdrop_queue::Over;

use crate::end::wait_empty_handed;
use crate::tools::*;

fn in_hand(queue: &TestQueue) -> usize {
    queue.counts().1.in_hand
}

/// Two deliveries of one consumer.
fn two_in_hand(queue: &TestQueue, consumer: &mut Consumer) -> [Delivery; 2] {
    fill(queue, [1, 2]);
    [(); 2].map(|()| consumer.take())
}

/// A delivery is settled elsewhere than where it was received.
fn settle(queue: &TestQueue, delivery: Delivery, fails: bool) -> loom::thread::JoinHandle<()> {
    spawn(queue, move |_| match fails {
        true => delivery.failed(),
        false => drop(delivery.finish()),
    })
}

/// The drain is told of the last one, however it comes back.
#[test]
fn a_drain_against_the_last_two_settlements() {
    for fails in [[false, false], [true, false], [true, true]] {
        bounded(3, move || {
            let (queue, mut consumer) = queue(2);
            let [one, other] = two_in_hand(&queue, &mut consumer);
            let workers = [(one, fails[0]), (other, fails[1])]
                .map(|(delivery, fails)| settle(&queue, delivery, fails));
            queue.begin_drain();
            wait_empty_handed(&queue);
            let (left, in_hand) = queue.take_left();
            assert_eq!(
                (left.len(), in_hand),
                (fails.iter().filter(|f| **f).count(), 0)
            );
            workers
                .into_iter()
                .for_each(|worker| worker.join().unwrap());
            nothing_is_left(&queue);
        });
    }
}

/// The same with an answer for a request, of which the queue is always told.
#[test]
fn a_drain_against_an_answer_and_an_ack() {
    bounded(4, || {
        let (queue, mut consumer) = queue(2);
        let requester = ask(&queue, Note::new(1)).ok().unwrap();
        fill(&queue, [2]);
        let (asked, plain) = (consumer.take(), consumer.take());
        let workers = [
            spawn(&queue, |_| assert!(asked.answer(5))),
            settle(&queue, plain, false),
        ];
        queue.begin_drain();
        wait_empty_handed(&queue);
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        assert_eq!(requester.outcome(), Outcome::Replied(5));
        nothing_is_left(&queue);
    });
}

/// What a consumer had in hand when it left is waited for, too.
#[test]
fn a_drain_against_a_consumer_that_leaves_with_a_full_hand() {
    bounded(4, || {
        let (queue, mut consumer) = queue(2);
        fill(&queue, [1]);
        let delivery = consumer.take();
        let leaver = spawn(&queue, move |_| drop(consumer));
        let worker = settle(&queue, delivery, false);
        queue.begin_drain();
        wait_empty_handed(&queue);
        leaver.join().unwrap();
        worker.join().unwrap();
        nothing_is_left(&queue);
        assert_eq!(queue.counts().0.acked, 1);
    });
}

/// It leaves, and its deliveries are counted when they come back.
#[test]
fn a_consumer_leaves_while_its_deliveries_are_out() {
    bounded(4, || {
        let (queue, mut consumer) = queue(2);
        let [one, other] = two_in_hand(&queue, &mut consumer);
        let workers = [settle(&queue, one, false), settle(&queue, other, true)];
        drop(consumer);
        assert!(in_hand(&queue) <= 2);
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        assert_eq!(in_hand(&queue), 0);
        let counters = queue.counts().0;
        assert_eq!((counters.acked, counters.returned), (1, 1));
        assert_eq!(Consumer::new(&queue).rest(), [2]);
        nothing_is_left(&queue);
    });
}

/// Whoever counts in the middle of it counts neither one twice.
#[test]
fn a_count_against_acks_and_an_express_receive() {
    bounded(4, || {
        let (queue, mut consumer) = queue(3);
        let [one, _] = two_in_hand(&queue, &mut consumer).map(Some);
        fill(&queue, [3]);
        let worker = settle(&queue, one.unwrap(), false);
        let consumer = spawn_with(consumer, |consumer| consumer.express().map(Delivery::ack));
        let (counters, depths) = queue.counts();
        let settled = counters.acked as usize;
        let handed_over = counters.handed_over as usize;
        assert_eq!(depths.in_hand, handed_over - settled);
        assert_eq!(depths.queued, 3 - handed_over);
        worker.join().unwrap();
        let (found, mut consumer) = consumer.join().unwrap();
        assert_eq!(found.or_else(|| consumer.rest().pop()), Some(3));
        nothing_is_left(&queue);
    });
}

/// After a close the consumer that waits for a key in hand finds its end with the last delivery, also where it is acked
/// without a key.
#[test]
fn a_close_against_an_ack_that_nobody_hears() {
    bounded(4, || {
        let (queue, mut consumer) = queue(3);
        fill(&queue, [1]);
        let plain = consumer.take();
        let worker = settle(&queue, plain, false);
        let closer = spawn(&queue, |queue| queue.close());
        let waiter = spawn_with(consumer, Consumer::receive_and_ack);
        let (received, _consumer) = waiter.join().unwrap();
        assert_eq!(received, Err(Over));
        worker.join().unwrap();
        closer.join().unwrap();
        nothing_is_left(&queue);
    });
}
