//! No foreign code under our locks: wakers and notes here call the queue when they are woken, copied or dropped, which
//! is a deadlock where that happens under its lock.

use std::future::poll_fn;
use std::task::Poll;

use bookdrop_queue::{DeadReason, OnFull, Reader, Refusal, Sending};

use crate::tools::*;

/// A second group, so that what is sent is copied.
fn audit(queue: &TestQueue) -> Reader {
    let group = queue.join("audit", Note::copy);
    Reader {
        group,
        auto_ack: false,
    }
}

fn poll_send(queue: &TestQueue, sending: &mut Sending<Note>) -> Poll<Option<Refusal>> {
    // The queue holds the only waker after this.
    let poll = poll_once(
        poll_fn(|cx| queue.poll_send(sending, cx)),
        &Nosy::waker(queue),
    );
    poll.map(|result| result.err().map(|refused| refused.why))
}

#[test]
fn a_send_with_copies_against_a_close() {
    model(|| {
        let (queue, reader) = queue(1);
        let audit = audit(&queue);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let closer = spawn(&queue, |queue| queue.close());
        let mut sending = Sending::new(Note::nosy(1, &queue), None);
        let mut poll = poll_send(&queue, &mut sending);
        closer.join().unwrap();
        if poll.is_pending() {
            poll = poll_send(&queue, &mut sending);
        }
        assert_eq!(poll, Poll::Ready(Some(Refusal::Closed)));
        assert_eq!(
            (rest(&queue, reader), rest(&queue, audit)),
            (vec![0], vec![0])
        );
        nothing_is_left(&queue);
    });
}

#[test]
fn a_sender_that_changes_its_waker_against_a_close() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::new(0), None).is_ok());
        let mut sending = Sending::new(Note::nosy(1, &queue), None);
        assert!(poll_send(&queue, &mut sending).is_pending());
        let closer = spawn(&queue, |queue| queue.close());
        let mut poll = poll_send(&queue, &mut sending);
        closer.join().unwrap();
        if poll.is_pending() {
            poll = poll_send(&queue, &mut sending);
        }
        assert_eq!(poll, Poll::Ready(Some(Refusal::Closed)));
        assert_eq!(rest(&queue, reader), [0]);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_sender_that_changes_its_waker_against_a_receive() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::nosy(0, &queue), None).is_ok());
        let mut sending = Sending::new(Note::nosy(1, &queue), None);
        assert!(poll_send(&queue, &mut sending).is_pending());
        let consumer = spawn(&queue, move |queue| rest(queue, reader).len());
        let poll = poll_send(&queue, &mut sending);
        let back = queue.cancel_send(&mut sending);
        assert!(poll.is_pending() || back.is_none());
        let received = consumer.join().unwrap() + rest(&queue, reader).len();
        assert_eq!(received + usize::from(back.is_some()), 2);
        drop(back);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_consumer_that_changes_its_waker_against_a_send() {
    model(|| {
        let (queue, reader) = queue(1);
        let mut waiting = None;
        assert!(look(&queue, reader, &mut waiting, &Nosy::waker(&queue)).is_none());
        let sender = spawn(&queue, |queue| {
            queue.try_send(Note::nosy(1, queue), None).is_ok()
        });
        let found = look(&queue, reader, &mut waiting, &Nosy::waker(&queue));
        queue.stop_receiving(reader.group, &mut waiting);
        assert!(sender.join().unwrap());
        let found = found
            .into_iter()
            .flatten()
            .map(|taken| drop(queue.ack(taken)))
            .count();
        assert_eq!(found + rest(&queue, reader).len(), 1);
        nothing_is_left(&queue);
    });
}

#[test]
fn a_drain_that_changes_its_waker_against_the_last_settlement() {
    model(|| {
        let (queue, reader) = queue(1);
        assert!(queue.try_send(Note::nosy(1, &queue), None).is_ok());
        let taken = queue.try_receive(reader).unwrap().unwrap();
        queue.begin_drain();
        let worker = spawn(&queue, move |queue| queue.failed(taken, None));
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

/// Everything that lets go of notes, one after the other. There is only one run.
#[test]
fn every_way_out() {
    model(|| {
        let (queue, reader) = queue_that(2, OnFull::DropOldest);
        let audit = audit(&queue);
        let send = |n| assert!(queue.try_send(Note::nosy(n, &queue), None).is_ok());
        let take = || queue.try_receive(reader).unwrap().unwrap();
        (1..=3).for_each(send);
        assert_eq!(queue.counts().0.dropped_when_full, 2, "in each group");
        drop(queue.ack(take()));
        queue.bury(take(), DeadReason::Rejected("no".into()));
        assert_eq!(queue.dead("default", |dead| dead.item.number), [3]);
        let id = queue.dead("default", |dead| dead.id)[0];
        assert!(queue.replay("default", id));
        queue.bury(take(), DeadReason::MaxAttempts);
        drop(queue.take_all_dead("default"));
        assert_eq!(queue.purge(), 2);
        (4..=5).for_each(send);
        let in_hand = take();
        assert!(queue.remove_group("default"));
        queue.failed(in_hand, None);
        assert_eq!(rest(&queue, audit), [4, 5]);
        send(6);
        queue.begin_drain();
        drop(queue.take_left());
        nothing_is_left(&queue);
    });
}
