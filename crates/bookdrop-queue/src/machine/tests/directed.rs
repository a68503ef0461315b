//! One rule each.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bench::Bench;
use super::thing::{Answer, at, ms, number};
use crate::item::{Cause, DeadReason};
use crate::machine::Limits;

#[test]
fn the_next_of_a_key_comes_when_the_former_is_settled() {
    let mut bench = Bench::new(Limits::default());
    for n in [1, 2, 3] {
        bench.push(bench.thing(n).with_key("k"));
    }
    bench.push(bench.thing(4).with_key("other"));
    let first = bench.take().unwrap();
    assert_eq!(
        (first.item.number, bench.take_number(), bench.take_number()),
        (1, Some(4), None)
    );
    bench.machine.done(&first);
    assert_eq!((bench.take_number(), bench.take_number()), (Some(2), None));
}

#[test]
fn one_that_comes_back_stays_before_the_others_of_its_key() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1).with_key("k"));
    bench.push(bench.thing(2).with_key("k"));
    let first = bench.take().unwrap();
    bench.failed(first, None);
    let again = bench.take().unwrap();
    assert_eq!(
        (again.item.number, again.attempt(), bench.take_number()),
        (1, 2, None)
    );
    // It waits, and the key waits with it.
    bench.failed(again, Some(ms(50)));
    assert_eq!(bench.take_number(), None);
    bench.now += ms(50);
    let again = bench.take().unwrap();
    assert_eq!((again.item.number, bench.take_number()), (1, None));
    bench.machine.done(&again);
    assert_eq!(bench.take_number(), Some(2));
}

#[test]
fn a_key_is_free_when_the_one_that_has_it_expires_or_leaves() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1).with_key("k").expiring(bench.now + ms(30)));
    bench.push(bench.thing(2).with_key("k").expiring(bench.now + ms(20)));
    bench.push(bench.thing(3).with_key("k"));
    bench.push(bench.thing(4).with_key("k"));
    let first = bench.take().unwrap();
    assert_eq!(bench.take_number(), None);
    // The first would be due long after it has expired; the second expires behind it.
    bench.failed(first, Some(ms(100)));
    bench.now += ms(30);
    let third = bench.take().unwrap();
    assert_eq!(third.item.number, 3);
    assert_eq!(
        *bench.log.borrow(),
        [(2, Cause::Expired, 0), (1, Cause::Expired, 1)]
    );
    bench.failed(third, None);
    assert!(bench.displace());
    assert_eq!(bench.take_number(), Some(4));
}

/// Within a key it is the urgent one first as long as neither was looked at, and then who came first.
#[test]
fn a_key_keeps_the_order_in_which_its_items_came_to_the_front() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1).with_key("k"));
    bench.push(bench.thing(2).with_key("k"));
    let first = bench.take().unwrap();
    assert_eq!(bench.take_number(), None);
    bench.push(bench.thing(3).with_key("k").with_priority(9));
    assert_eq!(bench.take_number(), None);
    bench.machine.done(&first);
    let second = bench.take().unwrap();
    assert_eq!(second.item.number, 2);
    bench.machine.done(&second);
    assert_eq!(bench.take_number(), Some(3));
}

#[test]
fn what_comes_back_stands_where_its_age_says() {
    let mut bench = Bench::new(Limits::default());
    for n in 1..=6 {
        bench.push(bench.thing(n));
    }
    let mut taken: Vec<_> = (1..=5).map(|_| bench.take()).collect();
    for at in [2, 0, 4, 1, 3] {
        let taken = taken[at].take().unwrap();
        bench.failed(taken, None);
    }
    bench.push(bench.thing(7));
    let order: Vec<_> = std::iter::from_fn(|| bench.take_number()).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn what_comes_back_stands_behind_what_is_more_urgent() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1));
    let first = bench.take().unwrap();
    bench.push(bench.thing(2).with_priority(1));
    bench.push(bench.thing(3).with_priority(200));
    bench.push(bench.thing(4).with_priority(9));
    bench.failed(first, None);
    let order: Vec<_> = std::iter::from_fn(|| bench.take_number()).collect();
    assert_eq!(order, [3, 4, 2, 1]);
}

#[test]
fn what_falls_due_stands_behind_what_was_sent_before() {
    let mut bench = Bench::new(Limits::default());
    bench.push_due(bench.thing(1), Some(bench.now + ms(20)));
    bench.push_due(bench.thing(2), Some(bench.now + ms(10)));
    bench.push(bench.thing(3));
    bench.now += ms(20);
    bench.advance();
    bench.push(bench.thing(4));
    let order: Vec<_> = std::iter::from_fn(|| bench.take_number()).collect();
    assert_eq!(order, [3, 2, 1, 4]);
}

#[test]
fn waits_double_and_vary_by_a_quarter() {
    let limits = Limits {
        max_attempts: 100,
        max_deliveries: 100,
        ..Limits::default()
    };
    let mut bench = Bench::new(limits);
    bench.push(bench.thing(1));
    let first = bench.take().unwrap();
    bench.failed(first, None);
    let mut waits = BTreeSet::new();
    for expected in [
        100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000,
    ] {
        let taken = bench.take().expect("its time has come");
        bench.failed(taken, None);
        let wait = bench.wait();
        assert!(
            ms(expected) <= wait && wait <= ms(expected + expected / 4),
            "{wait:?}"
        );
        waits.insert(wait.as_nanos() * 1000 / ms(expected).as_nanos());
        bench.now += wait - Duration::from_nanos(1);
        assert_eq!(bench.take_number(), None, "not before its time");
        bench.now += Duration::from_nanos(1);
    }
    assert!(waits.len() > 6, "the waits do not vary: {waits:?}");
}

