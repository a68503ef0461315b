//! What items are told of what happens to them: each thing once, in order.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::recording::Recorded;
use crate::item::Cause;
use crate::machine::Limits;
use crate::queue::{Asking, DEFAULT_GROUP, OnFull};

fn recorded() -> Recorded {
    Recorded::new(Limits::default(), OnFull::Reject)
}

/// One that holds so many items in a group, whose senders wait.
fn small(capacity: usize) -> Recorded {
    let limits = Limits {
        capacity,
        ..Limits::default()
    };
    Recorded::new(limits, OnFull::Wait)
}

fn asking() -> Asking {
    Asking {
        deadline: Instant::now() + Duration::from_secs(100),
        waits_for_consumer: true,
        waker: Waker::noop().clone(),
        wakes_at_deadline: false,
    }
}

#[test]
fn one_that_is_acked_is_told_of_its_whole_life() {
    let recorded = recorded();
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.put(1);
    assert_eq!(recorded.told(), ["1: accepted for default"]);
    let taken = recorded.take(reader);
    assert_eq!(recorded.told(), ["1 in 0: handed over 0/1"]);
    drop(recorded.queue.ack(reader, taken));
    assert_eq!(recorded.told(), ["1 in 0: gone 0/1"]);
}

#[test]
fn its_copies_are_taken_in_with_the_item_and_settled_by_themselves() {
    let recorded = recorded();
    let readers = [DEFAULT_GROUP, "b", "c"].map(|group| recorded.join(group));
    let due = Instant::now() + Duration::from_secs(5);
    assert!(recorded.queue.try_send(recorded.item(1), Some(due)).is_ok());
    assert_eq!(recorded.told(), ["1: accepted for default, b, c in 5 s"]);
    recorded.queue.advance(due);
    let due = ["1 in 0: due 0/0", "1 in 1: due 0/0", "1 in 2: due 0/0"];
    let mut told = recorded.told();
    told.sort();
    assert_eq!(told, due);
    for at in [2, 0, 1] {
        recorded.finish(readers[at]);
        let told = ["handed over", "gone"].map(|what| format!("1 in {at}: {what} 0/1"));
        assert_eq!(recorded.told(), told);
    }
}

#[test]
fn one_that_stood_in_line_is_taken_in_for_the_groups_that_it_has_copies_for() {
    let recorded = small(1);
    let reader = recorded.join(DEFAULT_GROUP);
    let other = recorded.join("b");
    recorded.put(1);
    let waits = recorded.send(recorded.item(2)).expect("it is full");
    let left = recorded.send(recorded.item(3)).expect("it is full");
    recorded.join("c");
    recorded.forget();
    recorded.finish(other);
    recorded.forget();
    assert!(recorded.queue.leave_line(left).is_some());
    assert_eq!(recorded.told(), ["3: gone"]);
    let taken = recorded.take(reader);
    let told = ["1 in 0: handed over 0/1", "2: accepted for default, b"];
    assert_eq!(recorded.told(), told);
    recorded.queue.ack(reader, taken);
    assert!(!recorded.is_in_line(waits));
}

#[test]
fn a_copy_for_a_group_that_was_removed_is_let_go_of() {
    let recorded = small(1);
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.join("b");
    recorded.put(1);
    recorded.send(recorded.item(2)).expect("it is full");
    recorded.forget();
    assert!(recorded.queue.remove_group("b"));
    assert_eq!(recorded.told(), ["1 in 1: gone 0/0"]);
    let taken = recorded.take(reader);
    assert_eq!(recorded.told()[1..], ["2: accepted for default", "2: gone"]);
    recorded.queue.ack(reader, taken);
}

#[test]
fn with_automatic_ack_it_is_gone_with_the_hand_over() {
    let recorded = recorded();
    let reader = recorded.join(DEFAULT_GROUP);
    let reader = recorded.queue.join_again(reader.group, true).reader();
    recorded.put(1);
    recorded.forget();
    drop(recorded.take(reader));
    let told = ["1 in 0: handed over 0/1", "1 in 0: gone 0/1"];
    assert_eq!(recorded.told(), told);
}

