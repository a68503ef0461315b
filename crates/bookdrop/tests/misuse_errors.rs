//! The errors themselves: what they can be passed to, what they give back, and the one error that all turn into.

mod support;

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::time::Duration;

use bookdrop::{
    Consumer, DeadLetterId, Driver, Error, ErrorKind, Event, Failure, InvalidDeadLetterId,
    InvalidEvent, InvalidGroup, OnFull, Producer, ReceiveError, RequestError, SendBatchError,
    SendError, SettleError, TimedOut, TryReceiveError,
};

use support::{FAR, Living, end_of, library, next, poll, send_all, stats};

/// Can be sent to another thread, but not be shared, nor be printed.
struct Shy(#[expect(dead_code)] Cell<u32>);

fn goes_anywhere<E: StdError + Debug + Send + Sync + 'static>() {}

#[test]
fn every_error_goes_anywhere_whatever_the_body_is() {
    goes_anywhere::<SendError<Shy>>();
    goes_anywhere::<SendBatchError<Shy>>();
    goes_anywhere::<RequestError<Shy>>();
    goes_anywhere::<SettleError<Shy, Shy>>();
    goes_anywhere::<ReceiveError>();
    goes_anywhere::<TryReceiveError>();
    goes_anywhere::<InvalidEvent>();
    goes_anywhere::<InvalidDeadLetterId>();
    goes_anywhere::<InvalidGroup>();
    goes_anywhere::<TimedOut>();
    goes_anywhere::<Error>();

    // So each can be boxed, as `?` does in `main`.
    fn boxed() -> Result<(), Box<dyn StdError + Send + Sync>> {
        let driver = Driver::<Shy, Shy>::memory(1);
        driver.close().wait().unwrap();
        Producer::new(&driver)
            .send(Event::new("S").with_body(Shy(Cell::new(1))))
            .wait()?;
        Ok(())
    }
    let error = boxed().unwrap_err();
    let error = error
        .downcast_ref::<SendError<Shy>>()
        .expect("it is what it was");
    assert_eq!(error.kind(), &bookdrop::SendErrorKind::Closed);
}

#[test]
fn errors_give_the_body_back_and_drop_it_otherwise() {
    let living = Living::default();
    let driver = Driver::<support::Counted>::memory(1);
    let (a, b) = (Producer::new(&driver), Consumer::new(&driver));
    let thing = || Event::new("thing").with_body(living.body());
    a.try_send(thing()).wait().unwrap();

    let error = a.try_send(thing()).wait().unwrap_err();
    let event = error.into_event();
    assert_eq!(living.count(), 2);
    drop(event);
    drop(a.try_send(thing()).wait());
    assert_eq!(living.count(), 1);

    let error = a.request(thing(), Duration::ZERO).wait().unwrap_err();
    assert_eq!(living.count(), 2);
    assert!(error.into_event().is_some());
    assert_eq!(living.count(), 1);
    drop(Error::from(
        a.request(thing(), Duration::ZERO).wait().unwrap_err(),
    ));
    assert_eq!(living.count(), 1);

    driver.close().wait().unwrap();
    let error = a
        .send_batch([thing(), thing(), thing()])
        .wait()
        .unwrap_err();
    assert_eq!(living.count(), 4);
    drop(error.into_rest());
    assert_eq!(living.count(), 1);
    drop(Error::from(
        a.send_batch([thing(), thing()]).wait().unwrap_err(),
    ));
    assert_eq!(living.count(), 1);
    drop(b);
}

/// It says the same: `?` must not take away that an event was not sent, or how many of a batch were.
#[track_caller]
fn turns_into(error: impl Into<Error> + StdError, kind: ErrorKind, is_retryable: bool) -> Error {
    let said = error.to_string();
    let error: Error = error.into();
    assert_eq!((error.kind(), error.is_retryable()), (kind, is_retryable));
    assert!(!said.is_empty());
    assert_eq!(error.to_string(), said);
    assert!(format!("{error:?}").contains(&format!("{kind:?}")));
    error
}

#[test]
fn sends_that_failed_turn_into_the_one_error() {
    let driver: Driver = Driver::builder(1).on_full(OnFull::Reject).build();
    let a = Producer::new(&driver);
    let s = || Event::new("S");
    let error = a.send(Event::new("")).wait().unwrap_err();
    let error = turns_into(error, ErrorKind::Invalid, false);
    let why = InvalidEvent::NameEmpty.to_string();
    assert!(error.to_string().ends_with(&why), "{error}");
    assert!(error.source().is_none(), "it says all that is wrong");
    a.send(s()).wait().unwrap();
    let full = turns_into(a.send(s()).wait().unwrap_err(), ErrorKind::Full, true);
    assert!(full.source().is_none());
    turns_into(a.try_send(s()).wait().unwrap_err(), ErrorKind::Full, true);
    turns_into(
        a.send_batch([s()]).wait().unwrap_err(),
        ErrorKind::Full,
        true,
    );
    driver.close().wait().unwrap();
    turns_into(a.send(s()).wait().unwrap_err(), ErrorKind::Closed, false);
    turns_into(
        a.send_batch([s()]).wait().unwrap_err(),
        ErrorKind::Closed,
        false,
    );
}

#[test]
fn requests_that_failed_turn_into_the_one_error() {
    let driver: Driver = Driver::builder(1).on_full(OnFull::Reject).build();
    let a = Producer::new(&driver);
    let s = || Event::new("S");
    let none = a.request(s(), FAR).wait().unwrap_err();
    turns_into(none, ErrorKind::NoConsumer, true);
    let mut b = Consumer::new(&driver);
    let late = a.request(s(), Duration::from_millis(1)).wait().unwrap_err();
    turns_into(late, ErrorKind::Deadline, true);
    let invalid = a.request(s().with_key(""), FAR).wait().unwrap_err();
    let error = turns_into(invalid, ErrorKind::Invalid, false);
    let said = InvalidEvent::KeyEmpty.to_string();
    assert!(error.to_string().ends_with(&said), "{error}");
    assert!(error.source().is_none(), "it says all that is wrong");

    let mut request = a.request(s(), FAR);
    assert!(poll(&mut request).is_pending());
    turns_into(
        a.request(s(), FAR).wait().unwrap_err(),
        ErrorKind::Full,
        true,
    );
    next(&mut b)
        .fail(Failure::new("page 7 is torn"))
        .wait()
        .unwrap();
    let error = turns_into(request.wait().unwrap_err(), ErrorKind::Failed, false);
    assert!(error.to_string().contains("page 7 is torn"));
    driver.close().wait().unwrap();
    turns_into(
        a.request(s(), FAR).wait().unwrap_err(),
        ErrorKind::Closed,
        false,
    );
}

#[test]
fn the_others_turn_into_the_one_error() {
    let (driver, a, mut b) = library(1);
    turns_into(b.try_receive().wait().unwrap_err(), ErrorKind::Empty, true);
    let limit = b.receive().wait_for(Duration::ZERO).unwrap_err();
    turns_into(limit, ErrorKind::TimedOut, true);
    let group = Consumer::in_group(&driver, "").unwrap_err();
    let error = turns_into(group, ErrorKind::Invalid, false);
    assert_eq!(error.to_string(), InvalidGroup::Empty.to_string());
    assert!(error.source().is_none(), "it says all that is wrong");

    for text in ["", "-1", "+7", "07", "7 ", "page 7", "18446744073709551616"] {
        let id = text.parse::<DeadLetterId>().unwrap_err();
        let error = turns_into(id, ErrorKind::Invalid, false);
        assert_eq!(error.to_string(), InvalidDeadLetterId.to_string());
    }

    send_all(&a, &["S"]);
    let settle = next(&mut b).reply("to nobody".into()).wait().unwrap_err();
    turns_into(settle, ErrorKind::Settle, false);
    assert_eq!(
        stats(&driver).returned,
        1,
        "the delivery was let go of, and came back"
    );
    next(&mut b).ack().wait().unwrap();
    driver.close().wait().unwrap();
    turns_into(end_of(&mut b), ErrorKind::Closed, false);
    turns_into(
        b.try_receive().wait().unwrap_err(),
        ErrorKind::Closed,
        false,
    );
    assert_eq!(
        TryReceiveError::from(ReceiveError::Closed),
        TryReceiveError::Closed
    );
}

#[test]
fn any_error_turns_into_a_failure() {
    #[derive(Debug)]
    struct Torn(std::num::ParseIntError);
    impl std::fmt::Display for Torn {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("page 7 is torn")
        }
    }
    impl StdError for Torn {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
    let cause = "seven".parse::<u8>().unwrap_err();
    let failure = Failure::from(Torn(cause.clone()));
    assert!(failure.message().contains("page 7 is torn"));
    assert!(
        failure.message().contains(&cause.to_string()),
        "with what was behind it"
    );
    assert_eq!((failure.code(), failure.details()), (None, None));
    assert_eq!(failure.to_string(), failure.message());

    // Also a failure of ours, by `?` in the work.
    let (_driver, a, mut b) = library(1);
    let mut request = a.request(Event::new("S"), FAR);
    assert!(poll(&mut request).is_pending());
    let work = next(&mut b).reply_with(async |_| {
        let library: Driver = Driver::memory(1);
        library.close().wait().unwrap();
        Producer::new(&library).send(Event::new("S")).await?;
        Ok("not reached".into())
    });
    assert_eq!(work.wait().unwrap(), bookdrop::Answer::Sent);
    assert!(request.wait().unwrap_err().to_string().contains("closed"));
}

#[test]
fn everything_can_be_printed_without_asking_it_of_the_body() {
    let driver = Driver::<Shy, Shy>::memory(1);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let shy = || {
        Event::new("shy")
            .with_header("title", "hello")
            .with_body(Shy(Cell::new(1)))
    };
    assert!(format!("{:?}", shy()).contains("hello"));
    a.send(shy()).wait().unwrap();
    let text = format!("{:?} {:?} {:?} {:?}", driver, a, b, a.send(shy()));
    assert!(text.contains("capacity: 1"), "{text}");
    let delivery = next(&mut b);
    assert!(format!("{delivery:?}").contains("shy"));
    let error = delivery.reply(Shy(Cell::new(2))).wait().unwrap_err();
    assert!(format!("{error:?} {error}").contains("NotARequest"));
    let future = format!("{:?} {:?}", a.request(shy(), FAR), b.receive_batch(3));
    assert!(
        future.contains("Request") && future.contains("3"),
        "{future}"
    );
    drop(error);
    let _ = format!("{:?}", driver.dead_letters());
}
