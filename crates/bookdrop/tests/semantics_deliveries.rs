//! What becomes of a delivery: how it comes back, when, how often, and where it ends.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

use bookdrop::{Consumer, DeadReason, Driver, Event, Producer};
use futures_lite::future::{block_on, poll_once};

use support::{FAR, eventually, is_empty, library, next, next_name, poll, send_all, stats};

/// Comes back without any wait, so that tests need none.
fn at_once(max_attempts: u32) -> (Driver, Producer, Consumer) {
    let driver: Driver = Driver::builder(10)
        .max_attempts(max_attempts)
        .retry_backoff(Duration::ZERO, Duration::ZERO)
        .build();
    let (a, b) = (Producer::new(&driver), Consumer::new(&driver));
    (driver, a, b)
}

#[test]
fn the_first_return_is_at_once_and_in_front() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["1", "2", "3"]);
    next(&mut b).nack().wait().unwrap();
    let now = stats(&driver);
    assert_eq!((now.queued, now.delayed, now.returned), (3, 0, 1));
    let first = next(&mut b);
    assert_eq!((first.name(), first.attempt()), ("1", 2));
    first.ack().wait().unwrap();

    // In front means: at the place that its age gives it, whatever was handed over in the meantime.
    let (second, third) = (next(&mut b), next(&mut b));
    send_all(&a, &["4"]);
    third.nack().wait().unwrap();
    second.nack().wait().unwrap();
    assert_eq!(["2", "3", "4"].map(|_| next_name(&mut b)), ["2", "3", "4"]);
}

#[test]
fn later_returns_wait_no_less_than_they_have_to() {
    let first = Duration::from_millis(10);
    let driver: Driver = Driver::builder(10).retry_backoff(first, 3 * first).build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    send_all(&a, &["S"]);
    next(&mut b).nack().wait().unwrap();
    let mut failed_at = Instant::now();
    // Doubled from the second failure on, up to the longest.
    for (attempt, wait) in [(2, 0), (3, 1), (4, 2), (5, 3)] {
        let delivery = next(&mut b);
        assert_eq!(delivery.attempt(), attempt);
        assert!(
            failed_at.elapsed() >= wait * first,
            "attempt {attempt}: {:?}",
            failed_at.elapsed()
        );
        failed_at = Instant::now();
        delivery.nack().wait().unwrap();
        let now = stats(&driver);
        assert_eq!((now.queued, now.delayed), (0, usize::from(attempt < 5)));
    }
    assert_eq!(stats(&driver).dead, 1);
}

#[test]
fn a_retry_waits_as_long_as_it_is_told() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["S", "T"]);
    let (failed_at, wait) = (Instant::now(), Duration::from_millis(30));
    next(&mut b).retry_after(wait).wait().unwrap();
    assert_eq!(stats(&driver).delayed, 1);
    assert_eq!(next_name(&mut b), "T", "others go by meanwhile");
    let again = next(&mut b);
    assert!(failed_at.elapsed() >= wait);
    assert_eq!((again.name(), again.attempt()), ("S", 2));
    // The second failure would wait by itself; told not to, it does not.
    again.retry_after(Duration::ZERO).wait().unwrap();
    assert_eq!((stats(&driver).queued, stats(&driver).delayed), (1, 0));
}

#[test]
fn every_kind_of_failure_counts() {
    let (driver, a, mut b) = at_once(4);
    send_all(&a, &["S"]);
    next(&mut b).nack().wait().unwrap();
    next(&mut b).retry_after(Duration::ZERO).wait().unwrap();
    drop(next(&mut b));
    assert_eq!((stats(&driver).returned, stats(&driver).dead), (3, 0));
    let fourth = next(&mut b);
    assert_eq!(fourth.attempt(), 4);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _delivery = fourth;
        panic!("in the handler");
    }));
    assert!(panicked.is_err());
    let now = stats(&driver);
    assert_eq!(
        (now.returned, now.dead, now.buried, now.in_hand, now.queued),
        (3, 1, 1, 0, 0)
    );
    let letter = driver.dead_letters().list().wait().unwrap().remove(0);
    assert_eq!(
        (letter.reason, letter.attempts),
        (DeadReason::MaxAttempts, 4)
    );
}

