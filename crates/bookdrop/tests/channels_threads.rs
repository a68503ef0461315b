//! Many threads: every event arrives exactly once, whoever sends and whoever receives.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bookdrop::{
    Consumer, Driver, Event, Producer, ReceiveError, RequestErrorKind, TimedOut, TryReceiveError,
};
use futures_lite::{StreamExt, future::block_on};

use support::{FAR, WATCHDOG, bounded, eventually, scaled, stats};

type Numbers = Driver<usize, usize>;

/// One more each time it is received.
fn tally(count: usize) -> Vec<AtomicUsize> {
    (0..count).map(|_| AtomicUsize::new(0)).collect()
}

#[track_caller]
fn each_was_received(tally: &[AtomicUsize], times: usize) {
    let wrong: Vec<_> = (0..tally.len())
        .filter(|n| tally[*n].load(Ordering::SeqCst) != times)
        .map(|n| (n, tally[n].load(Ordering::SeqCst)))
        .collect();
    assert!(wrong.is_empty(), "not received {times} times: {wrong:?}");
}

#[test]
fn one_to_one_keeps_the_order() {
    bounded(|| {
        for capacity in [1, 3, 1000] {
            let count = scaled(25_000, 500_000);
            let driver = Numbers::memory(capacity);
            let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
            thread::scope(|scope| {
                scope.spawn(move || {
                    for n in 0..count {
                        a.send(Event::new("n").with_body(n)).wait().unwrap();
                    }
                });
                for n in 0..count {
                    let delivery = b.receive().wait().unwrap();
                    assert_eq!((*delivery.body(), delivery.attempt()), (n, 1));
                    delivery.ack().wait().unwrap();
                }
            });
            assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
            let now = stats(&driver);
            assert_eq!(
                (now.sent, now.acked, now.queued),
                (count as u64, count as u64, 0)
            );
        }
    });
}

#[test]
fn many_to_many_loses_none_and_doubles_none() {
    bounded(|| {
        const THREADS: usize = 4;
        let count = scaled(25_000, 250_000);
        let driver = Numbers::memory(3);
        let tally = tally(count);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
                let tally = &tally;
                scope.spawn(move || {
                    for n in 0..count / THREADS {
                        a.send(Event::new("n").with_body(n * THREADS % count))
                            .wait()
                            .unwrap();
                    }
                });
                scope.spawn(move || {
                    for _ in 0..count / THREADS {
                        let delivery = b.receive().wait().unwrap();
                        tally[*delivery.body()].fetch_add(1, Ordering::SeqCst);
                        delivery.ack().wait().unwrap();
                    }
                });
            }
        });
        // Each of the threads sent the same numbers.
        let (sent, others): (Vec<_>, Vec<_>) = tally
            .into_iter()
            .enumerate()
            .partition(|(n, _)| n % THREADS == 0);
        each_was_received(
            &sent.into_iter().map(|(_, count)| count).collect::<Vec<_>>(),
            THREADS,
        );
        each_was_received(
            &others
                .into_iter()
                .map(|(_, count)| count)
                .collect::<Vec<_>>(),
            0,
        );
        assert_eq!(stats(&driver).queued, 0);
    });
}

#[test]
fn streams_on_many_threads_end_when_the_driver_does() {
    bounded(|| {
        const THREADS: usize = 4;
        let count = scaled(6_000, 60_000);
        let driver = Numbers::memory(3);
        let tally = tally(count);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let mut b = Consumer::new(&driver);
                let tally = &tally;
                scope.spawn(move || {
                    block_on(async {
                        while let Some(delivery) = b.next().await {
                            let delivery = delivery.unwrap();
                            tally[*delivery.body()].fetch_add(1, Ordering::SeqCst);
                            delivery.ack().await.unwrap();
                        }
                        assert!(b.next().await.is_none(), "the end stays the end");
                    });
                });
            }
            let senders: Vec<_> = (0..THREADS)
                .map(|_| {
                    let a = Producer::new(&driver);
                    scope.spawn(move || {
                        block_on(async {
                            for n in 0..count {
                                a.send(Event::new("n").with_body(n)).await.unwrap();
                            }
                        });
                    })
                })
                .collect();
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
            driver.close().wait().unwrap();
        });
        each_was_received(&tally, THREADS);
    });
}

