//! How long those that ask wait for a server that cannot be reached.

use std::thread::{self, ScopedJoinHandle};

use bookdrop::{
    BackendError, BackendErrorKind, Consumer, Error, Event, Producer, SendErrorKind,
    SettleErrorKind,
};

use crate::engine;
use crate::server::partition::{lose, network};
use crate::server::{PATIENCE, open, wait_until};

/// Somebody who waits, and why in vain.
type Waiting<'scope> = ScopedJoinHandle<'scope, Option<Error>>;

fn book(name: &'static str) -> Event<String> {
    Event::new(name).with_body(name.to_owned())
}

/// Nothing was done, and it may be tried again.
fn is_unreachable(error: &BackendError) {
    assert_eq!(error.kind(), BackendErrorKind::Io, "{error}");
    assert!(error.is_retryable());
    let message = error.to_string();
    assert!(message.contains("nothing was done"), "{message}");
}

#[test]
fn what_was_not_done_in_time_is_given_back_and_can_be_done_later() {
    if engine::is_left_out() {
        return;
    }
    let (proxy, url) = network();
    let library = open(&url, "patience", "lease=20s&patience=1s");
    let producer = Producer::new(&library);
    producer.send(book("S")).wait().unwrap();
    let held = Consumer::new(&library).receive().wait().unwrap();
    lose(&proxy, &library);

    let letters = library.dead_letters();
    let (event, delivery) = thread::scope(|scope| {
        let sending = scope.spawn(|| producer.send(book("T")).wait_for(PATIENCE));
        let acking = scope.spawn(|| held.ack().wait_for(PATIENCE));
        let others: [Waiting<'_>; 6] = [
            scope.spawn(|| library.stats().wait_for(PATIENCE).unwrap().err()),
            scope.spawn(|| library.groups().wait_for(PATIENCE).unwrap().err()),
            scope.spawn(|| letters.list().wait_for(PATIENCE).unwrap().err()),
            scope.spawn(|| library.purge().wait_for(PATIENCE).unwrap().err()),
            scope.spawn(|| letters.replay_all().wait_for(PATIENCE).unwrap().err()),
            scope.spawn(|| letters.discard_all().wait_for(PATIENCE).unwrap().err()),
        ];
        for other in others {
            let error = other.join().unwrap().expect("the server cannot be reached");
            is_unreachable(error.backend().expect("the backend says it"));
        }
        let unsent = sending.join().unwrap().expect("it ends").unwrap_err();
        let SendErrorKind::Backend(why) = unsent.kind() else {
            panic!("{unsent}");
        };
        is_unreachable(why);
        let unsettled = acking.join().unwrap().expect("it ends").unwrap_err();
        let SettleErrorKind::Backend(why) = unsettled.kind() else {
            panic!("{unsettled}");
        };
        is_unreachable(why);
        (unsent.into_event(), unsettled.into_delivery())
    });

    proxy.accept();
    wait_until("the server is there again", || {
        library.stats().wait().is_ok()
    });
    assert_eq!((event.name(), delivery.name()), ("T", "S"));
    delivery.ack().wait().expect("it is in hand still");
    producer.send(event).wait().unwrap();
    assert_eq!(library.purge().wait().unwrap(), 1);
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.queued, stats.in_hand, stats.dead), (0, 0, 0));
}