#[test]
fn five_attempts_are_the_default() {
    let driver: Driver = Driver::builder(1)
        .retry_backoff(Duration::ZERO, Duration::ZERO)
        .build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    send_all(&a, &["S"]);
    for attempt in 1..=5 {
        assert_eq!(stats(&driver).dead, 0);
        let delivery = next(&mut b);
        assert_eq!(delivery.attempt(), attempt);
        delivery.nack().wait().unwrap();
    }
    assert_eq!(stats(&driver).dead, 1);
    assert!(is_empty(&mut b));
}

#[test]
fn too_many_deliveries_bury_as_well() {
    let driver: Driver = Driver::builder(10)
        .max_attempts(100)
        .max_deliveries(3)
        .retry_backoff(Duration::ZERO, Duration::ZERO)
        .build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    send_all(&a, &["S"]);
    for _ in 0..3 {
        next(&mut b).nack().wait().unwrap();
    }
    let letter = driver.dead_letters().list().wait().unwrap().remove(0);
    assert_eq!(
        (letter.reason, letter.attempts),
        (DeadReason::MaxDeliveries, 3)
    );
    assert!(is_empty(&mut b));
}

#[test]
fn settlements_that_are_dropped_before_their_first_poll_are_failures() {
    let (driver, a, mut b) = at_once(100);
    send_all(&a, &["S"]);
    drop(next(&mut b).ack());
    drop(next(&mut b).nack());
    drop(next(&mut b).retry_after(FAR));
    drop(next(&mut b).reject("torn"));
    drop(next(&mut b).into_event());
    drop(next(&mut b).into_parts());
    drop(next(&mut b).reply("x".into()));
    drop(next(&mut b).fail(bookdrop::Failure::new("x")));
    drop(next(&mut b).reply_with(async |_| Ok("x".into())));
    let now = stats(&driver);
    assert_eq!(
        (now.returned, now.acked, now.dead, now.delayed),
        (9, 0, 0, 0)
    );
    assert_eq!(next(&mut b).attempt(), 10);
}

#[test]
fn settlements_act_at_their_first_poll() {
    let (driver, a, mut b) = at_once(100);
    for n in 0..4 {
        send_all(&a, &["S"]);
        let delivery = next(&mut b);
        block_on(async {
            assert!(match n {
                0 => poll_once(delivery.ack()).await.is_some(),
                1 => poll_once(delivery.reject("torn")).await.is_some(),
                2 => poll_once(delivery.retry_after(FAR)).await.is_some(),
                _ => poll_once(delivery.into_event()).await.is_some(),
            });
        });
    }
    let now = stats(&driver);
    assert_eq!(
        (now.acked, now.dead, now.delayed, now.in_hand),
        (2, 1, 1, 0)
    );
}

#[test]
fn settled_in_any_order() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["1", "2", "3", "4", "5"]);
    let mut in_hand: Vec<_> = (0..5).map(|_| next(&mut b)).collect();
    in_hand.remove(4).ack().wait().unwrap();
    in_hand.remove(2).nack().wait().unwrap();
    in_hand.remove(0).ack().wait().unwrap();
    assert_eq!((stats(&driver).in_hand, stats(&driver).queued), (2, 1));
    drop(in_hand);
    assert_eq!(["2", "3", "4"].map(|_| next_name(&mut b)), ["2", "3", "4"]);
    assert_eq!((stats(&driver).acked, stats(&driver).in_hand), (5, 0));
}

