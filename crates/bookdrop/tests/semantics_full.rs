//! What a full queue means: who waits, who is refused, who makes room, and who does not care.

mod support;

use bookdrop::{Consumer, Driver, Event, OnFull, Producer, RequestErrorKind, SendErrorKind};

use support::{FAR, is_empty, next, next_name, poll, send_all, stats};

fn numbered(n: &'static str) -> Event {
    Event::new(n).with_id(n)
}

fn library_that(on_full: OnFull) -> (Driver, Producer, Consumer) {
    let driver: Driver = Driver::builder(2).max_delayed(2).on_full(on_full).build();
    let (a, b) = (Producer::new(&driver), Consumer::new(&driver));
    (driver, a, b)
}

#[test]
fn a_duplicate_needs_no_room_and_makes_none() {
    for on_full in [OnFull::Wait, OnFull::Reject, OnFull::DropOldest] {
        let (driver, a, mut b) = library_that(on_full);
        for name in ["1", "2", "2", "1"] {
            let mut send = a.send(numbered(name));
            assert!(
                matches!(poll(&mut send), std::task::Poll::Ready(Ok(()))),
                "{on_full:?}"
            );
        }
        a.try_send(numbered("1")).wait().unwrap();
        let now = stats(&driver);
        assert_eq!((now.sent, now.queued, now.duplicates), (2, 2, 3));
        assert_eq!((now.dropped_when_full, now.rejected_when_full), (0, 0));
        assert_eq!(["1", "2"].map(|_| next_name(&mut b)), ["1", "2"]);
    }
}

#[test]
fn the_same_event_twice_in_line_is_one() {
    let (driver, a, mut b) = library_that(OnFull::Wait);
    send_all(&a, &["1", "2"]);
    let (mut first, mut again) = (a.send(numbered("3")), a.send(numbered("3")));
    assert!(poll(&mut first).is_pending() && poll(&mut again).is_pending());
    for name in ["1", "2", "3"] {
        assert_eq!(next_name(&mut b), name);
    }
    first.wait().unwrap();
    again.wait().unwrap();
    assert!(is_empty(&mut b));
    assert_eq!(stats(&driver).duplicates, 1);

    // One that was given up in line was not sent, so it can be sent again.
    send_all(&a, &["4", "5"]);
    let mut given_up = a.send(numbered("6"));
    assert!(poll(&mut given_up).is_pending());
    drop(given_up);
    assert_eq!(["4", "5"].map(|_| next_name(&mut b)), ["4", "5"]);
    a.send(numbered("6")).wait().unwrap();
    assert_eq!(next_name(&mut b), "6");
}

#[test]
fn to_wait_is_the_default() {
    assert_eq!(OnFull::default(), OnFull::Wait);
    let (driver, a, mut b) = library_that(OnFull::Wait);
    send_all(&a, &["1", "2"]);
    let mut send = a.send(Event::new("3"));
    assert!(poll(&mut send).is_pending());
    assert_eq!(
        a.try_send(Event::new("4")).wait().unwrap_err().kind(),
        &SendErrorKind::Full
    );
    let now = stats(&driver);
    assert_eq!(
        (now.waiting_senders, now.rejected_when_full, now.sent),
        (1, 1, 2)
    );
    assert_eq!(next_name(&mut b), "1");
    send.wait().unwrap();
}

#[test]
fn to_reject_gives_every_kind_of_event_back() {
    let (driver, a, mut b) = library_that(OnFull::Reject);
    send_all(&a, &["1", "2"]);
    let error = a.send(Event::new("3")).wait().unwrap_err();
    assert_eq!(error.kind(), &SendErrorKind::Full);
    assert_eq!(error.into_event().name(), "3");
    let error = a.request(Event::new("4"), FAR).wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Full);
    assert_eq!(error.into_event().unwrap().name(), "4");
    let error = a
        .send_batch([Event::new("5"), Event::new("6")])
        .wait()
        .unwrap_err();
    assert_eq!((error.sent(), error.into_rest().len()), (0, 2));
    let now = stats(&driver);
    assert_eq!(
        (now.rejected_when_full, now.queued, now.waiting_requests),
        (3, 2, 0)
    );
    assert_eq!(["1", "2"].map(|_| next_name(&mut b)), ["1", "2"]);
}

#[test]
fn to_drop_the_oldest_makes_room_and_counts() {
    let (driver, a, mut b) = library_that(OnFull::DropOldest);
    for name in ["1", "2", "3"] {
        a.send(Event::new(name)).wait().unwrap();
    }
    a.try_send(Event::new("4")).wait().unwrap();
    let now = stats(&driver);
    assert_eq!((now.dropped_when_full, now.queued, now.sent), (2, 2, 4));
    // Also where the oldest is not the next one to be handed over.
    a.send(Event::new("urgent").with_priority(9))
        .wait()
        .unwrap();
    assert_eq!(["urgent", "4"].map(|_| next_name(&mut b)), ["urgent", "4"]);
    assert!(is_empty(&mut b));
}

