//! Notes that a consumer holds ahead: they are queued all the same, and nobody's hostages. (In a model every lock counts
//! as taken, so a consumer with rivals holds whatever it may.)

use loom::thread;

use crate::tools::*;

/// A queue with so many notes in it and two consumers, the first of which has taken note 1 and holds what it may of the
/// others.
fn held(notes: u32) -> (TestQueue, Consumer, Consumer) {
    let (queue, mut first) = queue(notes as usize);
    let second = first.another();
    for number in 1..=notes {
        assert!(queue.send_express(Note::new(number)).is_ok());
    }
    assert_eq!(first.express().map(Delivery::ack), Some(1));
    (queue, first, second)
}

/// Takes everything out, in the order in which it comes.
fn rest_of(consumer: &mut Consumer) -> Vec<u32> {
    let next = || consumer.try_receive().ok().flatten();
    std::iter::from_fn(next).map(Delivery::ack).collect()
}

/// Whoever looks at the figures sees what is held among what is queued, and calls it back in order.
#[test]
fn what_is_held_is_queued() {
    model(|| {
        let (queue, _first, mut second) = held(6);
        assert_eq!(queue.counts().1.queued, 5);
        assert_eq!(rest_of(&mut second), [2, 3, 4, 5, 6]);
        nothing_is_left(&queue);
    });
}

/// One who holds notes and never comes again keeps them from nobody.
#[test]
fn an_idle_consumer_takes_what_another_one_holds() {
    model(|| {
        let (queue, _first, mut second) = held(6);
        let express = std::iter::from_fn(|| second.express().map(Delivery::ack));
        assert_eq!(
            express.collect::<Vec<_>>(),
            [4, 5, 6],
            "these were not held"
        );
        assert_eq!(second.receive_and_ack(), Ok(2));
        assert_eq!(second.receive_and_ack(), Ok(3));
        nothing_is_left(&queue);
    });
}

/// A note that is held is overtaken by a few others only (four of the lane, in a model), though its holder does not come
/// and the others are busy all the time.
#[test]
fn what_is_held_is_called_back_when_it_was_overtaken() {
    model(|| {
        let (queue, _first, mut second) = held(12);
        let express = std::iter::from_fn(|| second.express().map(Delivery::ack));
        let express: Vec<_> = express.collect();
        let [held, last] = [2, 12].map(|number| express.iter().position(|n| *n == number));
        assert!(
            held.is_some() && (last.is_none() || held < last),
            "{express:?}"
        );
        drop(rest_of(&mut second));
        nothing_is_left(&queue);
    });
}

/// Each is handed over once, to the one who holds it or to the one who calls it back.
#[test]
fn a_hand_over_of_what_is_held_against_a_call_back() {
    model(|| {
        let (queue, first, mut second) = held(4);
        let first = spawn_with(first, |first| {
            [(); 2].map(|()| first.express().map(Delivery::ack))
        });
        let mut received = rest_of(&mut second);
        let (found, _first) = first.join().unwrap();
        received.extend(found.into_iter().flatten());
        received.extend(rest_of(&mut second));
        assert_eq!(sorted(received), [2, 3, 4]);
        nothing_is_left(&queue);
    });
}

/// The bound is exact: what is held counts, and what was handed over of it does not.
#[test]
fn what_is_held_takes_room() {
    model(|| {
        let (queue, first, mut second) = held(4);
        let first = spawn_with(first, |first| first.express().map(Delivery::ack).is_some());
        let sent = (5..=6)
            .filter(|number| queue.try_send(Note::new(*number), None).is_ok())
            .count();
        let queued = queue.counts().1.queued;
        let (took_one, _first) = first.join().unwrap();
        assert!(queued <= 4, "{queued} are queued");
        assert!((1..=1 + usize::from(took_one)).contains(&sent));
        assert_eq!(rest_of(&mut second).len(), 3 + sent - usize::from(took_one));
        nothing_is_left(&queue);
    });
}

/// A sender that takes the queue for full counts again while the only consumer hands over what it holds; with automatic ack nothing
/// is in hand, whoever looks when.
#[test]
fn a_sender_counts_again_against_a_single_consumer() {
    model(|| {
        let (queue, consumer) = queue(3);
        let mut consumer = consumer.auto_ack();
        for number in 1..=3 {
            assert!(queue.send_express(Note::new(number)).is_ok());
        }
        assert_eq!(consumer.express().map(Delivery::ack), Some(1));
        let consumer = spawn_with(consumer, |consumer| {
            [(); 2].map(|()| consumer.express().map(Delivery::ack))
        });
        let goes_in = |number: &u32| queue.try_send_express(Note::new(*number)).is_ok();
        let sent: Vec<u32> = (4..=6).filter(goes_in).collect();
        assert_eq!(queue.counts().1.in_hand, 0);
        let (found, mut consumer) = consumer.join().unwrap();
        let mut received: Vec<_> = found.into_iter().flatten().collect();
        received.extend(rest_of(&mut consumer));
        assert!(!sent.is_empty(), "one was handed over before");
        let expected: Vec<u32> = [2, 3].into_iter().chain(sent).collect();
        assert_eq!(received, expected, "in order");
        nothing_is_left(&queue);
    });
}

/// A drain finds what is held, unless it was handed over before.
#[test]
fn a_drain_against_one_who_holds() {
    model(|| {
        let (queue, first, _second) = held(4);
        let first = spawn_with(first, |first| {
            [(); 2].map(|()| first.express().map(Delivery::ack))
        });
        queue.begin_drain();
        let (left, _) = queue.take_left();
        let (found, _first) = first.join().unwrap();
        let left = left.into_iter().map(|(.., note)| note.number);
        let all = found.into_iter().flatten().chain(left);
        assert_eq!(sorted(all.collect()), [2, 3, 4]);
        nothing_is_left(&queue);
    });
}

/// What a consumer holds that leaves stands in front again.
#[test]
fn one_who_holds_leaves() {
    model(|| {
        let (queue, first, mut second) = held(4);
        let leaver = thread::spawn(move || drop(first));
        let mut received = rest_of(&mut second);
        leaver.join().unwrap();
        received.extend(rest_of(&mut second));
        assert_eq!(sorted(received), [2, 3, 4]);
        drop(second);
        nothing_is_left(&queue);
    });
}
