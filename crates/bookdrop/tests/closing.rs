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
    library.close().wait();
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
    let left = library.drain(Duration::ZERO).wait().left;
    assert_eq!(
        left.iter()
            .map(|left| left.event.name())
            .collect::<Vec<_>>(),
        ["first", "second"]
    );
}
