//! Events that users send within transactions of their own.

mod bounds;
mod kills;
mod rights;

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use bookdrop::{
    BackendErrorKind, Consumer, Delivery, Event, Outgoing, Producer, SendErrorKind, TryReceiveError,
};
use bookdrop_test_servers::{is_left_out, postgres};

use crate::server::other::Other;
use crate::server::{Library, PATIENCE, open, wait_until};
use crate::user::User;

const HOUR: Duration = Duration::from_secs(3600);

fn event(name: &str) -> Event<String> {
    Event::new(name.to_owned()).with_body(name.to_owned())
}

/// An event for the outbox of this queue.
fn outgoing(library: &Library, event: Event<String>) -> Outgoing {
    Producer::new(library).outgoing(event).unwrap()
}

fn receive(consumer: &mut Consumer<String, String>) -> Delivery<String, String> {
    let received = consumer.receive().wait_for(PATIENCE);
    received
        .expect("something comes")
        .expect("nothing is closed")
}

/// The name of what comes next, which is acked.
fn take(consumer: &mut Consumer<String, String>) -> String {
    let delivery = receive(consumer);
    let name = delivery.name().to_owned();
    delivery.ack().wait().unwrap();
    name
}

/// Sends it in a transaction of its own.
fn commit(user: &User, library: &Library, event: Event<String>) {
    user.sends(&outgoing(library, event));
}

#[test]
fn a_committed_event_is_received_once_with_all_it_has() {
    if is_left_out("postgres") {
        return;
    }
    for codec in ["json", "msgpack"] {
        let queue = format!("outbox_intact_{codec}");
        let library = open(&postgres().url(), &queue, &format!("codec={codec}"));
        let user = User::at(&postgres().url());
        let mut consumer = Consumer::new(&library);
        let sent = Event::new("книга")
            .with_header("title", "早上好 \"quoted\" ☕")
            .with_value("pages", 120)
            .with_key("reader \\ 12")
            .with_priority(7)
            .with_time_to_live(HOUR)
            .with_body("\u{0}\n🦀".repeat(10_000));
        let id = sent.id().to_owned();
        user.does("BEGIN");
        user.sends(&outgoing(&library, sent.clone()));
        user.does("COMMIT");
        let seen = receive(&mut consumer);
        assert_eq!(seen.id(), id, "one that was made travels");
        assert_eq!((seen.name(), seen.body()), (sent.name(), sent.body()));
        assert_eq!(seen.header("title"), sent.header("title"));
        assert_eq!(seen.value("pages"), sent.value("pages"));
        assert_eq!((seen.key(), seen.priority()), (sent.key(), sent.priority()));
        assert_eq!(seen.time_to_live(), Some(HOUR));
        assert_eq!(seen.attempt(), 1);
        seen.ack().wait().unwrap();
        assert_eq!(user.in_outbox(&queue), 0);
        let stats = library.stats().wait().unwrap();
        assert_eq!((stats.sent, stats.acked), (1, 1));
        assert_eq!((stats.queued, stats.in_hand), (0, 0));
    }
}

#[test]
fn an_event_that_is_rolled_back_was_never_sent() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_rolled_back", "");
    let user = User::at(&postgres().url());
    let mut consumer = Consumer::new(&library);
    user.does("BEGIN");
    user.sends(&outgoing(&library, event("never").with_id("given")));
    user.does("ROLLBACK");
    user.does("BEGIN; SAVEPOINT before");
    user.sends(&outgoing(&library, event("never either")));
    user.does("ROLLBACK TO before");
    // The id of one that was not sent is as good as new.
    user.sends(&outgoing(&library, event("sent").with_id("given")));
    user.does("COMMIT");
    assert_eq!(take(&mut consumer), "sent");
    assert_eq!(user.in_outbox("outbox_rolled_back"), 0);
    assert_eq!(library.stats().wait().unwrap().sent, 1);
}

#[test]
fn events_keep_the_order_of_their_transactions() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_order", "capacity=100");
    let user = User::at(&postgres().url());
    let mut consumer = Consumer::new(&library);
    let mut expected = Vec::new();
    // More than there is room for, and more than is relayed at once.
    for size in [1, 2, 700, 3] {
        user.does("BEGIN");
        for number in 0..size {
            let name = format!("{number} of {size}");
            user.sends(&outgoing(&library, event(&name)));
            expected.push(name);
        }
        user.does("COMMIT");
    }
    let received: Vec<_> = expected.iter().map(|_| take(&mut consumer)).collect();
    assert_eq!(received, expected);
}

