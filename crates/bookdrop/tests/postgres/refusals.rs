//! What the server refuses, or dies of, while it can be reached.

use std::time::Duration;

use bookdrop::{BackendErrorKind, Consumer, Driver, Error, Event, OpenErrorKind, Producer};
use bookdrop_test_servers::postgres;

use crate::database::Database;
use crate::engine;
use crate::server::{Library, PATIENCE, open, wait_until};

fn book() -> Event<String> {
    Event::new("S").with_body(String::new())
}

#[test]
fn what_cannot_be_put_back_now_is_put_back_later() {
    if engine::is_left_out() {
        return;
    }
    let database = Database::make(postgres(), "no_way_back");
    let one: Library = open(&database.url, "refusals", "lease=60s");
    let mut consumer = Consumer::new(&one);
    assert!(consumer.try_receive().wait().is_err(), "it has come");
    let mut receiving = consumer.receive();
    assert!(receiving.wait_for(Duration::ZERO).is_err());
    Producer::new(&one).send(book()).wait().unwrap();
    let in_hand = "SELECT count(*) FROM bookdrop.event WHERE state = 'in hand'";
    wait_until("it is on its way", || database.owner.number(in_hand) == 1);
    database.owner.does(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE disk_full; END';
         CREATE TRIGGER no BEFORE UPDATE ON bookdrop.event FOR EACH ROW EXECUTE FUNCTION no()",
    );
    // It goes back now.
    drop(receiving);
    one.stats().wait().unwrap();
    one.stats().wait().unwrap();
    database.owner.does("DROP TRIGGER no ON bookdrop.event");
    let delivery = consumer.receive().wait_for(PATIENCE);
    let delivery = delivery.expect("it is back").unwrap();
    assert_eq!(delivery.attempt(), 1);
    delivery.ack().wait().unwrap();
}

#[test]
fn a_settlement_that_costs_the_connection_each_time_ends() {
    if engine::is_left_out() {
        return;
    }
    let database = Database::make(postgres(), "deadly");
    let one: Library = open(&database.url, "refusals", "lease=60s&patience=1s");
    let mut consumer = Consumer::new(&one);
    Producer::new(&one).send(book()).wait().unwrap();
    let delivery = consumer.receive().wait().unwrap();
    // Whoever does it is gone, as with a proxy that takes offence at what is said.
    database.owner.does(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
         CREATE TRIGGER die BEFORE DELETE ON bookdrop.event FOR EACH ROW EXECUTE FUNCTION die()",
    );
    let acked = delivery.ack().wait_for(PATIENCE).expect("it ends");
    let error = Error::from(acked.expect_err("it cannot be done"));
    let why = error.backend().expect("the server is to blame");
    assert_eq!(why.kind(), BackendErrorKind::Unknown, "{why}");
    database.owner.does("DROP TRIGGER die ON bookdrop.event");
    wait_until("it can be reached", || one.stats().wait().is_ok());
    let reconnects = one.stats().wait().unwrap().reconnects;
    // Each pause is longer than the one before.
    assert!((2..30).contains(&reconnects), "{reconnects}");
}

#[test]
fn names_that_the_server_cannot_hold_are_those_of_nothing() {
    if engine::is_left_out() {
        return;
    }
    let url = engine::shared().url();
    let opened = Driver::<String>::open(format!("{url}?queue=no%00body")).wait();
    let error = opened.expect_err("there is no such queue");
    let OpenErrorKind::Backend(why) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(why.kind(), BackendErrorKind::Invalid, "{why}");
    assert!(why.to_string().contains("the name of the queue"), "{why}");

    let one: Library = open(&url, "somebody", "lease=20s");
    let nobody = "no\0body";
    assert!(!one.remove_group(nobody).wait().unwrap());
    assert!(one.group_stats(nobody).wait().unwrap().is_none());
    let letters = one.dead_letters().of_group(nobody);
    assert!(letters.list().wait().unwrap().is_empty());
    assert_eq!(letters.replay_all().wait().unwrap(), 0);
    assert_eq!(letters.discard_all().wait().unwrap(), 0);
}
