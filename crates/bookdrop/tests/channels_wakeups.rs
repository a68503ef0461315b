//! Who is woken, polled by hand: no wake-up is lost with a future that is dropped, nobody is passed over.

mod support;

use std::cell::RefCell;
use std::task::Poll;
use std::time::Instant;

use bookdrop::{Consumer, Driver, Event, OnFull, Producer};
use futures_lite::StreamExt;
use futures_lite::future::or;

use support::{Wakes, is_empty, library, next_name, poll, poll_with, send_all, stats};

#[test]
fn one_event_wakes_one_receive() {
    let (driver, a, mut b) = library(10);
    let mut c = b.clone();
    let (b_wakes, c_wakes) = (Wakes::new(), Wakes::new());
    let (mut b_receive, mut c_receive) = (b.receive(), c.receive());
    assert!(poll_with(&mut b_receive, &b_wakes).is_pending());
    assert!(poll_with(&mut c_receive, &c_wakes).is_pending());
    assert_eq!(stats(&driver).waiting_consumers, 2);

    send_all(&a, &["S"]);
    assert_eq!(
        (b_wakes.count(), c_wakes.count()),
        (1, 0),
        "who waits longest is woken"
    );
    assert!(poll(&mut b_receive).is_ready());
    assert!(
        poll_with(&mut c_receive, &c_wakes).is_ready(),
        "the delivery was dropped, and came back"
    );
    assert_eq!(c_wakes.count(), 1);
}

#[test]
fn so_many_events_wake_so_many_receives() {
    let (_driver, a, b) = library(10);
    let mut consumers: Vec<_> = (0..5).map(|_| (b.clone(), Wakes::new())).collect();
    let mut receives: Vec<_> = consumers
        .iter_mut()
        .map(|(c, w)| (c.receive(), w.clone()))
        .collect();
    for (receive, wakes) in &mut receives {
        assert!(poll_with(receive, wakes).is_pending());
    }
    send_all(&a, &["1", "2", "3"]);
    let woken: Vec<_> = receives.iter().map(|(_, wakes)| wakes.count()).collect();
    assert_eq!(woken, [1, 1, 1, 0, 0]);
    let mut deliveries = Vec::new();
    for (receive, _) in &mut receives {
        if let Poll::Ready(delivery) = poll(receive) {
            deliveries.push(delivery.unwrap());
        }
    }
    let names: Vec<_> = deliveries.iter().map(|delivery| delivery.name()).collect();
    assert_eq!(names, ["1", "2", "3"]);
}

#[test]
fn a_receive_dropped_after_its_wake_up_passes_it_on() {
    let (driver, a, mut b) = library(10);
    let mut c = b.clone();
    let wakes = Wakes::new();
    let mut first = b.receive();
    let mut second = c.receive();
    assert!(poll(&mut first).is_pending());
    assert!(poll_with(&mut second, &wakes).is_pending());
    send_all(&a, &["S"]);
    assert_eq!(wakes.count(), 0);
    drop(first);
    assert_eq!(wakes.count(), 1);
    assert!(poll(&mut second).is_ready());
    drop(second);
    assert_eq!(stats(&driver).waiting_consumers, 0);
}

#[test]
fn a_consumer_dropped_after_its_wake_up_passes_it_on() {
    let (_driver, a, mut b) = library(10);
    let mut c = b.clone();
    let wakes = Wakes::new();
    assert!(
        poll(&mut b.next()).is_pending(),
        "as a stream, it keeps waiting without a future"
    );
    let mut second = c.receive();
    assert!(poll_with(&mut second, &wakes).is_pending());
    send_all(&a, &["S"]);
    drop(b);
    assert!(wakes.count() >= 1);
    assert!(poll(&mut second).is_ready());
}

