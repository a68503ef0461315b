//! A driver as a bounded channel, in one thread: what goes in comes out, and how full it is.
//!
//! Where a channel would be disconnected by the drop of one side, a driver is not: it is a queue.

mod support;

use std::time::{Duration, Instant};

use bookdrop::{
    Consumer, Driver, Event, Producer, ReceiveError, SendErrorKind, TimedOut, TryReceiveError,
};
use futures_lite::future::block_on;

use support::{
    bounded, end_of, eventually, is_empty, library, next, next_name, poll, send_all, stats,
};

#[test]
fn what_goes_in_comes_out() {
    let (_driver, a, mut b) = library(1);
    a.try_send(Event::new("try")).wait().unwrap();
    assert_eq!(next_name(&mut b), "try");

    a.send(Event::new("thread")).wait().unwrap();
    assert_eq!(b.try_receive().wait().unwrap().name(), "thread");
    b.try_receive().wait().unwrap().ack().wait().unwrap();

    block_on(async {
        a.send(Event::new("task")).await.unwrap();
        b.receive().await.unwrap().ack().await.unwrap();
    });
    assert!(is_empty(&mut b));
}

#[test]
fn the_capacity_is_what_was_asked_for() {
    for capacity in 1..10 {
        let driver: Driver = Driver::memory(capacity);
        assert_eq!(driver.capacity(), capacity);
        let a = Producer::new(&driver);
        for _ in 0..capacity {
            a.try_send(Event::new("S")).wait().unwrap();
        }
        let error = a.try_send(Event::new("too much")).wait().unwrap_err();
        assert_eq!(error.kind(), &SendErrorKind::Full);
        assert_eq!(stats(&driver).rejected_when_full, 1);
    }
}

#[test]
fn the_length_follows_what_comes_and_goes() {
    let (driver, a, mut b) = library(50);
    for _ in 0..20 {
        for length in 0..50 {
            assert_eq!(stats(&driver).queued, length);
            a.send(Event::new("S")).wait().unwrap();
        }
        assert_eq!(stats(&driver).queued, 50);
        for length in (0..50).rev() {
            let delivery = next(&mut b);
            let now = stats(&driver);
            assert_eq!((now.queued, now.in_hand), (length, 1));
            delivery.ack().wait().unwrap();
        }
        assert_eq!(stats(&driver).in_hand, 0);
    }
}

#[test]
fn what_is_in_hand_takes_no_place() {
    let (driver, a, mut b) = library(1);
    a.try_send(Event::new("first")).wait().unwrap();
    let first = next(&mut b);
    a.try_send(Event::new("second")).wait().unwrap();
    // The one that comes back does not wait for room: it stands in front.
    first.nack().wait().unwrap();
    assert_eq!(stats(&driver).queued, 2);
    assert!(a.try_send(Event::new("third")).wait().is_err());
    assert_eq!(next_name(&mut b), "first");
    assert_eq!(next_name(&mut b), "second");
}

#[test]
fn an_empty_queue_says_so_at_once() {
    let (driver, a, mut b) = library(5);
    assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
    send_all(&a, &["S"]);
    assert_eq!(next_name(&mut b), "S");
    assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
    driver.close().wait().unwrap();
    assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Closed);
}

#[test]
fn a_receive_with_a_limit_waits_no_less() {
    let (driver, a, mut b) = library(5);
    let (start, limit) = (Instant::now(), Duration::from_millis(20));
    assert_eq!(b.receive().wait_for(limit).unwrap_err(), TimedOut);
    assert!(start.elapsed() >= limit);
    assert_eq!(stats(&driver).waiting_consumers, 0, "the receive is gone");

    // What is there is handed over whether or not the limit has passed.
    send_all(&a, &["S", "T"]);
    let first = b.receive().wait_for(Duration::ZERO).unwrap().unwrap();
    assert_eq!(first.name(), "S");
    first.ack().wait().unwrap();
    let past = Instant::now() - Duration::from_millis(1);
    let second = b.receive().wait_until(past).unwrap().unwrap();
    assert_eq!(second.name(), "T");
    second.ack().wait().unwrap();
    driver.close().wait().unwrap();
    assert_eq!(
        b.receive().wait_for(limit).unwrap().unwrap_err(),
        ReceiveError::Closed
    );
}

