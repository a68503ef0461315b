//! What the users of a server may do, and have to be allowed.

use std::time::Duration;

use bookdrop::{BackendErrorKind, Consumer, Event, Producer};
use bookdrop_test_servers::{is_left_out, postgres};

use crate::database::{Database, url};
use crate::openings::refusal;
use crate::server::log;
use crate::server::sharing::asks;
use crate::server::{Library, PATIENCE, open, wait_until};
use crate::user::User;

/// What the guarantees say that users need, for the user `app`.
fn documented_grants() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guarantees.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```sql\n").skip(1);
    let mut blocks = blocks.map(|block| block.split("```").next().unwrap());
    let grants = blocks.find(|block| block.contains("TO app;")).unwrap();
    grants.to_owned()
}

fn book(name: &'static str) -> Event<String> {
    Event::new(name).with_body(name.to_owned())
}

#[test]
fn the_documented_grants_are_enough_for_all_that_a_driver_does() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "granted");
    drop(open(&database.url, "library", ""));
    database.owner.does("CREATE ROLE app LOGIN");
    database.owner.does(&documented_grants());
    let of_app = url(postgres(), "app", "granted");
    // Another one that is there, too, so that they have something to tell each other.
    let elsewhere = open(&of_app, "library", "lease=20s");
    let library = open(&of_app, "library", "lease=20s");
    sends_and_receives(&library, &elsewhere);
    asks(&library, &elsewhere);
    buries(&library);
    removes(&library);
    library.close().wait().unwrap();
    drop((library, elsewhere));
    drop(open(&of_app, "new", ""));
}

fn sends_and_receives(library: &Library, elsewhere: &Library) {
    let (producer, mut consumer) = (Producer::new(library), Consumer::new(elsewhere));
    for event in [
        book("S").with_id("S"),
        book("T").with_key("K").with_priority(9),
        book("U").with_key("K"),
        book("V").with_time_to_live(PATIENCE),
    ] {
        producer.send(event).wait().unwrap();
    }
    let names = ["T", "S", "U", "V"].map(|_| {
        let delivery = consumer.receive().wait().unwrap();
        let name = delivery.name().to_owned();
        delivery.ack().wait().unwrap();
        name
    });
    assert_eq!(names, ["T", "S", "U", "V"]);
    producer.send(book("W")).wait().unwrap();
    consumer.receive().wait().unwrap().nack().wait().unwrap();
    let again = consumer.receive().wait().unwrap();
    assert_eq!((again.name(), again.attempt()), ("W", 2));
    again.ack().wait().unwrap();
}

fn buries(library: &Library) {
    let (producer, mut consumer) = (Producer::new(library), Consumer::new(library));
    let letters = library.dead_letters();
    let mut bury = || {
        let delivery = consumer.receive().wait().unwrap();
        delivery.reject("torn").wait().unwrap();
    };
    producer.send(book("S")).wait().unwrap();
    bury();
    assert_eq!(letters.list().wait().unwrap().len(), 1);
    assert_eq!(letters.replay_all().wait().unwrap(), 1);
    bury();
    assert_eq!(letters.discard_all().wait().unwrap(), 1);
}

fn removes(library: &Library) {
    let mut consumer = Consumer::in_group(library, "readers").unwrap();
    let _ = consumer.try_receive().wait();
    Producer::new(library).send(book("S")).wait().unwrap();
    // One copy for each group.
    assert_eq!(library.stats().wait().unwrap().queued, 2);
    assert_eq!(library.purge().wait().unwrap(), 2);
    assert!(library.remove_group("readers").wait().unwrap());
    assert_eq!(library.groups().wait().unwrap(), ["default"]);
}

#[test]
fn who_may_not_create_in_the_database_makes_no_schema() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "barred");
    database.owner.does("CREATE ROLE guest LOGIN");
    let of_guest = url(postgres(), "guest", "barred");
    let refused = || {
        let refusal = refusal(&format!("{of_guest}?queue=library"));
        let said = refusal.to_string();
        assert!(said.contains("docs/guarantees.md"), "{said}");
        refusal.kind()
    };
    assert_eq!(refused(), BackendErrorKind::Denied);
    assert!(!database.has_schema());
    // Nor does it see the one of somebody else.
    drop(open(&database.url, "library", ""));
    assert_eq!(refused(), BackendErrorKind::Denied);
    database.owner.does("CREATE ROLE maker LOGIN");
    database
        .owner
        .does("DROP SCHEMA bookdrop CASCADE; GRANT CREATE ON DATABASE barred TO maker");
    drop(open(&url(postgres(), "maker", "barred"), "library", ""));
    assert!(database.has_schema(), "`CREATE` is enough");
}

