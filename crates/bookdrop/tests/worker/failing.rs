//! What becomes of an event whose handler fails.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bookdrop::{
    Consumer, Event, Failure, Producer, RequestErrorKind, Retry, Value, Worker, retrying,
};
use futures_lite::future::{block_on, yield_now, zip};

use crate::{FAR, library, run_out, send, stats, why_dead, worker};

async fn torn(_: &Event) -> Result<(), Failure> {
    Err(Failure::new("page 7 is torn").with_code("torn"))
}

async fn panics(_: &Event) -> Result<(), Failure> {
    panic!("page 7 is gone")
}

const AT_ONCE: (Duration, Duration) = (Duration::ZERO, Duration::ZERO);

fn at_once(max_attempts: u32) -> Retry {
    Retry::new(max_attempts).backoff(AT_ONCE.0, AT_ONCE.1)
}

#[test]
fn without_a_policy_the_driver_has_its_own() {
    let driver = library();
    send(&driver, &["S"]);
    let report = run_out(&driver, worker(&driver).on("S", torn));
    assert_eq!((report.finished, report.failed, report.panicked), (0, 5, 0));
    assert!(why_dead(&driver).contains("max_attempts"));
}

/// Nothing is queued while the handler runs, and the driver is closed; but it is not done yet.
#[test]
fn what_comes_back_after_the_end_of_the_driver_is_tried_again() {
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", |_: &Event| async {
        yield_now().await;
        Err::<(), _>(Failure::new("again"))
    });
    assert_eq!(run_out(&driver, running).failed, 5);
    assert!(why_dead(&driver).contains("max_attempts"));
}

#[test]
fn a_policy_ends_the_tries_and_keeps_what_the_handler_said() {
    let driver = library();
    send(&driver, &["S"]);
    let report = run_out(&driver, worker(&driver).on("S", retrying(at_once(3), torn)));
    assert_eq!(report.failed, 3);
    let why = why_dead(&driver);
    assert!(why.contains("failed 3 times"), "{why}");
    assert!(why.contains("page 7 is torn (torn)"), "{why}");
}

#[test]
fn a_policy_does_not_go_beyond_what_the_driver_allows() {
    let driver = library();
    send(&driver, &["S"]);
    let report = run_out(
        &driver,
        worker(&driver).on("S", retrying(at_once(50), torn)),
    );
    assert_eq!(report.failed, 5);
    assert!(why_dead(&driver).contains("max_attempts"));
}

#[test]
fn a_permanent_failure_is_not_tried_again() {
    async fn beyond_repair(_: &Event) -> Result<(), Failure> {
        Err(Failure::new("it is ash").permanent())
    }
    let driver = library();
    send(&driver, &["S"]);
    let running = worker(&driver).on("S", retrying(at_once(5), beyond_repair));
    assert_eq!(run_out(&driver, running).failed, 1);
    assert_eq!(why_dead(&driver), "rejected: it is ash");
}

#[test]
fn pauses_are_no_shorter_than_the_policy_says() {
    let driver = library();
    send(&driver, &["S"]);
    let begun = Arc::new(Mutex::new(Vec::new()));
    let seen = begun.clone();
    let first = Duration::from_millis(20);
    let handler = move |_: &Event| {
        seen.lock().unwrap().push(Instant::now());
        async { Err::<(), _>(Failure::new("again")) }
    };
    let policy = Retry::new(4).backoff(first, 2 * first);
    let running = worker(&driver).on("S", retrying(policy, handler));
    let handle = running.handle();
    let running = running.on_failure(move |event, _| {
        assert_eq!(event.name(), "S");
        // After the last one.
        if begun_times(&begun) == 4 {
            let begun = begun.lock().unwrap();
            let pauses = begun.windows(2).map(|two| two[1] - two[0]);
            let floors = [first, 2 * first, 2 * first];
            assert!(pauses.zip(floors).all(|(pause, floor)| pause >= floor));
            handle.stop(FAR);
        }
    });
    let report = block_on(running.run()).unwrap();
    assert_eq!(report.failed, 4);
    assert_eq!(stats(&driver).dead, 1);
}

fn begun_times(begun: &Mutex<Vec<Instant>>) -> usize {
    begun.lock().unwrap().len()
}

