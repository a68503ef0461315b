//! What the stream has of a queue, and what is read of it.

use bookdrop::{Consumer, Event, Producer};
use bookdrop_test_servers::Nats;

use crate::engine;
use crate::server::{Library, open};
use crate::user::User;

/// Bytes of a body.
const LENGTH: usize = 60_000;

/// An event with a long body of its own.
fn long(number: usize) -> Event<String> {
    let name = number.to_string();
    let body = format!("{number:0>LENGTH$}");
    Event::new(name).with_body(body)
}

fn send(library: &Library, numbers: std::ops::Range<usize>) {
    let events = numbers.map(long).collect::<Vec<_>>();
    Producer::new(library).send_batch(events).wait().unwrap();
}

/// Receives these, in their order and whole, and acks them.
fn receive(consumer: &mut Consumer<String, String>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let delivery = consumer.receive().wait().unwrap();
        let (name, body) = (delivery.name().to_owned(), delivery.body());
        assert_eq!(name, number.to_string());
        assert!(*body == format!("{number:0>LENGTH$}"), "{name} is another");
        delivery.ack().wait().unwrap();
    }
}

#[test]
fn events_beyond_the_cache_are_read_back_from_the_stream() {
    if engine::is_left_out() {
        return;
    }
    let options = "cache_bytes=150000";
    let library = open(&engine::shared().url(), "uncached", options);
    let mut consumer = Consumer::new(&library);
    send(&library, 0..50);
    receive(&mut consumer, 0..25);
    drop((library, consumer));
    // The next one has read none of them yet.
    let library = open(&engine::shared().url(), "uncached", options);
    send(&library, 50..60);
    receive(&mut Consumer::new(&library), 25..60);
}

/// What is not needed any more stays for a while where there is room, and goes at once where there is none.
#[test]
fn more_passes_through_than_the_server_has_room_for() {
    if engine::is_left_out() {
        return;
    }
    let server = Nats::with_settings("jetstream { sync_interval: always, max_file_store: 30MB }\n");
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let library = open(&server.url(), "narrow", "max_event_bytes=1000000");
    let mut consumer = Consumer::new(&library);
    for round in 0..40 {
        let numbers = round * 20..(round + 1) * 20;
        send(&library, numbers.clone());
        receive(&mut consumer, numbers);
    }
    let state = User::at(server.address()).info("BOOKDROP_narrow")["state"].clone();
    let bytes = state["bytes"].as_u64().expect("there is a stream");
    assert!(bytes < 30 << 20, "{state}");
    assert!(state["first_seq"].as_u64() > Some(1), "{state}");
}
