//! The express: plain notes that nobody waits for, against all that has to take it back first.

use bookdrop_queue::{Asking, Cause, DeadReason, OnFull, Over, Refusal, clock};
use loom::thread::JoinHandle;

use crate::sender::{ask_with, asking};
use crate::tools::*;

/// Sends a plain note in the simple way, or not at all.
fn express(queue: &TestQueue, number: u32) -> bool {
    queue.send_express(Note::new(number)).is_ok()
}

fn join<R>(threads: [JoinHandle<R>; 2]) -> [R; 2] {
    threads.map(|thread| thread.join().unwrap())
}

/// There is nothing unusual here, so that neither gives anything back.
#[test]
fn it_runs_where_nothing_is_unusual() {
    model(|| {
        let (queue, mut consumer) = queue(2);
        assert!(express(&queue, 1) && express(&queue, 2));
        assert!(!express(&queue, 3), "the queue is full");
        assert_eq!(consumer.express().map(Delivery::ack), Some(1));
        assert_eq!(consumer.express().map(Delivery::ack), Some(2));
        assert!(consumer.express().is_none());
        let (counters, _) = queue.counts();
        let counted = [counters.sent, counters.handed_over, counters.acked];
        assert_eq!(counted, [2; 3]);
        nothing_is_left(&queue);
    });
}

/// What is unusual has its turn first: a note with a key is older than the plain one behind it. (What waits for its time has
/// its turn when the alarm rings.)
#[test]
fn it_stops_while_anything_is_unusual() {
    model(|| {
        let (queue, mut consumer) = queue(4);
        assert!(queue.try_send(Note::with_key(3, "k"), None).is_ok());
        assert!(express(&queue, 4) && consumer.express().is_none());
        assert_eq!(consumer.take().ack(), 3);
        assert_eq!(consumer.express().map(Delivery::ack), Some(4));

        assert!(queue.try_send(Note::new(5), Some(clock::now())).is_ok());
        assert!(express(&queue, 6));
        assert_eq!(consumer.express().map(Delivery::ack), Some(6));
        assert!(
            consumer.express().is_none(),
            "nobody has looked at the clock"
        );
        assert_eq!(consumer.rest(), [5]);
        assert!(express(&queue, 7));
        assert!(queue.try_send(Note::with_key(8, "k"), None).is_ok());
        assert_eq!(
            consumer.rest(),
            [7, 8],
            "in the order in which they were sent"
        );
        nothing_is_left(&queue);
    });
}

/// A request is received as simply as a plain note, unless nobody wants the answer any more.
#[test]
fn a_request_is_claimed_by_its_hand_over() {
    model(|| {
        let (queue, mut consumer) = queue(3);
        let requester = ask(&queue, Note::new(1)).ok().unwrap();
        assert!(express(&queue, 2));
        assert!(consumer.express().unwrap().answer(5));
        assert_eq!(requester.outcome(), Outcome::Replied(5));
        assert_eq!(consumer.express().map(Delivery::ack), Some(2));

        let deadline = clock::now();
        let asking = Asking {
            deadline,
            ..asking(deaf())
        };
        let late = ask_with(&queue, Note::new(3), asking).ok().unwrap();
        assert!(consumer.express().is_none(), "its deadline has come");
        assert_eq!(consumer.rest(), []);
        assert_eq!(late.outcome(), Outcome::Failed(Cause::Expired, true));
        nothing_is_left(&queue);
    });
}

