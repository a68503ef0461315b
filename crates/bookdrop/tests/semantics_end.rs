//! The end of a driver: what is still handed out, who is told what, what a drain gives back.

mod support;

use std::task::Poll;
use std::time::{Duration, Instant};

use bookdrop::{
    Answer, Consumer, Driver, Event, Producer, ReceiveError, RequestErrorKind, SendErrorKind,
    TryReceiveError,
};
use futures_lite::{StreamExt, future::block_on};

use support::{
    FAR, WATCHDOG, Wakes, end_of, eventually, library, next, next_name, poll, poll_with, send_all,
    stats,
};

#[test]
fn consumers_get_what_is_queued_and_then_the_end() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["1", "2", "3"]);
    driver.close().wait().unwrap();
    assert!(driver.is_closed());
    for name in ["1", "2", "3"] {
        assert_eq!(next_name(&mut b), name);
    }
    for _ in 0..2 {
        assert_eq!(end_of(&mut b), ReceiveError::Closed);
        assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Closed);
        assert!(b.receive_batch(3).wait().is_err());
        assert!(matches!(poll(&mut b.next()), Poll::Ready(None)));
    }
    // Also those who come only now.
    assert_eq!(end_of(&mut Consumer::new(&driver)), ReceiveError::Closed);
}

#[test]
fn what_waits_for_its_key_is_queued_too() {
    let (driver, a, mut b) = library(10);
    let mut c = b.clone();
    for name in ["1", "2", "3"] {
        a.send(Event::new(name).with_key("k")).wait().unwrap();
    }
    let first = next(&mut b);
    driver.close().wait().unwrap();
    let (b_wakes, c_wakes) = (Wakes::new(), Wakes::new());
    let mut waiting = b.receive();
    let mut waiting_too = c.receive();
    assert!(
        poll_with(&mut waiting, &b_wakes).is_pending(),
        "two more are to come"
    );
    assert!(poll_with(&mut waiting_too, &c_wakes).is_pending());

    first.ack().wait().unwrap();
    assert_eq!(b_wakes.count(), 1);
    let Poll::Ready(Ok(second)) = poll(&mut waiting) else {
        panic!("it was woken")
    };
    assert_eq!(second.name(), "2");
    assert!(poll_with(&mut waiting_too, &c_wakes).is_pending());
    second.ack().wait().unwrap();
    let third = waiting_too.wait_for(WATCHDOG).unwrap().unwrap();
    assert_eq!(third.name(), "3");
    // The last one is in hand: nothing is left to wait for.
    assert_eq!(
        waiting.wait_for(WATCHDOG).unwrap().unwrap_err(),
        ReceiveError::Closed
    );
    third.ack().wait().unwrap();
    assert_eq!(stats(&driver).acked, 3);
}

#[test]
fn who_waits_for_a_key_is_told_when_nothing_is_left() {
    let (driver, a, mut b) = library(10);
    for name in ["1", "2"] {
        a.send(Event::new(name).with_key("k")).wait().unwrap();
    }
    let mut others: Vec<_> = (0..3).map(|_| (b.clone(), Wakes::new())).collect();
    let first = next(&mut b);
    driver.close().wait().unwrap();
    let mut waits: Vec<_> = others
        .iter_mut()
        .map(|(c, wakes)| (c.receive(), &*wakes))
        .collect();
    for (wait, wakes) in &mut waits {
        assert!(poll_with(wait, wakes).is_pending());
    }
    // Purged: nobody will ever get the second one.
    assert_eq!(driver.purge().wait().unwrap(), 1);
    for (wait, wakes) in &mut waits {
        assert_eq!(wakes.count(), 1);
        assert!(matches!(poll(wait), Poll::Ready(Err(ReceiveError::Closed))));
    }
    first.ack().wait().unwrap();
}

#[test]
fn what_waits_behind_a_retry_after_the_end_stays_for_the_drain() {
    let (driver, a, mut b) = library(10);
    for name in ["1", "2"] {
        a.send(Event::new(name).with_key("k")).wait().unwrap();
    }
    let first = next(&mut b);
    driver.close().wait().unwrap();
    let mut c = b.clone();
    let mut wait = c.receive();
    assert!(poll(&mut wait).is_pending());
    first.retry_after(FAR).wait().unwrap();
    // Neither is due for an hour, and nobody waits so long for the end.
    assert_eq!(
        wait.wait_for(WATCHDOG).unwrap().unwrap_err(),
        ReceiveError::Closed
    );
    let left = driver.drain(FAR).wait().unwrap().left;
    let names: Vec<_> = left
        .iter()
        .map(|left| (left.event.name(), left.attempts))
        .collect();
    assert_eq!(names, [("1", 1), ("2", 0)]);
}