#[test]
fn what_fails_is_told_when_it_comes_back_and_in_the_end_how_it_was_buried() {
    let limits = Limits {
        max_attempts: 3,
        ..Limits::default()
    };
    let recorded = Recorded::new(limits, OnFull::Reject);
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.put(1);
    let fail = |after| {
        recorded.forget();
        let taken = recorded.take(reader);
        recorded.queue.failed(reader, taken, after);
        recorded.told()
    };
    let at_once = ["1 in 0: handed over 0/1", "1 in 0: returned 1/1"];
    assert_eq!(fail(None), at_once);
    let later = fail(Some(Duration::from_secs(7)));
    assert_eq!(later[1..], ["1 in 0: returned in 7 s 2/2"]);
    recorded
        .queue
        .advance(Instant::now() + Duration::from_secs(7));
    let why = "it failed as often as `max_attempts` allows";
    let dead = format!("1 in 0: buried as 1, {why} 3/3");
    assert_eq!(fail(None)[1..], [dead]);
}

#[test]
fn a_dead_letter_is_told_when_it_is_sent_again_or_goes() {
    let limits = Limits {
        max_dead: 2,
        ..Limits::default()
    };
    let recorded = Recorded::new(limits, OnFull::Reject);
    let reader = recorded.join(DEFAULT_GROUP);
    for number in 1..=3 {
        recorded.put(number);
        recorded.forget();
        recorded.bury(reader);
    }
    let told = recorded.told();
    let third = ["3 in 0: buried as 3, rejected: no 0/1", "1 in 0: gone 0/1"];
    assert_eq!(told[1..], third);
    assert!(recorded.queue.replay(DEFAULT_GROUP, 2));
    assert_eq!(recorded.told(), ["2 in 0: replayed 0/0"]);
    assert!(recorded.queue.take_dead(DEFAULT_GROUP, 3).is_some());
    assert_eq!(recorded.told(), ["3 in 0: gone 0/1"]);
    recorded.bury(reader);
    recorded.forget();
    assert_eq!(recorded.queue.take_all_dead(DEFAULT_GROUP).len(), 1);
    assert_eq!(recorded.told(), ["2 in 0: gone 0/1"]);
}

#[test]
fn what_expires_is_gone() {
    let recorded = recorded();
    let reader = recorded.join(DEFAULT_GROUP);
    for number in [1, 2] {
        let mut item = recorded.item(number);
        item.expires = Some(Instant::now() + Duration::from_secs(50));
        recorded.send(item);
    }
    let taken = recorded.take(reader);
    recorded
        .queue
        .failed(reader, taken, Some(Duration::from_secs(60)));
    recorded.forget();
    recorded
        .queue
        .advance(Instant::now() + Duration::from_secs(51));
    assert_eq!(recorded.told(), ["1 in 0: gone 1/1", "2 in 0: gone 0/0"]);
}

#[test]
fn what_makes_room_is_gone_before_the_newer_one_is_taken_in() {
    let limits = Limits {
        capacity: 1,
        ..Limits::default()
    };
    let recorded = Recorded::new(limits, OnFull::DropOldest);
    recorded.join(DEFAULT_GROUP);
    recorded.put(1);
    recorded.forget();
    recorded.put(2);
    let told = ["1 in 0: gone 0/0", "2: accepted for default"];
    assert_eq!(recorded.told(), told);
}

#[test]
fn what_is_purged_or_in_a_group_that_is_removed_is_gone() {
    let recorded = recorded();
    recorded.join(DEFAULT_GROUP);
    let other = recorded.join("b");
    recorded.put(1);
    recorded.forget();
    assert_eq!(recorded.queue.purge(), 2);
    // Copies stand before the item.
    assert_eq!(recorded.told(), ["1 in 1: gone 0/0", "1 in 0: gone 0/0"]);
    (2..=4).for_each(|number| recorded.put(number));
    recorded.bury(other);
    let in_hand = recorded.take(other);
    recorded.forget();
    assert!(recorded.queue.remove_group("b"));
    assert_eq!(recorded.told(), ["4 in 1: gone 0/0", "2 in 1: gone 0/1"]);
    recorded.queue.failed(other, in_hand, None);
    assert_eq!(recorded.told(), ["3 in 1: gone 1/1"]);
}

