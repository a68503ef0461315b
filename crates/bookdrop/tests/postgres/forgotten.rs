//! What the server had not flushed when it was killed is forgotten: it confirms answers, and that something is in hand, sooner.

use std::time::Duration;

use bookdrop::operations::Request;
use bookdrop::{Answer, Consumer, Event, Producer};
use bookdrop_test_servers::{Postgres, is_left_out};

use crate::server::{PATIENCE, open};

/// Begins to ask.
fn begin<'a>(producer: &'a Producer<String, String>, name: &str) -> Request<'a, String, String> {
    let event = Event::new(name.to_owned()).with_body(name.to_owned());
    let mut request = producer.request(event, PATIENCE);
    let begun = request.wait_for(Duration::ZERO);
    assert!(begun.is_err(), "nobody has answered yet");
    request
}

/// What was not flushed is gone with the server, and the number of a request may be given once more.
#[test]
fn an_answer_from_before_a_crash_reaches_no_other_request() {
    if is_left_out("postgres") {
        return;
    }
    let mut server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let front = open(&server.url(), "numbers", "lease=20s");
    let back = open(&server.url(), "numbers", "lease=20s");
    let (producer, mut consumer) = (Producer::new(&front), Consumer::new(&back));
    let _ = consumer.try_receive().wait();
    for _ in 0..3 {
        // From here on nothing is flushed but what has to be.
        server.restart();
        front.stats().wait().unwrap();
        let _first = begin(&producer, "first");
        let stale = consumer.receive().wait().unwrap();
        server.restart();
        let mut second = begin(&producer, "second");
        let mut others = Vec::new();
        let current = loop {
            let delivery = consumer.receive().wait().unwrap();
            match delivery.name() {
                "second" => break delivery,
                _ => others.push(delivery),
            }
        };
        let _ = stale.reply("first".to_owned()).wait();
        let _ = current.reply("second".to_owned()).wait();
        assert_eq!(second.wait_for(PATIENCE).unwrap().unwrap(), "second");
    }
}

/// The server may forget that a request was answered, but the requester does not.
#[test]
fn a_request_that_has_its_answer_is_not_answered_again_after_a_crash() {
    if is_left_out("postgres") {
        return;
    }
    let mut server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let front = open(&server.url(), "answered", "lease=20s");
    let back = open(&server.url(), "answered", "lease=20s");
    let (producer, mut consumer) = (Producer::new(&front), Consumer::new(&back));
    let _ = consumer.try_receive().wait();
    let send = |name: &'static str| {
        producer
            .send(Event::new(name).with_body(String::new()))
            .wait()
            .unwrap()
    };
    for _ in 0..3 {
        let mut request = begin(&producer, "S");
        let delivery = consumer.receive().wait().unwrap();
        // So far everything is flushed with it, but not the answer.
        send("flush");
        let answer = delivery.reply("fine".to_owned()).wait();
        assert_eq!(answer.ok(), Some(Answer::Sent));
        assert_eq!(request.wait_for(PATIENCE).unwrap().unwrap(), "fine");
        server.restart();
        front.stats().wait().unwrap();
        send("end");
        while consume_one(&mut consumer) != "end" {}
    }
}

/// Works on what comes next. Nobody waits for an answer any more.
fn consume_one(consumer: &mut Consumer<String, String>) -> String {
    let delivery = consumer.receive().wait().unwrap();
    let name = delivery.name().to_owned();
    if delivery.is_request() {
        let answer = delivery.reply("again".to_owned()).wait();
        assert_eq!(answer.ok(), Some(Answer::NotWanted));
    } else {
        delivery.ack().wait().unwrap();
    }
    name
}