/// From now on the server refuses to call this function, and counts how often it was asked to. Returns what makes it as it was.
fn refuse(owner: &User, function: &str) -> String {
    owner.does("DROP SEQUENCE IF EXISTS calls; CREATE SEQUENCE calls");
    let of_it = format!("FROM pg_proc WHERE oid = '{function}'::regproc");
    let former = owner.texts(&format!("SELECT pg_get_functiondef(oid) {of_it}"));
    let refusing = owner.texts(&format!(
        "SELECT format('CREATE OR REPLACE FUNCTION {function}(%s) RETURNS %s LANGUAGE plpgsql AS $refuse$ BEGIN
            PERFORM nextval(''public.calls''); RAISE EXCEPTION ''not now''; END $refuse$',
            pg_get_function_arguments(oid), pg_get_function_result(oid)) {of_it}"
    ));
    owner.does(&refusing[0]);
    former[0].clone()
}

#[test]
fn what_the_server_refuses_and_nobody_waits_for_does_not_go_with_every_round() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "refused");
    let owner = &database.owner;
    let library = open(&database.url, "library", "application_name=refused");
    let (producer, mut consumer) = (Producer::new(&library), Consumer::new(&library));
    let _ = consumer.try_receive().wait();
    let calls = || owner.number("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM calls");
    let is_left_alone = || {
        wait_until("it was asked for", || calls() > 0);
        // Each of them is a round, and all of them take less time than so many tries.
        for _ in 0..50 {
            library.groups().wait().unwrap();
        }
        assert!(calls() < 25, "it was asked for {} times", calls());
    };

    let give_up = refuse(owner, "bookdrop.give_up");
    let mut request = producer.request(book("S"), PATIENCE);
    assert!(request.wait_for(Duration::ZERO).is_err(), "it waits");
    let _delivery = consumer.receive().wait().unwrap();
    drop(request);
    is_left_alone();
    owner.does(&give_up);
    wait_until("it is given up", || {
        owner.number("SELECT count(*) FROM bookdrop.event WHERE asker = 0") == 1
    });

    let _reclaim = refuse(owner, "bookdrop.reclaim");
    owner.does(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'refused'",
    );
    is_left_alone();
}

#[test]
fn what_is_refused_while_nobody_is_told_is_warned_of_once() {
    if is_left_out("postgres") {
        return;
    }
    log::listen();
    let database = Database::make(postgres(), "revoked");
    drop(open(&database.url, "revoked_library", ""));
    database.owner.does("CREATE ROLE clerk LOGIN");
    let grants = documented_grants().replace("TO app;", "TO clerk;");
    database.owner.does(&grants);
    let of_clerk = url(postgres(), "clerk", "revoked");
    let library = open(&of_clerk, "revoked_library", "lease=20s");
    let mut consumer = Consumer::new(&library);
    assert!(consumer.try_receive().wait().is_err(), "it has come");

    let tables = "bookdrop.event, bookdrop.outbox";
    database
        .owner
        .does(&format!("REVOKE UPDATE, DELETE ON {tables} FROM clerk"));
    Producer::new(&library).send(book("S")).wait().unwrap();
    let outgoing = Producer::new(&library).outgoing(book("T")).unwrap();
    database.owner.sends(&outgoing);
    assert!(consumer.receive().wait_for(Duration::ZERO).is_err());
    let warned = |of: &str| {
        let said = log::said("queue=\"revoked_library\"");
        said.into_iter().filter(|line| line.contains(of)).count()
    };
    for of in ["consumers wait", "`bookdrop.outbox`"] {
        wait_until("it is warned of", || {
            let _ = consumer.receive().wait_for(Duration::from_millis(1));
            warned(of) > 0
        });
    }

    database
        .owner
        .does(&format!("GRANT UPDATE, DELETE ON {tables} TO clerk"));
    for name in ["S", "T"] {
        let delivery = consumer.receive().wait_for(PATIENCE).unwrap().unwrap();
        assert_eq!(delivery.name(), name);
        delivery.ack().wait().unwrap();
    }
    assert_eq!(warned("consumers wait"), 1);
    assert_eq!(warned("`bookdrop.outbox`"), 1);
}