#[test]
fn a_transaction_that_stays_open_holds_up_nobody() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_open", "");
    let (slow, quick) = (User::at(&postgres().url()), User::at(&postgres().url()));
    let mut consumer = Consumer::new(&library);
    slow.does("BEGIN");
    slow.sends(&outgoing(&library, event("slow")));
    let producer = Producer::new(&library);
    let sent = producer.send(event("direct")).wait_for(PATIENCE);
    sent.expect("it does not wait for the transaction").unwrap();
    assert_eq!(take(&mut consumer), "direct");
    commit(&quick, &library, event("quick"));
    assert_eq!(take(&mut consumer), "quick");
    slow.does("COMMIT");
    assert_eq!(take(&mut consumer), "slow");
}

#[test]
fn a_driver_that_is_opened_later_relays_what_was_sent_before() {
    if is_left_out("postgres") {
        return;
    }
    let url = postgres().url();
    let library = open(&url, "outbox_later", "");
    let written: Vec<_> = (0..3)
        .map(|n| outgoing(&library, event(&n.to_string())))
        .collect();
    drop(library);
    let user = User::at(&url);
    written.iter().for_each(|outgoing| user.sends(outgoing));
    assert_eq!(user.in_outbox("outbox_later"), 3);
    let mut consumer = Consumer::new(&open(&url, "outbox_later", ""));
    let received: Vec<_> = (0..3).map(|_| take(&mut consumer)).collect();
    assert_eq!(received, ["0", "1", "2"]);
}

/// Notifications are hints. Nobody is told of what another session puts there by hand, without a word.
#[test]
fn what_no_notification_told_of_is_relayed_as_well() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_silent", "");
    let user = User::at(&postgres().url());
    let mut consumer = Consumer::new(&library);
    // The driver has looked before: this was relayed.
    commit(&user, &library, event("first"));
    assert_eq!(take(&mut consumer), "first");
    user.does(
        "INSERT INTO bookdrop.outbox (queue, priority, event_id, is_id_given, content)
            SELECT id, 0, 'quiet', false, convert_to('{\"name\":\"quiet\",\"body\":\"\"}', 'UTF8')
            FROM bookdrop.queue WHERE name = 'outbox_silent'",
    );
    assert_eq!(take(&mut consumer), "quiet");
}

#[test]
fn drivers_of_two_processes_relay_each_event_once_and_in_order() {
    if is_left_out("postgres") {
        return;
    }
    const EACH: usize = 150;
    let address = format!("{}?queue=outbox_two&capacity=20", postgres().url());
    let library = crate::server::open_at(&address);
    // Both of them are told of each transaction.
    let _other = Other::start(&address);
    let senders: Vec<_> = ["a", "b"]
        .map(|who| {
            let (library, user) = (library.clone(), User::at(&postgres().url()));
            thread::spawn(move || {
                for number in 0..EACH {
                    commit(&user, &library, event(&format!("{who} {number:03}")));
                }
            })
        })
        .into();
    let mut consumer = Consumer::new(&library);
    let received: Vec<_> = (0..2 * EACH).map(|_| take(&mut consumer)).collect();
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    for who in ["a", "b"] {
        let theirs = received.iter().filter(|name| name.starts_with(who));
        assert!(theirs.is_sorted(), "{received:?}");
    }
    let different: HashSet<_> = received.iter().collect();
    assert_eq!(different.len(), received.len(), "{received:?}");
    assert_eq!(
        consumer.try_receive().wait().err(),
        Some(TryReceiveError::Empty)
    );
    assert_eq!(User::at(&postgres().url()).in_outbox("outbox_two"), 0);
}

#[test]
fn each_group_gets_what_was_sent_in_a_transaction() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_groups", "");
    let user = User::at(&postgres().url());
    let mut groups = ["default", "audit"].map(|group| {
        let mut consumer = Consumer::in_group(&library, group).unwrap();
        let _ = consumer.try_receive().wait();
        consumer
    });
    user.does("BEGIN");
    // Its age is counted in each group: see below.
    user.sends(&outgoing(&library, event("S").with_time_to_live(2 * HOUR)));
    user.sends(&outgoing(&library, event("T")));
    user.does("UPDATE bookdrop.outbox SET sent_at = sent_at - interval '1 hour'; COMMIT");
    for consumer in &mut groups {
        assert_eq!([take(consumer), take(consumer)], ["S", "T"]);
    }
}

