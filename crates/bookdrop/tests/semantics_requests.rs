//! A request's outcomes, and what becomes of its event.

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bookdrop::{Answer, Consumer, DeadReason, Driver, Event, Failure, Producer, RequestErrorKind};

use support::{FAR, WATCHDOG, is_empty, library, next, next_name, pass, poll, send_all, stats};

fn code(kind: &RequestErrorKind) -> Option<&str> {
    match kind {
        RequestErrorKind::Failed(failure) => failure.code(),
        _ => None,
    }
}

#[test]
fn without_a_consumer_it_fails_at_once_with_its_event() {
    let driver: Driver = Driver::memory(10);
    let a = Producer::new(&driver);
    let error = a.request(Event::new("S"), FAR).wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
    assert_eq!(error.into_event().unwrap().name(), "S");
    // A consumer of another group does not answer requests.
    let _audit = Consumer::in_group(&driver, "audit").unwrap();
    assert_eq!(
        a.request(Event::new("S"), FAR).wait().unwrap_err().kind(),
        &RequestErrorKind::NoConsumer
    );
    let now = stats(&driver);
    assert_eq!((now.sent, now.waiting_requests), (0, 0));
}

#[test]
fn it_goes_to_the_default_group_only() {
    let driver: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut audit = Consumer::in_group(&driver, "audit").unwrap();
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    assert!(is_empty(&mut audit));
    let delivery = next(&mut b);
    assert_eq!(delivery.group(), "default");
    delivery.reply("done".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "done");
    assert!(is_empty(&mut audit));
}

#[test]
fn the_last_consumer_leaves_before_the_claim() {
    let (driver, a, b) = library(1);
    let other = b.clone();
    let mut queued = a.request(Event::new("queued"), FAR);
    let mut in_line = a.request(Event::new("in line"), FAR);
    let mut delayed = a.request(
        Event::new("delayed").with_delay(Duration::from_secs(60)),
        FAR,
    );
    let mut patient = a.request(Event::new("patient"), FAR).wait_for_consumer();
    for request in [&mut queued, &mut in_line, &mut delayed, &mut patient] {
        assert!(poll(request).is_pending());
    }
    drop(other);
    assert!(poll(&mut queued).is_pending(), "one is left");
    drop(b);
    for (mut request, name) in [
        (queued, "queued"),
        (in_line, "in line"),
        (delayed, "delayed"),
    ] {
        let Poll::Ready(Err(error)) = poll(&mut request) else {
            panic!("{name} was told")
        };
        assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
        assert_eq!(error.into_event().unwrap().name(), name);
    }
    assert!(poll(&mut patient).is_pending());
    next(&mut Consumer::new(&driver))
        .reply("here".into())
        .wait()
        .unwrap();
    assert_eq!(patient.wait().unwrap(), "here");
}

#[test]
fn work_that_comes_back_when_all_consumers_have_left() {
    // The delivery outlives its consumer: whoever nacks it must not leave the requester waiting for nobody.
    for nacked in [true, false] {
        let (driver, a, mut b) = library(10);
        let mut request = a.request(Event::new("S"), FAR);
        let mut patient = a.request(Event::new("P"), FAR).wait_for_consumer();
        assert!(poll(&mut request).is_pending() && poll(&mut patient).is_pending());
        let (impatient_one, patient_one) = (next(&mut b), next(&mut b));
        drop(b);
        assert!(poll(&mut request).is_pending(), "somebody works on it");
        match nacked {
            true => impatient_one.nack().wait().unwrap(),
            false => drop(impatient_one),
        }
        let error = request
            .wait_for(WATCHDOG)
            .expect("nobody is there")
            .unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
        assert!(error.into_event().is_none(), "a consumer had it");

        drop(patient_one);
        assert_eq!(
            stats(&driver).queued,
            1,
            "this one waits for a consumer to come"
        );
        let again = next(&mut Consumer::new(&driver));
        assert_eq!(again.attempt(), 2);
        again.reply("done".into()).wait().unwrap();
        assert_eq!(patient.wait().unwrap(), "done");
    }
}

#[test]
fn the_deadline_covers_the_wait_for_room() {
    let (driver, a, mut b) = library(1);
    send_all(&a, &["S"]);
    let (start, limit) = (Instant::now(), Duration::from_millis(20));
    let error = a.request(Event::new("R"), limit).wait().unwrap_err();
    assert!(start.elapsed() >= limit);
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(error.into_event().expect("it was never in").name(), "R");
    let now = stats(&driver);
    assert_eq!((now.given_up, now.waiting_senders, now.queued), (1, 0, 1));
    assert_eq!(next_name(&mut b), "S");
    assert!(is_empty(&mut b));
}

#[test]
fn the_deadline_covers_the_work_and_the_event_is_the_consumers_then() {
    let (driver, a, mut b) = library(1);
    let mut request = a.request(Event::new("S"), Duration::from_millis(300));
    assert!(poll(&mut request).is_pending());
    let delivery = next(&mut b);
    assert!(delivery.deadline().is_some() && !delivery.is_cancelled());
    let error = request.wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert!(error.into_event().is_none());
    assert!(delivery.is_cancelled());
    delivery.cancelled().wait();
    assert_eq!(
        delivery.reply("too late".into()).wait().unwrap(),
        Answer::NotWanted
    );
    let now = stats(&driver);
    assert_eq!(
        (now.replies_refused, now.answered, now.given_up, now.in_hand),
        (1, 0, 1, 0)
    );
}

