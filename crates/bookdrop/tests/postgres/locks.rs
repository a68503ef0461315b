//! Somebody else has locked what statements need, for longer than the lease.

use std::thread;
use std::time::Duration;

use bookdrop::{Consumer, Delivery, Event, Producer, SettleErrorKind, TryReceiveError};
use bookdrop_test_servers::{is_left_out, postgres};

use crate::database::Database;
use crate::server::{PATIENCE, open, wait_until};
use crate::user::User;

/// How long the server leaves what is in hand with a driver that it does not hear.
const LEASE: &str = "2s";

fn book(name: &'static str) -> Event<String> {
    Event::new(name).with_body(name.to_owned())
}

#[test]
fn sends_wait_for_a_lock_on_the_table_and_the_lease_goes_on() {
    outlasts("locked_table", "LOCK TABLE bookdrop.event");
}

#[test]
fn sends_wait_for_a_lock_on_the_queue_and_the_lease_goes_on() {
    let lock = "SELECT FROM bookdrop.queue WHERE name = 'library' FOR UPDATE";
    outlasts("locked_queue", lock);
}

fn outlasts(name: &str, lock: &str) {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), name);
    let options = format!("lease={LEASE}&application_name=locked");
    let library = open(&database.url, "library", &options);
    let producer = Producer::new(&library);
    producer.send(book("S")).wait().unwrap();
    let held = Consumer::new(&library).receive().wait().unwrap();
    // It looks as often for drivers whose lease has ended.
    let elsewhere = open(&database.url, "library", &format!("lease={LEASE}"));
    let mut other = Consumer::new(&elsewhere);
    let empty = other.try_receive().wait().map(drop);
    assert_eq!(empty, Err(TryReceiveError::Empty));

    database.owner.does("BEGIN");
    database.owner.does(lock);
    let mut sends = ["T", "U"].map(|name| producer.send(book(name)));
    for send in &mut sends {
        assert!(send.wait_for(Duration::ZERO).is_err(), "it waits");
    }
    outlast_the_lease(&database);
    for send in &mut sends {
        assert!(send.wait_for(Duration::ZERO).is_err(), "it waits still");
    }
    database.owner.does("COMMIT");

    for send in &mut sends {
        let sent = send.wait_for(PATIENCE).expect("nothing is in its way");
        sent.expect("it was sent once");
    }
    for name in ["T", "U"] {
        let delivery = other.receive().wait_for(PATIENCE).unwrap().unwrap();
        assert_eq!((delivery.name(), delivery.attempt()), (name, 1));
        delivery.ack().wait().unwrap();
    }
    held.ack().wait().expect("it was in hand all the time");
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.queued, stats.in_hand, stats.reconnects), (0, 0, 0));
}

#[test]
fn a_settlement_under_way_hears_that_the_lease_has_ended() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "late_settlement");
    let options = "lease=2s&application_name=late";
    let library = open(&database.url, "library", options);
    Producer::new(&library).send(book("S")).wait().unwrap();
    let mut consumer = Consumer::new(&library);
    let held = consumer.receive().wait().unwrap();

    let lock = "SELECT FROM bookdrop.event FOR UPDATE";
    database.owner.does(&format!("BEGIN; {lock}"));
    let acking = thread::spawn(move || held.ack().wait_for(PATIENCE));
    let somebody = User::at(&database.url);
    wait_until_locked_out(&somebody, "late");
    // As whoever takes it for dead does, who cannot reach what it has in hand yet.
    somebody.does("DELETE FROM bookdrop.driver WHERE application = 'late'");
    // Nobody is kept by what is under way once the driver knows.
    let empty = consumer.try_receive().wait_for(PATIENCE).map(Result::err);
    assert_eq!(empty.ok(), Some(Some(TryReceiveError::Empty)));
    let back = "SELECT bookdrop.look_after(id, 20, 1000, 0) FROM bookdrop.queue";
    database.owner.does(&format!("{back}; COMMIT"));

    let acked = acking.join().unwrap().expect("it ends");
    let error = acked.unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::LeaseEnded);
    drop(error);
    let again = consumer.receive().wait_for(PATIENCE).unwrap().unwrap();
    assert_eq!((again.name(), again.attempt()), ("S", 2));
    again.ack().wait().unwrap();
}

/// Whoever settles has a group when it tells a driver: one who leaves and has its driver first would be in its way, and it in that of
/// the one who leaves.
#[test]
fn who_leaves_takes_its_driver_after_its_groups() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "order_of_leaving");
    let library = open(&database.url, "library", "application_name=leaves");
    let mut consumer = Consumer::new(&library);
    assert!(consumer.try_receive().wait().is_err());
    drop(consumer);
    let of = |table: &str| {
        database
            .owner
            .number(&format!("SELECT count(*) FROM bookdrop.{table}"))
    };
    wait_until("only the driver is left", || of("seat") == 0);
    let settles = User::at(&database.url);
    // It is the one that is told of it, if there is anything to be told.
    settles.does("SET deadlock_timeout = '10ms'");
    settles.does("BEGIN; SELECT FROM bookdrop.consumer_group FOR UPDATE");
    let leaving = thread::spawn(move || drop(library));
    wait_until_locked_out(&database.owner, "leaves");
    settles.does("SELECT FROM bookdrop.driver FOR UPDATE; COMMIT");
    leaving.join().unwrap();
    let drivers = || {
        database
            .owner
            .number("SELECT count(*) FROM bookdrop.driver")
    };
    wait_until("it has left", || drivers() == 0);
}

