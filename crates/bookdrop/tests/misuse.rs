//! Bad input and misuse: each is refused by name, at the bound and not before, and what was given is given back.

mod support;

use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bookdrop::{
    Answer, Consumer, Delivery, Driver, Event, Failure, InvalidEvent, InvalidGroup, Producer,
    RequestErrorKind, SendErrorKind, SettleErrorKind, TryReceiveError, limits,
};
use futures_lite::StreamExt;

use support::{FAR, is_empty, library, next, next_name, poll, send_all, stats};

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn with_headers(count: usize) -> Event {
    (0..count).fold(Event::new("S"), |event, n| {
        event.with_header(format!("{n}"), "")
    })
}

fn with_values(count: usize) -> Event {
    (0..count).fold(Event::new("S"), |event, n| {
        event.with_value(format!("{n}"), n)
    })
}

fn with_header(name: usize, value: usize) -> Event {
    Event::new("S").with_header(long(name), long(value))
}

/// An event at a bound, the same one over it, and what is said to that.
fn at_and_over_the_bounds() -> Vec<(Event, Event, InvalidEvent)> {
    use InvalidEvent::*;
    use limits::*;
    let s = || Event::new("S");
    vec![
        (s(), Event::new(""), NameEmpty),
        (
            Event::new(long(MAX_NAME_BYTES)),
            Event::new(long(MAX_NAME_BYTES + 1)),
            NameTooLong {
                bytes: MAX_NAME_BYTES + 1,
            },
        ),
        (with_header(1, 0), with_header(0, 1), HeaderNameEmpty),
        (
            with_header(MAX_HEADER_NAME_BYTES, 1),
            with_header(MAX_HEADER_NAME_BYTES + 1, 1),
            HeaderNameTooLong {
                bytes: MAX_HEADER_NAME_BYTES + 1,
            },
        ),
        (
            with_header(1, MAX_HEADER_VALUE_BYTES),
            with_header(1, MAX_HEADER_VALUE_BYTES + 1),
            HeaderValueTooLong {
                name: "x".into(),
                bytes: MAX_HEADER_VALUE_BYTES + 1,
            },
        ),
        (
            with_headers(MAX_HEADERS),
            with_headers(MAX_HEADERS + 1),
            TooManyHeaders {
                count: MAX_HEADERS + 1,
            },
        ),
        (
            s().with_value("x", ""),
            s().with_value("", "x"),
            ValueNameEmpty,
        ),
        (
            s().with_value(long(MAX_HEADER_NAME_BYTES), 1),
            s().with_value(long(MAX_HEADER_NAME_BYTES + 1), 1),
            ValueNameTooLong {
                bytes: MAX_HEADER_NAME_BYTES + 1,
            },
        ),
        (
            with_values(MAX_VALUES),
            with_values(MAX_VALUES + 1),
            TooManyValues {
                count: MAX_VALUES + 1,
            },
        ),
        (s().with_key("k"), s().with_key(""), KeyEmpty),
        (
            s().with_key(long(MAX_KEY_BYTES)),
            s().with_key(long(MAX_KEY_BYTES + 1)),
            KeyTooLong {
                bytes: MAX_KEY_BYTES + 1,
            },
        ),
        (s().with_id("i"), s().with_id(""), IdEmpty),
        (
            s().with_id(long(MAX_ID_BYTES)),
            s().with_id(long(MAX_ID_BYTES + 1)),
            IdTooLong {
                bytes: MAX_ID_BYTES + 1,
            },
        ),
        (
            s().with_priority(MAX_PRIORITY),
            s().with_priority(MAX_PRIORITY + 1),
            PriorityTooHigh {
                priority: MAX_PRIORITY + 1,
            },
        ),
        (
            s(),
            s().with_priority(u8::MAX),
            PriorityTooHigh { priority: u8::MAX },
        ),
    ]
}