#[test]
fn a_receive_that_is_forgotten_holds_up_nobody_for_long() {
    let (_driver, a, mut b) = library(10);
    let mut c = b.clone();
    let mut forgotten = b.receive();
    assert!(poll(&mut forgotten).is_pending());
    // Neither polled nor dropped: it may take one wake-up with it, but no event.
    let wakes = Wakes::new();
    let mut other = c.receive();
    assert!(poll_with(&mut other, &wakes).is_pending());
    send_all(&a, &["first", "second"]);
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Ok(delivery)) = poll(&mut other) else {
        panic!("there are two")
    };
    assert_eq!(delivery.name(), "first");
    delivery.ack().wait().unwrap();
    drop(other);
    assert_eq!(
        next_name(&mut c),
        "second",
        "what is there is for whoever asks"
    );
    assert!(poll(&mut forgotten).is_pending());
}

#[test]
fn a_stream_that_is_left_alone_holds_up_nobody() {
    let (_driver, a, mut b) = library(10);
    // The stream is polled once, and then its owner does something else.
    assert!(poll(&mut b.next()).is_pending());
    let mut c = b.clone();
    let wakes = Wakes::new();
    let mut other = c.next();
    assert!(poll_with(&mut other, &wakes).is_pending());
    let mut d = b.clone();
    let d_wakes = Wakes::new();
    let mut receive = d.receive();
    assert!(poll_with(&mut receive, &d_wakes).is_pending());

    send_all(&a, &["S"]);
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Some(Ok(delivery))) = poll_with(&mut other, &wakes) else {
        panic!("it was woken for this")
    };
    delivery.ack().wait().unwrap();
}

#[test]
fn a_receive_stays_at_its_place_in_the_line() {
    let (_driver, a, mut b) = library(10);
    let mut c = b.clone();
    let (b_wakes, c_wakes) = (Wakes::new(), Wakes::new());
    let (mut first, mut second) = (b.receive(), c.receive());
    assert!(poll_with(&mut first, &b_wakes).is_pending());
    assert!(poll_with(&mut second, &c_wakes).is_pending());
    // Polled again for other reasons, also from another task.
    let moved = Wakes::new();
    assert!(poll_with(&mut first, &b_wakes).is_pending());
    assert!(poll_with(&mut first, &moved).is_pending());
    send_all(&a, &["S"]);
    assert_eq!((b_wakes.count(), moved.count(), c_wakes.count()), (0, 1, 0));
}

#[test]
fn a_place_that_becomes_free_goes_to_who_waits_longest() {
    let (driver, a, mut b) = library(1);
    send_all(&a, &["0"]);
    let mut sends: Vec<_> = (1..4)
        .map(|n| (a.send(Event::new(n.to_string())), Wakes::new()))
        .collect();
    for (send, wakes) in &mut sends {
        assert!(poll_with(send, wakes).is_pending());
    }
    assert_eq!(stats(&driver).waiting_senders, 3);
    assert!(
        a.try_send(Event::new("pushy")).wait().is_err(),
        "nobody barges in"
    );
    for n in 0..4 {
        assert_eq!(next_name(&mut b), n.to_string());
        let woken: Vec<_> = sends.iter().map(|(_, wakes)| wakes.count()).collect();
        assert_eq!(woken.iter().sum::<usize>(), (n + 1).min(3));
        assert!(woken.iter().take(n + 1).all(|count| *count == 1));
    }
    assert!(
        sends
            .into_iter()
            .all(|(mut send, _)| matches!(poll(&mut send), Poll::Ready(Ok(()))))
    );
}

#[test]
fn a_send_that_is_dropped_takes_no_place() {
    let (driver, a, mut b) = library(1);
    send_all(&a, &["first"]);
    let mut dropped = a.send(Event::new("dropped"));
    let wakes = Wakes::new();
    let mut second = a.send(Event::new("second"));
    assert!(poll(&mut dropped).is_pending());
    assert!(poll_with(&mut second, &wakes).is_pending());
    drop(dropped);
    assert_eq!(stats(&driver).waiting_senders, 1);
    assert_eq!(next_name(&mut b), "first");
    assert_eq!(wakes.count(), 1);
    assert!(poll(&mut second).is_ready());
    assert_eq!(next_name(&mut b), "second");
    assert!(is_empty(&mut b));
}

