//! Several drivers share one queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bookdrop::{
    Answer, BackendErrorKind, Consumer, Event, Producer, SendErrorKind, SettleErrorKind,
    TryReceiveError,
};

use super::{Library, NEVER, PATIENCE, open, wait_until};
use crate::engine;

fn two(queue: &str, options: &str) -> [Library; 2] {
    let url = engine::shared().url();
    [open(&url, queue, options), open(&url, queue, options)]
}

fn book(name: &str) -> Event<String> {
    Event::new(name.to_owned()).with_body(String::new())
}

/// One driver asks, and a consumer of the other one replies.
pub(crate) fn asks(library: &Library, elsewhere: &Library) {
    let mut consumer = Consumer::new(elsewhere);
    let _ = consumer.try_receive().wait();
    let working = thread::spawn(move || {
        let delivery = consumer.receive().wait().unwrap();
        delivery.reply("fine".to_owned()).wait().unwrap()
    });
    let reply = Producer::new(library).request(book("S"), PATIENCE).wait();
    assert_eq!(reply.unwrap(), "fine");
    assert_eq!(working.join().unwrap(), Answer::Sent);
}

#[test]
fn the_capacity_counts_what_all_drivers_sent() {
    if engine::is_left_out() {
        return;
    }
    let drivers = two("capacity", "capacity=10");
    thread::scope(|scope| {
        for driver in &drivers {
            scope.spawn(|| {
                let producer = Producer::new(driver);
                while producer.try_send(book("S")).wait().is_ok() {}
            });
        }
    });
    for driver in &drivers {
        assert_eq!(driver.stats().wait().unwrap().queued, 10);
        let refused = Producer::new(driver).try_send(book("T")).wait();
        assert_eq!(refused.unwrap_err().kind(), &SendErrorKind::Full);
    }
}

#[test]
fn nothing_is_lost_or_miscounted_when_groups_come_and_go_while_others_send() {
    if engine::is_left_out() {
        return;
    }
    let [sending, joining] = two("joins", "lease=20s");
    let stops = AtomicBool::new(false);
    let (sent, first) = thread::scope(|scope| {
        let senders = [(); 2].map(|()| {
            scope.spawn(|| {
                let producer = Producer::new(&sending);
                let mut sent = 0;
                while !stops.load(Ordering::SeqCst) {
                    producer.send(book("S")).wait().unwrap();
                    sent += 1;
                }
                sent
            })
        });
        let join = |group: &str| {
            let mut consumer = Consumer::in_group(&joining, group).unwrap();
            let _ = consumer.try_receive().wait();
            consumer
        };
        let first = join("first");
        for number in 0..20 {
            let group = format!("group {number}");
            drop(join(&group));
            if number % 2 == 0 {
                assert!(joining.remove_group(&group).wait().unwrap());
            }
        }
        stops.store(true, Ordering::SeqCst);
        let sent = senders.map(|sender| sender.join().unwrap());
        (sent.iter().sum::<usize>(), first)
    });
    // What was looked at when it came is queued again.
    drop(first);
    let mut first = Consumer::in_group(&joining, "first").unwrap();
    let mut received = 0;
    while received < sent {
        let batch = first.receive_batch(512).wait_for(PATIENCE);
        let batch = batch.expect("nothing is lost").unwrap();
        received += batch.into_iter().map(|it| it.ack().wait().unwrap()).count();
    }
    assert_eq!(received, sent);
    joining.purge().wait().unwrap();
    for group in joining.groups().wait().unwrap() {
        let stats = joining.group_stats(&group).wait().unwrap();
        assert_eq!(stats.map(|stats| stats.queued), Some(0), "{group}");
    }
}

#[test]
fn a_key_goes_on_where_its_requests_stay_behind() {
    if engine::is_left_out() {
        return;
    }
    for is_request_first in [true, false] {
        let [one, other] = two(&format!("parted_{is_request_first}"), "lease=20s");
        let (producer, keyed) = (Producer::new(&one), || book("S").with_key("shelf"));
        let queued = |number| {
            wait_until("it is queued", || {
                one.stats().wait().unwrap().queued == number
            });
        };
        let send = || producer.send(keyed()).wait().unwrap();
        if !is_request_first {
            send();
        }
        let mut request = producer.request(keyed(), NEVER).wait_for_consumer();
        assert!(request.wait_for(Duration::ZERO).is_err());
        queued(if is_request_first { 1 } else { 2 });
        if is_request_first {
            send();
        }
        // The first group gets the event, and the request stays in the default group.
        let mut audit = Consumer::in_group(&other, "audit").unwrap();
        let event = audit.receive().wait_for(PATIENCE);
        assert!(!event.expect("it is first there").unwrap().is_request());
        let mut desk = Consumer::new(&other);
        let asked = desk.receive().wait_for(PATIENCE);
        assert!(asked.expect("it is first there").unwrap().is_request());
    }
}

#[test]
fn a_drain_counts_what_its_own_driver_has_in_hand() {
    if engine::is_left_out() {
        return;
    }
    let [one, other] = two("drained", "lease=20s");
    let (mut busy, mut idle) = (Consumer::new(&one), Consumer::new(&other));
    let producer = Producer::new(&one);
    producer.send(book("S")).wait().unwrap();
    let held = busy.receive().wait().unwrap();
    producer.send(book("T")).wait().unwrap();
    idle.receive().wait().unwrap().ack().wait().unwrap();
    let report = other.drain(NEVER).wait_for(PATIENCE);
    assert_eq!(report.expect("nothing is in hand").unwrap().unfinished, 0);
    let report = one.drain(Duration::from_millis(1)).wait().unwrap();
    assert_eq!(report.unfinished, 1);
    held.ack().wait().unwrap();
}

#[test]
fn an_answer_that_is_too_large_is_refused_and_another_one_can_be_given() {
    if engine::is_left_out() {
        return;
    }
    let [front, back] = two("large_answer", "max_event_bytes=1000");
    let mut consumer = Consumer::new(&back);
    let empty = consumer.try_receive().wait().map(drop);
    assert_eq!(empty, Err(TryReceiveError::Empty));
    // It is the same for a requester in the same process.
    for driver in [&front, &back] {
        let producer = Producer::new(driver);
        let mut request = producer.request(book("S"), NEVER);
        let begun = request.wait_for(Duration::ZERO);
        assert!(begun.is_err(), "nobody has answered yet");
        let delivery = consumer.receive().wait().unwrap();
        let error = delivery.reply("S".repeat(1001)).wait().unwrap_err();
        let SettleErrorKind::Backend(refused) = error.kind() else {
            panic!("{error}");
        };
        assert_eq!(refused.kind(), BackendErrorKind::TooLarge, "{refused}");
        let answer = error.into_delivery().reply("short".to_owned()).wait();
        assert_eq!(answer.ok(), Some(Answer::Sent));
        let answer = request.wait_for(PATIENCE);
        assert_eq!(answer.expect("it comes").unwrap(), "short");
    }
}