fn looks_like(event: &Event, other: &Event) -> bool {
    event.name() == other.name()
        && event.headers().eq(other.headers())
        && event.values().eq(other.values())
        && (event.key(), event.priority()) == (other.key(), other.priority())
        && event.id() == other.id()
}

#[test]
fn every_bound_of_an_event_holds_exactly() {
    for (fits, breaks, invalid) in at_and_over_the_bounds() {
        let (driver, a, mut b) = library(10);
        a.send(fits.clone())
            .wait()
            .unwrap_or_else(|error| panic!("{invalid:?}: {error}"));
        let received = next(&mut b).into_event().wait().unwrap();
        assert!(looks_like(&received, &fits));

        let kind = SendErrorKind::Invalid(invalid.clone());
        let error = a.send(breaks.clone()).wait().unwrap_err();
        assert_eq!(error.kind(), &kind);
        assert!(
            looks_like(&error.into_event(), &breaks),
            "it comes back intact"
        );
        assert_eq!(a.try_send(breaks.clone()).wait().unwrap_err().kind(), &kind);
        let batch = [Event::new("first"), breaks.clone(), Event::new("third")];
        let error = a.send_batch(batch).wait().unwrap_err();
        assert_eq!((error.kind(), error.sent()), (&kind, 1));
        let rest = error.into_rest();
        assert!(rest.len() == 2 && looks_like(&rest[0], &breaks) && rest[1].name() == "third");
        let error = a.request(breaks.clone(), FAR).wait().unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::Invalid(invalid.clone()));
        assert!(looks_like(&error.into_event().unwrap(), &breaks));

        let now = stats(&driver);
        assert_eq!((now.sent, now.queued, now.waiting_requests), (2, 1, 0));
        assert!(!invalid.to_string().is_empty());
    }
}

#[test]
fn an_event_is_checked_before_the_driver_is_asked() {
    // So that what is wrong with it does not depend on how the queue stands.
    let (driver, a, b) = library(1);
    send_all(&a, &["full"]);
    drop(b);
    let broken = SendErrorKind::Invalid(InvalidEvent::NameEmpty);
    assert_eq!(a.send(Event::new("")).wait().unwrap_err().kind(), &broken);
    let broken_request = RequestErrorKind::Invalid(InvalidEvent::NameEmpty);
    let error = a
        .request(Event::new(""), Duration::ZERO)
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), &broken_request);
    driver.close().wait().unwrap();
    assert_eq!(
        a.try_send(Event::new("")).wait().unwrap_err().kind(),
        &broken
    );
    assert_eq!(
        a.request(Event::new(""), FAR).wait().unwrap_err().kind(),
        &broken_request
    );
}

#[test]
fn setting_again_replaces_and_does_not_add() {
    let mut event = with_headers(limits::MAX_HEADERS);
    for n in 0..limits::MAX_HEADERS {
        event.set_header(format!("{n}"), "again");
    }
    let (_driver, a, mut b) = library(1);
    a.send(event).wait().unwrap();
    assert!(next(&mut b).headers().all(|(_, value)| value == "again"));
}

#[test]
fn a_capacity_of_nothing_means_one() {
    let (driver, a, mut b) = library(0);
    assert_eq!(driver.capacity(), 1);
    send_all(&a, &["S"]);
    assert!(a.try_send(Event::new("T")).wait().is_err());
    assert_eq!(next_name(&mut b), "S");
    let huge: Driver = Driver::memory(usize::MAX);
    Producer::new(&huge).send(Event::new("S")).wait().unwrap();
    assert_eq!(stats(&huge).queued, 1, "room is taken when it is needed");
}

