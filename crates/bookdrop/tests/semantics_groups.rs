//! Groups, keys and priorities.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer, ReceiveError, RequestErrorKind, SendErrorKind};

use support::{
    FAR, WATCHDOG, Wakes, bounded, end_of, eventually, is_empty, library, next, next_name, poll,
    poll_with, send_all, stats,
};

fn in_group(driver: &Driver, group: &str) -> Consumer {
    Consumer::in_group(driver, group).unwrap()
}

// ---- groups ----

/// What is done with a delivery that was settled by its hand-over counts for nothing, also where several groups take.
#[test]
fn automatic_ack_counts_an_event_of_a_further_group_once() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = in_group(&driver, "audit").auto_ack();
    let names = ["1", "2", "3", "4"];
    send_all(&a, &names);
    let in_hand = |group| driver.group_stats(group).wait().unwrap().unwrap().in_hand;
    let settled = || (in_hand("audit"), in_hand("default"), stats(&driver).acked);

    let [acked, dropped, late, last] = names.map(|_| next(&mut audit));
    assert_eq!(
        [&acked, &last].map(|it| (it.name(), it.group())),
        [("1", "audit"), ("4", "audit")]
    );
    assert_eq!(settled(), (0, 0, 4));
    acked.ack().wait().unwrap();
    drop(dropped);
    let first = next(&mut b);
    assert_eq!(settled(), (0, 1, 4));
    driver.close().wait().unwrap();
    late.ack().wait().unwrap();
    drop(last);
    assert_eq!(settled(), (0, 1, 4));
    first.ack().wait().unwrap();
    assert_eq!(settled(), (0, 0, 5));
    assert_eq!(["", "", ""].map(|_| next_name(&mut b)), ["2", "3", "4"]);
}

/// A body that counts how often it was cloned.
struct Cloned(Arc<AtomicUsize>);

impl Clone for Cloned {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Cloned(self.0.clone())
    }
}

#[test]
fn an_event_that_try_send_refuses_is_not_cloned() {
    let driver = Driver::<Cloned>::memory(1);
    let a = Producer::new(&driver);
    let _groups = ["lend", "audit", "shelve"].map(|group| Consumer::in_group(&driver, group));
    let count = Arc::<AtomicUsize>::default();
    let event = || Event::new("S").with_body(Cloned(count.clone()));
    a.try_send(event()).wait().unwrap();
    assert_eq!(
        count.load(Ordering::Relaxed),
        2,
        "one for each further group"
    );
    let refused = a.try_send(event()).wait().unwrap_err();
    assert_eq!(refused.kind(), &SendErrorKind::Full);
    driver.close().wait().unwrap();
    let refused = a.try_send(event()).wait().unwrap_err();
    assert_eq!(refused.kind(), &SendErrorKind::Closed);
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn the_first_group_gets_what_was_sent_before_it() {
    for first in ["default", "audit"] {
        let driver: Driver = Driver::memory(10);
        let a = Producer::new(&driver);
        assert!(driver.groups().wait().unwrap().is_empty());
        send_all(&a, &["1", "2"]);
        a.send(Event::new("urgent").with_priority(9))
            .wait()
            .unwrap();
        a.send(Event::new("delayed").with_delay(FAR))
            .wait()
            .unwrap();
        let mut b = in_group(&driver, first);
        let mut late = in_group(&driver, "late");
        send_all(&a, &["3"]);
        assert_eq!(
            ["", "", "", ""].map(|_| next_name(&mut b)),
            ["urgent", "1", "2", "3"]
        );
        assert_eq!(
            next_name(&mut late),
            "3",
            "only what was sent after it came"
        );
        assert!(is_empty(&mut late));
        assert_eq!(
            driver.group_stats(first).wait().unwrap().unwrap().delayed,
            1
        );
        assert_eq!(
            driver.group_stats("late").wait().unwrap().unwrap().delayed,
            0
        );
        assert_eq!(driver.groups().wait().unwrap(), [first, "late"]);
    }
}

#[test]
fn the_default_group_may_be_a_later_one() {
    let driver: Driver = Driver::memory(10);
    let a = Producer::new(&driver);
    send_all(&a, &["1"]);
    let mut audit = in_group(&driver, "audit");
    assert!(driver.group_stats("default").wait().unwrap().is_none());
    // Requests wait for it already.
    let mut patient = a.request(Event::new("R"), FAR).wait_for_consumer();
    assert!(poll(&mut patient).is_pending());
    send_all(&a, &["2"]);
    let mut b = Consumer::new(&driver);
    send_all(&a, &["3"]);
    next(&mut b).reply("here".into()).wait().unwrap();
    assert_eq!(patient.wait().unwrap(), "here");
    assert_eq!(next_name(&mut b), "3");
    assert_eq!(
        ["1", "2", "3"].map(|_| next_name(&mut audit)),
        ["1", "2", "3"]
    );
}

#[test]
fn a_group_shares_and_each_group_gets_all() {
    let driver: Driver = Driver::memory(100);
    let a = Producer::new(&driver);
    let mut groups = ["default", "audit", "log"].map(|group| {
        let first = in_group(&driver, group);
        let others = [first.clone(), in_group(&driver, group)];
        (first, others)
    });
    for n in 0..30 {
        a.send(Event::new(n.to_string()).with_value("n", n))
            .wait()
            .unwrap();
    }
    assert_eq!(stats(&driver).queued, 90);
    assert_eq!(stats(&driver).sent, 30);
    for (first, others) in &mut groups {
        let mut seen = Vec::new();
        for n in 0..30 {
            let delivery = match n % 3 {
                0 => next(first),
                other => next(&mut others[other - 1]),
            };
            seen.push(delivery.value("n").and_then(|n| n.as_u64()).unwrap());
            assert_eq!(delivery.group(), first.group());
            delivery.ack().wait().unwrap();
        }
        assert_eq!(seen, (0..30).collect::<Vec<_>>());
    }
    assert_eq!(stats(&driver).acked, 90);
}

#[test]
fn copies_are_the_same_event() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = in_group(&driver, "audit");
    a.send(Event::new("S").with_header("title", "hello").with_key("k"))
        .wait()
        .unwrap();
    // One is not held up by the other's key, nor counted with its attempts.
    drop(next(&mut b));
    let (original, copy) = (next(&mut b), next(&mut audit));
    assert_eq!((original.attempt(), copy.attempt()), (2, 1));
    assert_eq!(
        original.id(),
        copy.id(),
        "though nobody asked for it before"
    );
    assert_eq!(
        (copy.header("title"), copy.key()),
        (Some("hello"), Some("k"))
    );
}