#[test]
fn to_keep_a_delivery_longer_is_free() {
    let (_driver, a, mut b) = library(10);
    send_all(&a, &["S"]);
    let mut delivery = next(&mut b);
    delivery.extend().wait().unwrap();
    assert_eq!(delivery.attempt(), 1);
    delivery.ack().wait().unwrap();
}

#[test]
fn dead_letters_keep_everything() {
    let (driver, a, mut b) = library(10);
    let before = SystemTime::now();
    let event = Event::new("S")
        .with_id("4711")
        .with_key("k")
        .with_priority(3)
        .with_header("title", "hello")
        .with_value("pages", 120);
    a.send(event).wait().unwrap();
    next(&mut b).reject("page 7 is torn").wait().unwrap();

    let letters = driver.dead_letters();
    let letter = letters.list().wait().unwrap().remove(0);
    assert_eq!(
        (&*letter.name, &*letter.event_id, letter.attempts),
        ("S", "4711", 1)
    );
    assert_eq!(letter.headers, [("title".into(), "hello".into())]);
    assert_eq!(letter.values, [("pages".into(), 120.into())]);
    assert_eq!(letter.reason, DeadReason::Rejected("page 7 is torn".into()));
    assert!((before..=SystemTime::now()).contains(&letter.at));
    let event = letters.take(letter.id).wait().unwrap().unwrap();
    assert_eq!(
        (event.key(), event.priority(), event.id()),
        (Some("k"), 3, "4711")
    );
    assert_eq!(event.header("title"), Some("hello"));

    // It is gone now, for every way to ask for it.
    assert!(letters.take(letter.id).wait().unwrap().is_none());
    assert!(
        !letters.replay(letter.id).wait().unwrap() && !letters.discard(letter.id).wait().unwrap()
    );
    assert!(letters.list().wait().unwrap().is_empty());
    assert_eq!(
        (
            letters.discard_all().wait().unwrap(),
            letters.replay_all().wait().unwrap()
        ),
        (0, 0)
    );
}

#[test]
fn replayed_ones_go_to_the_end_and_begin_again() {
    let (driver, a, mut b) = library(1);
    for name in ["1", "2"] {
        send_all(&a, &[name]);
        next(&mut b).reject("torn").wait().unwrap();
    }
    send_all(&a, &["3"]);
    // They do not wait for room, and keep their order.
    assert_eq!(driver.dead_letters().replay_all().wait().unwrap(), 2);
    assert_eq!((stats(&driver).queued, stats(&driver).dead), (3, 0));
    for name in ["3", "1", "2"] {
        let delivery = next(&mut b);
        assert_eq!((delivery.name(), delivery.attempt()), (name, 1));
        delivery.ack().wait().unwrap();
    }

    // Failures count from one again, too.
    let (driver, a, mut b) = at_once(2);
    send_all(&a, &["S"]);
    for round in 1..4 {
        next(&mut b).nack().wait().unwrap();
        next(&mut b).nack().wait().unwrap();
        assert_eq!((stats(&driver).buried, stats(&driver).dead), (round, 1));
        assert_eq!(driver.dead_letters().replay_all().wait().unwrap(), 1);
    }
}

#[test]
fn a_replayed_one_is_no_duplicate_of_itself() {
    let (driver, a, mut b) = library(10);
    a.send(Event::new("S").with_id("1")).wait().unwrap();
    next(&mut b).reject("torn").wait().unwrap();
    assert_eq!(driver.dead_letters().replay_all().wait().unwrap(), 1);
    assert_eq!(next_name(&mut b), "S");
    // Sent anew it still is, though the first one is done.
    a.send(Event::new("S").with_id("1")).wait().unwrap();
    assert!(is_empty(&mut b));
    assert_eq!(stats(&driver).duplicates, 1);
}

