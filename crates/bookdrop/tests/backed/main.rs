//! Drivers over a backend: what happens to events on their way to bytes and back, and what is said when a backend fails.

mod errors;
mod flaky;
mod page;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bookdrop::{
    Answer, Codec, Consumer, DeadReason, Driver, ErrorKind, Event, Failure, Producer,
    RequestErrorKind, SendErrorKind, SettleErrorKind, TryReceiveError,
};
use bookdrop_queue::{Limits, OnFull};
use bookdrop_records::Records;

use page::{MISSING, PANICS, Page, UNWRITABLE};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn records(capacity: usize) -> Records {
    let limits = Limits {
        capacity,
        ..Limits::default()
    };
    Records::in_memory(limits, OnFull::Wait)
}

fn library() -> (
    Driver<Page, Page>,
    Producer<Page, Page>,
    Consumer<Page, Page>,
) {
    let driver = Driver::new(records(10));
    let (a, b) = (Producer::new(&driver), Consumer::new(&driver));
    (driver, a, b)
}

fn page(number: u32) -> Event<Page> {
    Event::new("page").with_body(Page(number))
}

#[test]
fn an_event_is_on_the_other_side_what_it_was_on_this_one() {
    for codec in [Codec::Json, Codec::MessagePack] {
        let driver: Driver<Page> = Driver::with_codec(records(10), codec);
        let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
        let event = page(7)
            .with_header("b", "1")
            .with_header("a", "2")
            .with_value("y", 0.5)
            .with_value("x", vec![1, 2])
            .with_key("k")
            .with_priority(3)
            .with_delay(Duration::from_millis(1))
            .with_time_to_live(LONG);
        let id = event.id().to_owned();
        a.send(event).wait().unwrap();

        let event = b.receive().wait().unwrap().into_event().wait().unwrap();
        assert_eq!((event.name(), event.body()), ("page", &Page(7)));
        assert!(event.headers().eq([("b", "1"), ("a", "2")]));
        let values = event
            .values()
            .map(|(name, value)| (name, value.to_string()));
        let expected = [("y", "0.5"), ("x", "[1,2]")];
        assert!(values.eq(expected.map(|(name, value)| (name, value.to_owned()))));
        assert_eq!((event.key(), event.priority()), (Some("k"), 3));
        assert_eq!(event.delay(), Some(Duration::from_millis(1)));
        assert_eq!(event.time_to_live(), Some(LONG));
        assert_eq!((event.id(), event.clone().id()), (&*id, &*id));
    }
}

#[test]
fn an_id_that_was_made_stays_and_is_not_taken_for_one_that_was_given() {
    let (_driver, a, mut b) = library();
    a.send(page(1)).wait().unwrap();
    let first = b.receive().wait().unwrap();
    let id = first.id().to_owned();
    first.nack().wait().unwrap();
    let second = b.receive().wait().unwrap();
    assert_eq!((second.id(), second.attempt()), (&*id, 2));

    let event = second.into_event().wait().unwrap();
    a.send(event).wait().unwrap();
    let again = b.receive().wait().unwrap();
    assert_eq!(again.id(), id, "it is sent again, and no duplicate");
    again.ack().wait().unwrap();

    // What it left behind is used for the next one, which has an id of its own.
    let event = page(2);
    assert_ne!(event.id(), id);
}

#[test]
fn an_event_that_cannot_be_read_holds_nobody_up_and_is_not_lost() {
    for auto_ack in [false, true] {
        let (driver, a, mut b) = library();
        if auto_ack {
            b = b.auto_ack();
        }
        let broken = page(MISSING)
            .with_header("title", "hello")
            .with_value("pages", 120);
        let id = broken.id().to_owned();
        a.send_batch([broken, page(1)]).wait().unwrap();
        let intact = b.receive().wait().unwrap();
        assert_eq!(intact.body(), &Page(1));
        intact.ack().wait().unwrap();
        assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);

        let letters = driver.dead_letters();
        let letter = letters.list().wait().unwrap().remove(0);
        assert_eq!((&*letter.name, &*letter.event_id), ("page", &*id));
        assert_eq!(letter.headers, [("title".into(), "hello".into())]);
        assert_eq!(letter.values, [("pages".into(), 120.into())]);
        let DeadReason::Undecodable(why) = &letter.reason else {
            panic!("{:?}", letter.reason);
        };
        assert!(why.contains("page 404 is missing"), "{why}");

        let error = letters.take(letter.id).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("stays"), "{error}");
        assert!(letters.replay(letter.id).wait().unwrap());
        assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
        assert_eq!(letters.discard_all().wait().unwrap(), 1);
        assert_eq!(driver.stats().wait().unwrap().in_hand, 0);
    }
}

#[test]
fn a_dead_letter_that_can_be_read_is_taken_out() {
    let (driver, a, mut b) = library();
    a.send(page(1)).wait().unwrap();
    b.receive().wait().unwrap().reject("torn").wait().unwrap();
    let letters = driver.dead_letters();
    let letter = letters.list().wait().unwrap().remove(0);
    assert_eq!(letter.reason, DeadReason::Rejected("torn".into()));
    let event = letters.take(letter.id).wait().unwrap().unwrap();
    assert_eq!(event.body(), &Page(1));
    assert!(letters.take(letter.id).wait().unwrap().is_none());
}