#[test]
fn a_panic_is_caught_and_counted_and_the_worker_goes_on() {
    let driver = library();
    send(&driver, &["S", "T"]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let running = worker(&driver)
        .on("S", retrying(at_once(2), panics))
        .on("T", |_: &Event| async { Ok(()) })
        .on_failure(move |event, failure| {
            let said = format!("{}: {failure}", event.name());
            telling.lock().unwrap().push(said);
        });
    let report = run_out(&driver, running);
    assert_eq!((report.finished, report.failed, report.panicked), (1, 2, 2));
    let said = "S: the handler panicked: page 7 is gone (bookdrop.panicked)";
    assert_eq!(*told.lock().unwrap(), [said, said]);
    assert!(why_dead(&driver).contains("page 7 is gone"));
}

/// How a request ends that such a worker serves.
fn asked(worker: Worker, driver: &bookdrop::Driver, timeout: Duration) -> RequestErrorKind {
    let handle = worker.handle();
    let asking = async {
        let answer = Producer::new(driver)
            .request(Event::new("S"), timeout)
            .await;
        handle.stop(FAR);
        answer
    };
    let (report, answer) = block_on(zip(worker.run(), asking));
    report.unwrap();
    answer.unwrap_err().kind().clone()
}

fn failed_with(code: &str, kind: &RequestErrorKind) -> bool {
    matches!(kind, RequestErrorKind::Failed(failure) if failure.code() == Some(code))
}

#[test]
fn a_request_is_answered_with_the_first_failure() {
    let driver = library();
    let kind = asked(worker(&driver).on("S", torn), &driver, FAR);
    assert!(failed_with("torn", &kind), "{kind:?}");
    let kind = asked(worker(&driver).on("S", panics), &driver, FAR);
    assert!(failed_with("bookdrop.panicked", &kind), "{kind:?}");
    assert_eq!(stats(&driver).dead, 0);
}

#[test]
fn a_request_is_tried_again_where_a_policy_says_so() {
    static TRIES: AtomicU32 = AtomicU32::new(0);
    async fn at_last(_: &Event) -> Result<Value, Failure> {
        match TRIES.fetch_add(1, Ordering::Relaxed) {
            2 => Ok("as good as new".into()),
            _ => Err(Failure::new("again")),
        }
    }
    let driver = library();
    let running = worker(&driver).on("S", retrying(at_once(3), at_last));
    let handle = running.handle();
    let asking = async {
        let answer = Producer::new(&driver).request(Event::new("S"), FAR).await;
        handle.stop(FAR);
        answer
    };
    let (report, answer) = block_on(zip(running.run(), asking));
    assert_eq!(answer.unwrap(), "as good as new");
    let report = report.unwrap();
    assert_eq!((report.finished, report.failed), (1, 2));
}

/// What would come back only when nobody waits any more is answered now.
#[test]
fn no_request_is_tried_again_after_its_deadline() {
    let driver = library();
    let late = Retry::new(5).backoff(2 * FAR, 2 * FAR);
    let kind = asked(worker(&driver).on("S", retrying(late, torn)), &driver, FAR);
    assert!(failed_with("torn", &kind), "{kind:?}");
}

#[test]
fn no_work_is_begun_for_those_who_left() {
    let driver = library();
    let producer = Producer::new(&driver);
    let mut holder = Consumer::new(&driver);
    let mut asking = producer.request(Event::new("S"), FAR);
    assert!(asking.wait_for(Duration::ZERO).is_err());
    // It is taken, and its requester leaves before the worker sees it.
    let taken = holder.receive().wait().unwrap();
    drop(asking);
    drop(taken);
    let report = run_out(&driver, worker(&driver).on("S", panics));
    assert_eq!((report.failed, report.panicked), (0, 0));
}

/// With automatic ack there is nothing to give back, and that is no error.
#[test]
fn what_fails_with_automatic_ack_is_gone() {
    let driver = library();
    send(&driver, &["S"]);
    let running = Worker::new(Consumer::new(&driver).auto_ack()).on("S", torn);
    let report = run_out(&driver, running);
    assert_eq!((report.failed, report.unsettled), (1, 0));
    assert_eq!(stats(&driver).dead, 0);
}