#[test]
fn too_many_dead_letters_drop_the_oldest() {
    let driver: Driver = Driver::builder(10).max_dead(2).build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    for name in ["1", "2", "3", "4"] {
        send_all(&a, &[name]);
        next(&mut b).reject(format!("no {name}")).wait().unwrap();
    }
    let names: Vec<_> = driver
        .dead_letters()
        .list()
        .wait()
        .unwrap()
        .into_iter()
        .map(|l| l.name)
        .collect();
    assert_eq!(names, ["3", "4"]);
    let now = stats(&driver);
    assert_eq!((now.dead, now.dead_dropped, now.buried), (2, 2, 4));
    let oldest = driver.dead_letters().list().wait().unwrap()[0].id;
    assert!(driver.dead_letters().discard(oldest).wait().unwrap());
    assert_eq!((stats(&driver).dead, stats(&driver).dead_dropped), (1, 2));
}

#[test]
fn each_group_has_its_own_dead_letters() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = Consumer::in_group(&driver, "audit").unwrap();
    send_all(&a, &["S"]);
    next(&mut audit).reject("not signed").wait().unwrap();
    assert_eq!(next_name(&mut b), "S");
    assert!(driver.dead_letters().list().wait().unwrap().is_empty());
    let letters = driver.dead_letters().of_group("audit");
    let letter = letters.list().wait().unwrap().remove(0);
    assert!(
        !driver.dead_letters().replay(letter.id).wait().unwrap(),
        "not in this group"
    );
    assert!(letters.replay(letter.id).wait().unwrap());
    assert!(is_empty(&mut b), "it comes back to its own group");
    assert_eq!(next_name(&mut audit), "S");
}

#[test]
fn a_time_to_live_ends_only_what_was_not_handed_over() {
    let (driver, a, mut b) = library(10);
    let life = Duration::from_millis(300);
    let start = Instant::now();
    a.send(Event::new("held").with_time_to_live(FAR))
        .wait()
        .unwrap();
    a.send(Event::new("short").with_time_to_live(life))
        .wait()
        .unwrap();
    a.send(Event::new("parked").with_time_to_live(life).with_key("k"))
        .wait()
        .unwrap();
    a.send(
        Event::new("delayed")
            .with_time_to_live(life)
            .with_delay(FAR),
    )
    .wait()
    .unwrap();
    let held = next(&mut b);
    // Nobody has to receive for it: it goes by itself, wherever it stands.
    eventually("they expire", || stats(&driver).expired == 3);
    assert!(start.elapsed() >= life);
    let now = stats(&driver);
    assert_eq!((now.queued, now.delayed, now.dead), (0, 0, 0));
    held.ack().wait().unwrap();

    // In hand it does not expire; once it comes back it has.
    a.send(Event::new("late").with_time_to_live(life))
        .wait()
        .unwrap();
    let late = next(&mut b);
    support::pass(Instant::now() + life);
    assert_eq!(stats(&driver).in_hand, 1);
    late.nack().wait().unwrap();
    assert!(is_empty(&mut b));
    eventually("it expired", || stats(&driver).expired == 4);
}

#[test]
fn what_expired_behind_its_key_lets_the_next_one_through() {
    let (driver, a, mut b) = library(10);
    let life = Duration::from_millis(10);
    a.send(Event::new("1").with_key("k")).wait().unwrap();
    a.send(Event::new("2").with_key("k").with_time_to_live(life))
        .wait()
        .unwrap();
    a.send(Event::new("3").with_key("k")).wait().unwrap();
    let first = next(&mut b);
    assert!(is_empty(&mut b));
    eventually("it expires", || stats(&driver).expired == 1);
    first.ack().wait().unwrap();
    assert_eq!(next_name(&mut b), "3");

    // And if it leads its key, waiting to be tried again.
    a.send(
        Event::new("4")
            .with_key("k")
            .with_time_to_live(Duration::from_millis(500)),
    )
    .wait()
    .unwrap();
    a.send(Event::new("5").with_key("k")).wait().unwrap();
    next(&mut b).retry_after(FAR).wait().unwrap();
    let fifth = next(&mut b);
    assert_eq!((fifth.name(), stats(&driver).expired), ("5", 2));
}

