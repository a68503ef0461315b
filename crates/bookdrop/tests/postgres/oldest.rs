//! What goes when the oldest makes room.

use bookdrop::{Consumer, Event, Producer};
use bookdrop_test_servers::{is_left_out, postgres};

use crate::server::open;

/// So many fit in.
const CAPACITY: usize = 5;

/// An event of any priority, with one of a few keys or without one.
fn mixed(name: &str) -> Event<String> {
    let event = Event::new(name.to_owned()).with_body(String::new());
    let event = event.with_priority(fastrand::u8(..10));
    match fastrand::u8(..4) {
        0 => event,
        key => event.with_key(key.to_string()),
    }
}

/// The names of all that is left, in the order of the names.
fn what_is_left(consumer: &mut Consumer<String, String>) -> Vec<String> {
    let mut left = Vec::new();
    while let Ok(delivery) = consumer.try_receive().wait() {
        left.push(delivery.name().to_owned());
        delivery.ack().wait().unwrap();
    }
    left.sort();
    left
}

fn names(first: usize, end: usize) -> Vec<String> {
    (first..end).map(|number| format!("{number:03}")).collect()
}

#[test]
fn what_goes_is_the_oldest_whatever_its_priority_and_key() {
    if is_left_out("postgres") {
        return;
    }
    let seed = fastrand::get_seed();
    println!("seed {seed}");
    let options = format!("capacity={CAPACITY}&on_full=drop_oldest&lease=20s");
    let library = open(&postgres().url(), "oldest", &options);
    let producer = Producer::new(&library);
    let mut consumers = ["default", "readers"].map(|group| {
        let mut consumer = Consumer::in_group(&library, group).unwrap();
        assert!(consumer.try_receive().wait().is_err());
        consumer
    });
    let mut gone = 0;
    for _ in 0..10 {
        let all = CAPACITY + fastrand::usize(1..CAPACITY);
        for name in names(0, all) {
            producer.send(mixed(&name)).wait().unwrap();
        }
        for consumer in &mut consumers {
            assert_eq!(
                what_is_left(consumer),
                names(all - CAPACITY, all),
                "seed {seed}"
            );
            gone += all - CAPACITY;
        }
        let stats = library.stats().wait().unwrap();
        assert_eq!(stats.dropped_when_full, gone as u64);
    }
}

#[test]
fn of_a_batch_that_does_not_fit_the_first_go() {
    if is_left_out("postgres") {
        return;
    }
    let options = format!("capacity={CAPACITY}&on_full=drop_oldest&lease=20s");
    let library = open(&postgres().url(), "oldest_of_a_batch", &options);
    let producer = Producer::new(&library);
    let mut consumer = Consumer::new(&library);
    let all = 3 * CAPACITY + 2;
    let batch: Vec<_> = names(0, all).iter().map(|name| mixed(name)).collect();
    producer.send_batch(batch).wait().unwrap();
    assert_eq!(what_is_left(&mut consumer), names(all - CAPACITY, all));
    let stats = library.stats().wait().unwrap();
    assert_eq!(stats.dropped_when_full, (all - CAPACITY) as u64);
}

#[test]
fn what_stands_behind_its_key_in_hand_goes_by_its_age_too() {
    if is_left_out("postgres") {
        return;
    }
    let options = "capacity=2&on_full=drop_oldest&lease=20s";
    let library = open(&postgres().url(), "oldest_behind", options);
    let producer = Producer::new(&library);
    let mut consumer = Consumer::new(&library);
    let book = |name: &'static str| Event::new(name).with_body(String::new());
    producer.send(book("S").with_key("K")).wait().unwrap();
    let held = consumer.receive().wait().unwrap();
    for event in [
        book("T").with_key("K").with_priority(9),
        book("U"),
        book("V").with_priority(1),
    ] {
        producer.send(event).wait().unwrap();
    }
    // What comes back has the age that it had.
    held.nack().wait().unwrap();
    producer.send(book("W")).wait().unwrap();
    assert_eq!(what_is_left(&mut consumer), ["U", "V", "W"]);
    assert_eq!(library.stats().wait().unwrap().dropped_when_full, 2);
}