#[test]
fn a_send_that_is_forgotten_blocks_nobody() {
    let (_driver, a, mut b) = library(1);
    send_all(&a, &["first"]);
    let mut forgotten = Box::pin(a.send(Event::new("forgotten")));
    assert!(poll(&mut forgotten).is_pending());
    let mut third = a.send(Event::new("third"));
    assert!(poll(&mut third).is_pending());
    // It is in line, so it is let in when its turn comes, whether or not it is polled again.
    for name in ["first", "forgotten", "third"] {
        assert_eq!(next_name(&mut b), name);
    }
    assert!(poll(&mut third).is_ready());
    std::mem::forget(forgotten);
}

#[test]
fn a_send_dropped_after_it_was_let_in_was_sent() {
    let (_driver, a, mut b) = library(1);
    send_all(&a, &["first"]);
    let mut second = a.send(Event::new("second"));
    assert!(poll(&mut second).is_pending());
    assert_eq!(next_name(&mut b), "first");
    assert!(second.into_event().is_none(), "it is in the queue");
    assert_eq!(next_name(&mut b), "second");
}

#[test]
fn a_waiting_send_follows_its_task() {
    let (_driver, a, mut b) = library(1);
    send_all(&a, &["first"]);
    let (old, new) = (Wakes::new(), Wakes::new());
    let mut send = a.send(Event::new("second"));
    assert!(poll_with(&mut send, &old).is_pending());
    assert!(poll_with(&mut send, &new).is_pending());
    assert_eq!(next_name(&mut b), "first");
    assert_eq!((old.count(), new.count()), (0, 1));
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let (driver, a, mut b) = library(10);
    let before = stats(&driver);
    drop(a.send(Event::new("S")));
    drop(a.try_send(Event::new("S")));
    drop(a.send_batch([Event::new("S")]));
    drop(a.request(Event::new("S"), support::FAR));
    drop(b.receive());
    drop(b.receive_batch(3));
    drop(b.try_receive());
    drop((
        driver.close(),
        driver.purge(),
        driver.drain(support::FAR),
        driver.remove_group("default"),
    ));
    assert_eq!(stats(&driver), before);
    assert!(!driver.is_closed());
    assert_eq!(a.send(Event::new("S")).into_event().unwrap().name(), "S");
}

#[test]
fn closing_wakes_everybody_once() {
    let (driver, a, mut b) = library(1);
    let mut c = b.clone();
    let wakes: Vec<_> = (0..5).map(|_| Wakes::new()).collect();
    let mut taken = a.request(Event::new("taken"), support::FAR);
    assert!(poll_with(&mut taken, &wakes[4]).is_pending());
    let in_hand = support::next(&mut b);
    let (mut first, mut second) = (b.receive(), c.receive_batch(4));
    assert!(poll_with(&mut first, &wakes[0]).is_pending());
    assert!(poll_with(&mut second, &wakes[1]).is_pending());
    driver.close().wait().unwrap();
    assert!(matches!(poll(&mut first), Poll::Ready(Err(_))));
    assert!(matches!(poll(&mut second), Poll::Ready(Err(_))));
    assert!(
        poll_with(&mut taken, &wakes[4]).is_pending(),
        "somebody works on it"
    );
    in_hand.reply("done".into()).wait().unwrap();
    assert_eq!(
        poll(&mut taken).map(|reply| reply.unwrap()),
        Poll::Ready("done".into())
    );

    let full: Driver = Driver::memory(1);
    let (a, _b) = (Producer::new(&full), Consumer::new(&full));
    send_all(&a, &["S"]);
    let mut send = a.send(Event::new("T"));
    let mut request = a.request(Event::new("R"), support::FAR);
    assert!(poll_with(&mut send, &wakes[2]).is_pending());
    assert!(poll_with(&mut request, &wakes[3]).is_pending());
    full.close().wait().unwrap();
    let Poll::Ready(Err(error)) = poll(&mut send) else {
        panic!("it was told")
    };
    assert_eq!(error.into_event().name(), "T");
    let Poll::Ready(Err(error)) = poll(&mut request) else {
        panic!("it was told")
    };
    assert_eq!(error.into_event().expect("nobody took it").name(), "R");
    assert!(wakes.iter().all(|wakes| wakes.count() == 1));
}

