//! Those that ask and those that work are in two processes, and processes are killed.

use std::sync::mpsc::{self, Receiver};
use std::thread;

use bookdrop::{Answer, Consumer, Delivery, Event, Producer, RequestErrorKind};

use super::other::Other;
use super::{Library, NEVER, PATIENCE, open_at, wait_until};
use crate::engine;

/// Where the queue of a test is. Who dies is found dead soon.
fn address(queue: &str) -> String {
    engine::address(&engine::shared().url(), queue, "lease=1s")
}

fn event(name: &str) -> Event<String> {
    Event::new(name.to_owned()).with_body(name.to_owned())
}

/// Another process with a consumer.
fn consumer_elsewhere(address: &str) -> Other {
    let mut other = Other::start(address);
    assert_eq!(other.does("come"), "came");
    other
}

/// Asks on a thread of its own; how it ended is told.
fn ask(library: &Library, name: &str) -> Receiver<Result<String, RequestErrorKind>> {
    let (told, word) = mpsc::channel();
    let (producer, event) = (Producer::new(library), event(name));
    thread::spawn(move || {
        let ended = producer.request(event, NEVER).wait();
        told.send(ended.map_err(|error| error.kind().clone()))
    });
    word
}

fn receive(consumer: &mut Consumer<String, String>) -> Delivery<String, String> {
    let received = consumer.receive().wait_for(PATIENCE);
    received
        .expect("something comes")
        .expect("nothing is closed")
}

/// A consumer of this process that has come.
fn consumer_here(library: &Library) -> Consumer<String, String> {
    let mut consumer = Consumer::new(library);
    let _ = consumer.try_receive().wait();
    consumer
}

#[test]
fn a_request_is_answered_by_another_process() {
    if engine::is_left_out() {
        return;
    }
    let address = address("answered_there");
    let mut other = consumer_elsewhere(&address);
    let library = open_at(&address);
    let reply = ask(&library, "S");
    assert_eq!(other.does("receive"), "S 1");
    assert_eq!(other.does("reply S"), "Sent");
    assert_eq!(reply.recv_timeout(PATIENCE), Ok(Ok("S".to_owned())));
}

#[test]
fn a_request_of_another_process_is_answered() {
    if engine::is_left_out() {
        return;
    }
    let address = address("answered_here");
    let library = open_at(&address);
    let mut consumer = consumer_here(&library);
    let mut other = Other::start(&address);
    other.begins("ask S");
    let delivery = receive(&mut consumer);
    assert_eq!(delivery.body(), "S");
    let answer = delivery.reply("fine".to_owned()).wait();
    assert_eq!(answer.ok(), Some(Answer::Sent));
    assert_eq!(other.hear(), "fine");
}

#[test]
fn an_event_of_which_every_process_dies_at_once_is_a_dead_letter_in_the_end() {
    const MOST: u32 = 3;
    if engine::is_left_out() {
        return;
    }
    let options = format!("lease=1s&max_deliveries={MOST}");
    let address = engine::address(&engine::shared().url(), "deadly", &options);
    let library = open_at(&address);
    Producer::new(&library).send(event("S")).wait().unwrap();
    drop(library);
    for _ in 0..MOST {
        let mut other = Other::start(&address);
        other.begins("crash");
        other.ends();
    }
    let library = open_at(&address);
    let stats = || library.stats().wait().expect("the server answers");
    wait_until("the last of them is found dead", || stats().in_hand == 0);
    let letters = library.dead_letters().list().wait();
    let letters = letters.expect("the server answers");
    let attempts: Vec<_> = letters.iter().map(|letter| letter.attempts).collect();
    assert_eq!(attempts, [MOST]);
}

#[test]
fn what_a_killed_process_had_in_hand_comes_to_another_consumer() {
    if engine::is_left_out() {
        return;
    }
    let address = address("killed_consumer");
    let library = open_at(&address);
    let mut other = consumer_elsewhere(&address);
    Producer::new(&library).send(event("E")).wait().unwrap();
    assert_eq!(other.does("receive"), "E 1");
    let reply = ask(&library, "S");
    assert_eq!(other.does("receive"), "S 1");
    // Otherwise the request would end when the last consumer is found dead.
    let mut consumer = consumer_here(&library);
    other.kill();
    let both = [receive(&mut consumer), receive(&mut consumer)];
    let mut names = both.map(|delivery| {
        let said = (delivery.name().to_owned(), delivery.attempt());
        match delivery.is_request() {
            true => assert_eq!(
                delivery.reply("fine".to_owned()).wait().ok(),
                Some(Answer::Sent)
            ),
            false => delivery.ack().wait().unwrap(),
        }
        said
    });
    names.sort();
    assert_eq!(names, [("E".to_owned(), 2), ("S".to_owned(), 2)]);
    assert_eq!(reply.recv_timeout(PATIENCE), Ok(Ok("fine".to_owned())));
}

