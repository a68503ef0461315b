//! What the suite does around a restart, whatever the driver.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bookdrop::Driver;
use bookdrop_conformance::{
    Book, Build, Condition, Context, Executor, Kind, Outcome, Plan, Setup, UnderTest, book,
};

const BRIEF: Duration = Duration::from_millis(50);

fn run(part: impl AsyncFnOnce(Context) -> Outcome, build: Build) {
    let executor = Executor::new(Kind::TokioMultiThread);
    let under_test = UnderTest {
        build,
        module: module_path!(),
        is_left_out: || false,
    };
    let ctx = Context::new(under_test, executor.spawner(), Plan::sound(), BRIEF);
    executor.block_on(part(ctx)).expect("it holds");
}

/// A driver that counts when its queue is removed.
fn memory(setup: &Setup, removed: &'static AtomicUsize) -> Driver<Book, Condition> {
    setup.when_over(|| {
        removed.fetch_add(1, Ordering::SeqCst);
    });
    Driver::memory(setup.capacity)
}

#[test]
fn a_queue_is_removed_once_when_nobody_has_a_handle_any_more() {
    static REMOVED: AtomicUsize = AtomicUsize::new(0);
    let part = async |ctx: Context| {
        let driver = ctx.driver(Setup::default()).restarted().await?;
        let (producer, mut consumer) = (driver.producer(), driver.consumer());
        producer.send(book(1)).await?;
        let delivery = consumer.receive().await?;
        drop((driver, producer, consumer));
        assert_eq!(REMOVED.load(Ordering::SeqCst), 0);
        drop(delivery);
        assert_eq!(REMOVED.load(Ordering::SeqCst), 1);
        Ok(())
    };
    run(part, |setup| memory(setup, &REMOVED));
}

#[test]
fn a_behaviour_that_keeps_a_handle_over_a_restart_is_told() {
    static REMOVED: AtomicUsize = AtomicUsize::new(0);
    let part = async |ctx: Context| {
        let driver = ctx.driver(Setup::default());
        let producer = driver.producer();
        let refused = driver.restarted().await.err().map(|why| why.to_string());
        assert!(refused.is_some_and(|why| why.contains("was not dropped")));
        drop(producer);
        Ok(())
    };
    run(part, |setup| memory(setup, &REMOVED));
}
