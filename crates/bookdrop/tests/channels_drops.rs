//! Every body is dropped exactly once, wherever its way ends.

mod support;

use std::thread;
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, OnFull, Producer};

use support::{Counted, FAR, Living, bounded, next, poll, scaled, stats};

type Things = Driver<Counted, Counted>;

fn thing(living: &Living) -> Event<Counted> {
    Event::new("thing").with_body(living.body())
}

fn things(
    capacity: usize,
) -> (
    Things,
    Producer<Counted, Counted>,
    Consumer<Counted, Counted>,
) {
    let driver = Things::memory(capacity);
    let (a, b) = (Producer::new(&driver), Consumer::new(&driver));
    (driver, a, b)
}

#[test]
fn what_nobody_received_goes_with_the_queue() {
    let living = Living::default();
    for received in [0, 1, 17, 100] {
        let (driver, a, mut b) = things(100);
        for _ in 0..100 {
            a.try_send(thing(&living)).wait().unwrap();
        }
        for left in (100 - received..100).rev() {
            next(&mut b).ack().wait().unwrap();
            assert_eq!(living.count(), left);
        }
        // The last handle takes the queue with it, whichever that is.
        drop((driver, a));
        assert_eq!(living.count(), 100 - received);
        drop(b);
        assert_eq!(living.count(), 0);
    }
}

#[test]
fn random_numbers_in_and_out_on_two_threads() {
    bounded(|| {
        let living = Living::default();
        for run in 0..scaled(100, 2_000) {
            let (steps, additional) = (run * 97 % 500, run * 31 % 50);
            let (driver, a, mut b) = things(50);
            thread::scope(|scope| {
                let a = &a;
                let living = &living;
                scope.spawn(move || {
                    for _ in 0..steps {
                        a.send(thing(living)).wait().unwrap();
                    }
                });
                for _ in 0..steps {
                    b.receive().wait().unwrap().ack().wait().unwrap();
                }
            });
            for _ in 0..additional {
                a.try_send(thing(&living)).wait().unwrap();
            }
            assert_eq!(living.count(), additional);
            drop((driver, a, b));
            assert_eq!(living.count(), 0);
        }
    });
}

#[test]
fn a_delivery_keeps_the_queue_alive() {
    let living = Living::default();
    let (driver, a, mut b) = things(10);
    a.try_send(thing(&living)).wait().unwrap();
    a.try_send(thing(&living)).wait().unwrap();
    let delivery = next(&mut b);
    drop((driver, a, b));
    assert_eq!(living.count(), 2);
    delivery.ack().wait().unwrap();
    assert_eq!(living.count(), 0);
}

#[test]
fn a_body_that_was_taken_is_its_owners() {
    let living = Living::default();
    let (_driver, a, mut b) = things(10);
    a.try_send(thing(&living)).wait().unwrap();
    let body = next(&mut b).into_event().wait().unwrap().into_body();
    assert_eq!(living.count(), 1);
    drop(body);
    assert_eq!(living.count(), 0);
}

#[test]
fn sends_that_were_not_let_in() {
    let living = Living::default();
    let (driver, a, _b) = things(1);
    a.try_send(thing(&living)).wait().unwrap();
    drop(a.send(thing(&living)));
    let mut send = a.send(thing(&living));
    assert!(poll(&mut send).is_pending());
    assert_eq!(living.count(), 2);
    drop(send);
    assert_eq!(living.count(), 1);

    let error = a.try_send(thing(&living)).wait().unwrap_err();
    assert_eq!(living.count(), 2);
    drop(bookdrop::Error::from(error));
    assert_eq!(living.count(), 1);

    let mut waiting = a.send(thing(&living));
    let mut forgotten = a.send(thing(&living));
    assert!(poll(&mut waiting).is_pending() && poll(&mut forgotten).is_pending());
    driver.close().wait().unwrap();
    assert_eq!(living.count(), 3);
    drop(waiting.wait().unwrap_err().into_event());
    drop(forgotten);
    assert_eq!(living.count(), 1);
}

#[test]
fn batches_that_were_not_let_in() {
    let living = Living::default();
    let (_driver, a, _b) = things(2);
    let mut send = a.send_batch((0..5).map(|_| thing(&living)));
    assert!(poll(&mut send).is_pending());
    assert_eq!(living.count(), 5);
    drop(send);
    assert_eq!(living.count(), 2);
}