#[test]
fn a_full_queue_that_refuses_keeps_nobody_waiting() {
    let driver: Driver = Driver::builder(1).on_full(OnFull::Reject).build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    send_all(&a, &["S"]);
    for _ in 0..3 {
        assert!(matches!(
            poll(&mut a.send(Event::new("T"))),
            Poll::Ready(Err(_))
        ));
    }
    let now = stats(&driver);
    assert_eq!((now.rejected_when_full, now.waiting_senders), (3, 0));
    assert_eq!(next_name(&mut b), "S");
}

#[test]
fn a_busy_consumer_lets_others_run_but_loses_nothing() {
    // A receive may end pending once in a while though there is something; it then wakes itself.
    let (_driver, a, mut b) = library(1000);
    a.send_batch((0..1000).map(|_| Event::new("S")))
        .wait()
        .unwrap();
    let wakes = Wakes::new();
    let (mut received, mut pauses) = (0, 0);
    while received < 1000 {
        let mut receive = b.receive();
        match poll_with(&mut receive, &wakes) {
            Poll::Ready(delivery) => {
                delivery.unwrap().ack().wait().unwrap();
                received += 1;
            }
            Poll::Pending => {
                pauses += 1;
                assert_eq!(wakes.count(), pauses, "it woke itself");
            }
        }
    }
    assert!(pauses >= 1000 / 128, "{pauses} pauses are too few");
    assert!(pauses < 500, "more often ready than not: {pauses} pauses");
}

#[test]
fn a_busy_producer_lets_others_run_but_loses_nothing() {
    let (driver, a, _b) = library(1000);
    let wakes = Wakes::new();
    let (mut sent, mut in_a_row, mut pauses) = (0, 0, 0);
    while sent < 1000 {
        let mut send = a.send(Event::new("S"));
        while poll_with(&mut send, &wakes).is_pending() {
            pauses += 1;
            in_a_row = 0;
            assert_eq!(wakes.count(), pauses, "it woke itself");
        }
        sent += 1;
        in_a_row += 1;
        assert!(in_a_row <= 128, "others have waited for long enough");
    }
    assert!(pauses < 500, "more often ready than not: {pauses} pauses");
    assert_eq!(stats(&driver).queued, 1000);
}

#[test]
fn a_batch_lets_others_run_but_loses_nothing() {
    let (driver, a, _b) = library(1000);
    let wakes = Wakes::new();
    let mut batch = a.send_batch((0..1000).map(|_| Event::new("S")));
    let mut pauses = 0;
    let sent = loop {
        match poll_with(&mut batch, &wakes) {
            Poll::Ready(sent) => break sent.unwrap(),
            Poll::Pending => pauses += 1,
        }
        assert_eq!(wakes.count(), pauses, "it woke itself");
    };
    assert_eq!((sent, stats(&driver).queued), (1000, 1000));
    assert!(pauses >= 1000 / 128, "{pauses} pauses are too few");
}

/// Polls such a future again and again, a new one each time it is ready: so often it may be ready in a row.
fn lets_others_run<F: Future>(mut begin: impl FnMut() -> F, times: usize) {
    let wakes = Wakes::new();
    let (mut in_a_row, mut pauses) = (0, 0);
    for _ in 0..times {
        let mut future = Box::pin(begin());
        while poll_with(&mut future, &wakes).is_pending() {
            assert!(wakes.count() > pauses, "it woke itself");
            pauses = wakes.count();
            in_a_row = 0;
        }
        in_a_row += 1;
        assert!(in_a_row <= 128, "others have waited for long enough");
    }
}

