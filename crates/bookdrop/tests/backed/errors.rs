//! What is said when a backend fails, and what is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bookdrop::{
    BackendErrorKind, Consumer, Driver, Error, ErrorKind, Producer, ReceiveError, RequestErrorKind,
    SendErrorKind, SettleErrorKind, TryReceiveError,
};
use futures_lite::StreamExt;
use futures_lite::future::block_on;

use super::flaky::{Flaky, error};
use super::page::Page;
use super::{LONG, page, records};

fn flaky() -> (Driver<Page, Page>, Arc<AtomicBool>) {
    let (flaky, fails) = Flaky::new(records(10));
    (Driver::new(flaky), fails)
}

fn set(fails: &AtomicBool, to: bool) {
    fails.store(to, Ordering::SeqCst);
}

#[test]
fn a_send_that_fails_gives_the_event_back() {
    let (driver, fails) = flaky();
    let a = Producer::new(&driver);
    set(&fails, true);
    let failed = a.send(page(1)).wait().unwrap_err();
    assert_eq!(failed.kind(), &SendErrorKind::Backend(error()));
    assert_eq!(failed.into_event().body(), &Page(1));
    let failed = a.try_send(page(1)).wait().unwrap_err();
    assert_eq!(failed.kind(), &SendErrorKind::Backend(error()));
    let failed = a.send_batch([page(1), page(2)]).wait().unwrap_err();
    assert_eq!((failed.sent(), failed.into_rest().len()), (0, 2));
    let failed = a.request(page(1), LONG).wait().unwrap_err();
    assert_eq!(failed.kind(), &RequestErrorKind::Backend(error()));
    assert!(failed.into_event().is_some());

    let failed = Error::from(a.send(page(1)).wait().unwrap_err());
    assert_eq!(failed.kind(), ErrorKind::Backend);
    assert_eq!(failed.backend(), Some(&error()));
    assert!(failed.is_retryable(), "there may be room later");
}

#[test]
fn without_an_outbox_an_event_for_a_transaction_is_given_back() {
    let memory: Driver<Page, Page> = Driver::memory(10);
    for driver in [memory, Driver::new(records(10))] {
        assert!(!driver.capabilities().outbox);
        let refused = Producer::new(&driver).outgoing(page(1)).unwrap_err();
        assert!(
            matches!(refused.kind(), SendErrorKind::Backend(why) if why.kind() == BackendErrorKind::Unsupported),
            "{refused}"
        );
        assert!(refused.to_string().contains("PostgreSQL"), "{refused}");
        assert_eq!(refused.into_event().body(), &Page(1));
    }
}

#[test]
fn a_settlement_that_fails_gives_the_delivery_back() {
    let (driver, fails) = flaky();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.send(page(1)).wait().unwrap();
    let mut book = b.receive().wait().unwrap();
    set(&fails, true);
    assert_eq!(book.extend().wait().unwrap_err().kind(), ErrorKind::Backend);
    let failed = book.ack().wait().unwrap_err();
    assert_eq!(failed.kind(), &SettleErrorKind::Backend(error()));
    let failed = failed.into_delivery().nack().wait().unwrap_err();
    let failed = failed.into_delivery().into_event().wait().unwrap_err();
    set(&fails, false);
    failed.into_delivery().ack().wait().unwrap();
    let stats = driver.stats().wait().unwrap();
    assert_eq!((stats.acked, stats.in_hand), (1, 0));
}

#[test]
fn a_settlement_that_was_done_after_all_is_told_so() {
    let driver: Driver<Page> = Driver::new(Flaky::forgetful(records(10)));
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.send(page(1)).wait().unwrap();
    let unknown = b.receive().wait().unwrap().ack().wait().unwrap_err();
    let said = unknown.to_string();
    assert!(said.starts_with("it is not known whether"), "{said}");
    let again = unknown.into_delivery().ack().wait().unwrap_err();
    assert_eq!(again.kind(), &SettleErrorKind::AlreadySettled);
    let said = again.to_string();
    assert!(said.contains("settled before"), "{said}");
    assert!(!said.contains("lease"), "there is none: {said}");
    drop(again);
    let stats = driver.stats().wait().unwrap();
    assert_eq!((stats.acked, stats.queued, stats.in_hand), (1, 0, 0));
}

#[test]
fn an_answer_that_fails_can_be_given_again() {
    let (driver, fails) = flaky();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut request = a.request(page(1), LONG);
    assert!(request.wait_for(Duration::ZERO).is_err());
    let book = b.receive().wait().unwrap();
    set(&fails, true);
    let failed = book.into_parts().wait().unwrap_err();
    let failed = failed.into_delivery().reply(Page(2)).wait().unwrap_err();
    set(&fails, false);
    failed.into_delivery().reply(Page(2)).wait().unwrap();
    assert_eq!(request.wait().unwrap(), Page(2));
}

#[test]
fn receives_tell_why_nothing_comes_any_more() {
    let (driver, fails) = flaky();
    let mut b = Consumer::new(&driver);
    set(&fails, true);
    // One that was never taken in.
    let mut late = Consumer::new(&driver);
    for consumer in [&mut b, &mut late] {
        let broken = ReceiveError::Backend(error());
        assert_eq!(consumer.receive().wait().unwrap_err(), broken);
        assert_eq!(consumer.receive_batch(2).wait().unwrap_err(), broken);
        let broken = TryReceiveError::Backend(error());
        assert_eq!(consumer.try_receive().wait().unwrap_err(), broken);
        let told = block_on(consumer.next()).unwrap().unwrap_err();
        assert_eq!(told, ReceiveError::Backend(error()));
        assert!(block_on(consumer.next()).is_none(), "it is told once");
    }
}

#[test]
fn no_error_of_the_driver_itself_is_hidden() {
    let (driver, fails) = flaky();
    set(&fails, true);
    let kinds = [
        driver.stats().wait().map(drop),
        driver.group_stats("default").wait().map(drop),
        driver.groups().wait().map(drop),
        driver.remove_group("default").wait().map(drop),
        driver.purge().wait().map(drop),
        driver.dead_letters().list().wait().map(drop),
        driver.dead_letters().replay_all().wait().map(drop),
        driver.dead_letters().discard_all().wait().map(drop),
        driver.close().wait(),
        driver.drain(LONG).wait().map(drop),
    ];
    for failed in kinds {
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Backend);
    }
}