#[test]
fn a_request_that_makes_room_is_told_so() {
    let (driver, a, mut b) = library_that(OnFull::DropOldest);
    let mut request = a.request(Event::new("R"), FAR);
    assert!(poll(&mut request).is_pending());
    a.send(Event::new("1")).wait().unwrap();
    a.send(Event::new("2")).wait().unwrap();
    let error = request.wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Full);
    assert_eq!(error.into_event().expect("nobody took it").name(), "R");
    // And one that comes makes room, too.
    let mut request = a.request(Event::new("R"), FAR);
    assert!(poll(&mut request).is_pending());
    assert_eq!(next_name(&mut b), "2");
    next(&mut b).reply("done".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "done");
    assert_eq!(stats(&driver).dropped_when_full, 2);
}

#[test]
fn what_is_in_hand_is_not_dropped_to_make_room() {
    let (driver, a, mut b) = library_that(OnFull::DropOldest);
    send_all(&a, &["1", "2"]);
    let (one, two) = (next(&mut b), next(&mut b));
    send_all(&a, &["3", "4"]);
    one.nack().wait().unwrap();
    two.nack().wait().unwrap();
    assert_eq!(
        stats(&driver).queued,
        4,
        "what comes back is let in regardless"
    );
    a.send(Event::new("5")).wait().unwrap();
    let now = stats(&driver);
    assert_eq!((now.queued, now.dropped_when_full), (2, 3));
    assert_eq!(["4", "5"].map(|_| next_name(&mut b)), ["4", "5"]);
}

#[test]
fn each_group_drops_its_own_oldest() {
    let driver: Driver = Driver::builder(2).on_full(OnFull::DropOldest).build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = Consumer::in_group(&driver, "audit").unwrap();
    for name in ["1", "2", "3"] {
        a.send(Event::new(name)).wait().unwrap();
        assert_eq!(next_name(&mut b), name);
    }
    assert_eq!(["2", "3"].map(|_| next_name(&mut audit)), ["2", "3"]);
    assert_eq!(stats(&driver).dropped_when_full, 1);
}

#[test]
fn delayed_events_have_a_bound_of_their_own() {
    for on_full in [OnFull::Wait, OnFull::Reject, OnFull::DropOldest] {
        let (driver, a, mut b) = library_that(on_full);
        for _ in 0..2 {
            a.try_send(Event::new("later").with_delay(FAR))
                .wait()
                .unwrap();
        }
        // A full one makes delayed events wait, or gives them back; it drops none.
        let error = a
            .try_send(Event::new("later").with_delay(FAR))
            .wait()
            .unwrap_err();
        assert_eq!(error.kind(), &SendErrorKind::Full);
        let mut delayed = a.send(Event::new("later").with_delay(FAR));
        assert_eq!(poll(&mut delayed).is_pending(), on_full == OnFull::Wait);
        // The others take no notice.
        for _ in 0..3 {
            a.try_send(Event::new("now")).wait().unwrap();
            let mut request = a.request(Event::new("now"), FAR);
            assert!(poll(&mut request).is_pending());
            assert_eq!(next_name(&mut b), "now");
            next(&mut b).reply("done".into()).wait().unwrap();
            assert_eq!(request.wait().unwrap(), "done");
        }
        let now = stats(&driver);
        assert_eq!((now.delayed, now.dropped_when_full), (2, 0));
        assert_eq!(driver.purge().wait().unwrap(), 2);
    }
}

#[test]
fn a_full_queue_keeps_no_delayed_event_out() {
    let (driver, a, mut b) = library_that(OnFull::Wait);
    send_all(&a, &["1", "2"]);
    let mut now = a.send(Event::new("3"));
    assert!(poll(&mut now).is_pending());
    let at_once = std::time::Duration::from_millis(1);
    a.try_send(Event::new("delayed").with_delay(at_once))
        .wait()
        .unwrap();
    // What falls due does not wait for room, nor for who waits for room.
    support::eventually("it is due", || stats(&driver).queued == 3);
    assert_eq!(stats(&driver).waiting_senders, 1);
    for name in ["1", "2", "delayed", "3"] {
        assert_eq!(next_name(&mut b), name);
    }
}

#[test]
fn room_among_the_delayed_lets_the_next_one_in() {
    let (driver, a, mut b) = library_that(OnFull::Wait);
    let at_once = std::time::Duration::from_millis(1);
    a.send(Event::new("1").with_delay(at_once)).wait().unwrap();
    a.send(Event::new("2").with_delay(FAR)).wait().unwrap();
    let wakes = support::Wakes::new();
    let mut third = a.send(Event::new("3").with_delay(FAR));
    let _ = support::poll_with(&mut third, &wakes);
    assert_eq!(next_name(&mut b), "1");
    support::eventually("it is let in", || stats(&driver).delayed == 2);
    third.wait().unwrap();
}
