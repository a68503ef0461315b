//! What opening makes, and what it refuses.

use std::sync::Barrier;
use std::thread;

use bookdrop::{BackendError, BackendErrorKind, Consumer, Event, OpenErrorKind, Producer};
use bookdrop_test_servers::{is_left_out, postgres};

use crate::database::{Database, url};
use crate::server::{Library, PATIENCE, open};

/// Why the server's driver could not be opened.
pub(crate) fn refusal(address: &str) -> BackendError {
    let opened = Library::open(address).wait_for(PATIENCE);
    let error = opened
        .expect("it does not hang")
        .expect_err("it is refused");
    match error.kind() {
        OpenErrorKind::Backend(error) => error.clone(),
        other => panic!("it is not the server who refuses it: {other:?}"),
    }
}

#[test]
fn a_schema_by_a_newer_version_is_refused_and_left_as_it_is() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "newer");
    drop(open(&database.url, "library", ""));
    database
        .owner
        .does("UPDATE bookdrop.version SET version = 2");
    let before = database.contents();
    let error = refusal(&format!("{}?queue=other", database.url));
    assert_eq!(error.kind(), BackendErrorKind::NewerVersion);
    let message = error.to_string();
    assert!(message.contains("has version 2"), "{message}");
    assert_eq!(database.contents(), before);
}

#[test]
fn drivers_that_open_an_empty_database_at_the_same_time_share_one_schema() {
    make_it_together("together", "read committed");
}

/// What a database says of transactions is not for those that make the schema.
#[test]
fn drivers_that_open_an_empty_database_of_strict_transactions_share_one_schema() {
    make_it_together("together_strictly", "repeatable read");
}

fn make_it_together(name: &str, isolation: &str) {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), name);
    database.owner.does(&format!(
        "ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'"
    ));
    let (drivers, url) = (8, database.url.clone());
    let start = Barrier::new(drivers);
    let libraries: Vec<_> = thread::scope(|scope| {
        let openings: Vec<_> = (0..drivers)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    open(&url, "library", "lease=20s")
                })
            })
            .collect();
        openings.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for (number, library) in libraries.iter().enumerate() {
        let event = Event::new(number.to_string()).with_body(String::new());
        Producer::new(library).send(event).wait().unwrap();
    }
    // What all of them sent is in one queue, which each of them has.
    for (number, library) in libraries.iter().enumerate() {
        let delivery = Consumer::new(library).receive().wait().unwrap();
        assert_eq!(delivery.name(), number.to_string());
        delivery.ack().wait().unwrap();
    }
    let all_of = |query| database.owner.texts(query);
    assert_eq!(all_of("SELECT version::text FROM bookdrop.version"), ["1"]);
    assert_eq!(all_of("SELECT name FROM bookdrop.queue"), ["library"]);
}

#[test]
fn a_queue_in_another_codec_is_refused() {
    if is_left_out("postgres") {
        return;
    }
    let url = postgres().url();
    let event = Event::new("S").with_body(String::new());
    let library = open(&url, "codecs", "codec=json");
    Producer::new(&library).send(event).wait().unwrap();
    let error = refusal(&format!("{url}?queue=codecs&codec=msgpack"));
    assert_eq!(error.kind(), BackendErrorKind::Invalid);
    let message = error.to_string();
    for told in ["`codecs`", "`json`", "`msgpack`"] {
        assert!(message.contains(told), "{message}");
    }
    let delivery = Consumer::new(&library).receive().wait().unwrap();
    assert_eq!(delivery.name(), "S");
    delivery.ack().wait().unwrap();
}

#[test]
fn a_database_in_another_encoding_is_refused() {
    if is_left_out("postgres") {
        return;
    }
    let options = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let database = Database::make_with(postgres(), "latin", options);
    let error = refusal(&format!("{}?queue=library", database.url));
    assert_eq!(error.kind(), BackendErrorKind::Unsupported);
    let message = error.to_string();
    for told in ["LATIN1", "ENCODING 'UTF8'"] {
        assert!(message.contains(told), "{message}");
    }
    assert!(!database.has_schema(), "nothing is made there");
}

#[test]
fn a_database_that_is_not_there_is_not_found() {
    if is_left_out("postgres") {
        return;
    }
    let address = url(postgres(), "postgres", "nowhere") + "?queue=library";
    assert_eq!(refusal(&address).kind(), BackendErrorKind::NotFound);
}