#[test]
fn what_is_not_due_stays_and_a_drain_gives_it_back() {
    let (driver, a, mut b) = library(10);
    a.send(Event::new("later").with_delay(FAR)).wait().unwrap();
    driver.close().wait().unwrap();
    assert_eq!(end_of(&mut b), ReceiveError::Closed);
    assert_eq!(stats(&driver).delayed, 1);
    let report = driver.drain(Duration::ZERO).wait().unwrap();
    assert_eq!(report.left[0].event.name(), "later");
    assert_eq!(stats(&driver).delayed, 0);
}

#[test]
fn what_is_in_hand_at_the_end_can_be_settled_in_every_way() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["ack", "nack", "reject", "drop"]);
    let mut answered = a.request(Event::new("answered"), FAR);
    let mut failed = a.request(Event::new("failed"), FAR);
    let mut returned = a.request(Event::new("returned"), FAR);
    let mut buried = a.request(Event::new("buried"), FAR);
    for request in [&mut answered, &mut failed, &mut returned, &mut buried] {
        assert!(poll(request).is_pending());
    }
    let mut in_hand: Vec<_> = (0..8).map(|_| next(&mut b)).collect();
    let mut take = || in_hand.remove(0);
    driver.close().wait().unwrap();

    take().ack().wait().unwrap();
    take().nack().wait().unwrap();
    take().reject("torn").wait().unwrap();
    drop(take());
    assert_eq!(take().reply("done".into()).wait().unwrap(), Answer::Sent);
    assert_eq!(
        take().fail(bookdrop::Failure::new("no")).wait().unwrap(),
        Answer::Sent
    );
    take().nack().wait().unwrap();
    take().reject("torn").wait().unwrap();

    assert_eq!(answered.wait().unwrap(), "done");
    assert!(matches!(
        failed.wait().unwrap_err().kind(),
        RequestErrorKind::Failed(_)
    ));
    let error = returned.wait().unwrap_err();
    assert_eq!(
        error.kind(),
        &RequestErrorKind::Closed,
        "nobody will work on it any more"
    );
    assert!(error.into_event().is_none(), "a consumer had it");
    assert!(matches!(
        buried.wait().unwrap_err().kind(),
        RequestErrorKind::Failed(_)
    ));
    // What came back is queued, and is still handed out.
    assert_eq!(next_name(&mut b), "nack");
    assert_eq!(next_name(&mut b), "drop");
    assert_eq!(end_of(&mut b), ReceiveError::Closed);
    assert_eq!(stats(&driver).dead, 2);
}

#[test]
fn everything_new_is_refused_and_given_back() {
    let (driver, a, _b) = library(10);
    driver.close().wait().unwrap();
    driver.close().wait().unwrap();
    let error = a.send(Event::new("S")).wait().unwrap_err();
    assert_eq!(error.kind(), &SendErrorKind::Closed);
    assert_eq!(error.into_event().name(), "S");
    assert_eq!(
        a.try_send(Event::new("S")).wait().unwrap_err().kind(),
        &SendErrorKind::Closed
    );
    assert_eq!(
        a.send_batch([Event::new("S")])
            .wait()
            .unwrap_err()
            .into_rest()
            .len(),
        1
    );
    let error = a.request(Event::new("S"), FAR).wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Closed);
    assert_eq!(error.into_event().unwrap().name(), "S");
    let error = a
        .request(Event::new("S"), FAR)
        .wait_for_consumer()
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Closed);
    assert_eq!(stats(&driver).sent, 0);
}

#[test]
fn requests_that_nobody_took_are_told_at_once() {
    let (driver, a, b) = library(1);
    let mut queued = a.request(Event::new("queued"), FAR);
    let mut in_line = a.request(Event::new("in line"), FAR);
    let mut delayed = a.request(Event::new("delayed").with_delay(FAR / 2), FAR);
    for request in [&mut queued, &mut in_line, &mut delayed] {
        assert!(poll(request).is_pending());
    }
    driver.close().wait().unwrap();
    for (request, name) in [
        (queued, "queued"),
        (in_line, "in line"),
        (delayed, "delayed"),
    ] {
        let error = request.wait().unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::Closed);
        assert_eq!(error.into_event().expect("nobody took it").name(), name);
    }
    let now = stats(&driver);
    assert_eq!(
        (
            now.queued,
            now.delayed,
            now.waiting_requests,
            now.waiting_senders
        ),
        (0, 0, 0, 0)
    );
    drop(b);
}

