//! The server has no room.

use bookdrop::{BackendErrorKind, Consumer, Event, Producer, SendErrorKind};
use bookdrop_test_servers::Nats;

use crate::engine;
use crate::server::other::Other;
use crate::server::{Library, PATIENCE, open_at, wait_until};

/// Bytes of the body of an event.
const BODY: usize = 60_000;

/// Sends. Returns what the backend says against it.
fn send(library: &Library, number: usize) -> Result<(), BackendErrorKind> {
    let name = number.to_string();
    let event = Event::new(name.clone()).with_id(name);
    let event = event.with_body("x".repeat(BODY));
    let sent = Producer::new(library).send(event).wait_for(PATIENCE);
    let sent = sent.expect("it does not hang");
    sent.map_err(|error| match error.kind() {
        SendErrorKind::Backend(why) => why.kind(),
        other => panic!("{other:?}"),
    })
}

/// Sends from this number on until there is no room. Returns how many are in the queue at least.
fn fill(library: &Library, first: usize) -> usize {
    let mut number = first;
    while is_sent(library, number) {
        number += 1;
    }
    number - first
}

/// Sends this number, unless there is no room for it.
fn is_sent(library: &Library, number: usize) -> bool {
    let mut is_sent = false;
    wait_until("it is sent, or there is no room", || {
        match send(library, number) {
            Ok(()) => is_sent = true,
            Err(BackendErrorKind::NoSpace) => {}
            // Sent again, it is one event.
            Err(BackendErrorKind::Unknown | BackendErrorKind::Io) => return false,
            Err(other) => panic!("{other:?}"),
        }
        true
    });
    is_sent
}

#[test]
fn a_full_server_is_emptied_by_the_next_keeper_and_filled_again() {
    if engine::is_left_out() {
        return;
    }
    let settings = "jetstream { sync_interval: always, max_file_store: 32MB }\n";
    let server = Nats::with_settings(settings).unwrap_or_else(|error| panic!("{error}"));
    let options = "lease=2s&patience=3s&max_event_bytes=100000&cache_bytes=0";
    let address = engine::address(&server.url(), "full", options);
    let keeper = Other::start(&address);
    let library = open_at(&address);
    let sent = fill(&library, 0);
    assert!(sent * BODY > 24 << 20, "{sent} events are no full server");
    keeper.kill();
    wait_until("another driver keeps the queue", || {
        send(&library, sent) == Err(BackendErrorKind::NoSpace)
    });
    let mut consumer = Consumer::new(&library);
    for number in 0..sent {
        let delivery = consumer.receive().wait_for(PATIENCE);
        let delivery = delivery.expect("it comes").expect("it was sent");
        assert_eq!(
            (delivery.name(), delivery.attempt()),
            (&*number.to_string(), 1)
        );
        delivery.ack().wait().expect("there is room for it");
    }
    wait_until("there is room", || send(&library, sent).is_ok());
    let delivery = consumer.receive().wait().expect("it was sent");
    assert_eq!(delivery.name(), sent.to_string());
    delivery.ack().wait().expect("there is room for it");
    assert!(fill(&library, sent + 1) > 0, "as before");
}