#[test]
fn a_task_that_looks_at_two_queues_lets_others_run() {
    let (_idle_driver, _c, idle) = library(10);
    let (_driver, a, b) = library(2000);
    a.send_batch((0..2000).map(|_| Event::new("S")))
        .wait()
        .unwrap();
    let consumers = RefCell::new((idle, b.clone(), b));
    let receive = |consumer: &mut Consumer| {
        let mut consumer = consumer.clone();
        async move { consumer.receive().await.unwrap().ack().await.unwrap() }
    };
    // One of them has nothing, in either order; both of them have something.
    lets_others_run(
        || {
            let (idle, busy, _) = &mut *consumers.borrow_mut();
            or(receive(idle), receive(busy))
        },
        500,
    );
    lets_others_run(
        || {
            let (idle, busy, _) = &mut *consumers.borrow_mut();
            or(receive(busy), receive(idle))
        },
        500,
    );
    lets_others_run(
        || {
            let (_, busy, other) = &mut *consumers.borrow_mut();
            or(receive(busy), receive(other))
        },
        500,
    );
}

#[test]
fn tasks_within_a_task_let_others_run() {
    let (_driver, a, b) = library(2000);
    a.send_batch((0..2000).map(|_| Event::new("S")))
        .wait()
        .unwrap();
    let mut consumers = [b.clone(), b];
    let wakes = [Wakes::new(), Wakes::new()];
    let mut in_a_row = 0;
    for _ in 0..1000 {
        // As a combinator does that gives each of its futures a waker of its own.
        let ready = consumers.iter_mut().zip(&wakes).any(|(consumer, wakes)| {
            let received = poll_with(&mut consumer.receive(), wakes);
            received.is_ready()
        });
        in_a_row = if ready { in_a_row + 1 } else { 0 };
        assert!(in_a_row <= 128, "others have waited for long enough");
    }
}

#[test]
fn a_thread_that_waits_has_no_others() {
    let (_driver, a, mut b) = library(1500);
    // A pause that was begun before is none of its business.
    let wakes = Wakes::new();
    while poll_with(&mut a.send(Event::new("S")), &wakes).is_ready() {}
    let mut batch = a.send_batch((0..1000).map(|_| Event::new("S")));
    // What is ready at once is never too late.
    assert_eq!(batch.wait_until(Instant::now()).unwrap().unwrap(), 1000);
    for _ in 0..1000 {
        let receive = b.receive_batch(1).wait_until(Instant::now());
        assert_eq!(receive.unwrap().unwrap().len(), 1);
    }
}

#[test]
fn who_was_woken_in_vain_keeps_its_turn() {
    let (_driver, a, b) = library(10);
    let mut hasty = b.clone();
    let mut consumers: Vec<_> = (0..3).map(|_| (b.clone(), Wakes::new())).collect();
    let mut receives: Vec<_> = consumers
        .iter_mut()
        .map(|(c, wakes)| (c.receive(), wakes.clone()))
        .collect();
    for (receive, wakes) in &mut receives {
        assert!(poll_with(receive, wakes).is_pending());
    }
    // Two of them are woken, and somebody else was quicker.
    send_all(&a, &["1", "2"]);
    for _ in 0..2 {
        hasty.try_receive().wait().unwrap().ack().wait().unwrap();
    }
    for (receive, wakes) in &mut receives[..2] {
        assert!(poll_with(receive, wakes).is_pending());
    }
    send_all(&a, &["3"]);
    let woken: Vec<_> = receives.iter().map(|(_, wakes)| wakes.count()).collect();
    assert_eq!(woken, [2, 1, 0], "in the order in which they came");
}