#[test]
fn work_past_its_deadline_is_not_handed_over_even_if_nobody_looks() {
    // The requester is neither polled nor dropped, as in a task that is held up elsewhere.
    let (driver, a, mut b) = library(10);
    let limit = Duration::from_millis(5);
    let start = Instant::now();
    let mut request = a.request(Event::new("S"), limit);
    assert!(poll(&mut request).is_pending());
    pass(start + Duration::from_millis(20));
    assert!(is_empty(&mut b));
    assert_eq!((stats(&driver).queued, stats(&driver).handed_over), (0, 0));
    let error = request.wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(error.into_event().unwrap().name(), "S");
    assert_eq!(stats(&driver).given_up, 1);
}

#[test]
fn a_retry_that_would_come_too_late_ends_it_at_once() {
    let (driver, a, mut b) = library(10);
    let mut request = a.request(Event::new("S"), Duration::from_secs(600));
    assert!(poll(&mut request).is_pending());
    next(&mut b)
        .retry_after(Duration::from_secs(601))
        .wait()
        .unwrap();
    let error = request.wait_for(WATCHDOG).expect("at once").unwrap_err();
    assert_eq!(code(error.kind()), Some("bookdrop.retry_too_late"));
    let now = stats(&driver);
    assert_eq!(
        (now.delayed, now.queued, now.in_hand, now.dead),
        (0, 0, 0, 0)
    );

    // One that comes in time does not.
    let mut request = a.request(Event::new("S"), Duration::from_secs(600));
    assert!(poll(&mut request).is_pending());
    next(&mut b)
        .retry_after(Duration::from_millis(1))
        .wait()
        .unwrap();
    let again = next(&mut b);
    assert_eq!(again.attempt(), 2);
    again.reply("second".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "second");
}

#[test]
fn work_that_comes_back_after_the_requester_left_is_dropped() {
    let (driver, a, mut b) = library(10);
    for way in 0..3 {
        let mut request = a.request(Event::new("S"), FAR);
        assert!(poll(&mut request).is_pending());
        let delivery = next(&mut b);
        drop(request);
        match way {
            0 => delivery.nack().wait().unwrap(),
            1 => delivery
                .retry_after(Duration::from_millis(1))
                .wait()
                .unwrap(),
            _ => drop(delivery),
        }
        let now = stats(&driver);
        assert_eq!(
            (now.queued, now.delayed, now.in_hand, now.returned),
            (0, 0, 0, 0)
        );
    }
    assert_eq!(stats(&driver).given_up, 3);
}

#[test]
fn the_ways_to_get_no_reply_are_told_apart() {
    let driver: Driver = Driver::builder(10).max_attempts(2).build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut outcome = |act: &dyn Fn(&mut Consumer)| {
        let mut request = a.request(Event::new("S"), FAR);
        assert!(poll(&mut request).is_pending());
        act(&mut b);
        request
            .wait_for(WATCHDOG)
            .expect("it ended")
            .unwrap_err()
            .kind()
            .clone()
    };
    let failed = outcome(&|b| {
        let failure = Failure::new("torn").with_code("torn").with_details(7);
        assert_eq!(next(b).fail(failure).wait().unwrap(), Answer::Sent);
    });
    let RequestErrorKind::Failed(failure) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!((failure.message(), failure.code()), ("torn", Some("torn")));
    assert_eq!(failure.details(), Some(&7.into()));

    let acked = outcome(&|b| next(b).ack().wait().unwrap());
    assert_eq!(code(&acked), Some("bookdrop.unanswered"));
    let taken = outcome(&|b| drop(next(b).into_event().wait().unwrap()));
    assert_eq!(code(&taken), Some("bookdrop.unanswered"));
    let owed = outcome(&|b| drop(next(b).into_parts().wait().unwrap()));
    assert_eq!(code(&owed), Some("bookdrop.unanswered"));
    let rejected = outcome(&|b| next(b).reject("torn").wait().unwrap());
    assert_eq!(code(&rejected), Some("bookdrop.rejected"));
    let buried = outcome(&|b| {
        next(b).nack().wait().unwrap();
        next(b).nack().wait().unwrap();
    });
    assert_eq!(code(&buried), Some("bookdrop.max_attempts"));
    let purged = outcome(&|_| assert_eq!(driver.purge().wait().unwrap(), 1));
    assert_eq!(code(&purged), Some("bookdrop.purged"));
    assert_eq!(stats(&driver).waiting_requests, 0);
}