#[test]
fn a_send_waits_for_the_fullest() {
    let driver: Driver = Driver::memory(2);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = in_group(&driver, "audit");
    send_all(&a, &["1", "2"]);
    assert_eq!(["1", "2"].map(|_| next_name(&mut b)), ["1", "2"]);
    assert_eq!(
        a.try_send(Event::new("3")).wait().unwrap_err().kind(),
        &SendErrorKind::Full
    );
    let wakes = Wakes::new();
    let mut send = a.send(Event::new("3"));
    assert!(poll_with(&mut send, &wakes).is_pending());
    // A request does not care: the default group has room.
    let mut request = a.request(Event::new("R"), FAR);
    assert!(poll(&mut request).is_pending());
    next(&mut b).reply("done".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "done");
    assert_eq!(wakes.count(), 0);
    assert_eq!(next_name(&mut audit), "1");
    assert_eq!(wakes.count(), 1);
    send.wait().unwrap();
    assert_eq!(next_name(&mut b), "3");
}

#[test]
fn to_remove_a_group_frees_who_waited_for_it() {
    let driver: Driver = Driver::memory(1);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut forgotten = in_group(&driver, "forgotten");
    send_all(&a, &["1"]);
    assert_eq!(next_name(&mut b), "1");
    let mut sends = [a.send(Event::new("2")), a.send(Event::new("3"))];
    assert!(sends.iter_mut().all(|send| poll(send).is_pending()));
    let in_hand = next(&mut forgotten);
    let [mut second, third] = sends;
    assert!(poll(&mut second).is_ready(), "there is room now");
    let mut waits = forgotten.clone();
    drop(forgotten);
    assert_eq!(next_name(&mut b), "2");
    assert_eq!(
        stats(&driver).waiting_senders,
        1,
        "a group without consumers still fills up"
    );

    assert!(driver.remove_group("forgotten").wait().unwrap());
    third.wait().unwrap();
    assert_eq!(next_name(&mut b), "3");
    assert_eq!(end_of(&mut waits), ReceiveError::Closed);
    assert!(
        !driver.remove_group("forgotten").wait().unwrap(),
        "it is gone"
    );
    // What its consumer had in hand can be settled, and goes nowhere.
    in_hand.nack().wait().unwrap();
    let now = stats(&driver);
    assert_eq!((now.queued, now.in_hand, now.consumers), (0, 0, 1));

    // A new group of this name is another one.
    let mut again = in_group(&driver, "forgotten");
    send_all(&a, &["4"]);
    assert_eq!(end_of(&mut waits), ReceiveError::Closed);
    assert!(waits.clone().receive().wait().is_err());
    assert_eq!(next_name(&mut again), "4");
    drop(waits);
    assert_eq!(
        driver
            .group_stats("forgotten")
            .wait()
            .unwrap()
            .unwrap()
            .consumers,
        1
    );
}

