//! The tests of the Go package that this library descends from, in its words.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer};

use support::{WATCHDOG, bounded, eventually, scaled, stats};

#[test]
fn thirty_thousand_one_way_events() {
    bounded(|| {
        let count = scaled(30_000, 1_000_000);
        let library: Driver = Driver::memory(100);
        let received = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (mut b, received) = (Consumer::new(&library), &received);
            scope.spawn(move || {
                while let Ok(book) = b.receive().wait() {
                    assert_eq!(book.header("title"), Some("hello world"));
                    received.fetch_add(1, Ordering::SeqCst);
                    book.ack().wait().unwrap();
                }
            });
            let a = Producer::new(&library);
            for _ in 0..count {
                a.send(Event::new("S").with_header("title", "hello world"))
                    .wait()
                    .unwrap();
            }
            library.close().wait().unwrap();
        });
        assert_eq!(received.into_inner(), count);
        assert_eq!(stats(&library).acked, count as u64);
    });
}

#[test]
fn ten_thousand_two_way_events() {
    bounded(|| {
        let count = scaled(10_000, 300_000);
        let library = Driver::<usize, String>::memory(100);
        thread::scope(|scope| {
            for _ in 0..2 {
                let mut b = Consumer::new(&library);
                scope.spawn(move || {
                    while let Ok(book) = b.receive().wait() {
                        let answer =
                            book.reply_with(async |book| Ok(format!("state of {}", book.body())));
                        answer.wait().unwrap();
                    }
                });
            }
            let requesters: Vec<_> = (0..4)
                .map(|thread| {
                    let a = Producer::new(&library);
                    scope.spawn(move || {
                        for n in (thread..count).step_by(4) {
                            let state =
                                a.request(Event::new("S").with_body(n), 2 * WATCHDOG).wait();
                            assert_eq!(state.unwrap(), format!("state of {n}"));
                        }
                    })
                })
                .collect();
            requesters
                .into_iter()
                .for_each(|requester| requester.join().unwrap());
            library.close().wait().unwrap();
        });
        let now = stats(&library);
        assert_eq!(
            (now.answered as usize, now.given_up, now.in_hand),
            (count, 0, 0)
        );
    });
}

#[test]
fn five_slow_handlers_beside_ten_thousand_quick_events() {
    bounded(|| {
        // The quick ones have half a second each, and the slow ones take as long as the quick ones take all together. So the
        // limit is reached if, and only if, a quick one has to stand behind a slow one.
        const LIMIT: Duration = Duration::from_millis(500);
        const SLOW: usize = 5;
        let count = scaled(10_000, 100_000);
        let library = Driver::<usize, usize>::memory(100);
        let a = Producer::new(&library);
        let slow_over = Arc::new(AtomicUsize::new(0));
        let quick_done = Arc::new(AtomicUsize::new(0));

        thread::scope(|scope| {
            // As many hands as there are slow ones, and one more.
            for _ in 0..=SLOW {
                let mut b = Consumer::new(&library);
                let (slow_over, quick_done) = (slow_over.clone(), quick_done.clone());
                scope.spawn(move || {
                    while let Ok(book) = b.receive().wait() {
                        if book.name() == "slow" {
                            eventually("the quick ones", || {
                                quick_done.load(Ordering::SeqCst) == count
                            });
                            slow_over.fetch_add(1, Ordering::SeqCst);
                        }
                        let n = *book.body();
                        book.reply(n).wait().unwrap();
                    }
                });
            }
            let slow: Vec<_> = (0..SLOW)
                .map(|n| {
                    let a = &a;
                    scope.spawn(move || {
                        a.request(Event::new("slow").with_body(n), 2 * WATCHDOG)
                            .wait()
                    })
                })
                .collect();
            eventually("all slow ones are in hand", || {
                stats(&library).in_hand == SLOW
            });
            for n in 0..count {
                let answer = a.request(Event::new("quick").with_body(n), LIMIT).wait();
                assert_eq!(answer.expect("half a second is enough"), n);
                assert_eq!(
                    slow_over.load(Ordering::SeqCst),
                    0,
                    "the slow ones are still at it"
                );
                quick_done.fetch_add(1, Ordering::SeqCst);
            }
            for (n, slow) in slow.into_iter().enumerate() {
                assert_eq!(slow.join().unwrap().unwrap(), n);
            }
            library.close().wait().unwrap();
        });
        assert_eq!(slow_over.load(Ordering::SeqCst), SLOW);
        assert_eq!(stats(&library).answered as usize, count + SLOW);
    });
}

/// Work that leaves more work, as the closure it is.
type Work = Box<dyn FnOnce() -> Option<Event<Job>> + Send>;
struct Job(Work);

fn steps(left: usize, done: Arc<AtomicUsize>) -> Event<Job> {
    let work = move || {
        done.fetch_add(1, Ordering::SeqCst);
        (left > 1).then(|| steps(left - 1, done))
    };
    Event::new("job").with_body(Job(Box::new(work)))
}

#[test]
fn work_that_leaves_more_work_at_the_end_of_the_queue() {
    const CHAINS: usize = 10;
    const STEPS: usize = 500;
    let queue = Driver::<Job>::memory(CHAINS);
    let (a, mut b) = (Producer::new(&queue), Consumer::new(&queue));
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..CHAINS {
        a.send(steps(STEPS, done.clone())).wait().unwrap();
    }
    while done.load(Ordering::SeqCst) < CHAINS * STEPS {
        let job = support::next(&mut b)
            .into_event()
            .wait()
            .unwrap()
            .into_body();
        if let Some(more) = (job.0)() {
            // What it took out made room for what it puts in.
            a.try_send(more).wait().expect("there is room");
        }
    }
    assert_eq!(stats(&queue).queued, 0);
}

#[test]
fn work_that_doubles_in_a_full_queue_is_no_deadlock() {
    // A single thread that is the only consumer puts two jobs in for each that it takes out. The queue is full, so
    // to wait for room before the next receive would be to wait for ever. A send is a future, though: it is kept, and
    // the receive goes on beside it.
    const JOBS: usize = 1_023;
    let queue = Driver::<usize>::memory(4);
    let (a, mut b) = (Producer::new(&queue), Consumer::new(&queue));
    a.send(Event::new("job").with_body(1)).wait().unwrap();
    let mut waiting = Vec::new();
    let mut seen = vec![false; JOBS + 1];
    for _ in 0..JOBS {
        let n = support::next(&mut b)
            .into_event()
            .wait()
            .unwrap()
            .into_body();
        assert!(!std::mem::replace(&mut seen[n], true), "job {n} came twice");
        for more in [2 * n, 2 * n + 1].into_iter().filter(|more| *more <= JOBS) {
            let mut send = a.send(Event::new("job").with_body(more));
            match support::poll(&mut send) {
                std::task::Poll::Ready(sent) => sent.unwrap(),
                std::task::Poll::Pending => waiting.push(send),
            }
        }
        waiting.retain_mut(|send| support::poll(send).is_pending());
    }
    assert!(waiting.is_empty());
    assert!(seen[1..].iter().all(|seen| *seen));
}
