//! Ends of a request that come from elsewhere than its consumer, and what becomes of the event.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bookdrop::operations::Request;
use bookdrop::{Answer, Consumer, Driver, Event, Producer, RequestError, RequestErrorKind, Value};

const LONG: Duration = Duration::from_secs(600);

fn library() -> (Driver, Producer, Consumer) {
    let library: Driver = Driver::memory(10);
    let (a, b) = (Producer::new(&library), Consumer::new(&library));
    (library, a, b)
}

fn poll(request: &mut Request<'_, (), Value>) -> Poll<Result<Value, RequestError<()>>> {
    Pin::new(request).poll(&mut Context::from_waker(Waker::noop()))
}

fn wait_past(instant: Instant) {
    while Instant::now() < instant {
        std::thread::yield_now();
    }
}

#[test]
fn a_purged_request_has_its_event_back() {
    let (library, a, _b) = library();
    let mut request = a.request(Event::new("S"), LONG);
    assert!(poll(&mut request).is_pending());
    assert_eq!(library.purge().wait().unwrap(), 1);
    let error = request.wait().unwrap_err();
    let RequestErrorKind::Failed(failure) = error.kind() else {
        panic!("{error}")
    };
    assert_eq!(failure.code(), Some("bookdrop.purged"));
    assert_eq!(error.into_event().unwrap().name(), "S");
}

#[test]
fn the_time_to_live_of_a_request_ends_it() {
    let (library, a, mut b) = library();
    let short = Event::new("S").with_time_to_live(Duration::from_millis(5));
    let begun = Instant::now();
    let error = a.request(short, LONG).wait().unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(5));
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(error.into_event().unwrap().name(), "S");
    assert!(b.try_receive().wait().is_err());
    let stats = library.stats().wait().unwrap();
    assert_eq!(
        (
            stats.expired,
            stats.given_up,
            stats.queued,
            stats.waiting_requests
        ),
        (1, 0, 0, 0)
    );
}

#[test]
fn a_time_to_live_beyond_the_deadline_changes_nothing() {
    let (library, a, _b) = library();
    let long = Event::new("S").with_time_to_live(LONG);
    let error = a
        .request(long, Duration::from_millis(5))
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    let stats = library.stats().wait().unwrap();
    assert_eq!((stats.expired, stats.given_up, stats.queued), (0, 1, 0));
}

#[test]
fn work_is_not_begun_after_the_deadline_of_a_requester_that_is_not_polled() {
    let (_library, a, mut b) = library();
    let mut request = a.request(Event::new("S"), Duration::from_millis(5));
    assert!(poll(&mut request).is_pending());
    let book = b.receive().wait().unwrap();
    wait_past(book.deadline().unwrap());
    assert!(book.is_cancelled());
    let answer = book
        .reply_with(async |_| panic!("the work was begun"))
        .wait()
        .unwrap();
    assert_eq!(answer, Answer::NotWanted);
    let error = request.wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert!(error.into_event().is_none(), "a consumer had it");
}
