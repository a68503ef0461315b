//! What a user of the server has to be allowed.

use std::fs;

use bookdrop::{BackendErrorKind, Consumer};
use bookdrop_test_servers::Nats;

use crate::credentials::{fails, is_at_work};
use crate::engine;
use crate::keepers::send;
use crate::server::open_at;
use crate::server::sharing::asks;

/// The rights that the guide on guarantees says, for the queue `books`.
fn documented_rights() -> String {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guarantees.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, rest) = guide
        .split_once("```text\n{ user: app, password: secret, permissions: {")
        .expect("the guide says them");
    let (rights, _) = rest.split_once("```").expect("they end");
    rights.to_owned()
}

/// A server with a user `app`, who has these rights, and further ones.
fn server(rights: &str, others: &str) -> Nats {
    let settings = format!(
        "jetstream {{ sync_interval: always }}
        authorization {{ users: [ {others} {{ user: app, password: secret, permissions: {{ {rights} ] }}"
    );
    Nats::with_settings(&settings).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_documented_rights_are_enough_for_all_that_drivers_do() {
    if engine::is_left_out() {
        return;
    }
    let server = server(&documented_rights(), "");
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
    let server = server(&documented_rights(), "");
    let at = server.address();
    let (kind, shown) = fails(&format!("nats://app:secret@{at}/films"));
    assert_eq!(kind, BackendErrorKind::Denied, "{shown}");
    let right = "Publish to \"$JS.API.STREAM.CREATE.BOOKDROP_films\"";
    assert!(shown.contains(right), "{shown}");
}

/// Whatever is done first without it.
#[test]
fn each_documented_right_that_is_lacking_is_told() {
    if engine::is_left_out() {
        return;
    }
    let rights = documented_rights();
    let parts: Vec<_> = rights.split('"').collect();
    let lacking = (1..parts.len()).step_by(2);
    let users = lacking.clone().map(|at| {
        let mut others = parts.clone();
        others[at] = "of.nothing";
        let others = others.join("\"");
        format!("{{ user: lacks_{at}, password: secret, permissions: {{ {others}")
    });
    let server = server(&rights, &users.collect::<String>());
    let at_server = server.address();
    // There is something to read.
    is_at_work(&open_at(&format!("nats://app:secret@{at_server}/books")));
    for at in lacking {
        let address = format!("nats://lacks_{at}:secret@{at_server}/books");
        let (kind, shown) = fails(&address);
        let right = parts[at];
        assert_eq!(kind, BackendErrorKind::Denied, "{right}: {shown}");
        let named = right.trim_end_matches('>');
        assert!(shown.contains(named), "{right}: {shown}");
    }
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
