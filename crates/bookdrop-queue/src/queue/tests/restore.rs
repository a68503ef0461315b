//! A queue that is made again goes on as the one that was there before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use super::recording::{Recorded, copy};
use crate::item::DeadReason;
use crate::machine::{Dead, GroupId, Limits, Past, Taken};
use crate::queue::{DEFAULT_GROUP, OnFull};

fn recorded(limits: Limits) -> (Recorded, GroupId) {
    let recorded = Recorded::new(limits, OnFull::Reject);
    let group = recorded.queue.found(DEFAULT_GROUP, copy);
    (recorded, group)
}

impl Recorded {
    fn restore(&self, number: u32, group: GroupId, past: Past) {
        self.queue.restore(self.item(number), group, past);
    }

    fn restore_dead(&self, id: u64, number: u32, group: GroupId) {
        let dead = Dead {
            item: self.item(number),
            id,
            deliveries: 3,
            reason: DeadReason::MaxAttempts,
            at: SystemTime::UNIX_EPOCH,
        };
        self.queue.restore_dead(dead, group);
    }
}

const NEW: Past = Past {
    deliveries: 0,
    failures: 0,
    due: None,
};

const TRIED: Past = Past {
    deliveries: 3,
    failures: 2,
    due: None,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn items_stand_in_the_order_in_which_they_were_restored_whatever_the_bounds() {
    let (recorded, group) = recorded(Limits {
        capacity: 2,
        ..Limits::default()
    });
    for (number, past) in [(1, NEW), (2, TRIED), (3, NEW)] {
        recorded.restore(number, group, past);
    }
    assert_eq!(recorded.told(), [""; 0]);
    let (counters, depths) = recorded.queue.counts();
    assert_eq!((counters.sent, depths.queued), (0, 3));
    let too_many = recorded.queue.try_send(recorded.item(4), None);
    assert!(too_many.is_err(), "it is full");
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(reader.group, group);
    let (first, second) = (recorded.take(reader), recorded.take(reader));
    recorded.put(4);
    assert_eq!(
        recorded.told(),
        [
            "1 in 0: handed over 0/1",
            "2 in 0: handed over 2/4",
            "4: accepted for default"
        ]
    );
    assert_eq!((first.attempt(), second.attempt()), (1, 4));
    // It has its place among the others.
    recorded.queue.failed(reader, second, None);
    recorded.queue.advance(Instant::now() + secs(10));
    assert_eq!([2, 3, 4], [(); 3].map(|()| recorded.finish(reader)));
}

#[test]
fn failures_from_before_count() {
    let (recorded, group) = recorded(Limits {
        max_attempts: 3,
        ..Limits::default()
    });
    recorded.restore(1, group, TRIED);
    let reader = recorded.join(DEFAULT_GROUP);
    let taken = recorded.take(reader);
    recorded.queue.failed(reader, taken, None);
    assert_eq!(recorded.dead(DEFAULT_GROUP), [(1, 1)]);
}

#[test]
fn what_is_not_due_waits_until_then() {
    let (recorded, group) = recorded(Limits {
        max_delayed: 1,
        ..Limits::default()
    });
    let due = Instant::now() + secs(50);
    for (number, past) in [(1, NEW), (2, TRIED), (3, NEW)] {
        let due = (number < 3).then_some(due);
        recorded.restore(number, group, Past { due, ..past });
    }
    let depths = recorded.queue.counts().1;
    assert_eq!((depths.delayed, depths.queued), (2, 1));
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.finish(reader), 3);
    assert!(recorded.try_take(reader).is_none());
    recorded.put(4);
    recorded.queue.advance(due);
    // One that was handed over has its old place, one that never was is sent now.
    assert_eq!([2, 4, 1], [(); 3].map(|()| recorded.finish(reader)));
}

#[test]
fn what_was_due_meanwhile_is_handed_over() {
    let (recorded, group) = recorded(Limits::default());
    let due = Some(Instant::now());
    recorded.restore(1, group, Past { due, ..NEW });
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.finish(reader), 1);
}

#[test]
fn what_has_expired_meanwhile_is_gone() {
    let (recorded, group) = recorded(Limits::default());
    let mut item = recorded.item(1);
    item.expires = Some(Instant::now());
    recorded.queue.restore(item, group, TRIED);
    recorded.queue.advance(Instant::now());
    assert_eq!(recorded.told(), ["1 in 0: gone 2/3"]);
    assert_eq!(recorded.queue.counts().0.expired, 1);
}

#[test]
fn one_that_waits_to_be_tried_again_holds_back_the_others_of_its_key() {
    let (recorded, group) = recorded(Limits::default());
    let due = Instant::now() + secs(50);
    for number in [1, 2] {
        let mut item = recorded.item(number);
        item.key = Some("k");
        let tried = Past {
            due: Some(due),
            ..TRIED
        };
        let past = if number == 1 { tried } else { NEW };
        recorded.queue.restore(item, group, past);
    }
    let reader = recorded.join(DEFAULT_GROUP);
    assert!(recorded.try_take(reader).is_none());
    recorded.queue.advance(due);
    let first = recorded.take(reader);
    assert!(recorded.try_take(reader).is_none());
    assert_eq!(recorded.queue.ack(reader, first).number, 1);
    assert_eq!(recorded.finish(reader), 2);
}