#[test]
fn each_way_to_settle() {
    let living = Living::default();
    let (driver, a, mut b) = things(10);
    // Nack and a drop bring it back; reject keeps it.
    a.try_send(thing(&living)).wait().unwrap();
    next(&mut b).nack().wait().unwrap();
    let returned = next(&mut b);
    assert_eq!((returned.attempt(), living.count()), (2, 1));
    returned.retry_after(Duration::ZERO).wait().unwrap();
    drop(next(&mut b).retry_after(Duration::ZERO));
    assert_eq!(living.count(), 1);
    b.receive()
        .wait()
        .unwrap()
        .reject("why not")
        .wait()
        .unwrap();
    assert_eq!((stats(&driver).dead, living.count()), (1, 1));
    assert_eq!(driver.dead_letters().discard_all().wait().unwrap(), 1);
    assert_eq!(living.count(), 0);
}

#[test]
fn dead_letters_beyond_the_bound() {
    let living = Living::default();
    let driver: Things = Driver::builder(10).max_dead(2).build();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    for dead in [1, 2, 2, 2] {
        a.try_send(thing(&living)).wait().unwrap();
        next(&mut b).reject("torn").wait().unwrap();
        assert_eq!(living.count(), dead);
    }
    let taken = driver.dead_letters().list().wait().unwrap()[0].id;
    drop(driver.dead_letters().take(taken).wait().unwrap());
    assert_eq!(living.count(), 1);
    drop((driver, a, b));
    assert_eq!(living.count(), 0);
}

#[test]
fn purged_displaced_expired_and_duplicate_ones() {
    let living = Living::default();
    let driver: Things = Driver::builder(3).on_full(OnFull::DropOldest).build();
    let a = Producer::new(&driver);
    for alive in [1, 2, 3, 3, 3] {
        a.send(thing(&living)).wait().unwrap();
        assert_eq!(living.count(), alive);
    }
    assert_eq!(driver.purge().wait().unwrap(), 3);
    assert_eq!(living.count(), 0);

    a.send(thing(&living).with_id("1")).wait().unwrap();
    a.send(thing(&living).with_id("1")).wait().unwrap();
    assert_eq!(living.count(), 1);
    assert_eq!(driver.purge().wait().unwrap(), 1);

    a.send(thing(&living).with_time_to_live(Duration::from_millis(1)))
        .wait()
        .unwrap();
    support::eventually("it expired", || living.count() == 0);
    assert_eq!(stats(&driver).expired, 1);
}

#[test]
fn copies_for_groups() {
    let living = Living::default();
    let (driver, a, mut b) = things(10);
    let mut audit = Consumer::in_group(&driver, "audit").unwrap();
    let log = Consumer::in_group(&driver, "log").unwrap();
    for _ in 0..4 {
        a.send(thing(&living)).wait().unwrap();
    }
    assert_eq!(living.count(), 12);
    next(&mut b).ack().wait().unwrap();
    next(&mut audit).ack().wait().unwrap();
    assert_eq!(living.count(), 10);
    drop(log);
    assert!(driver.remove_group("log").wait().unwrap());
    assert_eq!(living.count(), 6);
    let in_hand = next(&mut audit);
    assert!(driver.remove_group("audit").wait().unwrap());
    assert_eq!(living.count(), 4, "what is in hand is its owner's");
    in_hand.nack().wait().unwrap();
    assert_eq!(living.count(), 3);
    // Copies of an event that waits for the fullest group go with it.
    let driver: Things = Driver::memory(1);
    let (a, _b) = (Producer::new(&driver), Consumer::new(&driver));
    let _audit = Consumer::in_group(&driver, "audit").unwrap();
    a.send(thing(&living)).wait().unwrap();
    let mut send = a.send(thing(&living));
    assert!(poll(&mut send).is_pending());
    assert_eq!(living.count(), 7);
    drop(send);
    assert_eq!(living.count(), 5);
}

