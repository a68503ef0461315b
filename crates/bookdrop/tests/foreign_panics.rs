//! Wakers of strangers that panic: nobody else's wake-up, event or answer is lost with them.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer, RequestErrorKind};

const LONG: Duration = Duration::from_secs(600);

struct Rude;

impl Wake for Rude {
    fn wake(self: Arc<Self>) {
        panic!("woken against its will");
    }
}

fn rude() -> Waker {
    Waker::from(Arc::new(Rude))
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A request in hand with a key, another event behind it, and a stranger who sleeps and will be woken for that one.
fn with_a_rude_sleeper(settle: impl FnOnce(bookdrop::Delivery)) -> RequestEnd {
    let library: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    let mut stranger = b.clone();
    let mut request = a.request(Event::new("asked").with_key("S"), LONG);
    let asker = Arc::new(Woken::default());
    let waker = Waker::from(asker.clone());
    assert!(poll(&mut request, &waker).is_pending());
    a.send(Event::new("behind").with_key("S")).wait().unwrap();
    let book = b.receive().wait().unwrap();
    let mut receive = stranger.receive();
    assert!(poll(&mut receive, &rude()).is_pending());
    settle(book);
    assert!(
        asker.0.load(std::sync::atomic::Ordering::SeqCst),
        "the requester was woken"
    );
    match poll(&mut request, &waker) {
        Poll::Ready(Ok(_)) => RequestEnd::Answered,
        Poll::Ready(Err(error)) => RequestEnd::Ended(error.kind().clone()),
        Poll::Pending => panic!("the requester waits on"),
    }
}

#[derive(Debug)]
enum RequestEnd {
    Answered,
    Ended(RequestErrorKind),
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn an_answer_reaches_its_requester() {
    let end = with_a_rude_sleeper(|book| {
        book.reply("fine".into()).wait().unwrap();
    });
    assert!(matches!(end, RequestEnd::Answered), "{end:?}");
}

#[test]
fn a_requester_hears_that_there_is_no_answer() {
    let end = with_a_rude_sleeper(|book| book.ack().wait().unwrap());
    assert!(
        matches!(end, RequestEnd::Ended(RequestErrorKind::Failed(_))),
        "{end:?}"
    );
}

#[test]
fn a_consumer_keeps_what_it_receives_when_it_lets_a_rude_sender_in() {
    let library: Driver = Driver::memory(1);
    let (a, b) = (Producer::new(&library), Consumer::new(&library));
    let mut b = b.auto_ack();
    a.send(Event::new("first")).wait().unwrap();
    let mut waiting = a.send(Event::new("second"));
    assert!(poll(&mut waiting, &rude()).is_pending());
    assert_eq!(b.receive().wait().unwrap().name(), "first");
    assert_eq!(b.receive().wait().unwrap().name(), "second");
}

#[test]
fn a_requester_that_gives_up_lets_a_rude_sender_in() {
    let library: Driver = Driver::memory(1);
    let (a, _b) = (Producer::new(&library), Consumer::new(&library));
    let request = a.request(Event::new("asked"), Duration::from_millis(5));
    let mut request = request.wait_for_consumer();
    assert!(poll(&mut request, Waker::noop()).is_pending());
    let mut waiting = a.send(Event::new("one way"));
    assert!(poll(&mut waiting, &rude()).is_pending());
    let error = request.wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    assert_eq!(error.into_event().unwrap().name(), "asked");
}

/// The stranger's own poll is his to lose, but the line is not.
#[test]
fn a_panic_in_a_poll_leaves_no_event_in_line() {
    struct Panics;
    impl Future for Panics {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic!("a sibling in the same task");
        }
    }
    let library: Driver = Driver::memory(1);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    a.send(Event::new("first")).wait().unwrap();
    let task = catch_unwind(AssertUnwindSafe(|| {
        let mut waiting = a.send(Event::new("second"));
        assert!(poll(&mut waiting, Waker::noop()).is_pending());
        let _ = poll(&mut Panics, Waker::noop());
    }));
    assert!(task.is_err());
    assert_eq!(library.stats().wait().unwrap().waiting_senders, 0);
    b.receive().wait().unwrap().ack().wait().unwrap();
    assert!(b.try_receive().wait().is_err());
}