#[test]
fn one_id_is_one_event_however_it_is_sent() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_ids", "");
    let user = User::at(&postgres().url());
    let mut consumer = Consumer::new(&library);
    let producer = Producer::new(&library);
    let given = |name: &str, id: &str| event(name).with_id(id.to_owned());
    producer.send(given("first", "A")).wait().unwrap();
    user.does("BEGIN");
    user.sends(&outgoing(&library, given("second", "A")));
    user.sends(&outgoing(&library, given("third", "B")));
    user.sends(&outgoing(&library, given("fourth", "B")));
    user.does("COMMIT");
    wait_until("the outbox is empty", || user.in_outbox("outbox_ids") == 0);
    producer.send(given("fifth", "B")).wait().unwrap();
    // One without an id of its own is never a duplicate.
    let twice = outgoing(&library, event("twice"));
    user.sends(&twice);
    user.sends(&twice);
    let received: Vec<_> = (0..4).map(|_| take(&mut consumer)).collect();
    assert_eq!(received, ["first", "third", "twice", "twice"]);
    assert_eq!(library.stats().wait().unwrap().duplicates, 3);
}

#[test]
fn delays_and_times_to_live_begin_when_it_is_sent() {
    if is_left_out("postgres") {
        return;
    }
    let url = postgres().url();
    let library = open(&url, "outbox_times", "");
    let user = User::at(&url);
    let written = [
        event("early").with_delay(3 * HOUR),
        event("due").with_delay(HOUR),
        event("expired").with_time_to_live(HOUR),
        event("fresh").with_time_to_live(3 * HOUR),
        event("plain"),
    ]
    .map(|event| outgoing(&library, event));
    drop(library);
    user.does("BEGIN");
    written.iter().for_each(|outgoing| user.sends(outgoing));
    // Nobody relayed them for two hours.
    user.does("UPDATE bookdrop.outbox SET sent_at = sent_at - interval '2 hours'; COMMIT");
    let library = open(&url, "outbox_times", "");
    let mut consumer = Consumer::new(&library);
    let mut received: Vec<_> = (0..3)
        .map(|_| {
            let delivery = receive(&mut consumer);
            let said = (
                delivery.name().to_owned(),
                delivery.delay(),
                delivery.time_to_live(),
            );
            delivery.ack().wait().unwrap();
            said
        })
        .collect();
    received.sort();
    let expected = [
        ("due".to_owned(), Some(HOUR), None),
        ("fresh".to_owned(), None, Some(3 * HOUR)),
        ("plain".to_owned(), None, None),
    ];
    assert_eq!(received, expected);
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.queued, stats.delayed, stats.expired), (0, 1, 1));
    let due_in = user.number(
        "SELECT extract(epoch FROM e.wakes_at - clock_timestamp())::bigint FROM bookdrop.event e
            JOIN bookdrop.consumer_group g ON g.id = e.consumer_group JOIN bookdrop.queue q ON q.id = g.queue
            WHERE q.name = 'outbox_times'",
    );
    assert!((0..=3600).contains(&due_in), "{due_in}");
}

#[test]
fn what_cannot_be_sent_is_given_back() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_refused", "max_event_bytes=1000");
    let producer = Producer::new(&library);
    let kind_of = |event: Event<String>| {
        let name = event.name().to_owned();
        let error = producer.outgoing(event).unwrap_err();
        let kind = error.kind().clone();
        assert_eq!(error.into_event().name(), name);
        kind
    };
    assert!(matches!(kind_of(event("")), SendErrorKind::Invalid(_)));
    let large = event("large").with_body("x".repeat(1000));
    let kind = kind_of(large);
    assert!(
        matches!(&kind, SendErrorKind::Backend(why) if why.kind() == BackendErrorKind::TooLarge),
        "{kind:?}"
    );
    let kind = kind_of(event("nul").with_key("\0"));
    assert!(
        matches!(&kind, SendErrorKind::Backend(why) if why.kind() == BackendErrorKind::Invalid),
        "{kind:?}"
    );
    library.close().wait().unwrap();
    assert_eq!(kind_of(event("late")), SendErrorKind::Closed);
}

/// A closed driver takes nothing new, from an outbox either.
#[test]
fn a_closed_driver_relays_nothing() {
    if is_left_out("postgres") {
        return;
    }
    let url = postgres().url();
    let library = open(&url, "outbox_closed", "");
    let written = outgoing(&library, event("S"));
    let mut consumer = Consumer::new(&library);
    library.close().wait().unwrap();
    User::at(&url).sends(&written);
    assert!(consumer.receive().wait_for(PATIENCE).unwrap().is_err());
    let mut other = Consumer::new(&open(&url, "outbox_closed", ""));
    assert_eq!(take(&mut other), "S");
}
