//! Several drivers share one queue.

use std::time::Duration;

use bookdrop::{Consumer, Event, Producer, SendErrorKind};
use bookdrop_test_servers::{is_left_out, postgres};

use crate::{Library, NEVER, PATIENCE, open};

fn two(queue: &str, options: &str) -> [Library; 2] {
    let url = postgres().url();
    [open(&url, queue, options), open(&url, queue, options)]
}

fn book(name: &str) -> Event<String> {
    Event::new(name.to_owned()).with_body(String::new())
}

#[test]
fn the_capacity_counts_what_all_drivers_sent() {
    if is_left_out("postgres") {
        return;
    }
    let drivers = two("capacity", "capacity=10");
    std::thread::scope(|scope| {
        for driver in &drivers {
            scope.spawn(|| {
                let producer = Producer::new(driver);
                while producer.try_send(book("S")).wait().is_ok() {}
            });
        }
    });
    for driver in &drivers {
        assert_eq!(driver.stats().wait().unwrap().queued, 10);
        let refused = Producer::new(driver).try_send(book("T")).wait();
        assert_eq!(refused.unwrap_err().kind(), &SendErrorKind::Full);
    }
}

#[test]
fn a_drain_counts_what_its_own_driver_has_in_hand() {
    if is_left_out("postgres") {
        return;
    }
    let [one, other] = two("drained", "lease=20s");
    let (mut busy, mut idle) = (Consumer::new(&one), Consumer::new(&other));
    let producer = Producer::new(&one);
    producer.send(book("S")).wait().unwrap();
    let held = busy.receive().wait().unwrap();
    producer.send(book("T")).wait().unwrap();
    idle.receive().wait().unwrap().ack().wait().unwrap();
    let report = other.drain(NEVER).wait_for(PATIENCE);
    assert_eq!(report.expect("nothing is in hand").unwrap().unfinished, 0);
    let report = one.drain(Duration::from_millis(1)).wait().unwrap();
    assert_eq!(report.unfinished, 1);
    held.ack().wait().unwrap();
}

#[test]
fn a_batch_of_large_events_comes_in_parts() {
    if is_left_out("postgres") {
        return;
    }
    let [one, _other] = two("large", "lease=20s");
    let mut consumer = Consumer::new(&one);
    let producer = Producer::new(&one);
    let body = "S".repeat(3 << 20);
    for name in ["1", "2", "3"] {
        let event = Event::new(name).with_body(body.clone());
        producer.send(event).wait().unwrap();
    }
    // Two of them are more than is fetched at once.
    for name in ["1", "2", "3"] {
        let batch = consumer.receive_batch(3).wait().unwrap();
        let names: Vec<_> = batch.iter().map(|delivery| delivery.name()).collect();
        assert_eq!(names, [name]);
        for delivery in batch {
            assert!(delivery.body() == &body, "it is as it was sent");
            delivery.ack().wait().unwrap();
        }
    }
}