#[test]
fn a_drain_hands_nothing_out_and_waits_for_what_is_in_hand() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["in hand", "1", "2"]);
    a.send(Event::new("later").with_delay(FAR)).wait().unwrap();
    let delivery = next(&mut b);
    let wakes = Wakes::new();
    let mut drain = Box::pin(driver.drain(FAR));
    assert!(poll_with(&mut drain, &wakes).is_pending());
    assert!(driver.is_closed());
    assert_eq!(
        end_of(&mut b),
        ReceiveError::Closed,
        "nothing is handed out"
    );
    assert_eq!(wakes.count(), 0);
    delivery.ack().wait().unwrap();
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Ok(report)) = poll(&mut drain) else {
        panic!("the hands are empty")
    };
    let left: Vec<_> = report
        .left
        .iter()
        .map(|left| (left.event.name(), left.attempts))
        .collect();
    assert_eq!(left, [("1", 0), ("2", 0), ("later", 0)]);
    assert!(report.left.iter().all(|left| left.group == "default"));
    assert_eq!(report.unfinished, 0);
}

#[test]
fn a_drain_reports_what_came_back_with_its_attempts_and_group() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let audit = Consumer::in_group(&driver, "audit").unwrap();
    send_all(&a, &["S"]);
    next(&mut b).nack().wait().unwrap();
    let second = next(&mut b);
    let mut drain = Box::pin(driver.drain(FAR));
    assert!(poll(&mut drain).is_pending());
    drop(second);
    let report = block_on(drain).unwrap();
    let mut left: Vec<_> = report
        .left
        .iter()
        .map(|left| (&*left.group, left.event.name(), left.attempts))
        .collect();
    left.sort();
    assert_eq!(left, [("audit", "S", 0), ("default", "S", 2)]);
    drop(audit);
}

#[test]
fn a_drain_with_a_short_grace_counts_what_is_unfinished() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["1", "2", "3"]);
    let (one, two) = (next(&mut b), next(&mut b));
    let (start, grace) = (Instant::now(), Duration::from_millis(20));
    let report = driver.drain(grace).wait().unwrap();
    assert!(start.elapsed() >= grace);
    assert_eq!((report.unfinished, report.left.len()), (2, 1));
    // Later they can be settled all the same; one that comes back is in the next report.
    one.ack().wait().unwrap();
    two.nack().wait().unwrap();
    let report = driver.drain(FAR).wait().unwrap();
    assert_eq!(
        (
            report.unfinished,
            report.left.len(),
            report.left[0].attempts
        ),
        (0, 1, 1)
    );
    assert!(driver.drain(Duration::MAX).wait().unwrap().left.is_empty());
}

#[test]
fn a_drain_that_is_dropped_leaves_everything_where_it_is() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["1", "2"]);
    let one = next(&mut b);
    let mut drain = Box::pin(driver.drain(FAR));
    assert!(poll(&mut drain).is_pending());
    drop(drain);
    assert!(driver.is_closed());
    assert_eq!(end_of(&mut b), ReceiveError::Closed);
    drop(one);
    assert_eq!(stats(&driver).queued, 2);
    assert_eq!(driver.drain(FAR).wait().unwrap().left.len(), 2);
}

#[test]
fn several_drains_at_once_all_end() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["1", "2"]);
    let one = next(&mut b);
    let mut drains: Vec<_> = (0..4).map(|_| Box::pin(driver.drain(FAR))).collect();
    for drain in &mut drains {
        assert!(poll(drain).is_pending());
    }
    one.ack().wait().unwrap();
    let left: usize = drains
        .into_iter()
        .map(|drain| block_on(drain).unwrap().left.len())
        .sum();
    assert_eq!(left, 1, "each event is given back once");
}

#[test]
fn a_close_does_not_end_a_delay_early() {
    let (driver, a, mut b) = library(10);
    let due = Instant::now() + Duration::from_millis(300);
    a.send(Event::new("S").with_delay(Duration::from_millis(300)))
        .wait()
        .unwrap();
    driver.close().wait().unwrap();
    assert_eq!(end_of(&mut b), ReceiveError::Closed);
    // It falls due after the close all the same, and then it is queued.
    eventually("it is due", || stats(&driver).queued == 1);
    assert!(Instant::now() >= due);
    assert_eq!(next_name(&mut b), "S");
}