/// Whoever is first, it is not handed over, and its requester has it back. The one behind it has left a hole.
#[test]
fn an_overdue_request_against_its_requester() {
    model(|| {
        let (queue, consumer) = queue(3);
        let deadline = clock::now();
        let asking = Asking {
            deadline,
            ..asking(deaf())
        };
        let late = ask_with(&queue, Note::new(1), asking).ok().unwrap();
        let other = ask(&queue, Note::new(2)).ok().unwrap();
        assert_eq!(other.give_up(), (None, Some(2)));
        assert!(express(&queue, 3));
        let consumer = spawn_with(consumer, |consumer| {
            let first = consumer.express().map(Delivery::ack);
            let rest = consumer.rest();
            first.into_iter().chain(rest).collect::<Vec<_>>()
        });
        let back = late.give_up();
        let (found, mut consumer) = consumer.join().unwrap();
        assert_eq!(found, [3], "the overdue one was handed over");
        match back {
            (None, Some(1)) => {}
            (Some(outcome), None) => assert_eq!(outcome, Outcome::Failed(Cause::Expired, true)),
            // The queue had let go of it, and was about to tell.
            (None, None) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(consumer.rest(), []);
        nothing_is_left(&queue);
    });
}

/// Either the send finds that somebody sleeps, or whoever goes to sleep finds the note.
#[test]
fn a_plain_send_against_a_consumer_that_goes_to_sleep() {
    model(|| {
        let (queue, consumer) = queue(2);
        let consumer = spawn_with(consumer, |consumer| {
            [(); 2].map(|()| consumer.receive_and_ack().unwrap())
        });
        for n in [1, 2] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        let (received, _consumer) = consumer.join().unwrap();
        assert_eq!(received, [1, 2]);
        nothing_is_left(&queue);
    });
}

/// What was taken in is handed out after the close, and what was not is given back.
#[test]
fn a_plain_send_against_a_close() {
    model(|| {
        // There is room for all, so that nothing but the close refuses anything.
        let (queue, mut consumer) = queue(4);
        let closer = spawn(&queue, |queue| queue.close());
        let mut sent = Vec::new();
        for n in [1, 2] {
            match send(&queue, Note::new(n)) {
                Ok(()) => sent.push(n),
                Err(refused) => {
                    assert_eq!((refused.why, refused.item.number), (Refusal::Closed, n));
                }
            }
        }
        closer.join().unwrap();
        assert!(!express(&queue, 3), "it is closed");
        assert_eq!(consumer.rest(), sent);
        assert_eq!(consumer.receive_and_ack(), Err(Over));
        nothing_is_left(&queue);
    });
}

/// A drain leaves what was sent, and hands nothing more out.
#[test]
fn a_plain_send_and_an_express_receive_against_a_drain() {
    bounded(4, || {
        let (queue, consumer) = queue(2);
        fill(&queue, [0]);
        let sender = spawn(&queue, |queue| express(queue, 1));
        let consumer = spawn_with(consumer, |consumer| {
            consumer.express().map(Delivery::ack).is_some()
        });
        queue.begin_drain();
        let left: Vec<_> = queue.take_left().0;
        let (sent, (received, mut consumer)) = (sender.join().unwrap(), consumer.join().unwrap());
        assert!(consumer.express().is_none(), "nothing is handed out");
        assert_eq!(left.len(), 1 + usize::from(sent) - usize::from(received));
        assert_eq!(queue.counts().0.sent, 1 + u64::from(sent));
        nothing_is_left(&queue);
    });
}

#[test]
fn the_bound_is_exact() {
    model(|| {
        let (queue, mut consumer) = queue(2);
        fill(&queue, [0]);
        let senders = [1, 2].map(|n| spawn(&queue, move |queue| express(queue, n)));
        assert!(queued(&queue) <= 2);
        let sent = join(senders);
        assert_eq!(sent.into_iter().filter(|sent| *sent).count(), 1);
        assert_eq!(queued(&queue), 2);
        assert_eq!(consumer.rest().len(), 2);
        nothing_is_left(&queue);
    });
}

/// One sends in the simple way, one in the other, and there is room for one.
#[test]
fn the_bound_is_exact_for_both_ways() {
    model(|| {
        let (queue, mut consumer) = queue_that(1, OnFull::Reject);
        let plain = spawn(&queue, |queue| express(queue, 1));
        let keyed = Note::with_key(2, "k");
        let other = spawn(&queue, move |queue| queue.try_send(keyed, None).is_ok());
        let sent = join([plain, other]);
        assert_ne!(sent[0], sent[1]);
        assert_eq!(consumer.rest(), [if sent[0] { 1 } else { 2 }]);
        nothing_is_left(&queue);
    });
}

/// Two senders and room for one: the other one stands in line, and is let in by whoever receives.
#[test]
fn a_sender_that_finds_no_room_against_an_express_receive() {
    bounded(4, || {
        let (queue, consumer) = queue(1);
        fill(&queue, [0]);
        let sender = spawn(&queue, |queue| send(queue, Note::new(1)).is_ok());
        let (received, _consumer) = spawn_with(consumer, |consumer| {
            let first = consumer.express().map(Delivery::ack);
            first
                .into_iter()
                .chain(std::iter::from_fn(|| consumer.receive_and_ack().ok()))
                .take(2)
                .collect::<Vec<_>>()
        })
        .join()
        .unwrap();
        assert_eq!(received, [0, 1]);
        assert!(sender.join().unwrap());
        nothing_is_left(&queue);
    });
}

/// One is quick, the other one waits: each note goes to one of them, in order.
#[test]
fn an_express_receive_against_a_consumer_that_waits() {
    bounded(4, || {
        let (queue, [quick, waits]) = queue_for_two(2);
        let waits = spawn_with(waits, |waits| waits.receive_and_ack().unwrap());
        let quick = spawn_with(quick, |quick| quick.express().map(Delivery::ack));
        for n in [1, 2] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        let (found, mut quick) = quick.join().unwrap();
        let (received, _waits) = waits.join().unwrap();
        let mut all: Vec<_> = found.into_iter().chain([received]).collect();
        all.extend(quick.rest());
        assert_eq!(sorted(all), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// The second group gets what is sent from then on; nothing that the first one has is lost or doubled.
#[test]
fn an_express_receive_against_a_group_that_joins() {
    model(|| {
        let (queue, consumer) = queue(2);
        fill(&queue, [1]);
        let joiner = spawn(&queue, |queue| Consumer::in_group(queue, "audit"));
        let consumer = spawn_with(consumer, |consumer| consumer.express().map(Delivery::ack));
        let went_in = express(&queue, 2);
        let (mut audit, (found, mut consumer)) = (joiner.join().unwrap(), consumer.join().unwrap());
        let all: Vec<_> = found.into_iter().chain(consumer.rest()).collect();
        assert_eq!(all, if went_in { vec![1, 2] } else { vec![1] });
        assert!(audit.rest().is_empty(), "the express had one group");
        assert!(!express(&queue, 3), "there are two groups");
        nothing_is_left(&queue);
    });
}

/// The consumer of a removed group finds the end, and nothing of the group that is left.
#[test]
fn an_express_receive_against_the_removal_of_its_group() {
    model(|| {
        let (queue, mut consumer) = queue(2);
        let audit = Consumer::in_group(&queue, "audit");
        assert!(send(&queue, Note::new(1)).is_ok());
        let audit = spawn_with(audit, |audit| {
            [(); 2].map(|()| audit.express().map(Delivery::ack))
        });
        assert!(queue.remove_group("audit"));
        assert!(send(&queue, Note::new(2)).is_ok());
        let (found, mut audit) = audit.join().unwrap();
        let [first, second] = found;
        assert!(
            matches!(first, None | Some(1)),
            "its own, as long as it is there"
        );
        assert_eq!(second, None, "it is the other group's");
        assert_eq!(audit.receive_and_ack(), Err(Over));
        assert_eq!(consumer.rest(), [1, 2]);
        nothing_is_left(&queue);
    });
}

/// A request has its turn among the plain ones, and is claimed by its hand-over.
#[test]
fn an_express_receive_against_a_request() {
    bounded(4, || {
        let (queue, [one, other]) = queue_for_two(3);
        fill(&queue, [1]);
        let work = |consumer: &mut Consumer| {
            let found = consumer.express().or_else(|| consumer.try_receive().ok()?);
            let number = found.as_ref().map(Delivery::number);
            match found {
                Some(found) if number == Some(2) => assert!(found.answer(5)),
                found => drop(found.map(Delivery::finish)),
            }
            number
        };
        let consumers = [one, other].map(|one| spawn_with(one, work));
        let requester = ask(&queue, Note::new(2)).ok().unwrap();
        assert!(send(&queue, Note::new(3)).is_ok());
        let [(one, mut consumer), (other, _other)] = join(consumers);
        let mut all: Vec<_> = [one, other].into_iter().flatten().collect();
        while let Some(number) = work(&mut consumer) {
            all.push(number);
        }
        assert_eq!(sorted(all), [1, 2, 3]);
        assert_eq!(requester.outcome(), Outcome::Replied(5));
        nothing_is_left(&queue);
    });
}

/// A plain send against one with a key: both keep their places among all that was sent.
#[test]
fn a_plain_send_between_others() {
    model(|| {
        let (queue, mut consumer) = queue(4);
        let sender = spawn(&queue, |queue| {
            assert!(queue.try_send(Note::with_key(10, "k"), None).is_ok());
            assert!(send(queue, Note::new(11)).is_ok());
        });
        for n in [20, 21] {
            assert!(send(&queue, Note::new(n)).is_ok());
        }
        sender.join().unwrap();
        let all = consumer.rest();
        let of = |from: u32| all.iter().copied().filter(move |n| *n / 10 == from / 10);
        assert_eq!(of(10).collect::<Vec<_>>(), [10, 11]);
        assert_eq!(of(20).collect::<Vec<_>>(), [20, 21]);
        nothing_is_left(&queue);
    });
}

/// What comes back stands in front of what was sent after it, whoever receives.
#[test]
fn an_express_receive_against_a_return() {
    model(|| {
        let (queue, [mut fails, other]) = queue_for_two(3);
        fill(&queue, [1, 2]);
        let delivery = fails.take();
        let worker = spawn(&queue, |_| delivery.failed());
        let other = spawn_with(other, |other| other.express().map(Delivery::ack));
        worker.join().unwrap();
        let (found, mut other) = other.join().unwrap();
        let all: Vec<_> = found.into_iter().chain(other.rest()).collect();
        assert!(all == [1, 2] || all == [2, 1], "{all:?}");
        assert!(found.is_none() || found == Some(2), "it had failed before");
        nothing_is_left(&queue);
    });
}

/// Settled with the hand-over: nothing is ever in hand.
#[test]
fn an_express_receive_with_automatic_ack() {
    model(|| {
        let (queue, consumer) = queue(2);
        fill(&queue, [1]);
        let consumer = spawn_with(consumer.auto_ack(), |consumer| {
            [(); 2].map(|()| consumer.express().map(Delivery::ack))
        });
        let went_in = express(&queue, 2);
        assert_eq!(queue.counts().1.in_hand, 0);
        let (found, mut consumer) = consumer.join().unwrap();
        let all: Vec<_> = found.into_iter().flatten().chain(consumer.rest()).collect();
        assert_eq!(all, if went_in { vec![1, 2] } else { vec![1] });
        let counters = queue.counts().0;
        assert_eq!(counters.acked, all.len() as u64);
        nothing_is_left(&queue);
    });
}

/// A dead letter that is sent again needs no room. Where all room is taken by those that wait for a key, it is there
/// all the same.
#[test]
fn a_replay_into_a_queue_that_is_full_behind_a_key() {
    for looks in 0..2 {
        model(move || {
            let (queue, [mut consumer, mut other]) = queue_for_two(1);
            fill(&queue, [1]);
            consumer.take().bury(DeadReason::MaxAttempts);
            let key = |n| assert!(queue.try_send(Note::with_key(n, "k"), None).is_ok());
            key(2);
            let leads = consumer.take();
            key(3);
            let waits = other.try_receive().unwrap().is_none();
            assert!(waits, "it waits for its key");
            let id = queue.dead("default", |dead| dead.id)[0];
            assert!(queue.replay("default", id));
            // Whatever takes the express back lets it go again.
            (0..looks).for_each(|_| assert_eq!(queued(&queue), 2));
            assert!(!express(&queue, 4));
            assert_eq!(other.receive_and_ack(), Ok(1));
            leads.ack();
            assert_eq!(other.rest(), [3]);
            nothing_is_left(&queue);
        });
    }
}
