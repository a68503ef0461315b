//! What a user of the server has to be allowed.

use std::{fs, thread};

use bookdrop::{Answer, BackendErrorKind, Consumer, Event, Producer};
use bookdrop_test_servers::Nats;

use crate::credentials::{fails, is_at_work};
use crate::engine;
use crate::keepers::send;
use crate::server::{Library, PATIENCE, open_at};

/// A server with one user, who has the rights that the guide on guarantees says, for the queue `books`.
fn server() -> Nats {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guarantees.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, rest) = guide
        .split_once("```text\n{ user: app, password: secret, permissions: {")
        .expect("the guide says them");
    let (rights, _) = rest.split_once("```").expect("they end");
    let settings = format!(
        "jetstream {{ sync_interval: always }}
        authorization {{ users: [ {{ user: app, password: secret, permissions: {{ {rights} ] }}"
    );
    Nats::with_settings(&settings).unwrap_or_else(|error| panic!("{error}"))
}

fn asks(library: &Library, elsewhere: &Library) {
    let mut consumer = Consumer::new(elsewhere);
    let _ = consumer.try_receive().wait();
    let working = thread::spawn(move || {
        let delivery = consumer.receive().wait().unwrap();
        delivery.reply("fine".to_owned()).wait().unwrap()
    });
    let event = Event::new("S").with_body(String::new());
    let reply = Producer::new(library).request(event, PATIENCE).wait();
    assert_eq!(reply.unwrap(), "fine");
    assert_eq!(working.join().unwrap(), Answer::Sent);
}

#[test]
fn the_documented_rights_are_enough_for_all_that_drivers_do() {
    if engine::is_left_out() {
        return;
    }
    let server = server();
    let address = format!("nats://app:secret@{}/books", server.address());
    let [keeper, library] = [open_at(&address), open_at(&address)];
    for one in [&keeper, &library] {
        is_at_work(one);
    }
    asks(&library, &keeper);
    asks(&keeper, &library);
    assert_eq!(library.purge().wait().unwrap(), 0);
    drop(keeper);
    // It finds that nobody keeps the queue any more, and reads it.
    send(&library, "S");
    let delivery = Consumer::new(&library).receive().wait().unwrap();
    delivery.ack().wait().unwrap();
    drop(library);
    is_at_work(&open_at(&address));
}

#[test]
fn whoever_lacks_a_right_is_told_which() {
    if engine::is_left_out() {
        return;
    }
    let server = server();
    let at = server.address();
    let (kind, shown) = fails(&format!("nats://app:secret@{at}/films"));
    assert_eq!(kind, BackendErrorKind::Denied, "{shown}");
    let right = "Publish to \"$JS.API.STREAM.CREATE.BOOKDROP_films\"";
    assert!(shown.contains(right), "{shown}");
}

/// The stream may be made, and nobody heard.
#[test]
fn whoever_may_not_listen_is_told_so() {
    if engine::is_left_out() {
        return;
    }
    let settings = "jetstream { sync_interval: always }
        authorization { users: [
            { user: app, password: secret, permissions: { subscribe: [ \"_INBOX.>\" ] } }
        ] }";
    let server = Nats::with_settings(settings).unwrap_or_else(|error| panic!("{error}"));
    let address = format!("nats://app:secret@{}/books", server.address());
    let (kind, shown) = fails(&address);
    assert_eq!(kind, BackendErrorKind::Denied, "{shown}");
    assert!(
        shown.contains("Subscription to \"bookdrop.books."),
        "{shown}"
    );
}