#[test]
fn a_request_or_an_answer_that_cannot_be_read_fails_at_the_requester() {
    let (_driver, a, mut b) = library();
    let code = |kind: &RequestErrorKind| match kind {
        RequestErrorKind::Failed(failure) => failure.code().map(str::to_owned),
        other => panic!("{other}"),
    };
    let mut request = a.request(page(MISSING), LONG);
    assert!(request.wait_for(Duration::ZERO).is_err());
    assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
    let error = request.wait().unwrap_err();
    assert_eq!(code(error.kind()).as_deref(), Some("bookdrop.undecodable"));

    let mut request = a.request(page(1), LONG);
    assert!(request.wait_for(Duration::ZERO).is_err());
    let book = b.receive().wait().unwrap();
    assert_eq!(book.reply(Page(MISSING)).wait().unwrap(), Answer::Sent);
    let error = request.wait().unwrap_err();
    assert_eq!(code(error.kind()).as_deref(), Some("bookdrop.undecodable"));
}

#[test]
fn what_cannot_be_written_down_is_given_back() {
    let (driver, a, mut b) = library();
    let error = a.send(page(UNWRITABLE)).wait().unwrap_err();
    assert!(matches!(error.kind(), SendErrorKind::Unencodable(why) if why.contains("400")));
    assert_eq!(error.into_event().body(), &Page(UNWRITABLE));
    assert!(a.try_send(page(UNWRITABLE)).wait().is_err());

    let error = a
        .send_batch([page(1), page(UNWRITABLE), page(2)])
        .wait()
        .unwrap_err();
    assert_eq!(error.sent(), 1);
    assert!(matches!(error.kind(), SendErrorKind::Unencodable(_)));
    let rest = error.into_rest();
    assert_eq!(
        [rest[0].body(), rest[1].body()],
        [&Page(UNWRITABLE), &Page(2)]
    );
    assert_eq!(driver.purge().wait().unwrap(), 1);

    let error = a.request(page(UNWRITABLE), LONG).wait().unwrap_err();
    assert!(matches!(error.kind(), RequestErrorKind::Unencodable(_)));
    assert!(error.into_event().is_some());

    let mut request = a.request(page(1), LONG);
    assert!(request.wait_for(Duration::ZERO).is_err());
    let error = b
        .receive()
        .wait()
        .unwrap()
        .reply(Page(UNWRITABLE))
        .wait()
        .unwrap_err();
    assert!(matches!(error.kind(), SettleErrorKind::Unencodable(_)));
    let (_, reply) = error.into_delivery().into_parts().wait().unwrap();
    let error = reply.send(Page(UNWRITABLE)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = request.wait().unwrap_err();
    let unanswered = |failure: &Failure| failure.code() == Some("bookdrop.unanswered");
    assert!(matches!(error.kind(), RequestErrorKind::Failed(failure) if unanswered(failure)));
}

#[test]
fn a_panic_while_an_event_is_read_brings_back_what_was_fetched() {
    let (driver, a, mut b) = library();
    a.send_batch([page(1), page(PANICS), page(2)])
        .wait()
        .unwrap();
    let received = catch_unwind(AssertUnwindSafe(|| b.receive_batch(3).wait().map(drop)));
    assert!(received.is_err());
    let stats = driver.stats().wait().unwrap();
    assert_eq!((stats.in_hand, stats.queued), (0, 3));
}

#[test]
fn sends_that_are_given_up_say_what_was_sent() {
    let driver: Driver<Page> = Driver::new(records(2));
    let a = Producer::new(&driver);
    let mut batch = a.send_batch([page(1), page(2), page(3), page(4)]);
    assert!(
        batch.wait_for(Duration::ZERO).is_err(),
        "there is room for two"
    );
    let rest = batch.into_rest();
    assert_eq!([rest[0].body(), rest[1].body()], [&Page(3), &Page(4)]);

    let mut send = a.send(page(3));
    assert!(send.wait_for(Duration::ZERO).is_err());
    assert_eq!(send.into_event().unwrap().body(), &Page(3));
    let mut send = a.send(page(3));
    assert!(send.wait_for(Duration::ZERO).is_err());
    driver.purge().wait().unwrap();
    assert!(send.into_event().is_none(), "it was let in meanwhile");
    assert_eq!(driver.stats().wait().unwrap().queued, 1);
}

#[test]
fn what_a_drain_leaves_stays_at_the_backend() {
    let (driver, a, mut b) = library();
    a.send_batch([page(1), page(2)]).wait().unwrap();
    let in_hand = b.receive().wait().unwrap();
    let report = driver.drain(Duration::ZERO).wait().unwrap();
    assert_eq!((report.left.len(), report.unfinished), (0, 1));
    in_hand.ack().wait().unwrap();
    assert_eq!(driver.stats().wait().unwrap().queued, 1);
    assert!(!driver.capabilities().moves_events);
}
