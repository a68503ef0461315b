//! Plain events take a faster way through the queue, and so nothing about them may be different.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer, ReceiveError, TryReceiveError};

fn numbered(number: u64) -> Event<u64> {
    Event::new("S").with_body(number)
}

/// A consumer of a group that was removed gets nothing of the one group that is left.
#[test]
fn nothing_crosses_from_group_to_group() {
    let library = Driver::<u64>::memory(10);
    let a = Producer::new(&library);
    let mut old = Consumer::new(&library);
    let mut audit = Consumer::in_group(&library, "audit").unwrap();
    assert!(library.remove_group("default").wait().unwrap());
    for number in 0..3 {
        a.send(numbered(number)).wait().unwrap();
    }
    assert_eq!(
        old.try_receive().wait().unwrap_err(),
        TryReceiveError::Closed
    );
    assert_eq!(old.receive().wait().unwrap_err(), ReceiveError::Closed);
    for number in 0..3 {
        let event = audit.receive().wait().unwrap();
        assert_eq!(event.body(), &number);
        event.ack().wait().unwrap();
    }
}

/// Each kind of event between plain ones has its turn as the guarantees say.
#[test]
fn plain_events_keep_their_place_among_others() {
    let library = Driver::<u64>::memory(20);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    a.send(numbered(1)).wait().unwrap();
    a.send(numbered(2).with_key("k")).wait().unwrap();
    a.send(numbered(3)).wait().unwrap();
    a.send(numbered(4).with_time_to_live(Duration::from_secs(60)))
        .wait()
        .unwrap();
    a.send(numbered(5)).wait().unwrap();
    a.send(numbered(0).with_priority(1)).wait().unwrap();
    for expected in 0..=5 {
        let event = b.receive().wait().unwrap();
        assert_eq!(event.body(), &expected);
        event.ack().wait().unwrap();
    }
    // One that comes back has its old place again.
    for number in 6..9 {
        a.send(numbered(number)).wait().unwrap();
    }
    let six = b.receive().wait().unwrap();
    let seven = b.receive().wait().unwrap();
    six.nack().wait().unwrap();
    seven.nack().wait().unwrap();
    for expected in 6..9 {
        let event = b.receive().wait().unwrap();
        assert_eq!(event.body(), &expected);
        event.ack().wait().unwrap();
    }
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.sent, stats.acked, stats.returned), (9, 9, 2));
    assert_eq!((stats.queued, stats.in_hand, stats.handed_over), (0, 0, 11));
}

/// Acks that nobody is told of are counted when somebody asks, on whatever thread they were made.
#[test]
fn acks_are_counted_wherever_they_are_made() {
    let library = Driver::<u64>::memory(100);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    for number in 0..60 {
        a.send(numbered(number)).wait().unwrap();
    }
    let in_hand: Vec<_> = (0..60).map(|_| b.receive().wait().unwrap()).collect();
    assert_eq!(library.stats().wait().unwrap().in_hand, 60);
    drop(b);
    std::thread::scope(|scope| {
        let mut in_hand = in_hand.into_iter();
        for _ in 0..6 {
            let some: Vec<_> = in_hand.by_ref().take(10).collect();
            scope.spawn(move || some.into_iter().for_each(|d| d.ack().wait().unwrap()));
        }
    });
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.in_hand, stats.acked), (0, 60));
    let report = library.drain(Duration::from_secs(60)).wait().unwrap();
    assert_eq!(report.unfinished, 0);
}

/// Several consumers on several threads, one of which stops in the middle with its hands full of what it may have taken
/// along: the others get everything else.
#[test]
fn a_consumer_that_stops_keeps_nothing_from_the_others() {
    const EVENTS: u64 = 20_000;
    let library = Driver::<u64>::memory(256);
    let received = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..4).map(|_| Consumer::new(&library)).collect();
        for (index, mut consumer) in consumers.into_iter().enumerate() {
            let received = &received;
            scope.spawn(move || {
                let mut count = 0;
                while let Ok(event) = consumer.receive().wait() {
                    event.ack().wait().unwrap();
                    received.fetch_add(1, Ordering::Relaxed);
                    count += 1;
                    if index == 0 && count == 500 {
                        // It stays, and never comes again before all is over.
                        while received.load(Ordering::Relaxed) < EVENTS as usize {
                            std::thread::yield_now();
                        }
                    }
                }
            });
        }
        for index in 0..2 {
            let a = Producer::new(&library);
            scope.spawn(move || {
                for number in 0..EVENTS / 2 {
                    a.send(numbered(index * EVENTS + number)).wait().unwrap();
                }
            });
        }
        while received.load(Ordering::Relaxed) < EVENTS as usize {
            std::thread::yield_now();
        }
        library.close().wait().unwrap();
    });
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.queued, stats.held, stats.in_hand), (0, 0, 0));
    assert_eq!((stats.sent, stats.acked), (EVENTS, EVENTS));
}
