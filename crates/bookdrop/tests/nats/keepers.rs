//! The driver that keeps the queue goes, and another one takes its place.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use bookdrop::{Answer, Consumer, Event, Producer, RequestErrorKind, SendErrorKind};
use bookdrop_test_servers::Proxy;
use futures_lite::future::{block_on, poll_once};

use crate::engine;
use crate::server::other::Other;
use crate::server::{Library, NEVER, PATIENCE, open_at, wait_until};

/// Whoever tried to connect so often in vain tries again after the longest pause.
const SHORT_PAUSES: u64 = 9;

/// Where the queue of a test is. Who dies is found dead soon.
fn address(queue: &str) -> String {
    engine::address(&engine::shared().url(), queue, "lease=2s")
}

fn event(name: &str) -> Event<String> {
    Event::new(name.to_owned()).with_body(name.to_owned())
}

/// Sends until it is known that it was sent: while the keeper changes it may not be.
pub(crate) fn send(library: &Library, name: &str) {
    let mut event = event(name).with_id(name.to_owned());
    while let Err(error) = Producer::new(library).send(event).wait() {
        let SendErrorKind::Backend(why) = error.kind() else {
            panic!("{error}");
        };
        assert_eq!(why.kind(), bookdrop::BackendErrorKind::Unknown, "{error}");
        event = error.into_event();
    }
}

/// In three processes: one keeps the queue, and the one that works has nothing to do while it goes.
#[test]
fn a_request_finds_the_idle_consumer_of_another_process_when_the_keeper_was_killed() {
    if engine::is_left_out() {
        return;
    }
    let address = address("killed_keeper");
    let keeper = Other::start(&address);
    let mut works = Other::start(&address);
    assert_eq!(works.does("come"), "came");
    let asks = open_at(&address);
    works.begins("receive");
    keeper.kill();
    let (told, word) = mpsc::channel();
    let producer = Producer::new(&asks);
    thread::spawn(move || told.send(producer.request(event("S"), NEVER).wait()));
    assert_eq!(works.hear(), "S 1");
    assert_eq!(works.does("reply S"), "Sent");
    let reply = word.recv_timeout(PATIENCE).expect("it is answered");
    assert_eq!(reply.expect("there is a consumer"), "S");
}

#[test]
fn what_others_have_in_hand_is_settled_at_the_next_keeper() {
    if engine::is_left_out() {
        return;
    }
    let address = address("in_other_hands");
    let keeper = Other::start(&address);
    let library = open_at(&address);
    send(&library, "S");
    let mut consumer = Consumer::new(&library);
    let held = consumer.receive().wait().expect("it was sent");
    keeper.kill();
    send(&library, "T");
    assert_eq!(
        library.stats().wait().expect("somebody keeps it").in_hand,
        1
    );
    held.ack().wait().expect("it is in hand");
    let next = consumer.receive().wait().expect("it was sent");
    assert_eq!((next.name(), next.attempt()), ("T", 1));
    next.ack().wait().expect("it is in hand");
    let stats = library.stats().wait().expect("somebody keeps it");
    assert_eq!((stats.queued, stats.in_hand, stats.dead), (0, 0, 0));
}

/// What it was told to do when it was stopped is done, or not, and never twice; and it can be used like any other afterwards.
#[test]
fn a_keeper_that_was_stopped_is_a_guest_when_it_goes_on() {
    if engine::is_left_out() {
        return;
    }
    let address = address("stopped_keeper");
    let mut keeper = Other::start(&address);
    assert_eq!(keeper.does("come"), "came");
    let library = open_at(&address);
    let mut consumer = Consumer::new(&library);
    let _ = consumer.try_receive().wait();
    keeper.pause();
    for name in ["1", "2", "3"] {
        send(&library, name);
    }
    for name in ["1", "2", "3"] {
        let delivery = consumer.receive().wait().expect("it was sent");
        assert_eq!((delivery.name(), delivery.attempt()), (name, 1));
        delivery.ack().wait().expect("it is in hand");
    }
    keeper.go_on();
    send(&library, "4");
    assert_eq!(keeper.does("receive"), "4 1");
    assert_eq!(keeper.does("ack 4"), "acked");
    let stats = library.stats().wait().expect("somebody keeps it");
    assert_eq!((stats.queued, stats.in_hand, stats.dead), (0, 0, 0));
}

/// It comes again as a guest before its lease is over, and has still what it had.
#[test]
fn what_a_keeper_that_was_stopped_has_in_hand_is_settled_when_it_goes_on() {
    if engine::is_left_out() {
        return;
    }
    let address = engine::address(&engine::shared().url(), "stopped_in_hand", "lease=1h");
    let mut keeper = Other::start(&address);
    assert_eq!(keeper.does("come"), "came");
    let library = open_at(&address);
    for name in ["1", "2"] {
        send(&library, name);
        assert_eq!(keeper.does("receive"), format!("{name} 1"));
    }
    keeper.pause();
    // Somebody else has to keep the queue for that.
    send(&library, "3");
    keeper.go_on();
    for name in ["1", "2"] {
        assert_eq!(keeper.does(&format!("ack {name}")), "acked");
    }
    assert_eq!(keeper.does("receive"), "3 1");
    assert_eq!(keeper.does("ack 3"), "acked");
    let stats = library.stats().wait().expect("somebody keeps it");
    assert_eq!((stats.queued, stats.in_hand, stats.dead), (0, 0, 0));
}

