//! Drivers put together: pipelines, fans, races between receives, and what crosses from threads to tasks.

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use bookdrop::{
    Consumer, Driver, Event, Producer, ReceiveError, RequestErrorKind, TryReceiveError,
};
use futures_lite::future::{block_on, or, zip};

use support::{
    FAR, Wakes, bounded, end_of, eventually, library, next, poll, poll_with, scaled, stats,
};

type Numbers = Driver<usize, usize>;

fn ends(capacity: usize) -> (Producer<usize, usize>, Consumer<usize, usize>, Numbers) {
    let driver = Numbers::memory(capacity);
    (Producer::new(&driver), Consumer::new(&driver), driver)
}

fn number(n: usize) -> Event<usize> {
    Event::new("n").with_body(n)
}

/// The next number, or `None` at the end.
fn take(b: &mut Consumer<usize, usize>) -> Option<usize> {
    let delivery = b.receive().wait().ok()?;
    Some(delivery.into_event().wait().unwrap().into_body())
}

#[test]
fn a_sieve_of_many_stages_finds_the_primes() {
    bounded(|| {
        let count = scaled(40, 150);
        let (a, mut b, driver) = ends(2);
        let mut drivers = vec![driver];
        let generator = thread::spawn(move || {
            // Ends when the first stage is closed.
            for n in 2.. {
                if a.send(number(n)).wait().is_err() {
                    break;
                }
            }
        });
        let mut stages = vec![generator];
        let mut primes = Vec::new();
        for _ in 0..count {
            let prime = take(&mut b).unwrap();
            primes.push(prime);
            let (next_a, next_b, next_driver) = ends(2);
            let mut from = std::mem::replace(&mut b, next_b);
            drivers.push(next_driver);
            stages.push(thread::spawn(move || {
                while let Some(n) = take(&mut from) {
                    if !n.is_multiple_of(prime) && next_a.send(number(n)).wait().is_err() {
                        break;
                    }
                }
            }));
        }
        for driver in &drivers {
            driver.close().wait().unwrap();
        }
        stages.into_iter().for_each(|stage| stage.join().unwrap());
        let is_prime = |n: &usize| (2..*n).all(|d| !n.is_multiple_of(d));
        assert_eq!(
            primes,
            (2..).filter(is_prime).take(count).collect::<Vec<_>>()
        );
    });
}

#[test]
fn a_long_chain_of_relays() {
    // One thread polls all of them; each passes the number on, increased.
    const LENGTH: usize = 500;
    let drivers: Vec<_> = (0..=LENGTH).map(|_| Numbers::memory(1)).collect();
    let relays = drivers.windows(2).map(|pair| {
        let (mut from, to) = (Consumer::new(&pair[0]), Producer::new(&pair[1]));
        Box::pin(async move {
            for _ in 0..10 {
                let n = from
                    .receive()
                    .await
                    .unwrap()
                    .into_event()
                    .await
                    .unwrap()
                    .into_body();
                to.send(number(n + 1)).await.unwrap();
            }
        })
    });
    let mut relays: Vec<_> = relays.collect();
    let first = Producer::new(&drivers[0]);
    let mut last = Consumer::new(&drivers[LENGTH]);
    for round in 0..10 {
        first.send(number(round)).wait().unwrap();
        relays.retain_mut(|relay| poll(relay).is_pending());
        let delivery = last
            .try_receive()
            .wait()
            .expect("it came all the way in one sweep");
        assert_eq!(*delivery.body(), round + LENGTH);
        delivery.ack().wait().unwrap();
    }
    assert!(relays.is_empty());
}

#[test]
fn many_into_one_and_one_into_many() {
    bounded(|| {
        const LANES: usize = 4;
        let count = scaled(2_000, 50_000);
        let (into_one, mut collected, sink) = ends(3);
        let sums: Vec<_> = (0..LANES).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            let (spread, _keep, source) = ends(3);
            let workers: Vec<_> = sums
                .iter()
                .map(|sum| {
                    let (mut from, to) = (Consumer::new(&source), into_one.clone());
                    scope.spawn(move || {
                        while let Some(n) = take(&mut from) {
                            sum.fetch_add(1, Ordering::SeqCst);
                            to.send(number(n)).wait().unwrap();
                        }
                    })
                })
                .collect();
            let sink = &sink;
            scope.spawn(move || {
                for n in 0..count {
                    spread.send(number(n)).wait().unwrap();
                }
                source.close().wait().unwrap();
                workers
                    .into_iter()
                    .for_each(|worker| worker.join().unwrap());
                sink.close().wait().unwrap();
            });
            let mut seen = HashSet::new();
            while let Some(n) = take(&mut collected) {
                assert!(seen.insert(n), "{n} came twice");
            }
            assert_eq!(seen.len(), count);
        });
        assert_eq!(
            sums.iter()
                .map(|sum| sum.load(Ordering::SeqCst))
                .sum::<usize>(),
            count
        );
    });
}

