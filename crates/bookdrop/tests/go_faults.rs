//! The faults of the Go package that this library descends from: each one by name, and that it is gone.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bookdrop::{Answer, Driver, Event, Failure, Producer, RequestErrorKind};

use support::{
    FAR, Living, WATCHDOG, bounded, eventually, is_empty, library, next, next_name, pass, poll,
    scaled, send_all, stats,
};

/// The caller's context was ignored: a call that was cancelled went on waiting.
#[test]
fn a_cancelled_call_ends_and_leaves_nothing() {
    let (driver, a, mut b) = library(1);
    assert!(b.receive().wait_for(Duration::from_millis(1)).is_err());
    send_all(&a, &["full"]);
    assert!(a.send(Event::new("S")).wait_until(Instant::now()).is_err());
    let mut request = a.request(Event::new("S"), FAR);
    assert!(request.wait_for(Duration::from_millis(1)).is_err());
    drop(request);
    let now = stats(&driver);
    assert_eq!(
        (now.queued, now.waiting_senders, now.waiting_consumers),
        (1, 0, 0)
    );
    assert_eq!((now.waiting_requests, now.given_up), (0, 1));
    assert_eq!(next_name(&mut b), "full");
    assert!(is_empty(&mut b), "what was cancelled was not sent");
}

/// A timer that fired after the work had begun was swallowed: two hours could become for ever.
#[test]
fn a_deadline_that_passes_during_the_work_still_ends_the_wait() {
    bounded(|| {
        let (driver, a, mut b) = library(10);
        let release = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let work = next(&mut b).reply_with(async |_| {
                    eventually("the release", || release.load(Ordering::SeqCst));
                    Ok("too late".into())
                });
                assert_eq!(work.wait().unwrap(), Answer::NotWanted);
            });
            let (start, limit) = (Instant::now(), Duration::from_millis(500));
            let mut request = a.request(Event::new("S"), limit);
            let outcome = request
                .wait_for(WATCHDOG)
                .expect("the deadline ends it, not the work");
            assert!(start.elapsed() >= limit);
            assert_eq!(outcome.unwrap_err().kind(), &RequestErrorKind::Deadline);
            release.store(true, Ordering::SeqCst);
        });
        assert_eq!(stats(&driver).replies_refused, 1);
    });
}

/// A panic in the work left the requester waiting for ever.
#[test]
fn a_panic_in_the_work_leaves_nobody_waiting() {
    bounded(|| {
        // Tried again by the same rules as any failure, and answered in the end.
        let driver: Driver = Driver::builder(10).max_attempts(2).build();
        let (a, mut b) = (Producer::new(&driver), bookdrop::Consumer::new(&driver));
        let mut request = a.request(Event::new("S"), FAR);
        assert!(poll(&mut request).is_pending());
        for _ in 0..2 {
            let work = next(&mut b).reply_with(async |_| panic!("in the work"));
            assert!(catch_unwind(AssertUnwindSafe(|| work.wait())).is_err());
        }
        let error = request.wait_for(WATCHDOG).expect("it is told").unwrap_err();
        let RequestErrorKind::Failed(failure) = error.kind() else {
            panic!("{error}")
        };
        assert_eq!(failure.code(), Some("bookdrop.max_attempts"));
        // And a consumer's thread that dies altogether.
        let mut request = a.request(Event::new("S"), FAR);
        assert!(poll(&mut request).is_pending());
        let dies = thread::spawn(move || {
            let _delivery = next(&mut b);
            panic!("the whole thread");
        });
        assert!(dies.join().is_err());
        let error = request.wait_for(WATCHDOG).expect("it is told").unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
    });
}

/// A request with a limit of two seconds now and then timed out within microseconds, by a timer left over.
#[test]
fn no_request_ends_before_its_deadline() {
    bounded(|| {
        let (driver, a, mut b) = library(100);
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok(book) = b.receive().wait() {
                    match book.name() {
                        // Never answered: it takes its deadline.
                        "silent" => drop(book.into_parts().wait().map(std::mem::forget)),
                        _ => assert!(book.reply("done".into()).wait().is_ok()),
                    }
                }
            });
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let a = &a;
                    scope.spawn(move || {
                        for n in 0..scaled(500, 5_000) {
                            // A deadline that is reached, then one that is not: no alarm may ring for the wrong one.
                            let limit = Duration::from_millis(1 + (n as u64 + thread) % 3);
                            let start = Instant::now();
                            let error = a.request(Event::new("silent"), limit).wait().unwrap_err();
                            assert_eq!(error.kind(), &RequestErrorKind::Deadline);
                            assert!(start.elapsed() >= limit, "after {:?}", start.elapsed());
                            let reply = a.request(Event::new("quick"), 2 * WATCHDOG).wait();
                            assert_eq!(reply.expect("there is time"), "done");
                        }
                    })
                })
                .collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            driver.close().wait().unwrap();
        });
    });
}