#[test]
fn batches_on_many_threads() {
    bounded(|| {
        const THREADS: usize = 3;
        let count = scaled(9_000, 90_000);
        let driver = Numbers::memory(64);
        let tally = tally(count);
        thread::scope(|scope| {
            let receivers: Vec<_> = (0..THREADS)
                .map(|_| {
                    let mut b = Consumer::new(&driver);
                    let tally = &tally;
                    scope.spawn(move || {
                        while let Ok(batch) = b.receive_batch(17).wait() {
                            assert!((1..=17).contains(&batch.len()));
                            for delivery in batch {
                                tally[*delivery.body()].fetch_add(1, Ordering::SeqCst);
                                delivery.ack().wait().unwrap();
                            }
                        }
                    })
                })
                .collect();
            let senders: Vec<_> = (0..THREADS)
                .map(|_| {
                    let a = Producer::new(&driver);
                    scope.spawn(move || {
                        for chunk in 0..count / 100 {
                            let events =
                                (0..100).map(|n| Event::new("n").with_body(chunk * 100 + n));
                            assert_eq!(a.send_batch(events).wait().unwrap(), 100);
                        }
                    })
                })
                .collect();
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
            driver.close().wait().unwrap();
            receivers
                .into_iter()
                .for_each(|receiver| receiver.join().unwrap());
        });
        each_was_received(&tally, THREADS);
    });
}

#[test]
fn a_short_life_many_times() {
    bounded(|| {
        for n in 0..scaled(2_000, 50_000) {
            let driver = Numbers::memory(1);
            let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
            drop(driver);
            thread::scope(|scope| {
                scope.spawn(move || a.send(Event::new("n").with_body(n)).wait().unwrap());
                scope.spawn(move || {
                    let event = b.receive().wait().unwrap().into_event().wait().unwrap();
                    assert_eq!(event.into_body(), n);
                });
            });
        }
    });
}

#[test]
fn waits_that_reach_their_limit_lose_nothing() {
    bounded(|| {
        // Both sides give up again and again; what went in still comes out once, in order.
        let count = scaled(100, 1_000);
        let driver = Numbers::memory(2);
        let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
        let short = Duration::from_millis(1);
        thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..count {
                    let mut event = Some(Event::new("n").with_body(n));
                    while let Some(unsent) = event.take() {
                        if n % 2 == 0 {
                            thread::sleep(short);
                        }
                        let mut send = a.send(unsent);
                        if send.wait_for(short).is_err() {
                            event = send.into_event();
                        }
                    }
                }
            });
            for n in 0..count {
                let delivery = loop {
                    if n % 3 == 0 {
                        thread::sleep(short);
                    }
                    match b.receive().wait_for(short) {
                        Ok(delivery) => break delivery.unwrap(),
                        Err(_) => continue,
                    }
                };
                assert_eq!(*delivery.body(), n);
                delivery.ack().wait().unwrap();
            }
        });
        let now = stats(&driver);
        assert_eq!(
            (now.queued, now.waiting_senders, now.waiting_consumers),
            (0, 0, 0)
        );
    });
}

#[test]
fn try_on_both_sides() {
    bounded(|| {
        let count = scaled(20_000, 200_000);
        let driver = Numbers::memory(8);
        let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
        thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..count {
                    let mut event = Event::new("n").with_body(n);
                    while let Err(error) = a.try_send(event).wait() {
                        event = error.into_event();
                        thread::yield_now();
                    }
                }
            });
            for n in 0..count {
                let delivery = loop {
                    match b.try_receive().wait() {
                        Ok(delivery) => break delivery,
                        Err(TryReceiveError::Empty) => thread::yield_now(),
                        Err(other) => panic!("{other}"),
                    }
                };
                assert_eq!(*delivery.body(), n);
                delivery.ack().wait().unwrap();
            }
        });
        assert_eq!(stats(&driver).queued, 0);
    });
}

#[test]
fn what_one_has_sent_another_can_receive() {
    bounded(|| {
        // Who sends and then receives always finds something: each takes out at most what it put in.
        let driver = Numbers::memory(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
                scope.spawn(move || {
                    for n in 0..scaled(5_000, 100_000) {
                        a.send(Event::new("n").with_body(n)).wait().unwrap();
                        b.try_receive()
                            .wait()
                            .expect("there is one")
                            .ack()
                            .wait()
                            .unwrap();
                    }
                });
            }
        });
    });
}