#[test]
fn requests_and_their_replies() {
    let living = Living::default();
    let (driver, a, mut b) = things(1);
    // Answered.
    let mut request = a.request(thing(&living), FAR);
    assert!(poll(&mut request).is_pending());
    next(&mut b).reply(living.body()).wait().unwrap();
    assert_eq!(
        living.count(),
        1,
        "the event is done with, the reply is on its way"
    );
    drop(request.wait().unwrap());
    assert_eq!(living.count(), 0);
    // Answered, and never looked at.
    let mut request = a.request(thing(&living), FAR);
    assert!(poll(&mut request).is_pending());
    next(&mut b).reply(living.body()).wait().unwrap();
    drop(request);
    assert_eq!(living.count(), 0);
    // Given up: queued, in line, in hand.
    let mut queued = a.request(thing(&living), FAR);
    let mut in_line = a.request(thing(&living), FAR);
    assert!(poll(&mut queued).is_pending() && poll(&mut in_line).is_pending());
    drop(in_line);
    drop(queued);
    assert_eq!(living.count(), 0);
    let mut request = a.request(thing(&living), FAR);
    assert!(poll(&mut request).is_pending());
    let delivery = next(&mut b);
    drop(request);
    assert_eq!(living.count(), 1);
    delivery.reply(living.body()).wait().unwrap();
    assert_eq!(living.count(), 0);
    // The event with its owner, the reply owed.
    let mut request = a.request(thing(&living), FAR);
    assert!(poll(&mut request).is_pending());
    let (event, reply) = next(&mut b).into_parts().wait().unwrap();
    drop(reply.send(living.body()));
    assert_eq!(
        living.count(),
        1,
        "a reply that is dropped before its first poll is no reply"
    );
    assert!(request.wait().is_err());
    drop(event);
    assert_eq!((living.count(), stats(&driver).queued), (0, 0));
}

#[test]
fn a_queue_takes_along_all_that_stands_in_it() {
    let living = Living::default();
    for _ in 0..100 {
        let (driver, a, mut b) = things(10);
        let audit = Consumer::in_group(&driver, "audit").unwrap();
        a.send(thing(&living)).wait().unwrap();
        next(&mut b).reject("torn").wait().unwrap();
        a.send(thing(&living).with_delay(FAR)).wait().unwrap();
        for _ in 0..2 {
            a.send(thing(&living).with_key("k").with_time_to_live(FAR))
                .wait()
                .unwrap();
        }
        let lead = next(&mut b);
        assert!(
            b.try_receive().wait().is_err(),
            "the other one waits for its key"
        );
        lead.retry_after(FAR).wait().unwrap();
        let mut request = a.request(thing(&living), FAR);
        assert!(poll(&mut request).is_pending());
        let in_hand = next(&mut b);
        assert_eq!(living.count(), 9);
        drop((request, audit, driver, b));
        drop(in_hand);
        assert_eq!(living.count(), 8, "the producer keeps the queue");
        drop(a);
        assert_eq!(living.count(), 0);
    }
}

#[test]
fn a_drain_gives_back_all_there_is() {
    let living = Living::default();
    let (driver, a, mut b) = things(10);
    for _ in 0..5 {
        a.send(thing(&living)).wait().unwrap();
    }
    a.send(thing(&living).with_delay(FAR)).wait().unwrap();
    next(&mut b).ack().wait().unwrap();
    let report = driver.drain(FAR).wait().unwrap();
    assert_eq!((report.left.len(), living.count()), (5, 5));
    drop(report);
    assert_eq!(living.count(), 0);
}

#[test]
fn one_body_that_panics_takes_no_other_with_it() {
    struct Fragile(Option<Counted>, bool);
    impl Drop for Fragile {
        fn drop(&mut self) {
            drop(self.0.take());
            if self.1 {
                panic!("dropped, but not quietly");
            }
        }
    }
    let living = Living::default();
    let driver = Driver::<Fragile>::memory(10);
    let a = Producer::new(&driver);
    for n in 0..10 {
        a.send(Event::new("S").with_body(Fragile(Some(living.body()), n == 5)))
            .wait()
            .unwrap();
    }
    assert_eq!(
        driver.purge().wait().unwrap(),
        10,
        "the panic ends with the body"
    );
    assert_eq!(living.count(), 0);
    // And the driver goes on.
    a.send(Event::new("S").with_body(Fragile(Some(living.body()), false)))
        .wait()
        .unwrap();
    let mut b = Consumer::new(&driver);
    next(&mut b).ack().wait().unwrap();
    let now = stats(&driver);
    assert_eq!((now.queued, now.purged, living.count()), (0, 10, 0));
}