#[test]
fn to_remove_a_group_wakes_its_consumers_and_no_others() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = in_group(&driver, "audit");
    let (b_wakes, audit_wakes) = (Wakes::new(), Wakes::new());
    let (mut b_wait, mut audit_wait) = (b.receive(), audit.receive());
    assert!(poll_with(&mut b_wait, &b_wakes).is_pending());
    assert!(poll_with(&mut audit_wait, &audit_wakes).is_pending());
    assert!(driver.remove_group("audit").wait().unwrap());
    assert_eq!((b_wakes.count(), audit_wakes.count()), (0, 1));
    assert!(matches!(
        poll(&mut audit_wait),
        Poll::Ready(Err(ReceiveError::Closed))
    ));
    send_all(&a, &["S"]);
    assert!(poll(&mut b_wait).is_ready());
    assert!(!driver.is_closed());
}

#[test]
fn without_its_default_group_a_driver_answers_no_requests() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = in_group(&driver, "audit");
    let mut queued = a.request(Event::new("R"), FAR);
    assert!(poll(&mut queued).is_pending());
    assert!(driver.remove_group("default").wait().unwrap());
    let error = queued.wait_for(WATCHDOG).unwrap().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
    assert_eq!(error.into_event().unwrap().name(), "R");
    // Its former consumers do not count.
    let error = a.request(Event::new("R"), FAR).wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
    assert_eq!(end_of(&mut b), ReceiveError::Closed);
    send_all(&a, &["S"]);
    assert_eq!(next_name(&mut audit), "S");
    assert_eq!(stats(&driver).queued, 0, "and nothing piles up for nobody");

    let mut anew = Consumer::new(&driver);
    let mut request = a.request(Event::new("R"), FAR);
    assert!(poll(&mut request).is_pending());
    drop(b);
    assert!(
        poll(&mut request).is_pending(),
        "who leaves now is of no group"
    );
    next(&mut anew).reply("done".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "done");
}

#[test]
fn after_its_last_group_a_driver_collects_for_the_next_first_one() {
    let driver: Driver = Driver::memory(2);
    let a = Producer::new(&driver);
    drop(in_group(&driver, "audit"));
    assert!(driver.remove_group("audit").wait().unwrap());
    assert!(driver.groups().wait().unwrap().is_empty());
    send_all(&a, &["1", "2"]);
    assert!(a.try_send(Event::new("3")).wait().is_err());
    let mut b = in_group(&driver, "next");
    assert_eq!(["1", "2"].map(|_| next_name(&mut b)), ["1", "2"]);
}

#[test]
fn a_group_that_comes_while_senders_wait() {
    let driver: Driver = Driver::memory(1);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    send_all(&a, &["1"]);
    let mut send = a.send(Event::new("2"));
    assert!(poll(&mut send).is_pending());
    let mut late = in_group(&driver, "late");
    assert_eq!(next_name(&mut b), "1");
    send.wait().unwrap();
    assert_eq!(next_name(&mut b), "2");
    send_all(&a, &["3"]);
    assert_eq!(next_name(&mut b), "3");
    // It was there before the second one came in, or not: nothing else is lost or comes twice.
    let mut names = vec![next_name(&mut late)];
    while !is_empty(&mut late) {
        names.push(next_name(&mut late));
    }
    assert!(names == ["3"] || names == ["2", "3"], "{names:?}");
}

// ---- keys ----

fn keyed(name: &'static str, key: &'static str) -> Event {
    Event::new(name).with_key(key)
}

