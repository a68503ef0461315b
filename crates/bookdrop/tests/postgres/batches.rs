//! How much comes and goes at once.

use std::thread;

use bookdrop::{Consumer, Event, Producer};
use bookdrop_test_servers::{Direction, Proxy};

use crate::engine;
use crate::server::{Library, open, wait_until};

#[test]
fn a_batch_of_large_events_comes_in_parts() {
    if engine::is_left_out() {
        return;
    }
    let one = open(&engine::shared().url(), "large", "lease=20s");
    let mut consumer = Consumer::new(&one);
    let producer = Producer::new(&one);
    let body = "S".repeat(3 << 20);
    for name in ["1", "2", "3"] {
        let event = Event::new(name).with_body(body.clone());
        producer.send(event).wait().unwrap();
    }
    // Two of them are more than is fetched at once.
    for name in ["1", "2", "3"] {
        let batch = consumer.receive_batch(3).wait().unwrap();
        let names: Vec<_> = batch.iter().map(|delivery| delivery.name()).collect();
        assert_eq!(names, [name]);
        for delivery in batch {
            assert!(delivery.body() == &body, "it is as it was sent");
            delivery.ack().wait().unwrap();
        }
    }
}

#[test]
fn what_waits_for_room_is_not_sent_to_the_server_again_and_again() {
    if engine::is_left_out() {
        return;
    }
    const SENDERS: usize = 32;
    let server = engine::shared();
    let proxy = Proxy::before(server.address());
    let one: Library = open(&proxy.url(&server.url()), "crowd", "lease=20s&capacity=1");
    let mut consumer = Consumer::new(&one);
    let body = "S".repeat(64 << 10);
    let least = (SENDERS * body.len()) as u64;
    let before = proxy.passed(Direction::ToServer);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            let (producer, event) = (Producer::new(&one), Event::new("S"));
            let event = event.with_body(body.clone());
            scope.spawn(move || producer.send(event).wait().unwrap());
        }
        wait_until("all but one wait", || {
            one.stats().wait().unwrap().waiting_senders == SENDERS - 1
        });
        for _ in 0..SENDERS {
            consumer.receive().wait().unwrap().ack().wait().unwrap();
        }
    });
    let passed = proxy.passed(Direction::ToServer) - before;
    assert!(passed >= least, "{passed} of {least}");
    // Now and then two of them, where there turns out to be room for one; and some before it was known that the queue is full.
    assert!(passed < 4 * least, "{passed} to send {least}");
}