#[test]
fn bounds_of_nothing_mean_the_least_that_works() {
    let driver: Driver = Driver::builder(0)
        .max_delayed(0)
        .max_attempts(0)
        .max_deliveries(0)
        .max_dead(0)
        .max_remembered_ids(0)
        .duplicate_window(Duration::ZERO)
        .retry_backoff(Duration::ZERO, Duration::ZERO)
        .build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.try_send(Event::new("later").with_delay(FAR))
        .wait()
        .unwrap();
    assert!(
        a.try_send(Event::new("later").with_delay(FAR))
            .wait()
            .is_err()
    );
    a.try_send(Event::new("S").with_id("1")).wait().unwrap();
    next(&mut b).nack().wait().unwrap();
    let now = stats(&driver);
    assert_eq!((now.buried, now.dead, now.dead_dropped), (1, 0, 1));
    a.try_send(Event::new("S").with_id("1")).wait().unwrap();
    assert_eq!(stats(&driver).duplicates, 0);
}

#[test]
fn overlong_times_mean_very_late() {
    let (driver, a, mut b) = library(10);
    a.send(Event::new("never").with_delay(Duration::MAX))
        .wait()
        .unwrap();
    a.send(Event::new("for ever").with_time_to_live(Duration::MAX))
        .wait()
        .unwrap();
    assert_eq!(stats(&driver).delayed, 1);
    assert_eq!(next_name(&mut b), "for ever");

    let mut request = a.request(Event::new("patient"), Duration::MAX);
    assert!(poll(&mut request).is_pending());
    let delivery = next(&mut b);
    assert!(
        delivery
            .deadline()
            .is_some_and(|at| at > Instant::now() + 1000 * FAR)
    );
    delivery.reply("done".into()).wait().unwrap();
    assert_eq!(request.wait_for(Duration::MAX).unwrap().unwrap(), "done");

    send_all(&a, &["S"]);
    next(&mut b).retry_after(Duration::MAX).wait().unwrap();
    assert_eq!(stats(&driver).delayed, 2);
    let driver: Driver = Driver::builder(10)
        .duplicate_window(Duration::MAX)
        .retry_backoff(Duration::MAX, Duration::MAX)
        .build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.send(Event::new("S").with_id("1")).wait().unwrap();
    a.send(Event::new("S").with_id("1")).wait().unwrap();
    for _ in 0..2 {
        next(&mut b).nack().wait().unwrap();
    }
    assert_eq!((stats(&driver).delayed, stats(&driver).duplicates), (1, 1));
    assert!(driver.drain(Duration::MAX).wait_for(Duration::MAX).is_ok());
}

#[test]
fn times_of_zero() {
    let (driver, a, mut b) = library(10);
    // A request with no time is never sent.
    let error = a
        .request(Event::new("S"), Duration::ZERO)
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(error.into_event().unwrap().name(), "S");
    let error = a
        .request(Event::new("S"), Duration::ZERO)
        .wait_for_consumer()
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(stats(&driver).sent, 0);
    // No delay is no delay, and no time to live is none at all.
    a.send(Event::new("now").with_delay(Duration::ZERO))
        .wait()
        .unwrap();
    assert_eq!(next_name(&mut b), "now");
    a.send(Event::new("gone").with_time_to_live(Duration::ZERO))
        .wait()
        .unwrap();
    assert!(is_empty(&mut b));
    assert_eq!((stats(&driver).expired, stats(&driver).queued), (1, 0));
    // A wait with no time looks once.
    assert!(b.receive().wait_for(Duration::ZERO).is_err());
    send_all(&a, &["S"]);
    assert!(b.receive().wait_for(Duration::ZERO).is_ok());
    let _ = driver.drain(Duration::ZERO).wait().unwrap();
}

#[test]
fn a_consumer_is_of_no_use_after_the_close_but_harmless() {
    let (driver, _a, mut b) = library(10);
    driver.close().wait().unwrap();
    let mut clone = b.clone();
    for consumer in [&mut b, &mut clone] {
        assert!(consumer.receive().wait().is_err());
        assert_eq!(
            consumer.try_receive().wait().unwrap_err(),
            TryReceiveError::Closed
        );
        assert!(consumer.receive_batch(2).wait().is_err());
    }
    assert!(
        Consumer::in_group(&driver, "late")
            .unwrap()
            .receive()
            .wait()
            .is_err()
    );
    assert!(driver.remove_group("late").wait().unwrap());
    assert_eq!(
        (
            driver.purge().wait().unwrap(),
            driver.dead_letters().replay_all().wait().unwrap()
        ),
        (0, 0)
    );
}