#[test]
fn a_duplicate_and_its_copies_are_gone_without_having_been_taken_in() {
    let recorded = recorded();
    recorded.join(DEFAULT_GROUP);
    recorded.join("b");
    for number in [1, 2] {
        recorded.forget();
        let mut item = recorded.item(number);
        item.identity = Some("same");
        recorded.send(item);
    }
    assert_eq!(recorded.told(), ["2: gone", "2: gone"]);
}

/// The group of those that come first gets what was sent before.
#[test]
fn of_the_first_group_it_is_told_before_anything_happens_in_it() {
    let recorded = recorded();
    recorded.put(1);
    recorded.forget();
    let reader = recorded.join_and_tell("b");
    recorded.finish(reader);
    let told = [
        "group 1: joined",
        "1 in 1: handed over 0/1",
        "1 in 1: gone 0/1",
    ];
    assert_eq!(recorded.told(), told);
}

/// The last one that is removed leaves a new group to what is sent then.
#[test]
fn that_a_group_is_removed_is_told_behind_what_goes_and_before_what_is_let_in() {
    let recorded = small(1);
    recorded.join("b");
    recorded.put(1);
    let waits = recorded.send(recorded.item(2)).expect("it is full");
    recorded.forget();
    recorded.remove_and_tell("b");
    let told = [
        "1 in 1: gone 0/0",
        "group 1: removed",
        "2: accepted for default",
    ];
    assert_eq!(recorded.told(), told);
    assert!(!recorded.is_in_line(waits));
}

#[test]
fn of_a_group_that_is_not_there_nothing_is_told() {
    let recorded = recorded();
    let tell = |_| panic!("it is not there");
    assert!(!recorded.queue.remove_group_and_tell(DEFAULT_GROUP, tell));
}

#[test]
fn a_request_is_gone_when_it_is_answered_given_up_or_refused_its_next_try() {
    let recorded = recorded();
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.join("b");
    let ask = |number| {
        recorded.forget();
        let sent = recorded
            .queue
            .send_request(recorded.item(number), None, asking());
        let call = sent.ok().expect("there is room");
        assert_eq!(recorded.told(), [format!("{number}: accepted for default")]);
        call
    };
    ask(1);
    let taken = recorded.take(reader);
    let (_, answered) = recorded.queue.answer(reader, taken, Cause::Closed);
    assert!(answered.is_ok());
    assert_eq!(recorded.told()[1..], ["1 in 0: gone 0/1"]);
    let call = ask(2);
    assert!(recorded.queue.give_up(call).1.is_some());
    assert_eq!(recorded.told(), ["2 in 0: gone 0/0"]);
    let call = ask(3);
    let taken = recorded.take(reader);
    assert!(recorded.queue.give_up(call).1.is_none());
    recorded.queue.failed(reader, taken, None);
    assert_eq!(recorded.told()[1..], ["3 in 0: gone 1/1"]);
    ask(4);
    recorded.bury(reader);
    let buried = "4 in 0: buried as 1, rejected: no 0/1";
    assert_eq!(recorded.told()[1..], [buried]);
    ask(5);
    recorded.queue.close();
    assert_eq!(recorded.told(), ["5 in 0: gone 0/0"]);
}

#[test]
fn what_is_given_back_with_an_error_or_at_the_end_is_told_nothing() {
    let recorded = small(1);
    recorded.join(DEFAULT_GROUP);
    recorded.put(1);
    recorded.forget();
    assert!(recorded.queue.try_send(recorded.item(2), None).is_err());
    let waits = recorded.send(recorded.item(3)).expect("it is full");
    recorded.queue.close();
    assert!(recorded.is_in_line(waits), "it was refused");
    assert_eq!(recorded.queue.take_left().0.len(), 1);
    assert_eq!(recorded.told(), [""; 0]);
}