#[test]
fn one_of_a_key_at_a_time_and_others_meanwhile() {
    let (driver, a, mut b) = library(10);
    for (name, key) in [
        ("x1", "x"),
        ("x2", "x"),
        ("y1", "y"),
        ("x3", "x"),
        ("y2", "y"),
    ] {
        a.send(keyed(name, key)).wait().unwrap();
    }
    send_all(&a, &["free"]);
    let (x1, y1) = (next(&mut b), next(&mut b));
    assert_eq!((x1.name(), y1.name()), ("x1", "y1"));
    assert_eq!(next_name(&mut b), "free");
    assert!(is_empty(&mut b));
    assert_eq!(
        stats(&driver).queued,
        3,
        "those behind their key still count"
    );
    y1.ack().wait().unwrap();
    assert_eq!(next_name(&mut b), "y2");
    assert!(is_empty(&mut b));
    x1.ack().wait().unwrap();
    assert_eq!(next_name(&mut b), "x2");
    assert_eq!(next_name(&mut b), "x3");
}

#[test]
fn every_way_to_settle_hands_the_key_on() {
    type Settle = fn(bookdrop::Delivery);
    let ways: [Settle; 4] = [
        |delivery| delivery.ack().wait().unwrap(),
        |delivery| delivery.reject("torn").wait().unwrap(),
        |delivery| drop(delivery.into_event().wait().unwrap()),
        |delivery| {
            delivery.nack().wait().unwrap();
        },
    ];
    for (way, settle) in ways.into_iter().enumerate() {
        let driver: Driver = Driver::builder(10).max_attempts(1).build();
        let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
        a.send(keyed("1", "k")).wait().unwrap();
        a.send(keyed("2", "k")).wait().unwrap();
        let first = next(&mut b);
        let wakes = Wakes::new();
        let mut wait = b.receive();
        assert!(poll_with(&mut wait, &wakes).is_pending());
        settle(first);
        assert_eq!(wakes.count(), 1, "way {way}");
        let Poll::Ready(Ok(second)) = poll(&mut wait) else {
            panic!("way {way}")
        };
        assert_eq!(second.name(), "2");
    }
    // Automatic ack does so with the hand-over, and into_parts with the parting.
    let (driver, a, b) = library(10);
    let mut auto = b.clone().auto_ack();
    a.send(keyed("1", "k")).wait().unwrap();
    a.send(keyed("2", "k")).wait().unwrap();
    let (one, two) = (next(&mut auto), next(&mut auto));
    assert_eq!((one.name(), two.name()), ("1", "2"));
    let mut request = a.request(keyed("R", "k"), FAR);
    assert!(poll(&mut request).is_pending());
    a.send(keyed("3", "k")).wait().unwrap();
    let mut b = b;
    let (_event, reply) = next(&mut b).into_parts().wait().unwrap();
    assert_eq!(next_name(&mut b), "3");
    reply.send("done".into()).wait().unwrap();
    assert_eq!(
        (request.wait().unwrap(), stats(&driver).in_hand),
        ("done".into(), 0)
    );
}

#[test]
fn a_key_waits_for_what_comes_back() {
    let (driver, a, mut b) = library(10);
    for name in ["1", "2", "3"] {
        a.send(keyed(name, "k")).wait().unwrap();
    }
    a.send(keyed("other", "o")).wait().unwrap();
    next(&mut b).nack().wait().unwrap();
    let again = next(&mut b);
    assert_eq!((again.name(), again.attempt()), ("1", 2));
    // Also while it waits to be tried again; others do not.
    again.retry_after(Duration::from_millis(20)).wait().unwrap();
    assert_eq!(next_name(&mut b), "other");
    assert_eq!(["1", "2", "3"].map(|_| next_name(&mut b)), ["1", "2", "3"]);
    assert_eq!(stats(&driver).queued, 0);
}

#[test]
fn a_purge_frees_the_keys() {
    let (driver, a, mut b) = library(10);
    for name in ["1", "2", "3"] {
        a.send(keyed(name, "k")).wait().unwrap();
    }
    next(&mut b).retry_after(FAR).wait().unwrap();
    assert!(is_empty(&mut b));
    assert_eq!(driver.purge().wait().unwrap(), 3);
    a.send(keyed("4", "k")).wait().unwrap();
    let fourth = next(&mut b);
    assert_eq!(fourth.name(), "4");
    // With the leader in hand, the key stays taken.
    a.send(keyed("5", "k")).wait().unwrap();
    assert_eq!(driver.purge().wait().unwrap(), 1);
    a.send(keyed("6", "k")).wait().unwrap();
    assert!(is_empty(&mut b));
    fourth.ack().wait().unwrap();
    assert_eq!(next_name(&mut b), "6");
}