#[test]
fn every_waiting_consumer_gets_its_turn() {
    // Consumers that come again after each event each get a fair share: the line is in order.
    let driver = Numbers::memory(100);
    let a = Producer::new(&driver);
    let mut consumers: Vec<_> = (0..5).map(|_| Consumer::new(&driver)).collect();
    let mut shares = [0; 5];
    let mut receives: Vec<_> = consumers
        .iter_mut()
        .map(|consumer| consumer.receive())
        .collect();
    for receive in &mut receives {
        assert!(support::poll(receive).is_pending());
    }
    drop(receives);
    for round in 0..100 {
        let mut receives: Vec<_> = consumers
            .iter_mut()
            .map(|consumer| consumer.receive())
            .collect();
        for at in 0..5 {
            assert!(support::poll(&mut receives[(round + at) % 5]).is_pending());
        }
        let wakes: Vec<_> = (0..5).map(|_| support::Wakes::new()).collect();
        for (receive, wakes) in receives.iter_mut().zip(&wakes) {
            assert!(support::poll_on(receive, wakes).is_pending());
        }
        a.send(Event::new("n").with_body(round)).wait().unwrap();
        let woken = wakes
            .iter()
            .position(|wakes| wakes.count() == 1)
            .expect("one is woken");
        shares[woken] += 1;
        let std::task::Poll::Ready(delivery) = support::poll(&mut receives[woken]) else {
            panic!("there is one")
        };
        delivery.unwrap().ack().wait().unwrap();
    }
    assert_eq!(shares, [20; 5]);
}

#[test]
fn closing_from_another_thread_ends_every_wait() {
    bounded(|| {
        for _ in 0..scaled(200, 5_000) {
            let driver = Numbers::memory(1);
            let a = Producer::new(&driver);
            a.send(Event::new("n").with_body(0)).wait().unwrap();
            let mut b = Consumer::new(&driver);
            thread::scope(|scope| {
                let sender = scope.spawn(|| a.send(Event::new("n").with_body(1)).wait());
                let requester = scope.spawn(|| a.request(Event::new("n").with_body(2), FAR).wait());
                let closer = scope.spawn(|| driver.close().wait().unwrap());
                // Whatever was accepted before comes out, and then the end.
                let mut received = 0;
                loop {
                    match b
                        .receive()
                        .wait_for(WATCHDOG)
                        .expect("a wait ends with the driver")
                    {
                        Ok(delivery) if delivery.is_request() => {
                            assert!(delivery.reply(7).wait().is_ok())
                        }
                        Ok(delivery) => {
                            received += 1;
                            delivery.ack().wait().unwrap();
                        }
                        Err(end) => break assert_eq!(end, ReceiveError::Closed),
                    }
                }
                closer.join().unwrap();
                let accepted = 1 + usize::from(sender.join().unwrap().is_ok());
                assert_eq!(received, accepted);
                match requester.join().unwrap() {
                    Ok(reply) => assert_eq!(reply, 7),
                    Err(error) => assert_eq!(error.into_event().map(|e| e.into_body()), Some(2)),
                }
            });
        }
    });
}

/// Threads that park at once, and threads that never would: each wait is woken, and one with a limit ends by itself.
#[test]
fn waits_end_whatever_their_spin_is() {
    bounded(|| {
        for spin in [Duration::ZERO, Duration::MAX] {
            let driver: Driver = Driver::builder(1).spin(spin).build();
            let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
            let limit = Duration::from_millis(2);
            assert_eq!(b.receive().wait_for(limit).unwrap_err(), TimedOut);
            let asked = a.request(Event::new("S"), limit).wait();
            assert_eq!(asked.unwrap_err().kind(), &RequestErrorKind::Deadline);

            thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        a.send(Event::new("S")).wait().unwrap();
                        a.request(Event::new("S"), FAR).wait().unwrap();
                    }
                });
                for _ in 0..1_000 {
                    b.receive().wait().unwrap().ack().wait().unwrap();
                    let asked = b.receive().wait().unwrap();
                    asked.reply("fine".into()).wait().unwrap();
                }
            });
        }
    });
}

#[test]
fn requests_and_replies_on_many_threads_find_each_other() {
    bounded(|| {
        const THREADS: usize = 4;
        let count = scaled(2_500, 50_000);
        let driver = Numbers::memory(16);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let mut b = Consumer::new(&driver);
                scope.spawn(move || {
                    while let Ok(delivery) = b.receive().wait() {
                        let answer = delivery.body() * 3;
                        delivery.reply(answer).wait().unwrap();
                    }
                });
            }
            let requesters: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let a = Producer::new(&driver);
                    scope.spawn(move || {
                        for n in (0..count).map(|n| n * THREADS + thread) {
                            let reply =
                                a.request(Event::new("n").with_body(n), FAR).wait().unwrap();
                            assert_eq!(reply, n * 3);
                        }
                    })
                })
                .collect();
            requesters
                .into_iter()
                .for_each(|requester| requester.join().unwrap());
            driver.close().wait().unwrap();
        });
        let now = stats(&driver);
        assert_eq!(
            (now.answered as usize, now.waiting_requests),
            (count * THREADS, 0)
        );
        eventually("nothing in hand", || stats(&driver).in_hand == 0);
    });
}
