//! How many handlers run at a time, and which events wait for which.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bookdrop::{Event, Failure, Producer};
use futures_lite::future::{block_on, yield_now, zip};

use crate::{FAR, library, run_out, send, stats, typed, worker};

/// How many run, and how many ever ran, at a time.
#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    async fn work(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..5 {
            yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn so_many_handlers_run_at_a_time_and_no_more() {
    for limit in [1, 3, 64] {
        let driver = library();
        send(&driver, &["S"; 100]);
        let crowd = Arc::new(Crowd::default());
        let seen = crowd.clone();
        let running = worker(&driver)
            .on("S", move |_: &Event| {
                let crowd = crowd.clone();
                async move {
                    crowd.work().await;
                    Ok(())
                }
            })
            .concurrency(limit);
        assert_eq!(run_out(&driver, running).finished, 100);
        assert_eq!(seen.most.load(Ordering::SeqCst), limit);
    }
}

#[test]
fn with_one_handler_at_a_time_events_are_handled_in_order() {
    let driver = library();
    let names = ["1", "2", "3", "4", "5"];
    send(&driver, &names);
    let handled = Arc::new(Mutex::new(Vec::new()));
    let seen = handled.clone();
    let running = worker(&driver)
        .otherwise(move |event: &Event| {
            let (name, handled) = (event.name().to_owned(), handled.clone());
            async move {
                yield_now().await;
                handled.lock().unwrap().push(name);
                Ok(())
            }
        })
        .concurrency(1);
    run_out(&driver, running);
    assert_eq!(*seen.lock().unwrap(), names);
}

#[test]
fn slow_handlers_hold_up_nobody() {
    let driver = library();
    let running = worker(&driver)
        .on("slow", |_: &Event| pending::<Result<(), Failure>>())
        .on("quick", |_: &Event| async { Ok(()) })
        .concurrency(6);
    let handle = running.handle();
    let sending = async {
        let a = Producer::new(&driver);
        a.send_batch((0..5).map(|_| Event::new("slow")))
            .await
            .unwrap();
        for _ in 0..10_000 {
            a.send(Event::new("quick")).await.unwrap();
        }
        while stats(&driver).acked < 10_000 {
            yield_now().await;
        }
        handle.stop(std::time::Duration::ZERO);
    };
    let report = block_on(zip(running.run(), sending)).0.unwrap();
    assert_eq!((report.finished, report.put_back), (10_000, 5));
}

#[test]
fn events_of_one_key_are_handled_in_order_while_others_run() {
    let driver = typed::<u32, ()>();
    let a = Producer::new(&driver);
    for number in 0..80 {
        let key = ["a", "b", "c", "d"][number as usize % 4];
        let event = Event::new(key).with_key(key).with_body(number);
        a.send(event).wait().unwrap();
    }
    let crowd = Arc::new(Crowd::default());
    let handled = Arc::new(Mutex::new(Vec::new()));
    let (most, seen) = (crowd.clone(), handled.clone());
    let running = worker(&driver).otherwise(move |event: &Event<u32>| {
        let (number, crowd, handled) = (*event.body(), crowd.clone(), handled.clone());
        async move {
            crowd.work().await;
            handled.lock().unwrap().push(number);
            // Some fail once, and still go before all others of their key.
            Ok(())
        }
    });
    assert_eq!(run_out(&driver, running).finished, 80);
    assert_eq!(most.most.load(Ordering::SeqCst), 4, "one of each key");
    let handled = seen.lock().unwrap();
    for key in 0..4 {
        let of_key: Vec<_> = handled.iter().filter(|number| *number % 4 == key).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
}

/// A worker that shares its group with another consumer takes no more than it can handle.
#[test]
fn no_more_is_taken_than_can_be_handled() {
    let driver = library();
    let running = worker(&driver)
        .otherwise(|_: &Event| pending::<Result<(), Failure>>())
        .concurrency(2);
    let handle = running.handle();
    let sending = async {
        Producer::new(&driver)
            .send_batch((0..10).map(|_| Event::new("S")))
            .await
            .unwrap();
        while stats(&driver).in_hand < 2 {
            yield_now().await;
        }
        for _ in 0..10 {
            yield_now().await;
        }
        let now = stats(&driver);
        assert_eq!((now.in_hand, now.queued), (2, 8));
        handle.stop(FAR);
        handle.stop(std::time::Duration::ZERO);
    };
    block_on(zip(running.run(), sending)).0.unwrap();
    assert_eq!(stats(&driver).queued, 10);
}