#[test]
fn a_request_that_is_given_up_frees_its_key() {
    let (_driver, a, mut b) = library(10);
    for in_hand in [true, false] {
        let mut first = a.request(keyed("R", "k"), FAR);
        assert!(poll(&mut first).is_pending());
        a.send(keyed("next", "k")).wait().unwrap();
        let delivery = in_hand.then(|| next(&mut b));
        drop(first);
        if let Some(delivery) = delivery {
            assert!(is_empty(&mut b), "somebody is still at it");
            delivery.nack().wait().unwrap();
        }
        assert_eq!(next_name(&mut b), "next");
    }
}

#[test]
fn keys_keep_their_order_under_load() {
    bounded(|| {
        const KEYS: usize = 5;
        let count = support::scaled(2_000, 100_000);
        let driver = Driver::<usize>::builder(50)
            .retry_backoff(Duration::ZERO, Duration::ZERO)
            .build();
        let last: Vec<_> = (0..KEYS).map(|_| std::sync::Mutex::new(0)).collect();
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let mut b = Consumer::new(&driver);
                let last = &last;
                scope.spawn(move || {
                    let mut round = worker;
                    while let Ok(delivery) = b.receive().wait() {
                        round += 1;
                        let key: usize = delivery.key().unwrap().parse().unwrap();
                        let mut last = last[key].try_lock().expect("one of a key at a time");
                        assert_eq!(*delivery.body(), *last + 1);
                        // One in seven fails for the first time, in one way or another.
                        match round % 7 == 0 && delivery.attempt() == 1 {
                            true if round % 2 == 0 => {
                                drop(last);
                                drop(delivery);
                            }
                            true => {
                                drop(last);
                                delivery.nack().wait().unwrap();
                            }
                            false => {
                                *last += 1;
                                drop(last);
                                delivery.ack().wait().unwrap();
                            }
                        }
                    }
                });
            }
            let a = Producer::new(&driver);
            for n in 0..count {
                let event = Event::new("n").with_key((n % KEYS).to_string());
                a.send(event.with_body(n / KEYS + 1)).wait().unwrap();
            }
            eventually("all are done", || stats(&driver).acked == count as u64);
            driver.close().wait().unwrap();
        });
        assert!(
            last.into_iter()
                .all(|last| last.into_inner().unwrap() == count / KEYS)
        );
    });
}

// ---- priorities ----

#[test]
fn the_most_urgent_first_and_equal_ones_in_order() {
    let (_driver, a, mut b) = library(50);
    for round in 0..3 {
        for priority in [3, 0, 9, 5] {
            a.send(Event::new(format!("{priority}.{round}")).with_priority(priority))
                .wait()
                .unwrap();
        }
    }
    for priority in [9, 5, 3, 0] {
        for round in 0..3 {
            assert_eq!(next_name(&mut b), format!("{priority}.{round}"));
        }
    }
}

#[test]
fn what_comes_back_keeps_its_priority() {
    let (driver, a, mut b) = library(50);
    a.send(Event::new("low")).wait().unwrap();
    next(&mut b).nack().wait().unwrap();
    a.send(Event::new("high").with_priority(1)).wait().unwrap();
    a.send(
        Event::new("delayed")
            .with_priority(2)
            .with_delay(Duration::from_millis(1)),
    )
    .wait()
    .unwrap();
    eventually("it is due", || stats(&driver).delayed == 0);
    let order = ["delayed", "high", "low"];
    assert_eq!(order.map(|_| next_name(&mut b)), order);
}

#[test]
fn requests_have_priorities_keys_and_delays_too() {
    let (driver, a, mut b) = library(50);
    send_all(&a, &["one way"]);
    let mut urgent = a.request(Event::new("urgent").with_priority(9), FAR);
    let mut delayed = a.request(
        Event::new("delayed").with_delay(Duration::from_millis(5)),
        FAR,
    );
    assert!(poll(&mut urgent).is_pending() && poll(&mut delayed).is_pending());
    assert_eq!(stats(&driver).delayed, 1);
    let delivery = next(&mut b);
    assert_eq!(delivery.name(), "urgent");
    delivery.reply("u".into()).wait().unwrap();
    assert_eq!(next_name(&mut b), "one way");
    next(&mut b).reply("d".into()).wait().unwrap();
    assert_eq!(
        (urgent.wait().unwrap(), delayed.wait().unwrap()),
        ("u".into(), "d".into())
    );
}
