//! A deadline is the same on both sides, but for the time that a packet is on its way.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bookdrop_backend::{Asking, Backend, Place, Record, Wait};
use bookdrop_queue::OnFull;
use bookdrop_remote::{Guest, GuestId, Host, Hosted, Remote, Terms, guest};
use bytes::Bytes;
use support::Kept;
use support::kept::limits;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Guest and keeper of one clock, without a way between them.
struct Both {
    guest: Guest,
    host: Host<Kept>,
    kept: Arc<Kept>,
}

impl Both {
    fn new(terms: &Terms) -> (Remote, Self) {
        let now = Instant::now();
        let kept = Arc::new(Kept::new(limits(8), OnFull::Wait));
        let (remote, mut guest) = guest(GuestId([7; 16]), terms.clone(), now);
        // So what it tells is told when it has taken its turn.
        guest.trust([Waker::noop().clone()]);
        guest.new_keeper(1, now);
        let mut both = Both {
            guest,
            host: Host::new(kept.clone(), 1, terms.clone()),
            kept,
        };
        both.say_all(now);
        (remote, both)
    }

    /// What the guest has to say at this time.
    fn guest_says(&mut self, now: Instant) -> Vec<Bytes> {
        self.guest.turn(&cx(), now).packets
    }

    /// The keeper hears this, and says what it has to say.
    fn keeper_hears(&mut self, said: Vec<Bytes>, now: Instant) -> Vec<Bytes> {
        for packet in said {
            self.host.receive(packet, now).expect("it is a packet");
        }
        let told = self.host.turn(&cx(), now).packets.into_iter();
        told.map(|(_, packet)| packet).collect()
    }

    fn guest_hears(&mut self, told: Vec<Bytes>, now: Instant) {
        for packet in told {
            self.guest.receive(packet, now).expect("it is a packet");
        }
    }

    /// Each hears all that the other says.
    fn say_all(&mut self, now: Instant) {
        loop {
            let said = self.guest_says(now);
            let is_quiet = said.is_empty();
            let told = self.keeper_hears(said, now);
            if is_quiet && told.is_empty() {
                return;
            }
            self.guest_hears(told, now);
        }
    }

    /// Until when the one request that there was is wanted.
    fn deadline(&self) -> Instant {
        let deadlines = self.kept.deadlines.lock().expect("no panic");
        assert_eq!(deadlines.len(), 1);
        deadlines[0]
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn record() -> Record {
    Record {
        id: "S".into(),
        ..Record::default()
    }
}

fn asking() -> Asking {
    Asking {
        timeout: TIMEOUT,
        waits_for_consumer: true,
    }
}

#[test]
fn a_keeper_that_hears_late_knows_how_late() {
    let mut terms = Terms::default();
    terms.resend_after = Duration::from_micros(10_400);
    let (remote, mut both) = Both::new(&terms);
    let before = Instant::now();
    let mut asked = pin!(remote.request(record(), asking()));
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
    let mut asked = pin!(remote.request(record(), asking()));
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