#[test]
fn a_wait_of_any_length_is_no_panic() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1));
    let taken = bench.take().unwrap();
    bench.failed(taken, Some(Duration::MAX));
    assert!(bench.wait() > Duration::from_secs(1_000_000));
    assert_eq!(bench.machine.depths(bench.group), [0, 1, 0, 0]);
}

/// So many consumers have to be woken as items became ready, whatever made them so.
#[test]
fn every_item_that_becomes_ready_is_counted_once() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1).with_key("k"));
    bench.push(bench.thing(2).with_key("k"));
    assert_eq!((bench.fresh(), bench.fresh()), (2, 0));
    let first = bench.take().unwrap();
    assert_eq!((bench.take_number(), bench.fresh()), (None, 0));
    bench.machine.done(&first);
    assert_eq!(bench.fresh(), 1, "its key is free");
    let second = bench.take().unwrap();
    bench.failed(second, None);
    assert_eq!(bench.fresh(), 1, "it came back");
    let second = bench.take().unwrap();
    bench.failed(second, Some(ms(10)));
    bench.push_due(bench.thing(3), Some(bench.now + ms(10)));
    assert_eq!(bench.fresh(), 0, "they wait");
    bench.now += ms(10);
    bench.advance();
    assert_eq!(bench.fresh(), 2, "they are due");
    assert_eq!(bench.machine.take_fresh(7), 0, "there is no such group");
}

#[test]
fn a_request_stands_in_no_agenda() {
    let mut bench = Bench::new(Limits::default());
    let deadline = bench.now + ms(50);
    let request = bench.request(1, deadline);
    bench.push_due(request, Some(bench.now + ms(10)));
    bench.now += ms(10);
    let taken = bench.take().unwrap();
    assert_eq!(bench.machine.next_instant(), None);
    bench.now = deadline;
    bench.machine.done(&taken);
    bench.advance();
    assert_eq!(bench.machine.counters.expired, 0);
}

#[test]
fn a_request_that_would_be_tried_too_late_ends() {
    let mut bench = Bench::new(Limits::default());
    for (n, after, ends) in [(1, 49, false), (2, 50, true), (3, 51, true)] {
        let request = bench.request(n, bench.now + ms(50));
        bench.push(request);
        let taken = bench.take().unwrap();
        bench.failed(taken, Some(ms(after)));
        let log = std::mem::take(&mut *bench.log.borrow_mut());
        let expected = [(n, Cause::RetryTooLate, 1)];
        assert_eq!(
            log,
            expected.into_iter().filter(|_| ends).collect::<Vec<_>>()
        );
    }
}

#[test]
fn nobody_gets_a_request_after_its_deadline() {
    let mut bench = Bench::new(Limits::default());
    let request = bench.request(1, bench.now + ms(5));
    bench.push(request);
    bench.push(bench.thing(2));
    bench.now += ms(5);
    assert_eq!(bench.take_number(), Some(2));
    assert_eq!(*bench.log.borrow(), [(1, Cause::Expired, 0)]);
    assert_eq!(
        (
            bench.machine.counters.given_up,
            bench.machine.counters.expired
        ),
        (1, 0)
    );
}

#[test]
fn what_fails_in_a_group_that_is_gone_is_no_dead_letter() {
    let mut bench = Bench::new(Limits::default());
    let (request, group) = (bench.request(2, bench.now + ms(5)), bench.group);
    let call = request.call.unwrap();
    bench.push(bench.thing(1));
    bench.push(request);
    let taken = [bench.take().unwrap(), bench.take().unwrap()];
    bench.change(|machine, fx| machine.remove_group(group, fx));
    let reason = DeadReason::Rejected("no".into());
    for taken in taken {
        bench.change(|machine, fx| machine.bury(taken, reason.clone(), fx));
    }
    assert_eq!(
        (bench.machine.counters.buried, bench.machine.in_hand()),
        (0, 0)
    );
    let gone = [(1, Cause::GroupRemoved, 1), (2, Cause::GroupRemoved, 1)];
    assert_eq!(*bench.log.borrow(), gone);
    let told = Answer::Told(Cause::Buried(reason));
    assert_eq!(bench.told, [(call, told)]);
}

#[test]
fn a_place_that_is_used_again_is_another_group() {
    let mut bench = Bench::new(Limits::default());
    let old = bench.group;
    bench.push(bench.thing(1));
    let taken = bench.take().unwrap();
    bench.change(|machine, fx| machine.remove_group(old, fx));
    bench.group = bench.machine.add_group("default", true);
    bench.machine.done(&taken);
    bench.push(bench.thing(2));
    let mut now = at(bench.now);
    let stale = bench.change(|machine, fx| machine.take(old, &mut now, fx));
    assert_eq!(number(&stale), None);
    assert_eq!(bench.machine.depths(bench.group), [1, 0, 0, 0]);
    assert_eq!(bench.take_number(), Some(2));
}

#[test]
fn nothing_is_kept_where_no_dead_letters_are() {
    let mut bench = Bench::new(Limits {
        max_dead: 0,
        max_attempts: 1,
        ..Limits::default()
    });
    bench.push(bench.thing(1));
    let taken = bench.take().unwrap();
    bench.failed(taken, None);
    assert_eq!(*bench.log.borrow(), [(1, Cause::DeadLetterDropped, 1)]);
    assert_eq!(bench.machine.depths(bench.group), [0; 4]);
}
