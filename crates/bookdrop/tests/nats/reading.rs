//! What lies in the stream is read back: when another driver takes over, and when its turn comes.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bookdrop::{Consumer, Event, Producer};
use bookdrop_test_servers::Direction;

use crate::engine;
use crate::server::partition::{lose, network};
use crate::server::{Library, PATIENCE, open, open_at, wait_until};

/// Bytes of the body of a large event.
const LARGE: usize = 500_000;

fn send(library: &Library, name: &str, bytes: usize) {
    let event = Event::new(name.to_owned()).with_body("x".repeat(bytes));
    let sent = Producer::new(library).send(event).wait();
    sent.expect("there is room");
}

/// All that lies in the stream is more than a slow way bears at once.
#[test]
fn a_queue_is_taken_over_on_a_slow_way_and_read_once() {
    if engine::is_left_out() {
        return;
    }
    const EVENTS: usize = 40;
    let options = "cache_bytes=0";
    let keeper = open(&engine::shared().url(), "slow_way", options);
    (0..EVENTS).for_each(|number| send(&keeper, &number.to_string(), LARGE));
    let (proxy, url) = network();
    let next = open_at(&engine::address(&url, "slow_way", options));
    let before = proxy.passed(Direction::ToClient);
    proxy.narrow(Direction::ToClient, Some(4 << 20));
    drop(keeper);
    // The first one to be asked may be the one that leaves.
    wait_until("it is taken over", || {
        let stats = next.stats().wait_for(PATIENCE);
        stats.is_ok_and(|stats| stats.is_ok_and(|stats| stats.queued == EVENTS))
            && proxy.passed(Direction::ToClient) - before > (EVENTS * LARGE) as u64
    });
    let passed = proxy.passed(Direction::ToClient) - before;
    assert!(passed < (EVENTS * LARGE * 3 / 2) as u64, "{passed} bytes");
}

#[test]
fn who_waits_while_the_queue_is_read_is_told_so() {
    if engine::is_left_out() {
        return;
    }
    let options = "cache_bytes=0&patience=1s";
    let keeper = open(&engine::shared().url(), "long_read", options);
    (0..40).for_each(|number| send(&keeper, &number.to_string(), LARGE));
    let (proxy, url) = network();
    let next = open_at(&engine::address(&url, "long_read", options));
    proxy.narrow(Direction::ToClient, Some(4 << 20));
    drop(keeper);
    let mut why = String::new();
    wait_until("it is told why", || {
        if let Err(error) = next.stats().wait() {
            why = error.to_string();
        }
        why.contains("the queue is being read")
    });
    assert!(why.contains("nothing was done"), "{why}");
    proxy.narrow(Direction::ToClient, None);
    wait_until("it is read", || next.stats().wait().is_ok());
}

#[test]
fn what_is_read_back_while_the_server_is_away_is_received_when_it_is_there_again() {
    if engine::is_left_out() {
        return;
    }
    let patience = Duration::from_secs(1);
    let (proxy, url) = network();
    let library = open(&url, "read_back", "cache_bytes=0&patience=1s");
    let names = ["1", "2", "3"];
    send(&library, "0", 10);
    names.iter().for_each(|name| send(&library, name, 10));
    // From then on there is nothing to be written.
    let mut consumer = Consumer::new(&library);
    let first = consumer.receive().wait().expect("it was sent");
    first.ack().wait().expect("it is in hand");
    lose(&proxy, &library);
    let (told, word) = mpsc::channel();
    let receiving = thread::spawn(move || {
        for _ in names {
            let delivery = consumer.receive().wait().expect("it waits");
            let received = (delivery.name().to_owned(), delivery.attempt());
            told.send(received).expect("somebody listens");
            delivery.ack().wait().expect("it is in hand");
        }
    });
    let early = word.recv_timeout(3 * patience);
    early.expect_err("the server is away");
    proxy.accept();
    for name in names {
        let received = word.recv_timeout(PATIENCE).expect("it is there again");
        assert_eq!(received, (name.to_owned(), 1));
    }
    receiving.join().expect("nothing failed");
    let stats = library.stats().wait().expect("somebody keeps it");
    assert_eq!((stats.queued, stats.in_hand, stats.dead), (0, 0, 0));
}
