//! How much comes at once.

use bookdrop::{Consumer, Event, Producer};

use crate::engine;
use crate::server::open;

#[test]
fn a_batch_of_large_events_comes_in_parts() {
    if engine::is_left_out() {
        return;
    }
    let one = open(&engine::shared().url(), "large", "lease=20s");
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
