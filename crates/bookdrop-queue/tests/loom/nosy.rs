//! No foreign code under our locks: wakers and notes here call the queue when they are woken, copied or dropped, which
//! is a deadlock where that happens under its lock.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bookdrop_queue::{DeadReason, OnFull, Refusal};

use crate::sender::{ask_with, asking};
use crate::tools::*;

/// A second group, so that what is sent is copied.
fn audit(queue: &TestQueue) -> Consumer {
    Consumer::in_group(queue, "audit")
}

fn poll_send(queue: &TestQueue, sender: &mut Sender) -> Poll<Option<Refusal>> {
    // The queue holds the only waker after this.
    let waker = Nosy::waker(queue);
    let poll = sender.poll(&mut Context::from_waker(&waker));
    poll.map(|result| result.err().map(|refused| refused.why))
}

#[test]
fn a_send_with_copies_against_a_close() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        let mut audit = audit(&queue);
        fill(&queue, [0]);
        let closer = spawn(&queue, |queue| queue.close());
        let mut sender = Sender::new(&queue, Note::nosy(1, &queue));
        let mut poll = poll_send(&queue, &mut sender);
        closer.join().unwrap();
        if poll.is_pending() {
            poll = poll_send(&queue, &mut sender);
        }
        assert_eq!(poll, Poll::Ready(Some(Refusal::Closed)));
        assert_eq!((consumer.rest(), audit.rest()), (vec![0], vec![0]));
        nothing_is_left(&queue);
    });
}

#[test]
fn a_sender_that_changes_its_waker_against_a_close() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        fill(&queue, [0]);
        let mut sender = Sender::new(&queue, Note::nosy(1, &queue));
        assert!(poll_send(&queue, &mut sender).is_pending());
        let closer = spawn(&queue, |queue| queue.close());
        let mut poll = poll_send(&queue, &mut sender);
        closer.join().unwrap();
        if poll.is_pending() {
            poll = poll_send(&queue, &mut sender);
        }
        assert_eq!(poll, Poll::Ready(Some(Refusal::Closed)));
        assert_eq!(consumer.rest(), [0]);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_sender_that_changes_its_waker_against_a_receive() {
    model(|| {
        let (queue, consumer) = queue(1);
        assert!(queue.try_send(Note::nosy(0, &queue), None).is_ok());
        let mut sender = Sender::new(&queue, Note::nosy(1, &queue));
        assert!(poll_send(&queue, &mut sender).is_pending());
        let consumer = spawn_with(consumer, |consumer| consumer.rest().len());
        let poll = poll_send(&queue, &mut sender);
        let back = sender.give_up();
        assert!(poll.is_pending() || back.is_none());
        let (received, mut consumer) = consumer.join().unwrap();
        let received = received + consumer.rest().len();
        assert_eq!(received + usize::from(back.is_some()), 2);
        drop(back);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_consumer_that_changes_its_waker_against_a_send() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        assert!(consumer.look(&Nosy::waker(&queue)).is_none());
        let sender = spawn(&queue, |queue| send(queue, Note::nosy(1, queue)).is_ok());
        let found = consumer.look(&Nosy::waker(&queue));
        consumer.stop_waiting();
        assert!(sender.join().unwrap());
        let found = usize::from(found.map(Delivery::finish).is_some());
        assert_eq!(found + consumer.rest().len(), 1);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_drain_that_changes_its_waker_against_the_last_settlement() {
    model(|| {
        let (queue, mut consumer) = queue(1);
        assert!(queue.try_send(Note::nosy(1, &queue), None).is_ok());
        let delivery = consumer.take();
        queue.begin_drain();
        let worker = spawn(&queue, move |_| delivery.failed());
        let mut waiting = None;
        for _ in 0..2 {
            let poll = poll_fn(|cx| queue.poll_empty_handed(&mut waiting, cx));
            let _ = poll_once(poll, &Nosy::waker(&queue));
        }
        queue.stop_waiting_empty_handed(&mut waiting);
        worker.join().unwrap();
        assert_eq!(queue.take_left().0.len(), 1);
        nothing_is_left(&queue);
    });
}

/// The wakers of a requester and of one who works for it, replaced, woken and dropped.
#[test]
fn a_requester_and_a_worker_that_change_their_wakers() {
    for gives_up in [false, true] {
        model(move || {
            let (queue, mut consumer) = queue(1);
            let nosy = || Nosy::waker(&queue);
            let note = Note::nosy(1, &queue);
            let requester = ask_with(&queue, note, asking(nosy())).ok().unwrap();
            let delivery = consumer.take();
            let worker = spawn(&queue, move |queue| {
                let (call, mut working) = (delivery.call(), None);
                for _ in 0..2 {
                    let poll = poll_fn(|cx| queue.poll_unwanted(call, &mut working, cx));
                    let _ = poll_once(poll, &Nosy::waker(queue));
                }
                queue.stop_working(call, &mut working);
                delivery.answer(5)
            });
            let poll = poll_once(poll_fn(|cx| requester.poll(cx)), &nosy());
            let answer = match (gives_up, poll) {
                (_, Poll::Ready(answer)) => Some(answer),
                (true, Poll::Pending) => requester.give_up().0,
                (false, Poll::Pending) => Some(requester.outcome()),
            };
            let reached = worker.join().unwrap();
            assert_eq!(answer, reached.then_some(Outcome::Replied(5)));
            nothing_is_left(&queue);
        });
    }
}

/// Everything that lets go of notes, one after the other. There is only one run.
#[test]
fn every_way_out() {
    model(|| {
        let (queue, mut consumer) = queue_that(2, OnFull::DropOldest);
        let mut audit = audit(&queue);
        let send = |n| assert!(queue.try_send(Note::nosy(n, &queue), None).is_ok());
        (1..=3).for_each(send);
        assert_eq!(queue.counts().0.dropped_when_full, 2, "in each group");
        drop(consumer.take().finish());
        consumer.take().bury(DeadReason::Rejected("no".into()));
        assert_eq!(queue.dead("default", |dead| dead.item.number), [3]);
        let id = queue.dead("default", |dead| dead.id)[0];
        assert!(queue.replay("default", id));
        consumer.take().bury(DeadReason::MaxAttempts);
        drop(queue.take_all_dead("default"));
        assert_eq!(queue.purge(), 2);
        (4..=5).for_each(send);
        let in_hand = consumer.take();
        assert!(queue.remove_group("default"));
        in_hand.failed();
        assert_eq!(audit.rest(), [4, 5]);
        send(6);
        let request = ask(&queue, Note::nosy(7, &queue));
        assert_eq!(
            request.err().map(|refused| refused.why),
            Some(Refusal::NoConsumer)
        );
        queue.begin_drain();
        drop(queue.take_left());
        nothing_is_left(&queue);
    });
}
