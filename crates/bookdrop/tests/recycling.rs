//! What dropped events leave is used for new ones: nothing of a former event may show, and nothing may be lost with it.

use std::sync::Arc;
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer};

/// An event with everything that an event can have.
fn full(number: u32) -> Event {
    let event = Event::new(format!("name {number}"))
        .with_header("static", "text")
        .with_header("short", format!("short {number}"))
        .with_header("third", format!("third {number}"))
        .with_header("long", "x".repeat(500))
        .with_value("pages", number)
        .with_id(format!("id {number}"))
        .with_key(format!("key {number}"))
        .with_priority(3)
        .with_delay(Duration::from_millis(1))
        .with_time_to_live(Duration::from_secs(60));
    assert_eq!(event.id(), format!("id {number}"));
    event
}

/// More than the spare ones of a thread, so that each new event is a former one, whichever is taken.
fn leave_many() {
    let many: Vec<_> = (0..200).map(full).collect();
    drop(many);
}

#[test]
fn a_new_event_shows_nothing_of_a_former_one() {
    leave_many();
    let plain: Vec<_> = (0..200).map(|_| Event::new("plain")).collect();
    for event in &plain {
        assert_eq!(event.name(), "plain");
        assert_eq!((event.headers().count(), event.values().count()), (0, 0));
        assert_eq!((event.key(), event.priority()), (None, 0));
        assert_eq!((event.delay(), event.time_to_live()), (None, None));
        assert!(event.header("short").is_none() && event.value("pages").is_none());
        assert!(!event.id().starts_with("id"), "{}", event.id());
    }
    let mut ids: Vec<_> = plain.iter().map(Event::id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), plain.len(), "each has an id of its own");
}

/// One after the other, so that each is the former one, with an id that was looked at.
#[test]
fn an_id_that_was_made_goes_with_its_event() {
    let mut ids = Vec::new();
    for _ in 0..200 {
        let event = Event::new("S");
        let copy = event.clone();
        ids.push(event.id().to_owned());
        assert_eq!(copy.id(), event.id());
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:#?}");
}

#[test]
fn one_that_fills_in_only_some_shows_only_these() {
    leave_many();
    for number in 0..200 {
        let event = Event::new("some").with_header("short", number.to_string());
        assert_eq!(
            event.headers().collect::<Vec<_>>(),
            [("short", &*number.to_string())]
        );
        assert_eq!(event.values().count(), 0);
        let event = event.with_value("n", number);
        assert_eq!(event.values().count(), 1);
    }
}

#[test]
fn a_copy_keeps_its_content_and_its_id_when_the_original_goes() {
    for asked_before in [true, false] {
        let original = full(7);
        let made = Event::new("made");
        let made_id = asked_before.then(|| made.id().to_owned());
        let (copy, made_copy) = (original.clone(), made.clone());
        drop(original);
        let made_id = made_id.unwrap_or_else(|| made.id().to_owned());
        drop(made);
        leave_many();
        assert_eq!(copy.name(), "name 7");
        assert_eq!(copy.header("short"), Some("short 7"));
        assert_eq!(copy.header("long").map(str::len), Some(500));
        assert_eq!((copy.id(), copy.key()), ("id 7", Some("key 7")));
        assert_eq!(made_copy.id(), made_id);
    }
}

/// Headers in place, in the list behind them, kept and not kept, set again.
#[test]
fn headers_of_all_sizes_stay_what_they_are() {
    let mut event = Event::new("S");
    let text = |n: usize| "ä€x".repeat(n);
    for n in 0..12 {
        event.set_header(format!("header {n}"), text(n));
    }
    for n in (0..12).step_by(3) {
        event.set_header(format!("header {n}"), text(n + 40));
    }
    let copy = event.clone();
    for event in [event, copy] {
        let all: Vec<_> = event.headers().collect();
        assert_eq!(all.len(), 12);
        for (n, (name, value)) in all.into_iter().enumerate() {
            let expected = text(if n % 3 == 0 { n + 40 } else { n });
            assert_eq!((name, value), (&*format!("header {n}"), &*expected));
            assert_eq!(event.header(name), Some(value));
        }
    }
}

/// An event that was a request once is none when its owner sends it again.
#[test]
fn one_that_was_a_request_is_none_when_it_is_sent_again() {
    let library: Driver = Driver::memory(10);
    let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    let mut request = a.request(Event::new("S"), Duration::from_secs(60));
    assert!(request.wait_for(Duration::ZERO).is_err());
    let (event, reply) = b.receive().wait().unwrap().into_parts().wait().unwrap();
    reply.send("fine".into()).wait().unwrap();
    assert_eq!(request.wait().unwrap(), "fine");
    a.send(event).wait().unwrap();
    let again = b.receive().wait().unwrap();
    assert!(!again.is_request());
    assert_eq!((again.deadline(), again.attempt()), (None, 1));
    again.ack().wait().unwrap();
}

/// Deliveries outlive every handle of their driver, and the last one takes the queue with it.
#[test]
fn deliveries_outlive_their_driver() {
    let body = Arc::new(());
    let driver = Driver::<Arc<()>>::memory(10);
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    for _ in 0..4 {
        let event = Event::new("S").with_body(body.clone());
        a.send(event).wait().unwrap();
    }
    let in_hand: Vec<_> = (0..3).map(|_| b.receive().wait().unwrap()).collect();
    drop((driver, a, b));
    let [first, second, third] = in_hand.try_into().unwrap();
    assert_eq!(Arc::strong_count(&body), 5, "one is still queued");
    first.ack().wait().unwrap();
    let moved = std::thread::spawn(move || second.nack().wait().unwrap());
    moved.join().unwrap();
    assert_eq!(third.body(), &body);
    drop(third);
    assert_eq!(Arc::strong_count(&body), 1, "nothing is left of the queue");
}