/// Requester and consumer wrote the same event object from two threads.
#[test]
fn requester_and_consumer_share_no_event() {
    let (_driver, a, mut b) = library(10);
    let original = Event::new("S").with_header("title", "as sent");
    let mut mine = original.clone();
    let mut request = a.request(original, FAR);
    assert!(poll(&mut request).is_pending());
    // The event was moved; who wants to keep one has a copy of its own.
    let (mut theirs, reply) = next(&mut b).into_parts().wait().unwrap();
    theirs.set_header("title", "changed by the consumer");
    mine.set_header("title", "changed by the requester");
    assert_eq!(theirs.header("title"), Some("changed by the consumer"));
    assert_eq!(mine.header("title"), Some("changed by the requester"));
    reply
        .send(theirs.header("title").unwrap().into())
        .wait()
        .unwrap();
    assert_eq!(request.wait().unwrap(), "changed by the consumer");
}

/// An event that had timed out was recycled while it still stood in the queue.
#[test]
fn an_event_that_timed_out_is_out_of_the_queue() {
    let (driver, a, mut b) = library(10);
    let mut waiting: Vec<_> = (0..10)
        .map(|n| {
            a.request(
                Event::new("old").with_value("n", n),
                Duration::from_millis(5),
            )
        })
        .collect();
    for request in &mut waiting {
        assert!(poll(request).is_pending());
    }
    for (n, request) in waiting.into_iter().enumerate() {
        let error = request.wait().unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::Deadline);
        // It is whole, and the requester's again.
        let event = error.into_event().expect("nobody took it");
        assert_eq!(event.value("n"), Some(&n.into()));
    }
    assert_eq!(stats(&driver).queued, 0);
    send_all(&a, &["new"]);
    assert_eq!(next_name(&mut b), "new");
    assert!(is_empty(&mut b));
}

/// A recycled event showed the former one's messages.
#[test]
fn a_new_event_shows_nothing_of_a_former_one() {
    let (_driver, a, mut b) = library(10);
    for round in 0..1000 {
        let full = Event::new("full")
            .with_header("title", "secret")
            .with_value("pages", round)
            .with_key("key")
            .with_id(format!("id {round}"))
            .with_priority(3)
            .with_time_to_live(FAR);
        match round % 3 {
            0 => a.send(full).wait().unwrap(),
            1 => drop(full),
            _ => {
                let mut request = a.request(full, FAR);
                assert!(poll(&mut request).is_pending());
            }
        }
        let fresh = Event::new("fresh");
        let id = fresh.id().to_owned();
        a.send(fresh).wait().unwrap();
        if round % 3 == 0 {
            assert_eq!(next_name(&mut b), "full");
        }
        let fresh = next(&mut b).into_event().wait().unwrap();
        assert_eq!((fresh.name(), fresh.id()), ("fresh", &*id));
        assert_eq!((fresh.headers().count(), fresh.values().count()), (0, 0));
        assert_eq!((fresh.key(), fresh.priority()), (None, 0));
        assert_eq!((fresh.delay(), fresh.time_to_live()), (None, None));
    }
}

/// An event pool that ran dry blocked the making of events for ever.
#[test]
fn making_events_never_waits() {
    bounded(|| {
        let events: Vec<_> = (0..scaled(50_000, 1_000_000))
            .map(|n| Event::new("S").with_value("n", n))
            .collect();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(|| {
                    (0..10_000)
                        .map(|_| Event::new("S"))
                        .collect::<Vec<_>>()
                        .len()
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 10_000);
        }
        assert!(
            events
                .iter()
                .enumerate()
                .all(|(n, event)| event.value("n") == Some(&n.into()))
        );
    });
}