/// Whenever something that failed is back, the next one has failed.
#[test]
fn a_send_does_not_wait_for_all_that_fails_after_it() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "fair_turns");
    let library = open(&database.url, "library", "application_name=fair");
    let (producer, mut consumer) = (Producer::new(&library), Consumer::new(&library));
    let [first, second, third] = ["A", "B", "C"].map(|name| {
        producer.send(book(name)).wait().unwrap();
        let held = consumer.receive().wait().unwrap();
        let user = User::at(&database.url);
        let last = "SELECT max(id) FROM bookdrop.event";
        user.does(&format!(
            "BEGIN; SELECT FROM bookdrop.event WHERE id = ({last}) FOR UPDATE"
        ));
        (held, user)
    });
    let fail = |held: Delivery<String, String>| {
        assert!(held.nack().wait_for(Duration::ZERO).is_err(), "it goes on");
    };
    let come_back = |(user, left): (User, i64)| {
        user.does("COMMIT");
        let in_hand = "SELECT count(*) FROM bookdrop.event WHERE state = 'in hand'";
        wait_until("it is back", || database.owner.number(in_hand) == left);
    };

    fail(first.0);
    wait_until_locked_out(&database.owner, "fair");
    let mut send = producer.send(book("S"));
    assert!(send.wait_for(Duration::ZERO).is_err(), "it waits");
    fail(second.0);
    come_back((first.1, 2));
    wait_until_locked_out(&database.owner, "fair");
    fail(third.0);
    come_back((second.1, 1));
    // The third one is under way, and its row is locked still.
    wait_until_locked_out(&database.owner, "fair");
    // Sooner than the server gives up what waits for that lock.
    let sent = send.wait_for(PATIENCE / 2).expect("its turn has come");
    sent.unwrap();
    come_back((third.1, 0));
}

/// What is fetched lands with the round, in which something else takes longer.
#[test]
fn work_whose_hand_over_is_on_its_way_sees_that_the_requester_gave_up() {
    if is_left_out("postgres") {
        return;
    }
    let database = Database::make(postgres(), "unwanted");
    let front = open(&database.url, "library", "application_name=front");
    let options = format!("lease={LEASE}&application_name=locked");
    let back = open(&database.url, "library", &options);
    let (producer, mut consumer) = (Producer::new(&front), Consumer::new(&back));
    producer.send(book("A")).wait().unwrap();
    let held = consumer.receive().wait().unwrap();
    let [row, table, somebody] = [(); 3].map(|()| User::at(&database.url));
    row.does("BEGIN; SELECT FROM bookdrop.event FOR UPDATE");
    table.does("BEGIN; LOCK TABLE bookdrop.dead_letter");
    assert!(held.ack().wait_for(Duration::ZERO).is_err(), "it goes on");
    wait_until_locked_out(&somebody, "locked");
    // All of this goes with the next round.
    let mut receiving = consumer.receive();
    assert!(receiving.wait_for(Duration::ZERO).is_err(), "it waits");
    let listed = back.dead_letters().list().wait_for(Duration::ZERO);
    assert!(listed.is_err(), "it goes on");
    let mut request = producer.request(book("S"), PATIENCE);
    assert!(request.wait_for(Duration::ZERO).is_err(), "it waits");
    let events = |which: &str| {
        let query = format!("SELECT count(*) FROM bookdrop.event WHERE {which}");
        wait_until(which, || somebody.number(&query) == 1);
    };
    events("asker IS NOT NULL");
    row.does("COMMIT");
    events("asker IS NOT NULL AND state = 'in hand'");
    wait_until_locked_out(&somebody, "locked");
    drop(request);
    events("asker = 0");
    // What the server says by itself comes on the connection of the lease: it was heard by then.
    outlast_the_lease(&database);
    table.does("COMMIT");

    let delivery = receiving.wait_for(PATIENCE).unwrap().unwrap();
    let seen = delivery.cancelled().wait_for(PATIENCE / 2);
    seen.expect("the work sees that nobody waits");
}

/// Waits until a statement of this application waits for a lock. Within a transaction that is not seen.
fn wait_until_locked_out(somebody: &User, application: &str) {
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}' AND wait_event_type = 'Lock'"
    );
    wait_until("a statement waits for a lock", || {
        somebody.number(&waiting) > 0
    });
}

/// Waits until the driver has prolonged its lease by all of it, while the lock is held.
fn outlast_the_lease(database: &Database) {
    let alive = "FROM bookdrop.driver WHERE application = 'locked'";
    let begun = &database
        .owner
        .texts(&format!("SELECT alive_until::text {alive}"))[0];
    let later = format!(
        "SELECT count(*) {alive} AND alive_until >= '{begun}'::timestamptz + '{LEASE}'::interval"
    );
    wait_until("the lease is prolonged", || {
        database.owner.number(&later) == 1
    });
}