#[test]
fn a_send_with_a_limit_waits_no_less_and_can_go_on() {
    let (_driver, a, mut b) = library(1);
    send_all(&a, &["first"]);
    let (start, limit) = (Instant::now(), Duration::from_millis(20));
    let mut send = a.send(Event::new("second"));
    assert_eq!(send.wait_for(limit).unwrap_err(), TimedOut);
    assert!(start.elapsed() >= limit);
    assert_eq!(next_name(&mut b), "first");
    // It stood in line all the time, and is in now.
    send.wait_until(Instant::now()).unwrap().unwrap();
    assert_eq!(next_name(&mut b), "second");
}

#[test]
fn a_send_that_reached_its_limit_gives_the_event_back() {
    let (driver, a, mut b) = library(1);
    send_all(&a, &["first"]);
    let mut send = a.send(Event::new("second").with_header("title", "hello"));
    assert!(send.wait_for(Duration::from_millis(1)).is_err());
    assert_eq!(stats(&driver).waiting_senders, 1);
    let event = send.into_event().expect("it was not sent");
    assert_eq!(
        (event.name(), event.header("title")),
        ("second", Some("hello"))
    );
    assert_eq!(stats(&driver).waiting_senders, 0);
    assert_eq!(next_name(&mut b), "first");
    assert!(is_empty(&mut b));

    let mut send = a.send(event);
    assert!(poll(&mut send).is_ready());
    assert!(send.into_event().is_none(), "it was sent");
    assert_eq!(next_name(&mut b), "second");
}

#[test]
fn nobody_at_the_other_end_closes_nothing() {
    let driver: Driver = Driver::memory(10);
    // No consumer ever, and no producer at the end.
    Producer::new(&driver)
        .send(Event::new("kept"))
        .wait()
        .unwrap();
    drop(Consumer::new(&driver));
    drop(Consumer::new(&driver).clone());
    Producer::new(&driver)
        .clone()
        .send(Event::new("also"))
        .wait()
        .unwrap();
    assert!(!driver.is_closed());

    let mut late = Consumer::new(&driver);
    assert_eq!(next_name(&mut late), "kept");
    assert_eq!(next_name(&mut late), "also");
    assert_eq!(
        late.try_receive().wait().unwrap_err(),
        TryReceiveError::Empty
    );
}

#[test]
fn the_queue_outlives_its_driver_handle() {
    let (driver, a, mut b) = library(1);
    drop(driver);
    a.send(Event::new("S")).wait().unwrap();
    assert_eq!(next_name(&mut b), "S");
}

#[test]
fn a_waiting_end_is_not_disturbed_by_others_that_leave() {
    let (driver, a, mut b) = library(1);
    let other = b.clone();
    let mut receive = b.receive();
    assert!(poll(&mut receive).is_pending());
    drop((other, a.clone()));
    assert!(poll(&mut receive).is_pending());
    a.send(Event::new("S")).wait().unwrap();
    receive.wait().unwrap().ack().wait().unwrap();

    send_all(&a, &["full"]);
    let mut send = a.send(Event::new("T"));
    assert!(poll(&mut send).is_pending());
    drop(b);
    assert!(
        poll(&mut send).is_pending(),
        "no consumer, and still a queue"
    );
    let mut b = Consumer::new(&driver);
    assert_eq!(next_name(&mut b), "full");
    send.wait().unwrap();
}

#[test]
fn consumers_are_counted_from_birth_to_drop() {
    let (driver, _a, b) = library(1);
    assert_eq!(stats(&driver).consumers, 1);
    let more: Vec<_> = (0..5).map(|_| b.clone()).collect();
    assert_eq!(stats(&driver).consumers, 6);
    drop(more);
    drop(b);
    assert_eq!(stats(&driver).consumers, 0);
}

#[test]
fn a_batch_goes_in_and_out_in_order() {
    let (driver, a, mut b) = library(100);
    let sent = a
        .send_batch((0..70).map(|n| Event::new("page").with_value("n", n)))
        .wait();
    assert_eq!(sent.unwrap(), 70);
    assert_eq!(a.send_batch([]).wait().unwrap(), 0);
    let mut pages = Vec::new();
    for expected in [32, 32, 6] {
        let batch = b.receive_batch(32).wait().unwrap();
        assert_eq!(batch.len(), expected);
        for delivery in batch {
            pages.push(delivery.value("n").and_then(|n| n.as_i64()).unwrap());
            delivery.ack().wait().unwrap();
        }
    }
    assert_eq!(pages, (0..70).collect::<Vec<_>>());
    // At least one, also where none is asked for.
    send_all(&a, &["S", "T"]);
    assert_eq!(b.receive_batch(0).wait().unwrap().len(), 1);
    assert_eq!(stats(&driver).acked, 70);
}