/// The pool's limit was overshot under a race.
#[test]
fn a_bound_is_never_overshot() {
    bounded(|| {
        const CAPACITY: usize = 3;
        let driver = Driver::<support::Counted>::memory(CAPACITY);
        let living = Living::default();
        let (refused, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let a = Producer::new(&driver);
                    while !over.load(Ordering::SeqCst) {
                        let event = Event::new("S").with_body(living.body());
                        if a.try_send(event).wait().is_err() {
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
            let mut b = bookdrop::Consumer::new(&driver);
            let mut received = 0;
            while received < scaled(3_000, 100_000) {
                let now = stats(&driver);
                assert!(now.queued <= CAPACITY, "{} of {CAPACITY}", now.queued);
                if let Ok(book) = b.try_receive().wait() {
                    book.ack().wait().unwrap();
                    received += 1;
                }
            }
            eventually("it is full, too", || refused.load(Ordering::SeqCst) > 0);
            over.store(true, Ordering::SeqCst);
        });
        assert_eq!(stats(&driver).queued, living.count());
        drop(driver);
        assert_eq!(living.count(), 0);
    });
}

/// A consumer that answered a requester who never waited was blocked for ever.
#[test]
fn an_answer_that_nobody_waits_for_blocks_nobody() {
    let (driver, a, mut b) = library(10);
    for _ in 0..100 {
        // Sent, and never looked at again; sent, and given up.
        let mut ignored = a.request(Event::new("ignored"), FAR);
        let mut dropped = a.request(Event::new("dropped"), FAR);
        assert!(poll(&mut ignored).is_pending() && poll(&mut dropped).is_pending());
        let (first, second) = (next(&mut b), next(&mut b));
        drop(dropped);
        let mut answer = Box::pin(first.reply("to nobody".into()));
        assert!(poll(&mut answer).is_ready(), "at its first poll");
        assert_eq!(
            second.reply("to nobody".into()).wait().unwrap(),
            Answer::NotWanted
        );
    }
    // Nor does an answer to an event that asked for none: it is refused.
    send_all(&a, &["one way"]);
    let mut answer = Box::pin(next(&mut b).fail(Failure::new("to nobody")));
    assert!(matches!(poll(&mut answer), std::task::Poll::Ready(Err(_))));
    let now = stats(&driver);
    assert_eq!((now.in_hand, now.waiting_requests), (0, 0));
}

/// Work that put itself back into its own full queue blocked the driver.
#[test]
fn work_that_comes_back_to_a_full_queue_needs_no_room() {
    let (driver, a, mut b) = library(2);
    send_all(&a, &["1", "2"]);
    for round in 1..4 {
        let one = next(&mut b);
        assert_eq!((one.name(), one.attempt()), ("1", round));
        if round == 1 {
            send_all(&a, &["3"]);
        }
        assert!(a.try_send(Event::new("too much")).wait().is_err(), "full");
        let mut back = Box::pin(one.retry_after(Duration::ZERO));
        assert!(poll(&mut back).is_ready(), "at its first poll");
        assert_eq!(stats(&driver).queued, 3);
    }
    for name in ["1", "2", "3"] {
        assert_eq!(next_name(&mut b), name);
    }
}

/// To put work back into the queue cancelled the requester's time limit.
#[test]
fn work_that_comes_back_keeps_the_requesters_deadline() {
    let (driver, a, mut b) = library(10);
    let (start, limit) = (Instant::now(), Duration::from_millis(500));
    let mut request = a.request(Event::new("S"), limit);
    assert!(poll(&mut request).is_pending());
    let first = next(&mut b);
    let deadline = first.deadline();
    assert!(deadline.is_some_and(|at| at >= start + limit));
    first.nack().wait().unwrap();
    let second = next(&mut b);
    assert_eq!((second.attempt(), second.deadline()), (2, deadline));
    second.retry_after(Duration::from_millis(1)).wait().unwrap();
    let third = next(&mut b);
    assert_eq!((third.attempt(), third.deadline()), (3, deadline));
    let error = request
        .wait_for(WATCHDOG)
        .expect("the same limit as ever")
        .unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    pass(start + limit);
    assert!(third.is_cancelled());
    drop(third);
    assert_eq!((stats(&driver).queued, stats(&driver).delayed), (0, 0));
}
