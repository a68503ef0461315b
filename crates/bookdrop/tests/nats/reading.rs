//! What lies in the stream is read back.

use bookdrop::{Event, Producer};
use bookdrop_test_servers::Direction;

use crate::engine;
use crate::server::partition::network;
use crate::server::{Library, PATIENCE, open, open_at, wait_until};

/// Bytes of the body of a large event.
const LARGE: usize = 500_000;

fn send(library: &Library, name: &str, bytes: usize) {
    let event = Event::new(name.to_owned()).with_body("x".repeat(bytes));
    let sent = Producer::new(library).send(event).wait();
    sent.expect("there is room");
}

/// All that lies in the stream is more than a slow way bears at once.
#[test]
fn a_queue_is_taken_over_on_a_slow_way_and_read_once() {
    if engine::is_left_out() {
        return;
    }
    const EVENTS: usize = 40;
    let options = "cache_bytes=0";
    let keeper = open(&engine::shared().url(), "slow_way", options);
    (0..EVENTS).for_each(|number| send(&keeper, &number.to_string(), LARGE));
    let (proxy, url) = network();
    let next = open_at(&engine::address(&url, "slow_way", options));
    let before = proxy.passed(Direction::ToClient);
    proxy.narrow(Direction::ToClient, Some(4 << 20));
    drop(keeper);
    // The first one to be asked may be the one that leaves.
    wait_until("it is taken over", || {
        let stats = next.stats().wait_for(PATIENCE);
        stats.is_ok_and(|stats| stats.is_ok_and(|stats| stats.queued == EVENTS))
            && proxy.passed(Direction::ToClient) - before > (EVENTS * LARGE) as u64
    });
    let passed = proxy.passed(Direction::ToClient) - before;
    assert!(passed < (EVENTS * LARGE * 3 / 2) as u64, "{passed} bytes");
}