#[test]
fn a_batch_larger_than_the_queue_goes_in_piece_by_piece() {
    let (driver, a, mut b) = library(3);
    let mut send = a.send_batch((0..10).map(|n| Event::new(n.to_string())));
    for n in 0..7 {
        assert!(poll(&mut send).is_pending());
        assert_eq!(stats(&driver).queued, 3);
        assert_eq!(next_name(&mut b), n.to_string());
    }
    assert_eq!(send.wait().unwrap(), 10);
    assert_eq!(["7", "8", "9"].map(|_| next_name(&mut b)), ["7", "8", "9"]);
}

#[test]
fn a_batch_given_up_gives_back_the_rest() {
    let (driver, a, mut b) = library(3);
    let mut send = a.send_batch((0..6).map(|n| Event::new(n.to_string())));
    assert!(poll(&mut send).is_pending());
    let rest: Vec<_> = send
        .into_rest()
        .iter()
        .map(|event| event.name().to_owned())
        .collect();
    assert_eq!(rest, ["3", "4", "5"]);
    assert_eq!(stats(&driver).waiting_senders, 0);

    let mut send = a.send_batch((3..6).map(|n| Event::new(n.to_string())));
    assert!(poll(&mut send).is_pending());
    driver.close().wait().unwrap();
    let error = send.wait().unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&SendErrorKind::Closed, 0));
    assert_eq!(error.into_rest().len(), 3);
    for n in 0..3 {
        assert_eq!(next_name(&mut b), n.to_string());
    }
    assert_eq!(end_of(&mut b), ReceiveError::Closed);
}

#[test]
fn a_driver_goes_through_a_driver() {
    // Each message brings the queue in which the next one comes.
    let mut driver = Driver::<Carrier>::memory(1);
    for round in 0..1000 {
        let inner = Driver::<Carrier>::memory(1);
        let a = Producer::new(&driver);
        a.send(Event::new("next").with_body(Carrier(inner)))
            .wait()
            .unwrap();
        let delivery = Consumer::new(&driver).receive().wait().unwrap();
        driver = delivery.into_event().wait().unwrap().into_body().0;
        assert_eq!(driver.capacity(), 1, "round {round}");
    }
}

struct Carrier(Driver<Carrier>);

#[test]
fn zero_sized_and_large_bodies_alike() {
    let small = Driver::<(), ()>::memory(4);
    let large = Driver::<[u64; 256], ()>::memory(4);
    for n in 0..100 {
        Producer::new(&small).send(Event::new("S")).wait().unwrap();
        Producer::new(&large)
            .send(Event::new("L").with_body([n; 256]))
            .wait()
            .unwrap();
        Consumer::new(&small)
            .receive()
            .wait()
            .unwrap()
            .ack()
            .wait()
            .unwrap();
        let event = Consumer::new(&large)
            .receive()
            .wait()
            .unwrap()
            .into_event()
            .wait()
            .unwrap();
        assert!(event.into_body().iter().all(|m| *m == n));
    }
}

#[test]
fn used_while_the_thread_ends() {
    bounded(|| {
        // A thread-local's destructor is the last place from which a wait can be called.
        struct Last(Option<(Producer, Consumer)>);
        impl Drop for Last {
            fn drop(&mut self) {
                let (a, mut b) = self.0.take().unwrap();
                a.send(Event::new("S")).wait().unwrap();
                next(&mut b).ack().wait().unwrap();
                assert!(b.receive().wait_for(Duration::from_millis(1)).is_err());
            }
        }
        thread_local!(static LAST: std::cell::RefCell<Last> = const { std::cell::RefCell::new(Last(None)) });
        let (driver, a, b) = library(1);
        let thread = std::thread::spawn(move || {
            LAST.with_borrow_mut(|last| last.0 = Some((a, b)));
            // The parker of this thread is made after `LAST`, so it is gone before it.
            let short = Driver::<()>::memory(1);
            assert!(
                Consumer::new(&short)
                    .receive()
                    .wait_for(Duration::from_millis(1))
                    .is_err()
            );
        });
        thread.join().unwrap();
        eventually("the last ack", || stats(&driver).acked == 1);
    });
}
