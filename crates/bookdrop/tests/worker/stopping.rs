//! How a worker ends, and what becomes of what it had in hand.

use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Failure, Producer, ReceiveError, Worker, blocking};
use futures_lite::future::{block_on, poll_once, yield_now, zip};

use crate::{FAR, library, send, stats, typed, worker};

async fn never_ends(_: &Event) -> Result<(), Failure> {
    pending().await
}

/// The event is there again, and has not failed.
fn is_back(driver: &Driver) {
    let mut consumer = Consumer::new(driver);
    let back = consumer.receive().wait().unwrap();
    assert_eq!((back.name(), back.attempt(), back.failures()), ("S", 2, 0));
    back.ack().wait().unwrap();
    let now = stats(driver);
    assert_eq!((now.queued, now.in_hand, now.dead), (0, 0, 0));
}

async fn until_in_hand(driver: &Driver, events: usize) {
    while stats(driver).in_hand < events {
        yield_now().await;
    }
}

#[test]
fn what_has_not_ended_with_the_grace_time_comes_back_unfailed() {
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", never_ends);
    let handle = running.handle();
    let stopping = async {
        until_in_hand(&driver, 1).await;
        handle.stop(Duration::ZERO);
    };
    let report = block_on(zip(running.run(), stopping)).0.unwrap();
    assert_eq!((report.finished, report.failed, report.put_back), (0, 0, 1));
    is_back(&driver);
}

#[test]
fn a_shorter_grace_time_ends_a_longer_one() {
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", never_ends);
    let handle = running.handle();
    let stopping = async {
        until_in_hand(&driver, 1).await;
        handle.stop(FAR);
        yield_now().await;
        handle.stop(2 * FAR);
        yield_now().await;
        handle.stop(Duration::ZERO);
    };
    let report = block_on(zip(running.run(), stopping)).0.unwrap();
    assert_eq!(report.put_back, 1);
    is_back(&driver);
}

#[test]
fn what_ends_within_the_grace_time_is_done_and_nothing_new_is_taken() {
    let driver = library();
    send(&driver, &["S", "T"]);
    let (gate, open) = async_gate();
    let running = worker(&driver)
        .otherwise(move |_: &Event| {
            let open = open.clone();
            async move {
                open.await_open().await;
                Ok(())
            }
        })
        .concurrency(1);
    let handle = running.handle();
    let stopping = async {
        until_in_hand(&driver, 1).await;
        handle.stop(FAR);
        yield_now().await;
        gate.open();
    };
    let report = block_on(zip(running.run(), stopping)).0.unwrap();
    assert_eq!((report.finished, report.put_back), (1, 0));
    let now = stats(&driver);
    assert_eq!((now.queued, now.in_hand, now.consumers), (1, 0, 0));
}

#[test]
fn a_worker_that_was_stopped_before_takes_nothing() {
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", never_ends);
    running.handle().stop(FAR);
    assert_eq!(block_on(running.run()).unwrap().put_back, 0);
    assert_eq!(stats(&driver).queued, 1);
}

#[test]
fn a_worker_that_is_dropped_gives_back_what_it_had_in_hand() {
    let driver = library();
    send(&driver, &["S"]);
    let mut running = Box::pin(worker(&driver).on("S", never_ends).run());
    assert!(block_on(poll_once(running.as_mut())).is_none());
    assert_eq!(stats(&driver).in_hand, 1);
    drop(running);
    is_back(&driver);
}

#[test]
fn a_requester_does_not_notice_that_its_worker_stopped() {
    let driver = library();
    let running = worker(&driver).on("S", never_ends);
    let handle = running.handle();
    let next = Consumer::new(&driver);
    let asking = async {
        let producer = Producer::new(&driver);
        let request = producer.request(Event::new("S"), FAR);
        let stopping = async {
            until_in_hand(&driver, 1).await;
            handle.stop(Duration::ZERO);
        };
        let serving = async {
            // The worker was there first.
            until_in_hand(&driver, 1).await;
            let mut next = next;
            let back = next.receive().await.unwrap();
            assert_eq!(back.failures(), 0);
            back.reply("as good as new".into()).await.unwrap();
        };
        zip(request, zip(stopping, serving)).await.0
    };
    let (report, answer) = block_on(zip(running.run(), asking));
    assert_eq!(report.unwrap().put_back, 1);
    assert_eq!(answer.unwrap(), "as good as new");
}

#[test]
fn a_blocking_handler_is_left_behind_and_its_event_comes_back_when_it_has_ended() {
    let driver = library();
    send(&driver, &["S"]);
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Arc::new(std::sync::Mutex::new(ended));
    let running = worker(&driver).on(
        "S",
        blocking(move |_: &Event| {
            begin.send(()).unwrap();
            let _ = ended.lock().unwrap().recv();
            Ok(())
        }),
    );
    let handle = running.handle();
    let running = std::thread::spawn(|| running.run().wait());
    begun.recv().unwrap();
    handle.stop(Duration::ZERO);
    assert_eq!(running.join().unwrap().unwrap().put_back, 1);
    assert_eq!(stats(&driver).in_hand, 1, "somebody works on it");
    drop(end);
    is_back(&driver);
}

#[test]
fn a_closed_driver_ends_the_worker_when_nothing_is_left() {
    let driver = library();
    send(&driver, &["S", "S", "S"]);
    driver.close().wait().unwrap();
    let running = worker(&driver).on("S", |_: &Event| async {
        yield_now().await;
        Ok(())
    });
    assert_eq!(block_on(running.run()).unwrap().finished, 3);
}

#[test]
fn a_drain_waits_for_the_handlers() {
    let driver = library();
    send(&driver, &["S", "T"]);
    let (gate, open) = async_gate();
    let running = worker(&driver)
        .otherwise(move |_: &Event| {
            let open = open.clone();
            async move {
                open.await_open().await;
                Ok(())
            }
        })
        .concurrency(1);
    let draining = async {
        until_in_hand(&driver, 1).await;
        let drain = driver.drain(FAR);
        let opening = async {
            yield_now().await;
            gate.open();
        };
        zip(drain, opening).await.0.unwrap()
    };
    let (report, drained) = block_on(zip(running.run(), draining));
    assert_eq!(report.unwrap().finished, 1);
    assert_eq!((drained.unfinished, drained.left.len()), (0, 1));
}

#[test]
fn a_group_that_is_removed_ends_its_workers() {
    let driver = typed::<(), bookdrop::Value>();
    let audit = Worker::new(Consumer::in_group(&driver, "audit").unwrap());
    let running = audit.otherwise(never_ends).run();
    let removing = async { driver.remove_group("audit").await.unwrap() };
    let (ended, removed) = block_on(zip(running, removing));
    assert!(removed);
    assert!(matches!(ended, Ok(_) | Err(ReceiveError::Closed)));
}

/// A gate that tasks of one thread wait at.
fn async_gate() -> (Gate, Gate) {
    let gate = Gate::default();
    (gate.clone(), gate)
}

#[derive(Clone, Default)]
struct Gate(Arc<std::sync::atomic::AtomicBool>);

impl Gate {
    fn open(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Release);
    }

    async fn await_open(&self) {
        while !self.0.load(std::sync::atomic::Ordering::Acquire) {
            yield_now().await;
        }
    }
}
