//! A deadline is the same on both sides, but for the time that a packet is on its way.

mod support;

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bookdrop_backend::{Backend, Place, Wait};
use bookdrop_remote::{Hosted, Terms};
use support::both::{Both, asking, cx, record};

const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn a_keeper_that_hears_late_knows_how_late() {
    let mut terms = Terms::default();
    terms.resend_after = Duration::from_micros(10_400);
    let (remote, mut both) = Both::new(&terms);
    let before = Instant::now();
    let mut asked = pin!(remote.request(record(), asking(TIMEOUT)));
    assert!(asked.as_mut().poll(&mut cx()).is_pending());
    let after = Instant::now();
    let lost = both.guest_says(after);
    assert_eq!(lost.len(), 1);
    both.say_all(after + terms.resend_after);
    assert!((before + TIMEOUT..=after + TIMEOUT).contains(&both.deadline()));
}

#[test]
fn whoever_is_handed_its_own_request_too_late_has_not_taken_it() {
    let (remote, mut both) = Both::new(&Terms::default());
    let now = Instant::now();
    let mut joining = pin!(remote.join(Place::In("default")));
    assert!(joining.as_mut().poll(&mut cx()).is_pending());
    both.say_all(now);
    let Poll::Ready(Ok(reader)) = joining.as_mut().poll(&mut cx()) else {
        panic!("anybody can join");
    };
    let mut asked = pin!(remote.request(record(), asking(TIMEOUT)));
    assert!(asked.as_mut().poll(&mut cx()).is_pending());
    both.say_all(Instant::now());
    let mut fetching = pin!(remote.fetch(reader, 1, Wait::Yes));
    assert!(fetching.as_mut().poll(&mut cx()).is_pending());
    // The keeper hands it over in time, and the guest hears of it when that is over.
    let late = both.deadline() + Duration::from_millis(1);
    let said = both.guest_says(Instant::now());
    let told = both.keeper_hears(said, Instant::now());
    assert_eq!(both.kept.queue().in_hand(), 1);
    both.guest_hears(told, late);
    let said = both.guest_says(late);
    // Nobody has it, as the keeper will say.
    assert!(asked.as_mut().poll(&mut cx()).is_pending());
    assert!(fetching.as_mut().poll(&mut cx()).is_pending());
    assert!(!said.is_empty(), "it is put back");
}
