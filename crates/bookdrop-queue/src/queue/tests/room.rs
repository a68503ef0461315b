//! Room beside the queue: what has none is treated as where the queue is full.

use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::recording::{MAKING, Recorded, TAKEN};
use crate::item::DeadReason;
use crate::machine::Limits;
use crate::queue::{Asking, DEFAULT_GROUP, OnFull, Refusal};

fn with_room(room: isize, on_full: OnFull) -> Recorded {
    let recorded = Recorded::new(Limits::default(), on_full);
    recorded.room.store(room, Relaxed);
    recorded
}

#[test]
fn who_finds_no_room_beside_the_queue_stands_in_line_until_there_is_just_enough() {
    let recorded = with_room(9, OnFull::Wait);
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.send(recorded.sized(1, 9)), None);
    let second = recorded.send(recorded.sized(2, 10)).expect("no room");
    let third = recorded
        .send(recorded.sized(3, 1))
        .expect("nobody barges in");
    recorded.finish(reader);
    assert!(recorded.is_in_line(second), "nine is too little");
    recorded.room.store(10, Relaxed);
    assert!(recorded.is_in_line(second), "nobody has looked");
    recorded.queue.let_in();
    assert!(!recorded.is_in_line(second));
    assert!(recorded.is_in_line(third), "the second one took it all");
    recorded.room.store(1, Relaxed);
    recorded.queue.let_in();
    assert!(!recorded.is_in_line(third));
    assert_eq!([2, 3], [(); 2].map(|()| recorded.finish(reader)));
}

#[test]
fn what_is_gone_makes_room_at_once_for_who_stands_in_line() {
    let recorded = with_room(1, OnFull::Wait);
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.send(recorded.sized(1, 1)), None);
    let second = recorded.send(recorded.sized(2, 1)).expect("no room");
    let taken = recorded.take(reader);
    assert!(recorded.is_in_line(second), "it is still in hand");
    recorded.queue.ack(reader, taken);
    assert!(!recorded.is_in_line(second));
}

#[test]
fn requests_and_delayed_items_ask_for_room_as_well() {
    let recorded = with_room(0, OnFull::Reject);
    recorded.join(DEFAULT_GROUP);
    let ask = || {
        let asking = Asking {
            deadline: Instant::now() + Duration::from_secs(100),
            waits_for_consumer: true,
            waker: Waker::noop().clone(),
            wakes_at_deadline: false,
        };
        let item = recorded.sized(1, 1);
        recorded.queue.send_request(item, None, asking).is_ok()
    };
    let delay = || {
        let due = Instant::now() + Duration::from_secs(100);
        recorded
            .queue
            .try_send(recorded.sized(2, 1), Some(due))
            .is_ok()
    };
    assert!(!ask() && !delay());
    recorded.room.store(2, Relaxed);
    assert!(ask() && delay());
}

/// What comes back, and a dead letter that is sent again, has its room.
#[test]
fn what_was_taken_in_before_does_not_ask() {
    let recorded = with_room(1, OnFull::Reject);
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.send(recorded.sized(1, 1)), None);
    let taken = recorded.take(reader);
    recorded.queue.failed(reader, taken, None);
    let taken = recorded.take(reader);
    let reason = DeadReason::Rejected("no".into());
    recorded.queue.bury(reader, taken, reason);
    assert!(recorded.queue.replay(DEFAULT_GROUP, 1));
    assert_eq!(recorded.finish(reader), 1);
}

#[test]
fn the_oldest_of_all_groups_go_until_there_is_room_or_nothing_left() {
    let recorded = with_room(8, OnFull::DropOldest);
    let reader = recorded.join(DEFAULT_GROUP);
    let other = recorded.join("b");
    for number in 1..=4 {
        assert_eq!(recorded.send(recorded.sized(number, 1)), None);
    }
    recorded.forget();
    let sent = recorded.queue.try_send(recorded.sized(5, 2), None);
    assert!(sent.is_ok());
    let told = ["1 in 1: gone 0/0", "1 in 0: gone 0/0"];
    assert_eq!(recorded.told()[..2], told);
    assert_eq!(recorded.finish(reader), 2);
    assert_eq!(recorded.finish(other), 2);
    let too_large = recorded.queue.try_send(recorded.sized(6, 100), None);
    assert!(too_large.is_err());
    let (counters, depths) = recorded.queue.counts();
    assert_eq!((depths.queued, counters.dropped_when_full), (0, 8));
}

#[test]
fn nothing_goes_for_room_that_is_being_made() {
    let recorded = with_room(1, OnFull::DropOldest);
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.send(recorded.sized(1, 1)), None);
    recorded.room.store(MAKING, Relaxed);
    let sent = recorded.queue.try_send(recorded.sized(2, 1), None);
    let refused = sent.expect_err("there is no room yet");
    assert_eq!(refused.why, Refusal::NotYet);
    let (counters, _) = recorded.queue.counts();
    let counted = (counters.dropped_when_full, counters.rejected_when_full);
    assert_eq!(counted, (0, 0), "it is not full");
    recorded.room.store(1, Relaxed);
    assert!(recorded.queue.try_send(refused.item, None).is_ok());
    assert_eq!([1, 2], [(); 2].map(|()| recorded.finish(reader)));
}

#[test]
fn nothing_goes_where_that_would_make_no_room() {
    let limits = Limits {
        capacity: 2,
        ..Limits::default()
    };
    let recorded = Recorded::new(limits, OnFull::DropOldest);
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.put(1);
    recorded.put(2);
    recorded.room.store(TAKEN, Relaxed);
    let sent = recorded.queue.try_send(recorded.sized(3, 1), None);
    assert_eq!(sent.expect_err("there is no room").why, Refusal::Full);
    assert_eq!([1, 2], [(); 2].map(|()| recorded.finish(reader)));
    recorded.queue.let_in();
}

#[test]
fn who_waits_waits_for_room_that_is_being_made() {
    let recorded = with_room(MAKING, OnFull::Wait);
    let reader = recorded.join(DEFAULT_GROUP);
    let first = recorded.send(recorded.sized(1, 1)).expect("not yet");
    let try_send = |number| {
        let sent = recorded.queue.try_send(recorded.sized(number, 1), None);
        sent.map_err(|refused| refused.why)
    };
    assert_eq!(try_send(2), Err(Refusal::NotYet));
    recorded.room.store(1, Relaxed);
    assert_eq!(try_send(3), Err(Refusal::NotYet), "nobody barges in");
    recorded.queue.let_in();
    assert!(!recorded.is_in_line(first));
    assert_eq!(try_send(4), Err(Refusal::Full), "the first one took it");
    assert_eq!(recorded.finish(reader), 1);
}