#[test]
fn a_replayed_request_is_a_one_way_event() {
    let (driver, a, mut b) = library(10);
    let mut request = a.request(Event::new("S").with_header("title", "hello"), FAR);
    assert!(poll(&mut request).is_pending());
    next(&mut b).reject("torn").wait().unwrap();
    assert!(request.wait().is_err());
    let letter = driver.dead_letters().list().wait().unwrap().remove(0);
    assert_eq!(letter.reason, DeadReason::Rejected("torn".into()));
    assert_eq!(letter.headers, [("title".to_owned(), "hello".to_owned())]);
    assert!(driver.dead_letters().replay(letter.id).wait().unwrap());
    let again = next(&mut b);
    assert_eq!(
        (again.attempt(), again.is_request(), again.deadline()),
        (1, false, None)
    );
    let error = again.reply("to nobody".into()).wait().unwrap_err();
    let again = error.into_delivery();
    assert_eq!(again.header("title"), Some("hello"));
    again.ack().wait().unwrap();
}

#[test]
fn late_second_and_foreign_replies_reach_nobody() {
    let (driver, a, mut b) = library(10);
    let mut given_up = a.request(Event::new("1"), FAR);
    assert!(poll(&mut given_up).is_pending());
    let (_event, late) = next(&mut b).into_parts().wait().unwrap();
    drop(given_up);
    assert!(late.is_cancelled());
    let mut request = a.request(Event::new("2"), FAR);
    assert!(poll(&mut request).is_pending());
    assert_eq!(
        late.send("for the first".into()).wait().unwrap(),
        Answer::NotWanted
    );
    assert!(poll(&mut request).is_pending());
    next(&mut b).reply("for the second".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "for the second");
    let now = stats(&driver);
    assert_eq!((now.answered, now.replies_refused), (1, 1));
}

#[test]
fn work_is_not_begun_for_one_who_has_left() {
    let (driver, a, mut b) = library(10);
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    let delivery = next(&mut b);
    drop(request);
    let mut begun = false;
    let work = delivery.reply_with(async |_| {
        begun = true;
        Ok("done".into())
    });
    assert_eq!(work.wait().unwrap(), Answer::NotWanted);
    assert!(!begun);
    assert_eq!(stats(&driver).in_hand, 0);
}

#[test]
fn work_that_panics_comes_back_and_is_answered_by_another() {
    let (driver, a, mut b) = library(10);
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    let first = next(&mut b);
    let work = first.reply_with(async |_| panic!("in the work"));
    assert!(catch_unwind(AssertUnwindSafe(|| work.wait())).is_err());
    assert!(poll(&mut request).is_pending());
    let second = next(&mut b);
    assert_eq!(second.attempt(), 2);
    second
        .reply_with(async |_| Ok("done".into()))
        .wait()
        .unwrap();
    assert_eq!(request.wait().unwrap(), "done");
    assert_eq!((stats(&driver).returned, stats(&driver).answered), (1, 1));
}

#[test]
fn work_that_is_dropped_half_way_comes_back() {
    let (_driver, a, mut b) = library(10);
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    let mut work = Box::pin(next(&mut b).reply_with(async |_| std::future::pending().await));
    assert!(poll(&mut work).is_pending());
    drop(work);
    next(&mut b).reply("done".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "done");
}

#[test]
fn a_wait_with_a_limit_leaves_the_request_running() {
    let (_driver, a, mut b) = library(10);
    let mut request = a.request(Event::new("S"), FAR);
    assert!(request.wait_for(Duration::from_millis(1)).is_err());
    assert!(request.wait_until(Instant::now()).is_err());
    next(&mut b).reply("done".into()).wait().unwrap();
    assert_eq!(request.wait_for(Duration::ZERO).unwrap().unwrap(), "done");
}

#[test]
fn a_foreign_waker_that_panics_is_no_concern_of_a_request() {
    struct Rude;
    impl Wake for Rude {
        fn wake(self: Arc<Self>) {
            panic!("woken against its will");
        }
    }
    let (driver, a, mut b) = library(10);
    let mut c = b.clone();
    let rude = Waker::from(Arc::new(Rude));
    let mut receive = b.receive();
    let first_poll = std::pin::Pin::new(&mut receive).poll(&mut Context::from_waker(&rude));
    assert!(first_poll.is_pending());
    let mut request = a.request(Event::new("S"), FAR);
    assert!(
        poll(&mut request).is_pending(),
        "the panic ends with the waker"
    );
    next(&mut c).reply("done".into()).wait().unwrap();
    assert!(matches!(poll(&mut request), Poll::Ready(Ok(_))));
    let now = stats(&driver);
    assert_eq!((now.queued, now.waiting_requests), (0, 0));
    drop(receive);
}

#[test]
fn a_requester_is_told_of_its_deadline_by_the_timer() {
    // Under a waker of its own, so that no thread's park can do it.
    let (driver, a, _b) = library(10);
    let wakes = support::Wakes::new();
    let (start, limit) = (Instant::now(), Duration::from_millis(20));
    let mut request = a.request(Event::new("S"), limit);
    assert!(support::poll_with(&mut request, &wakes).is_pending());
    support::eventually("it is woken", || wakes.count() > 0);
    assert!(start.elapsed() >= limit);
    let Poll::Ready(Err(error)) = poll(&mut request) else {
        panic!("it is time")
    };
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(stats(&driver).queued, 0);
}