#[test]
fn a_delay_is_a_floor() {
    let (driver, a, mut b) = library(10);
    let delay = Duration::from_millis(200);
    let start = Instant::now();
    a.send(Event::new("later").with_delay(2 * delay))
        .wait()
        .unwrap();
    a.send(Event::new("sooner").with_delay(delay))
        .wait()
        .unwrap();
    send_all(&a, &["now"]);
    assert_eq!(next_name(&mut b), "now");
    assert!(is_empty(&mut b));
    assert_eq!((stats(&driver).delayed, stats(&driver).queued), (2, 0));
    assert_eq!(next_name(&mut b), "sooner");
    assert!(start.elapsed() >= delay);
    assert_eq!(next_name(&mut b), "later");
    assert!(start.elapsed() >= 2 * delay);
}

#[test]
fn what_falls_due_stands_behind_what_stands_there() {
    let (driver, a, mut b) = library(10);
    a.send(Event::new("delayed").with_delay(Duration::from_millis(1)))
        .wait()
        .unwrap();
    send_all(&a, &["1", "2"]);
    eventually("it is due", || stats(&driver).queued == 3);
    assert_eq!(
        ["1", "2", "delayed"].map(|_| next_name(&mut b)),
        ["1", "2", "delayed"]
    );
}

#[test]
fn a_delayed_event_wakes_who_waits() {
    let (_driver, a, mut b) = library(10);
    let wakes = support::Wakes::new();
    let mut receive = b.receive();
    assert!(support::poll_with(&mut receive, &wakes).is_pending());
    a.send(Event::new("S").with_delay(Duration::from_millis(5)))
        .wait()
        .unwrap();
    assert_eq!(wakes.count(), 0);
    eventually("it is due", || wakes.count() == 1);
    assert!(poll(&mut receive).is_ready());
}

#[test]
fn a_purge_drops_what_stands_and_nothing_else() {
    let (driver, a, mut b) = library(3);
    for name in ["in hand", "dead"] {
        send_all(&a, &[name]);
    }
    let in_hand = next(&mut b);
    next(&mut b).reject("torn").wait().unwrap();
    a.send(Event::new("queued").with_key("k")).wait().unwrap();
    a.send(Event::new("parked").with_key("k")).wait().unwrap();
    send_all(&a, &["1"]);
    a.send(Event::new("delayed").with_delay(FAR))
        .wait()
        .unwrap();
    let mut in_line = a.send(Event::new("in line"));
    assert!(poll(&mut in_line).is_pending());
    assert_eq!(driver.purge().wait().unwrap(), 4);
    in_line.wait().unwrap();
    let now = stats(&driver);
    assert_eq!(
        (now.queued, now.delayed, now.in_hand, now.dead, now.purged),
        (1, 0, 1, 1, 4)
    );
    in_hand.nack().wait().unwrap();
    assert_eq!(
        ["in hand", "in line"].map(|_| next_name(&mut b)),
        ["in hand", "in line"]
    );
}

/// A consumer that turns to automatic ack may still have something in hand. It is done when it is acked, whatever requests
/// wait for their answer.
#[test]
fn what_was_in_hand_before_automatic_ack_is_counted_when_it_is_acked() {
    let library: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    a.send(Event::new("S")).wait().unwrap();
    let in_hand = b.receive().wait().unwrap();
    let mut b = b.auto_ack();
    let mut request = a.request(Event::new("T"), Duration::from_secs(60));
    assert!(request.wait_for(Duration::ZERO).is_err());
    let asked = b.receive().wait().unwrap();
    assert_eq!(library.stats().wait().unwrap().in_hand, 1);
    in_hand.ack().wait().unwrap();
    assert_eq!(library.stats().wait().unwrap().in_hand, 0);
    assert_eq!(library.stats().wait().unwrap().consumers, 1);
    asked.reply("fine".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "fine");
}