#[test]
fn names_of_groups() {
    let driver: Driver = Driver::memory(10);
    assert_eq!(
        Consumer::in_group(&driver, "").unwrap_err(),
        InvalidGroup::Empty
    );
    let bound = limits::MAX_GROUP_BYTES;
    let error = Consumer::in_group(&driver, &long(bound + 1)).unwrap_err();
    assert_eq!(error, InvalidGroup::TooLong { bytes: bound + 1 });
    assert!(error.to_string().contains(&bound.to_string()));
    assert!(
        driver.groups().wait().unwrap().is_empty(),
        "a refused one is not made"
    );
    let longest = Consumer::in_group(&driver, &long(bound)).unwrap();
    assert_eq!(longest.group(), long(bound));
    let odd = Consumer::in_group(&driver, " 書/*\0").unwrap();
    assert_eq!(
        driver.groups().wait().unwrap(),
        [longest.group(), odd.group()]
    );
    // What is not there is said not to be there.
    assert!(!driver.remove_group("nobody").wait().unwrap());
    assert!(driver.group_stats("nobody").wait().unwrap().is_none());
    assert!(
        driver
            .dead_letters()
            .of_group("nobody")
            .list()
            .wait()
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        driver
            .dead_letters()
            .of_group("nobody")
            .replay_all()
            .wait()
            .unwrap(),
        0
    );
}

#[test]
fn an_answer_to_a_one_way_event_is_refused_before_any_work() {
    let (driver, a, mut b) = library(10);
    send_all(&a, &["S"]);
    let delivery = next(&mut b);
    assert!(!delivery.is_request() && delivery.deadline().is_none() && !delivery.is_cancelled());
    assert!(poll(&mut Box::pin(delivery.cancelled())).is_pending());
    let error = delivery.reply("to nobody".into()).wait().unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::NotARequest);
    let error = error
        .into_delivery()
        .fail(Failure::new("no"))
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::NotARequest);
    let mut begun = false;
    let work = error.into_delivery().reply_with(async |_| {
        begun = true;
        Ok("to nobody".into())
    });
    let error = work.wait().unwrap_err();
    assert!(!begun);
    assert_eq!(error.kind(), &SettleErrorKind::NotARequest);
    let error = error
        .into_delivery()
        .into_parts()
        .wait()
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::NotARequest);
    let delivery = error.into_delivery();
    assert_eq!(
        (delivery.name(), delivery.attempt(), stats(&driver).in_hand),
        ("S", 1, 1)
    );
    delivery.ack().wait().unwrap();
    assert_eq!((stats(&driver).acked, stats(&driver).returned), (1, 0));

    // An error that is let go of lets go of the delivery, which comes back.
    send_all(&a, &["T"]);
    drop(bookdrop::Error::from(
        next(&mut b).reply("x".into()).wait().unwrap_err(),
    ));
    assert_eq!(next(&mut b).attempt(), 2);
}

