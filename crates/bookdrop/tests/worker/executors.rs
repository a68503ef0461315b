//! A worker whose handlers are tasks of an executor.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use bookdrop::{Consumer, Event, Failure};
use futures_lite::future::{block_on, yield_now, zip};
use tokio::runtime::Builder;

use crate::{FAR, library, send, stats, worker};

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .build()
        .unwrap()
}

/// Two handlers meet, which they could not on one thread.
#[test]
fn handlers_run_on_all_threads_of_the_executor() {
    let driver = library();
    send(&driver, &["S", "S"]);
    driver.close().wait().unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let seen = threads.clone();
    let running = worker(&driver).on("S", move |_: &Event| {
        let (barrier, threads) = (barrier.clone(), threads.clone());
        async move {
            barrier.wait();
            threads.lock().unwrap().insert(thread::current().id());
            Ok(())
        }
    });
    let runtime = runtime(2);
    let report = runtime.block_on(running.run_on(|task| drop(tokio::spawn(task))));
    assert_eq!(report.unwrap().finished, 2);
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[test]
fn many_events_are_handled_by_tasks_within_the_limit() {
    let driver = library();
    send(&driver, &["S"; 100]);
    driver.close().wait().unwrap();
    let running = worker(&driver)
        .on("S", |_: &Event| async {
            yield_now().await;
            Ok(())
        })
        .concurrency(7);
    let mut most = 0;
    let runtime = runtime(2);
    let report = runtime.block_on(async {
        let handle = tokio::runtime::Handle::current();
        running
            .run_on(|task| {
                most = most.max(stats(&driver).in_hand);
                drop(handle.spawn(task));
            })
            .await
    });
    assert_eq!(report.unwrap().finished, 100);
    assert!(most <= 7, "{most} in hand");
    assert_eq!(stats(&driver).acked, 100);
}

#[test]
fn tasks_that_have_not_ended_give_their_events_back_unfailed() {
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", |_: &Event| pending::<Result<(), Failure>>());
    let handle = running.handle();
    let executor = async_executor::Executor::new();
    let stopping = async {
        while stats(&driver).in_hand == 0 {
            yield_now().await;
        }
        handle.stop(Duration::ZERO);
    };
    let running = running.run_on(|task| executor.spawn(task).detach());
    let report = block_on(executor.run(zip(running, stopping))).0.unwrap();
    assert_eq!((report.finished, report.put_back), (0, 1));
    let mut next = Consumer::new(&driver);
    let back = block_on(executor.run(next.receive())).unwrap();
    assert_eq!((back.attempt(), back.failures()), (2, 0));
}

/// A runtime that ends drops its tasks, and the worker is told.
#[test]
fn an_executor_that_drops_its_tasks_puts_their_events_back() {
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", |_: &Event| pending::<Result<(), Failure>>());
    let handle = running.handle();
    let runtime = runtime(1);
    let spawner = runtime.handle().clone();
    let stopping = async {
        while stats(&driver).in_hand == 0 {
            yield_now().await;
        }
        handle.stop(FAR);
        runtime.shutdown_background();
    };
    let running = running.run_on(move |task| drop(spawner.spawn(task)));
    let report = block_on(zip(running, stopping)).0.unwrap();
    assert_eq!((report.finished, report.put_back), (0, 1));
    assert_eq!(stats(&driver).queued, 1);
}

#[test]
fn a_worker_runs_on_a_plain_thread() {
    let driver = library();
    send(&driver, &["S"]);
    driver.close().wait().unwrap();
    let running = worker(&driver).on("S", |_: &Event| async { Ok(()) });
    assert_eq!(running.run().wait().unwrap().finished, 1);
}
