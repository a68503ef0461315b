//! What a close means for events that are queued behind others of their key.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer, ReceiveError};

/// A driver that was closed with two events of one key in it, the first of them in a consumer's hand.
fn closed_with_a_key_in_hand() -> (Driver, Consumer, bookdrop::Delivery) {
    let library: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    for name in ["first", "second"] {
        a.send(Event::new(name).with_key("S")).wait().unwrap();
    }
    let first = b.receive().wait().unwrap();
    library.close().wait().unwrap();
    (library, b, first)
}

#[test]
fn a_consumer_waits_for_what_is_queued_behind_a_key() {
    let (_library, b, first) = closed_with_a_key_in_hand();
    let mut other = b.clone();
    {
        let mut receive = pin!(other.receive());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(receive.as_mut().poll(&mut cx).is_pending());
        first.ack().wait().unwrap();
        let Poll::Ready(Ok(second)) = receive.as_mut().poll(&mut cx) else {
            panic!("nothing came")
        };
        assert_eq!(second.name(), "second");
        second.ack().wait().unwrap();
    }
    assert_eq!(other.receive().wait().unwrap_err(), ReceiveError::Closed);
}

#[test]
fn a_consumer_does_not_wait_for_a_key_that_is_about_to_be_tried_again() {
    let (library, mut b, first) = closed_with_a_key_in_hand();
    let mut other = b.clone();
    std::thread::scope(|threads| {
        let waiting = threads.spawn(move || other.receive().wait().map(drop));
        first.retry_after(Duration::from_secs(3600)).wait().unwrap();
        assert_eq!(waiting.join().unwrap(), Err(ReceiveError::Closed));
    });
    assert_eq!(b.receive().wait().unwrap_err(), ReceiveError::Closed);
    let left = library.drain(Duration::ZERO).wait().unwrap().left;
    assert_eq!(
        left.iter()
            .map(|left| left.event.name())
            .collect::<Vec<_>>(),
        ["first", "second"]
    );
}

#[test]
fn the_drivers_own_back_off_is_waived_so_that_everything_comes_to_its_end() {
    let library: Driver = Driver::builder(10).max_attempts(4).build();
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    for name in ["leader", "follower"] {
        a.send(Event::new(name).with_key("S")).wait().unwrap();
    }
    for _ in 0..2 {
        b.receive().wait().unwrap().nack().wait().unwrap();
    }
    assert_eq!(library.stats().wait().unwrap().delayed, 1, "it backs off");
    library.close().wait().unwrap();
    let mut seen = Vec::new();
    while let Ok(event) = b.receive().wait() {
        seen.push((event.name().to_owned(), event.attempt()));
        event.nack().wait().unwrap();
    }
    let expected = [
        ("leader", 3),
        ("leader", 4),
        ("follower", 1),
        ("follower", 2),
        ("follower", 3),
        ("follower", 4),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, attempt)| (name.to_owned(), attempt))
    );
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.queued, stats.delayed, stats.dead), (0, 0, 2));
}

#[test]
fn a_dead_letter_is_not_replayed_into_a_closed_driver() {
    let library: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    a.send(Event::new("S")).wait().unwrap();
    b.receive().wait().unwrap().reject("torn").wait().unwrap();
    library.close().wait().unwrap();
    let letters = library.dead_letters();
    let id = letters.list().wait().unwrap()[0].id;
    assert!(!letters.replay(id).wait().unwrap());
    assert_eq!(letters.replay_all().wait().unwrap(), 0);
    assert_eq!(letters.take(id).wait().unwrap().unwrap().name(), "S");
}

/// What comes back while a drain ends is in the report, or counted as unfinished, or comes with the next one.
#[test]
fn a_drain_reports_every_event_once() {
    for _ in 0..500 {
        let library: Driver = Driver::memory(10);
        let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
        a.send(Event::new("S")).wait().unwrap();
        let book = b.receive().wait().unwrap();
        let report = std::thread::scope(|threads| {
            threads.spawn(|| book.nack().wait().unwrap());
            library.drain(Duration::ZERO).wait().unwrap()
        });
        assert_eq!(report.left.len() + report.unfinished, 1);
        let rest = library.drain(Duration::from_secs(600)).wait().unwrap();
        assert_eq!(report.left.len() + rest.left.len(), 1);
    }
}