#[test]
fn what_was_acked_at_hand_over_cannot_go_back() {
    let (driver, a, b) = library(10);
    let mut b = b.auto_ack();
    send_all(&a, &["1", "2", "3"]);
    let one = next(&mut b);
    assert_eq!((stats(&driver).in_hand, stats(&driver).acked), (0, 1));
    let error = one.nack().wait().unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::AutoAcked);
    let error = error.into_delivery().retry_after(FAR).wait().unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::AutoAcked);
    let error = error.into_delivery().reject("torn").wait().unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::AutoAcked);
    error.into_delivery().ack().wait().unwrap();
    drop(next(&mut b));
    assert_eq!(next(&mut b).into_event().wait().unwrap().name(), "3");
    let now = stats(&driver);
    assert_eq!(
        (now.acked, now.returned, now.dead, now.queued),
        (3, 0, 0, 0)
    );

    // Clones are of the same kind, and answers go on working.
    let mut clone = b.clone();
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    assert_eq!(
        next(&mut clone).reply("done".into()).wait().unwrap(),
        Answer::Sent
    );
    assert_eq!(request.wait().unwrap(), "done");
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    drop(next(&mut clone));
    let error = request.wait().unwrap_err();
    let RequestErrorKind::Failed(failure) = error.kind() else {
        panic!("{error}")
    };
    assert_eq!(failure.code(), Some("bookdrop.unanswered"));
}

#[test]
fn a_future_that_ended_is_not_to_be_polled_again() {
    let (_driver, a, mut b) = library(10);
    let panics = |poll: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(poll)).is_err();
    let mut send = a.send(Event::new("S"));
    assert!(poll(&mut send).is_ready());
    assert!(panics(&mut || assert!(poll(&mut send).is_pending())));
    let mut send = a.try_send(Event::new("S"));
    assert!(poll(&mut send).is_ready());
    assert!(panics(&mut || assert!(poll(&mut send).is_pending())));
    let mut request = a.request(Event::new(""), FAR);
    assert!(poll(&mut request).is_ready());
    assert!(panics(&mut || assert!(poll(&mut request).is_pending())));
    // A receive borrows its consumer, and just receives again.
    let mut receive = b.receive();
    for _ in 0..2 {
        let std::task::Poll::Ready(Ok(delivery)) = poll(&mut receive) else {
            panic!("there are two")
        };
        delivery.ack().wait().unwrap();
    }
    assert!(poll(&mut receive).is_pending());
    // The driver is none the worse for it.
    drop(receive);
    send_all(&a, &["T"]);
    assert_eq!(next_name(&mut b), "T");
}

#[test]
fn a_driver_that_waits_for_its_own_end_in_a_stream() {
    // Stream and plain receives of one consumer take turns.
    let (driver, a, mut b) = library(10);
    assert!(poll(&mut b.next()).is_pending());
    assert!(b.receive().wait_for(Duration::ZERO).is_err());
    assert_eq!(stats(&driver).waiting_consumers, 0);
    send_all(&a, &["S"]);
    let std::task::Poll::Ready(Some(Ok(delivery))) = poll(&mut b.next()) else {
        panic!("there is one")
    };
    delivery.ack().wait().unwrap();
}

#[test]
fn things_are_as_small_as_they_are_said_to_be() {
    let word = size_of::<usize>();
    assert_eq!(size_of::<bookdrop::Error>(), word);
    assert_eq!(size_of::<bookdrop::SendError<[u64; 100]>>(), word);
    assert_eq!(size_of::<bookdrop::SendBatchError<[u64; 100]>>(), word);
    assert_eq!(size_of::<bookdrop::RequestError<[u64; 100]>>(), word);
    assert_eq!(
        size_of::<bookdrop::SettleError<[u64; 100], [u64; 100]>>(),
        word
    );
    assert!(size_of::<bookdrop::ReceiveError>() <= word);
    assert!(size_of::<TryReceiveError>() <= 2 * word);
    assert!(size_of::<bookdrop::TimedOut>() <= word);
    // So is a result without a value of its own.
    assert_eq!(
        size_of::<Result<(), bookdrop::SendError<[u64; 100]>>>(),
        word
    );
    assert_eq!(size_of::<Result<(), bookdrop::Error>>(), word);
    // An event is one word, whatever its body, and a delivery two.
    assert_eq!(size_of::<Event>(), word);
    assert_eq!(size_of::<Option<Event<[u64; 100]>>>(), word);
    assert_eq!(size_of::<Delivery<[u64; 100]>>(), 2 * word);
}