#[test]
fn the_loser_of_a_race_loses_nothing() {
    bounded(|| {
        let count = scaled(2_000, 50_000);
        let (a1, mut b1, first) = ends(2);
        let (a2, mut b2, second) = ends(2);
        let mut seen = HashSet::new();
        thread::scope(|scope| {
            scope.spawn(move || (0..count).for_each(|n| a1.send(number(2 * n)).wait().unwrap()));
            scope
                .spawn(move || (0..count).for_each(|n| a2.send(number(2 * n + 1)).wait().unwrap()));
            block_on(async {
                while seen.len() < 2 * count {
                    // The future that loses is dropped, with or without its wake-up.
                    let delivery = match seen.len() % 2 {
                        0 => or(b1.receive(), b2.receive()).await,
                        _ => or(b2.receive(), b1.receive()).await,
                    };
                    let delivery = delivery.unwrap();
                    assert_eq!(delivery.attempt(), 1);
                    assert!(seen.insert(*delivery.body()));
                    delivery.ack().await.unwrap();
                }
            });
        });
        for driver in [first, second] {
            let now = stats(&driver);
            assert_eq!((now.queued, now.returned, now.waiting_consumers), (0, 0, 0));
        }
    });
}

#[test]
fn a_send_that_loses_a_race_was_not_sent() {
    let (a1, mut b1, first) = ends(1);
    let (a2, mut b2, second) = ends(1);
    a1.send(number(0)).wait().unwrap();
    a2.send(number(0)).wait().unwrap();
    for n in 1..500 {
        // Both are full; the one that gets room first has it.
        let (winner, loser) = if n % 2 == 0 {
            (&mut b1, &mut b2)
        } else {
            (&mut b2, &mut b1)
        };
        let mut both = Box::pin(or(a1.send(number(n)), a2.send(number(n))));
        assert!(poll(&mut both).is_pending());
        assert!(take(winner).is_some());
        assert!(matches!(poll(&mut both), Poll::Ready(Ok(()))));
        drop(both);
        assert_eq!(take(winner), Some(n));
        assert_eq!(
            stats(&first).waiting_senders + stats(&second).waiting_senders,
            0
        );
        // The other still holds what it held.
        assert!(take(loser).is_some());
        a1.send(number(n)).wait().unwrap();
        a2.send(number(n)).wait().unwrap();
    }
}

#[test]
fn what_was_sent_before_the_close_is_seen_before_the_end() {
    bounded(|| {
        for _ in 0..scaled(2_000, 50_000) {
            let (a, mut b, driver) = ends(1);
            thread::scope(|scope| {
                scope.spawn(|| {
                    a.send(number(1)).wait().unwrap();
                    driver.close().wait().unwrap();
                });
                let found = loop {
                    match b.try_receive().wait() {
                        Ok(delivery) => break delivery.into_event().wait().unwrap().into_body(),
                        Err(TryReceiveError::Empty) => thread::yield_now(),
                        Err(other) => panic!("the end came before the number: {other}"),
                    }
                };
                assert_eq!(found, 1);
                assert_eq!(end_of(&mut b), ReceiveError::Closed);
            });
        }
    });
}

#[test]
fn services_that_ask_each_other() {
    bounded(|| {
        // Each answers by asking the next one: requests nest as deep as there are services.
        const DEPTH: usize = 20;
        let drivers: Vec<_> = (0..DEPTH).map(|_| Numbers::memory(4)).collect();
        thread::scope(|scope| {
            for depth in 0..DEPTH {
                let mut b = Consumer::new(&drivers[depth]);
                let next = drivers.get(depth + 1).map(Producer::new);
                scope.spawn(move || {
                    block_on(async {
                        while let Ok(delivery) = b.receive().await {
                            let work = delivery.reply_with(async |event| match &next {
                                Some(next) => {
                                    Ok(next.request(number(event.body() + 1), FAR).await? + 1)
                                }
                                None => Ok(*event.body()),
                            });
                            work.await.unwrap();
                        }
                    });
                });
            }
            let a = Producer::new(&drivers[0]);
            for n in 0..scaled(100, 5_000) {
                assert_eq!(
                    a.request(number(n), FAR).wait().unwrap(),
                    n + 2 * (DEPTH - 1)
                );
            }
            drivers
                .iter()
                .for_each(|driver| driver.close().wait().unwrap());
        });
    });
}

