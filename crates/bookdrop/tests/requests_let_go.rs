//! Requests that the queue lets go of: whoever looks first, and whatever their bodies do, each requester hears why, and has
//! its event back if no consumer had it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread::sleep;
use std::time::Duration;

use bookdrop::operations::Request;
use bookdrop::{Consumer, Driver, Event, Producer, RequestErrorKind};

const TIMEOUT: Duration = Duration::from_millis(20);

/// Calls something, once, when it is woken.
struct OnWake(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        let job = self.0.lock().unwrap().take();
        job.into_iter().for_each(|job| job());
    }
}

/// Stops the timer's thread when it is dropped there, so that nobody but the consumer sees that a deadline has come.
struct Blocks(mpsc::Receiver<()>);

impl Drop for Blocks {
    fn drop(&mut self) {
        let _ = self.0.recv();
    }
}

fn poll(request: &mut Request<'_, u32, u32>, waker: &Waker) -> bool {
    Pin::new(request)
        .poll(&mut Context::from_waker(waker))
        .is_ready()
}

/// A consumer finds two requests overdue, and tells the first requester. The second one looks in that very moment.
#[test]
fn a_requester_that_looks_while_it_is_about_to_be_told_has_its_event_back() {
    let (release, until) = mpsc::channel();
    let timer = Driver::<Blocks>::memory(1);
    let block = Event::new("S").with_body(Blocks(until));
    let block = block.with_time_to_live(Duration::from_millis(1));
    assert!(Producer::new(&timer).send(block).wait().is_ok());
    sleep(TIMEOUT);

    let library: &Driver<u32, u32> = Box::leak(Box::new(Driver::memory(10)));
    let a: &Producer<u32, u32> = Box::leak(Box::new(Producer::new(library)));
    let mut b = Consumer::new(library);
    let on_wake = Arc::new(OnWake(Mutex::new(None)));
    let mut first = a.request(Event::new("first").with_body(1), TIMEOUT);
    assert!(!poll(&mut first, &Waker::from(on_wake.clone())));
    let mut second = a.request(Event::new("second").with_body(2), TIMEOUT);
    assert!(!poll(&mut second, Waker::noop()));
    sleep(2 * TIMEOUT);

    let (give, given) = mpsc::channel();
    *on_wake.0.lock().unwrap() = Some(Box::new(move || {
        let is_ready = poll(&mut second, Waker::noop());
        assert!(!is_ready, "its answer is on the way");
        give.send(second).unwrap();
    }));
    assert!(b.try_receive().wait().is_err(), "both are overdue");
    let error = given.recv().unwrap().wait().unwrap_err();
    release.send(()).unwrap();
    assert_eq!(error.kind(), &RequestErrorKind::Deadline);
    let event = error.into_event().expect("no consumer ever had it");
    assert_eq!(event.body(), &2);
    assert!(first.wait().unwrap_err().into_event().is_some());
    assert_eq!(
        library.stats().wait().unwrap().given_up,
        2,
        "each is counted once"
    );
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_requester_is_told_though_the_drop_of_its_body_panics() {
    let library = Driver::<Bomb, u32>::memory(10);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    let event = Event::new("S").with_body(Bomb);
    let mut request = a.request(event, Duration::from_secs(60));
    assert!(request.wait_for(Duration::ZERO).is_err());
    assert!(b.receive().wait().unwrap().nack().wait().is_ok());
    library.close().wait().unwrap();
    let error = request.wait().unwrap_err();
    assert_eq!(error.kind(), &RequestErrorKind::Closed);
}