#[test]
fn a_keeper_that_leaves_is_followed_by_another_one() {
    if engine::is_left_out() {
        return;
    }
    let address = address("left_by_keeper");
    let keeper = open_at(&address);
    let library = open_at(&address);
    send(&keeper, "S");
    drop(keeper);
    let delivery = Consumer::new(&library).receive().wait();
    let delivery = delivery.expect("somebody keeps it");
    assert_eq!((delivery.name(), delivery.attempt()), ("S", 1));
    delivery.ack().wait().expect("it is in hand");
}

/// Consumers of before may be about to come again, but where one is there, nobody has to wait for them.
#[test]
fn a_request_reaches_the_consumer_that_is_there_when_the_queue_was_just_opened_again() {
    if engine::is_left_out() {
        return;
    }
    let address = address("opened_again");
    drop(open_at(&address));
    let library = open_at(&address);
    let mut consumer = Consumer::new(&library);
    assert!(consumer.try_receive().wait().is_err());
    let producer = Producer::new(&library);
    let mut first = producer.request(event("first"), NEVER);
    let mut patient = producer
        .request(event("patient"), NEVER)
        .wait_for_consumer();
    for request in [&mut first, &mut patient] {
        assert!(block_on(poll_once(request)).is_none());
    }
    for name in ["first", "patient"] {
        let delivery = consumer.receive().wait().expect("it was asked for");
        assert_eq!(delivery.name(), name);
        delivery
            .reply(name.to_owned())
            .wait()
            .expect("it is wanted");
    }
    for request in [first, patient] {
        request.wait().expect("it is answered");
    }
}

/// Where the server was away for long, each driver tries to reach it now and then: the one that becomes the keeper may have been the
/// first to find it.
#[test]
fn a_request_waits_for_consumers_that_find_the_server_later_than_the_keeper() {
    if engine::is_left_out() {
        return;
    }
    let address = address("found_later");
    let (keeper, asks) = (open_at(&address), open_at(&address));
    let server = engine::shared();
    let proxy = Proxy::before(server.address());
    let works = engine::address(&proxy.url(&server.url()), "found_later", "");
    let mut consumer = Consumer::new(&open_at(&works));
    assert!(consumer.try_receive().wait().is_err());
    proxy.refuse();
    proxy.cut();
    wait_until("the next try is far", || proxy.refused() >= SHORT_PAUSES);
    proxy.accept();
    drop(keeper);
    let working = thread::spawn(move || {
        let delivery = consumer.receive().wait().expect("it is asked for");
        delivery.reply("done".to_owned()).wait()
    });
    let asked = Producer::new(&asks).request(event("S"), NEVER).wait();
    assert_eq!(asked.expect("there is a consumer"), "done");
    assert_eq!(working.join().expect("it works").ok(), Some(Answer::Sent));
}

#[test]
fn a_request_in_a_queue_that_was_opened_again_is_told_in_the_end_that_there_is_no_consumer() {
    if engine::is_left_out() {
        return;
    }
    let address = address("nobody_came_again");
    drop(open_at(&address));
    let library = open_at(&address);
    let asked = Producer::new(&library).request(event("S"), NEVER).wait();
    let error = asked.expect_err("nobody is there");
    assert!(
        matches!(error.kind(), RequestErrorKind::NoConsumer),
        "{error}"
    );
    // What ended so stands in no queue.
    assert_eq!(library.stats().wait().expect("it is open").queued, 0);
}

/// Publishes into the stream by hand.
pub(crate) fn publish(subject: &str, what: &str) {
    let mut server = TcpStream::connect(engine::shared().address()).expect("it is there");
    let length = what.len();
    let said = format!("CONNECT {{}}\r\nPUB {subject} {length}\r\n{what}\r\nPING\r\n");
    server.write_all(said.as_bytes()).expect("it hears");
    let mut lines = BufReader::new(server).lines();
    assert!(lines.any(|line| line.expect("it answers") == "PONG"));
}

#[test]
fn who_waits_for_a_queue_that_cannot_be_opened_is_told_why() {
    if engine::is_left_out() {
        return;
    }
    let address = engine::address(&engine::shared().url(), "spoilt", "patience=2s");
    let library = open_at(&address);
    send(&library, "S");
    publish("bookdrop.spoilt.j.x", "hello");
    let mut why = String::new();
    wait_until("it is told why", || {
        let sent = Producer::new(&library).send(event("T")).wait();
        why = sent.expect_err("nothing can be written").to_string();
        why.contains("was not published by a driver of bookdrop")
    });
    assert!(why.contains("no keeper of the queue"), "{why}");
}

/// Both the driver that keeps the queue and another one: who reads of the keeper first looks for the fault there.
#[test]
fn who_cannot_reach_the_server_is_told_so_before_anything_of_a_keeper() {
    if engine::is_left_out() {
        return;
    }
    let server = engine::shared().address();
    let proxies = [Proxy::before(server), Proxy::before(server)];
    let of = |proxy: &Proxy| {
        let url = format!("nats://{}", proxy.address());
        open_at(&engine::address(&url, "cut_keeper", "patience=1s"))
    };
    let libraries = [of(&proxies[0]), of(&proxies[1])];
    for proxy in &proxies {
        proxy.refuse();
        proxy.cut();
    }
    for (proxy, library) in proxies.iter().zip(&libraries) {
        let mut said = String::new();
        let begins = format!("the connection to {} is lost: ", proxy.address());
        wait_until("it is told why", || {
            let sent = Producer::new(library).send(event("S")).wait();
            if let Err(error) = sent {
                let SendErrorKind::Backend(why) = error.kind() else {
                    panic!("{error}");
                };
                said = why.to_string();
            }
            !said.is_empty()
        });
        assert!(said.starts_with(&begins), "{said}");
    }
}