#[test]
fn a_consumer_sees_that_the_process_that_asked_was_killed() {
    if engine::is_left_out() {
        return;
    }
    let address = address("killed_requester");
    let library = open_at(&address);
    let mut consumer = consumer_here(&library);
    let mut other = Other::start(&address);
    other.begins("ask S");
    let delivery = receive(&mut consumer);
    assert!(!delivery.is_cancelled());
    other.kill();
    let seen = delivery.cancelled().wait_for(PATIENCE);
    seen.expect("the work sees that nobody waits");
    assert!(delivery.is_cancelled());
    let answer = delivery.reply("late".to_owned()).wait();
    assert_eq!(answer.ok(), Some(Answer::NotWanted));
}

#[test]
fn work_in_another_process_sees_that_the_requester_gave_up() {
    if engine::is_left_out() {
        return;
    }
    let address = address("gave_up_here");
    let mut other = consumer_elsewhere(&address);
    let library = open_at(&address);
    let producer = Producer::new(&library);
    let mut request = producer.request(event("S"), NEVER);
    let begun = request.wait_for(std::time::Duration::ZERO);
    assert!(begun.is_err(), "nobody has answered yet");
    assert_eq!(other.does("receive"), "S 1");
    other.begins("see S");
    drop(request);
    assert_eq!(other.hear(), "gone");
    assert_eq!(other.does("reply S"), "NotWanted");
}

#[test]
fn work_sees_that_a_requester_in_another_process_gave_up() {
    if engine::is_left_out() {
        return;
    }
    let address = address("gave_up_there");
    let library = open_at(&address);
    let mut consumer = consumer_here(&library);
    let mut other = Other::start(&address);
    other.begins("ask S");
    let delivery = receive(&mut consumer);
    other.begins("forget S");
    let seen = delivery.cancelled().wait_for(PATIENCE);
    seen.expect("the work sees that nobody waits");
    let answer = delivery.reply("late".to_owned()).wait();
    assert_eq!(answer.ok(), Some(Answer::NotWanted));
}

#[test]
fn work_that_only_looks_sees_that_a_requester_in_another_process_gave_up() {
    if engine::is_left_out() {
        return;
    }
    let address = address("gave_up_unseen");
    let mut other = Other::start(&address);
    let library = open_at(&address);
    let mut consumer = consumer_here(&library);
    other.begins("ask S");
    let delivery = receive(&mut consumer);
    assert!(!delivery.is_cancelled());
    other.begins("forget S");
    wait_until("a look shows it", || delivery.is_cancelled());
    let answer = delivery.reply("late".to_owned()).wait();
    assert_eq!(answer.ok(), Some(Answer::NotWanted));
}

#[test]
fn without_a_consumer_in_any_process_a_request_fails_at_once() {
    if engine::is_left_out() {
        return;
    }
    let address = address("nobody");
    let _other = Other::start(&address);
    let ended = ask(&open_at(&address), "S").recv_timeout(PATIENCE);
    assert_eq!(ended, Ok(Err(RequestErrorKind::NoConsumer)));
}

#[test]
fn a_request_fails_when_the_last_consumer_process_leaves() {
    if engine::is_left_out() {
        return;
    }
    let address = address("leaves");
    let mut other = consumer_elsewhere(&address);
    let library = open_at(&address);
    let reply = ask_and_see(&library);
    assert_eq!(other.does("leave"), "left");
    let ended = reply.recv_timeout(PATIENCE);
    assert_eq!(ended, Ok(Err(RequestErrorKind::NoConsumer)));
}

#[test]
fn a_request_fails_when_the_last_consumer_process_is_killed() {
    if engine::is_left_out() {
        return;
    }
    let address = address("last_one_killed");
    let other = consumer_elsewhere(&address);
    let library = open_at(&address);
    let reply = ask_and_see(&library);
    other.kill();
    let ended = reply.recv_timeout(PATIENCE);
    assert_eq!(ended, Ok(Err(RequestErrorKind::NoConsumer)));
}

/// Asks, and waits until the request is in the queue.
fn ask_and_see(library: &Library) -> Receiver<Result<String, RequestErrorKind>> {
    let reply = ask(library, "S");
    wait_until("the request is in the queue", || {
        library.stats().wait().unwrap().queued == 1
    });
    reply
}

#[test]
fn a_reply_after_the_lease_reaches_nobody() {
    if engine::is_left_out() {
        return;
    }
    let address = address("late_reply");
    let library = open_at(&address);
    let mut other = consumer_elsewhere(&address);
    let reply = ask(&library, "S");
    assert_eq!(other.does("receive"), "S 1");
    let mut consumer = consumer_here(&library);
    other.pause();
    let again = receive(&mut consumer);
    assert_eq!((again.name(), again.attempt()), ("S", 2));
    other.go_on();
    assert_eq!(other.does("reply S"), "LeaseEnded");
    assert!(reply.try_recv().is_err(), "it reached nobody");
    let answer = again.reply("second".to_owned()).wait();
    assert_eq!(answer.ok(), Some(Answer::Sent));
    assert_eq!(reply.recv_timeout(PATIENCE), Ok(Ok("second".to_owned())));
}
