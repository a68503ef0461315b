//! A full queue, and a full outbox.

use std::thread;

use bookdrop::{Consumer, Producer, SendErrorKind};
use bookdrop_test_servers::{is_left_out, postgres};

use super::{HOUR, commit, event, outgoing, take};
use crate::server::{open, wait_until};
use crate::user::{User, said};

#[test]
fn a_full_queue_holds_the_outbox_until_there_is_room() {
    if is_left_out("postgres") {
        return;
    }
    let queue = "outbox_full_queue";
    let library = open(&postgres().url(), queue, "capacity=2");
    let user = User::at(&postgres().url());
    let producer = Producer::new(&library);
    for name in ["1", "2"] {
        producer.send(event(name)).wait().unwrap();
    }
    for name in ["a", "b", "c"] {
        commit(&user, &library, event(name));
    }
    // It has room of its own, and passes them.
    commit(&user, &library, event("delayed").with_delay(HOUR));
    wait_until("it is relayed", || {
        library.stats().wait().unwrap().delayed == 1
    });
    assert_eq!(user.in_outbox(queue), 3);
    let full = producer.try_send(event("refused")).wait().unwrap_err();
    assert_eq!(full.kind(), &SendErrorKind::Full);
    // Those who wait have their turn, too.
    let waiting = {
        let producer = producer.clone();
        thread::spawn(move || producer.send(event("waited")).wait().unwrap())
    };
    wait_until("a sender waits", || {
        library.stats().wait().unwrap().waiting_senders == 1
    });
    let mut consumer = Consumer::new(&library);
    let mut received: Vec<_> = (0..6)
        .map(|_| {
            let name = take(&mut consumer);
            let queued = library.stats().wait().unwrap().queued;
            assert!(queued <= 2, "{queued} are queued");
            name
        })
        .collect();
    waiting.join().unwrap();
    received.retain(|name| name != "waited");
    assert_eq!(received, ["1", "2", "a", "b", "c"]);
    assert_eq!(user.in_outbox(queue), 0);
}

#[test]
fn where_there_is_little_room_senders_and_the_outbox_both_get_some() {
    if is_left_out("postgres") {
        return;
    }
    let queue = "outbox_turns";
    let library = open(&postgres().url(), queue, "capacity=1");
    let user = User::at(&postgres().url());
    let mut consumer = Consumer::new(&library);
    user.does("BEGIN");
    for _ in 0..50 {
        user.sends(&outgoing(&library, event("relayed")));
    }
    user.does("COMMIT");
    // Some of them always wait in line.
    let senders = [(); 4].map(|()| {
        let producer = Producer::new(&library);
        thread::spawn(move || while producer.send(event("sent")).wait().is_ok() {})
    });
    let (mut relayed, mut sent) = (0, 0);
    while relayed < 50 && sent < 500 {
        match &*take(&mut consumer) {
            "relayed" => relayed += 1,
            _ => sent += 1,
        }
    }
    library.close().wait().unwrap();
    for sender in senders {
        sender.join().unwrap();
    }
    assert_eq!(relayed, 50, "{sent} were sent meanwhile");
    assert!(sent >= 10, "{sent} were sent meanwhile");
}

#[test]
fn where_so_many_may_be_delayed_others_pass_them() {
    if is_left_out("postgres") {
        return;
    }
    let queue = "outbox_full_of_delayed";
    let library = open(&postgres().url(), queue, "max_delayed=1");
    let user = User::at(&postgres().url());
    let mut consumer = Consumer::new(&library);
    user.does("BEGIN");
    for name in ["first", "second"] {
        user.sends(&outgoing(&library, event(name).with_delay(HOUR)));
    }
    user.sends(&outgoing(&library, event("plain")));
    user.does("COMMIT");
    assert_eq!(take(&mut consumer), "plain");
    assert_eq!(user.in_outbox(queue), 1);
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.queued, stats.delayed), (0, 1));
}

#[test]
fn the_oldest_are_dropped_for_what_is_relayed_where_that_is_asked_for() {
    if is_left_out("postgres") {
        return;
    }
    let options = "capacity=2&on_full=drop_oldest";
    let library = open(&postgres().url(), "outbox_drops", options);
    let user = User::at(&postgres().url());
    user.does("BEGIN");
    for number in 0..5 {
        user.sends(&outgoing(&library, event(&number.to_string())));
    }
    user.does("COMMIT");
    wait_until("the outbox is empty", || {
        user.in_outbox("outbox_drops") == 0
    });
    let mut consumer = Consumer::new(&library);
    assert_eq!([take(&mut consumer), take(&mut consumer)], ["3", "4"]);
    wait_until("all are counted", || {
        library.stats().wait().unwrap().dropped_when_full == 3
    });
}

#[test]
fn an_outbox_that_nobody_relays_has_a_bound() {
    if is_left_out("postgres") {
        return;
    }
    let url = postgres().url();
    let library = open(&url, "outbox_nobody", "max_outbox=3");
    let written = outgoing(&library, event("S"));
    drop(library);
    let user = User::at(&url);
    for _ in 0..3 {
        user.sends(&written);
    }
    let error = user.try_sends(&written).unwrap_err();
    assert!(
        said(&error).contains("`max_outbox` allows (3)"),
        "{error:?}"
    );
    let mut consumer = Consumer::new(&open(&url, "outbox_nobody", "max_outbox=3"));
    for _ in 0..3 {
        assert_eq!(take(&mut consumer), "S");
    }
    user.sends(&written);
    assert_eq!(take(&mut consumer), "S");
}

#[test]
fn an_outbox_that_cannot_be_relayed_has_a_bound() {
    if is_left_out("postgres") {
        return;
    }
    let url = postgres().url();
    let library = open(&url, "outbox_bound", "capacity=1&max_outbox=3");
    let (written, user) = (outgoing(&library, event("S")), User::at(&url));
    let mut sent = 0;
    wait_until("it is full", || match user.try_sends(&written) {
        Ok(()) => {
            sent += 1;
            false
        }
        Err(error) => {
            assert!(
                said(&error).contains("`max_outbox` allows (3)"),
                "{error:?}"
            );
            true
        }
    });
    assert!(sent > 3, "{sent}: one is queued, and three wait");
    // It is over when the outbox is, also where nobody sends meanwhile.
    let mut consumer = Consumer::new(&library);
    for _ in 0..sent {
        assert_eq!(take(&mut consumer), "S");
    }
    wait_until("there is room again", || user.try_sends(&written).is_ok());
    assert_eq!(take(&mut consumer), "S");
}