#[test]
fn dead_letters_keep_their_ids_and_new_ones_get_greater_ones() {
    let (recorded, group) = recorded(Limits {
        max_dead: 2,
        ..Limits::default()
    });
    recorded.restore_dead(4, 1, group);
    recorded.restore_dead(7, 2, group);
    assert_eq!(recorded.told(), [""; 0]);
    recorded.restore_dead(6, 3, group);
    assert_eq!(recorded.told(), ["1 in 0: gone 0/3"]);
    assert_eq!(recorded.dead(DEFAULT_GROUP), [(7, 2), (6, 3)]);
    let (counters, depths) = recorded.queue.counts();
    assert_eq!((counters.buried, counters.dead_dropped), (0, 1));
    assert_eq!(depths.dead, 2);
    assert!(recorded.queue.replay(DEFAULT_GROUP, 7));
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.bury(reader);
    assert_eq!(recorded.dead(DEFAULT_GROUP), [(6, 3), (8, 2)]);
}

#[test]
fn an_identity_is_known_for_the_rest_of_its_window() {
    let Some(before) = Instant::now().checked_sub(secs(60)) else {
        return;
    };
    let (recorded, _) = recorded(Limits {
        duplicate_window: secs(40),
        ..Limits::default()
    });
    recorded.queue.remember("old", before);
    recorded.queue.remember("twice", before);
    recorded.queue.remember("new", before + secs(30));
    recorded.queue.remember("twice", before + secs(50));
    for (number, identity) in [(1, "old"), (2, "new"), (3, "twice")] {
        let mut item = recorded.item(number);
        item.identity = Some(identity);
        recorded.send(item);
    }
    assert_eq!(
        recorded.told(),
        ["1: accepted for default", "2: gone", "3: gone"]
    );
}

#[test]
fn groups_are_there_without_a_consumer_and_get_what_is_sent() {
    let recorded = Recorded::new(Limits::default(), OnFull::Reject);
    let before = recorded.queue.default_group();
    let first = recorded.queue.found("a", copy);
    assert_ne!(first, before, "nobody is in the default group");
    let second = recorded.queue.found(DEFAULT_GROUP, copy);
    assert_eq!(second, before);
    assert_eq!(recorded.queue.found("a", copy), first);
    assert_eq!(recorded.queue.groups(), ["a", DEFAULT_GROUP]);
    recorded.put(1);
    assert_eq!(recorded.told(), ["1: accepted for a, default"]);
    assert_eq!(recorded.queue.depths("a").unwrap().queued, 1);
    assert_eq!(recorded.queue.depths("a").unwrap().consumers, 0);
    for group in ["a", DEFAULT_GROUP] {
        assert_eq!(recorded.finish(recorded.join(group)), 1);
    }
    assert!(recorded.queue.remove_group("a"));
    assert_eq!(recorded.queue.groups(), [DEFAULT_GROUP]);
}

#[test]
fn what_was_sent_before_any_consumer_goes_to_the_first_group() {
    let recorded = Recorded::new(Limits::default(), OnFull::Reject);
    let group = recorded.queue.default_group();
    recorded.restore(1, group, NEW);
    assert_eq!(recorded.queue.groups(), [""; 0]);
    let reader = recorded.join("a");
    assert_eq!(recorded.finish(reader), 1);
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_consumer_that_sleeps_is_woken() {
    for past in [NEW, TRIED] {
        let (recorded, group) = recorded(Limits::default());
        let reader = recorded.join(DEFAULT_GROUP);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let into = &mut |_: Taken<_>| panic!("there is nothing");
        let queue = &recorded.queue;
        let polled = queue.poll_receive(reader, 1, &mut None, &mut cx, into);
        assert!(polled.is_pending());
        recorded.restore(1, group, past);
        assert!(woken.0.load(Relaxed));
    }
}

#[test]
fn what_is_in_hand_counts_and_holds_back_the_others_of_its_key() {
    let (recorded, group) = recorded(Limits::default());
    let keyed = |number| {
        let mut item = recorded.item(number);
        item.key = Some("k");
        item
    };
    let past = Past {
        deliveries: 2,
        failures: 1,
        due: None,
    };
    let first = recorded.queue.restore_in_hand(keyed(1), group, past);
    recorded.queue.restore(keyed(2), group, NEW);
    recorded.restore(3, group, NEW);
    let (counters, depths) = recorded.queue.counts();
    assert_eq!((depths.in_hand, depths.queued), (1, 2));
    assert_eq!((counters.handed_over, counters.sent), (1, 0));
    let reader = recorded.join(DEFAULT_GROUP);
    assert_eq!(recorded.finish(reader), 3);
    assert!(recorded.try_take(reader).is_none());
    // It comes back before the others, and everything that it went through counts.
    recorded.queue.failed(reader, first, Some(Duration::ZERO));
    recorded.forget();
    let again = recorded.take(reader);
    assert_eq!(recorded.told(), ["1 in 0: handed over 2/3"]);
    recorded.queue.ack(reader, again);
    assert_eq!(recorded.finish(reader), 2);
    assert_eq!(recorded.queue.counts().1.in_hand, 0);
}

#[test]
fn what_is_in_hand_for_a_group_that_is_gone_is_let_go_of() {
    let (recorded, _) = recorded(Limits::default());
    let gone = recorded.queue.found("gone", copy);
    assert!(recorded.queue.remove_group("gone"));
    let item = recorded.item(1);
    let taken = recorded.queue.restore_in_hand(item, gone, TRIED);
    let reader = recorded.join(DEFAULT_GROUP);
    recorded.queue.put_back(reader, taken);
    let depths = recorded.queue.counts().1;
    assert_eq!((depths.in_hand, depths.queued), (0, 0));
}
