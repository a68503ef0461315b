//! A queue gets other bounds while it is in use.

use std::time::Duration;

use super::recording::Recorded;
use crate::machine::Limits;
use crate::queue::{DEFAULT_GROUP, OnFull, Reader};

fn recorded(limits: Limits) -> (Recorded, Reader) {
    let recorded = Recorded::new(limits, OnFull::Wait);
    let reader = recorded.join(DEFAULT_GROUP);
    (recorded, reader)
}

#[test]
fn other_limits_let_in_who_stands_in_line() {
    let (recorded, reader) = recorded(Limits {
        capacity: 1,
        ..Limits::default()
    });
    recorded.put(1);
    let second = recorded.send(recorded.item(2)).expect("it is full");
    let third = recorded.send(recorded.item(3)).expect("it is full");
    recorded.queue.set_limits(Limits {
        capacity: 2,
        max_attempts: 1,
        ..Limits::default()
    });
    assert_eq!(recorded.queue.capacity(), 2);
    assert!(!recorded.is_in_line(second) && recorded.is_in_line(third));
    let first = recorded.take(reader);
    recorded.queue.failed(reader, first, None);
    assert_eq!(recorded.dead(DEFAULT_GROUP), [(1, 1)]);
    // What is beyond them stays.
    recorded.queue.set_limits(Limits {
        capacity: 1,
        ..Limits::default()
    });
    assert_eq!([2, 3], [(); 2].map(|()| recorded.finish(reader)));
}

#[test]
fn identities_beyond_other_limits_are_forgotten_the_oldest_first() {
    let (recorded, _) = recorded(Limits::default());
    let named = |number, identity| {
        let mut item = recorded.item(number);
        item.identity = Some(identity);
        recorded.send(item);
    };
    named(1, "old");
    named(2, "new");
    recorded.queue.set_limits(Limits {
        max_remembered_ids: 1,
        ..Limits::default()
    });
    assert!(!recorded.queue.remembers("old") && recorded.queue.remembers("new"));
    recorded.queue.set_limits(Limits {
        duplicate_window: Duration::ZERO,
        ..Limits::default()
    });
    assert!(!recorded.queue.remembers("new"));
}

#[test]
fn what_waits_because_it_failed_is_ready_when_that_is_waived() {
    let (recorded, reader) = recorded(Limits::default());
    recorded.put(1);
    for wait in [None, None, Some(Duration::from_secs(1000))] {
        let taken = recorded.try_take(reader).expect("it is ready");
        recorded.queue.failed(reader, taken, wait);
        recorded.queue.waive_backoff();
    }
    // Its consumer asked for this.
    assert!(recorded.try_take(reader).is_none());
}
