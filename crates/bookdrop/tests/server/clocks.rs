//! The clocks of two processes differ: a deadline is a time that passes, not a time of day.

use std::process::{Command, Stdio};
use std::time::Duration;

use bookdrop::{Event, Producer, RequestErrorKind};

use super::orders::clock;
use super::other::Other;
use super::{PATIENCE, open_at};
use crate::engine;

/// A deadline that passes.
const BRIEF: Duration = Duration::from_millis(300);

/// Whether there is the program that gives a process another clock.
fn can_fake_time() -> bool {
    let tried = Command::new("faketime")
        .args(["-f", "+1h", "true"])
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        println!("left out: this test needs the program `faketime`");
    }
    can
}

#[test]
fn a_consumer_whose_clock_is_an_hour_ahead_keeps_deadlines() {
    keeps_deadlines("ahead", "+1h");
}

#[test]
fn a_consumer_whose_clock_is_an_hour_behind_keeps_deadlines() {
    keeps_deadlines("behind", "-1h");
}

fn keeps_deadlines(queue: &str, shift: &str) {
    if engine::is_left_out() || !can_fake_time() {
        return;
    }
    let address = engine::address(&engine::shared().url(), queue, "lease=20s");
    // The clock that only goes forward is the machine's, for everybody.
    let starter = [
        "env",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "faketime",
        "-f",
        shift,
    ];
    let mut other = Other::start_by(&starter, &address);
    let there: u64 = other.does("clock").parse().unwrap();
    assert!(
        there.abs_diff(clock()) > 3000,
        "the other process has another clock"
    );
    assert_eq!(other.does("come"), "came");
    let library = open_at(&address);
    let producer = Producer::new(&library);
    let event = |name: &'static str| Event::new(name).with_body(name.to_owned());

    let mut request = producer.request(event("S"), PATIENCE);
    let begun = request.wait_for(Duration::ZERO);
    assert!(begun.is_err(), "nobody has answered yet");
    assert_eq!(other.does("receive"), "S 1");
    assert_eq!(other.does("reply S"), "Sent");
    assert_eq!(request.wait_for(PATIENCE).unwrap().unwrap(), "S");

    // Nobody had it in hand when its deadline passed, and nobody gets it then.
    let late = producer.request(event("T"), BRIEF).wait().unwrap_err();
    assert_eq!(late.kind(), &RequestErrorKind::Deadline);
    producer.send(event("U")).wait().unwrap();
    assert_eq!(other.does("receive"), "U 1");

    // One in hand sees its own deadline pass, and no sooner.
    let mut request = producer.request(event("V"), Duration::from_secs(2));
    let begun = request.wait_for(Duration::ZERO);
    assert!(begun.is_err(), "nobody has answered yet");
    assert_eq!(other.does("receive"), "V 1");
    assert_eq!(other.does("look V"), "wanted");
    assert_eq!(other.does("see V"), "gone");
    let ended = request.wait_for(PATIENCE).unwrap().unwrap_err();
    assert_eq!(ended.kind(), &RequestErrorKind::Deadline);
    assert_eq!(other.does("reply V"), "NotWanted");
}