#[test]
fn a_failure_travels_through_services() {
    let (a1, mut b1, _first) = ends(1);
    let (a2, mut b2, _second) = ends(1);
    let front = async {
        let delivery = b1.receive().await.unwrap();
        delivery
            .reply_with(async |event| Ok(a2.request(number(*event.body()), FAR).await?))
            .await
    };
    let back = async {
        b2.receive()
            .await
            .unwrap()
            .fail(bookdrop::Failure::new("no paper"))
            .await
    };
    let both = zip(a1.request(number(1), FAR), zip(front, back));
    let (outcome, (front, back)) = block_on(both);
    assert!(front.is_ok() && back.is_ok());
    let error = outcome.unwrap_err();
    let RequestErrorKind::Failed(failure) = error.kind() else {
        panic!("{error}")
    };
    assert!(
        failure.message().contains("no paper"),
        "{}",
        failure.message()
    );
}

#[test]
fn a_request_takes_its_deadline_from_a_thread_to_a_task_and_back() {
    let limit = Duration::from_millis(300);
    let (driver, a, _b) = library(10);
    // Begun on a thread, which needs no alarm; then it is a task's.
    let start = Instant::now();
    let mut request = a.request(Event::new("S"), limit);
    assert!(request.wait_for(Duration::from_millis(1)).is_err());
    let wakes = Wakes::new();
    assert!(poll_with(&mut request, &wakes).is_pending());
    eventually("the task is woken", || wakes.count() > 0);
    assert!(start.elapsed() >= limit);
    assert!(matches!(poll(&mut request), Poll::Ready(Err(_))));
    // Begun by a task; then it is a thread's.
    let start = Instant::now();
    let mut request = a.request(Event::new("S"), limit);
    assert!(poll_with(&mut request, &Wakes::new()).is_pending());
    assert_eq!(
        request.wait().unwrap_err().kind(),
        &RequestErrorKind::Deadline
    );
    assert!(start.elapsed() >= limit);
    assert_eq!(stats(&driver).queued, 0);
}

#[test]
fn deadlines_side_by_side_on_one_thread() {
    // All under the one waker of the thread that waits: the nearer must not be lost with the farther.
    let (driver, a, _b) = library(10);
    let (_outer, ask, mut service) = library(1);
    let (near, far) = (Duration::from_millis(10), Duration::from_millis(40));
    for (first, second) in [(near, far), (far, near)] {
        let mut asked = ask.request(Event::new("outer"), FAR);
        assert!(poll(&mut asked).is_pending());
        let delivery = next(&mut service);
        let start = Instant::now();
        let ends_at = async |limit| {
            let error = a.request(Event::new("inner"), limit).await.unwrap_err();
            assert_eq!(error.kind(), &RequestErrorKind::Deadline);
            start.elapsed()
        };
        let work = delivery.reply_with(async |_| {
            let (one_took, two_took) = zip(ends_at(first), ends_at(second)).await;
            assert!(one_took >= first && two_took >= second);
            Ok("in time".into())
        });
        work.wait().unwrap();
        assert_eq!(asked.wait().unwrap(), "in time");
    }
    assert_eq!(stats(&driver).queued, 0);
}

#[test]
fn many_requests_in_the_air_answered_in_reverse() {
    let count = scaled(2_000, 20_000);
    let driver = Numbers::memory(count);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut requests: Vec<_> = (0..count).map(|n| a.request(number(n), FAR)).collect();
    for request in &mut requests {
        assert!(poll(request).is_pending());
    }
    assert_eq!(stats(&driver).waiting_requests, count);
    let in_hand: Vec<_> = (0..count).map(|_| next(&mut b)).collect();
    for delivery in in_hand.into_iter().rev() {
        let answer = delivery.body() * 7;
        delivery.reply(answer).wait().unwrap();
    }
    for (n, mut request) in requests.into_iter().enumerate() {
        let Poll::Ready(Ok(reply)) = poll(&mut request) else {
            panic!("number {n}")
        };
        assert_eq!(reply, n * 7);
    }
    assert_eq!(stats(&driver).waiting_requests, 0);
}
