//! The server is killed under load, and started again.

use std::env;
use std::sync::mpsc;
use std::thread;

use bookdrop::{Consumer, Event, Producer};

use super::load::Load;
use super::{PATIENCE, open, wait_until};
use crate::engine;

/// How often the server is killed.
pub(crate) fn kills() -> u64 {
    match env::var_os("BOOKDROP_LONG") {
        Some(_) => 50,
        None => 5,
    }
}

#[test]
fn promises_are_kept_when_the_server_is_killed() {
    if engine::is_left_out() {
        return;
    }
    let mut server = engine::Server::start().unwrap_or_else(|error| panic!("{error}"));
    let load = Load::begin(&server.url(), "load");
    for _ in 0..kills() {
        load.go_on(fastrand::usize(10..100));
        server.kill();
        server.restart();
    }
    load.go_on(10);
    for library in [&load.front, &load.back] {
        let stats = library.stats().wait().unwrap();
        assert!(stats.reconnects >= kills(), "{stats:?}");
    }
    println!("{} kills: {:?}", kills(), load.end());
}

#[test]
fn a_consumer_that_waits_wakes_up_after_a_restart() {
    if engine::is_left_out() {
        return;
    }
    let mut server = engine::Server::start().unwrap_or_else(|error| panic!("{error}"));
    let library = open(&server.url(), "quiet", "lease=20s");
    let mut consumer = Consumer::new(&library);
    let (told, word) = mpsc::channel();
    let waiting = thread::spawn(move || {
        let delivery = consumer.receive().wait().unwrap();
        told.send(delivery.name().to_owned()).unwrap();
        delivery.ack().wait().unwrap();
    });
    wait_until("the consumer waits", || {
        library.stats().wait().unwrap().waiting_consumers == 1
    });
    server.kill();
    server.restart();
    let other = open(&server.url(), "quiet", "lease=20s");
    Producer::new(&other)
        .send(Event::new("S").with_body(String::new()))
        .wait()
        .unwrap();
    let name = word.recv_timeout(PATIENCE);
    assert_eq!(name.as_deref(), Ok("S"), "it wakes up");
    waiting.join().unwrap();
    assert_eq!(library.stats().wait().unwrap().reconnects, 1);
}
