//! A guest and its keeper, each of which takes a turn when the test says so.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bookdrop_backend::{Asking, Record};
use bookdrop_queue::OnFull;
use bookdrop_remote::{Guest, GuestId, Host, Remote, Terms, guest};
use bytes::Bytes;

use super::Kept;
use super::kept::limits;

/// Guest and keeper of one clock, without a way between them.
pub(crate) struct Both {
    pub(crate) guest: Guest,
    pub(crate) host: Host<Kept>,
    pub(crate) kept: Arc<Kept>,
}

impl Both {
    pub(crate) fn new(terms: &Terms) -> (Remote, Self) {
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
    pub(crate) fn guest_says(&mut self, now: Instant) -> Vec<Bytes> {
        self.guest.turn(&cx(), now).packets
    }

    /// The keeper hears this, and says what it has to say.
    pub(crate) fn keeper_hears(&mut self, said: Vec<Bytes>, now: Instant) -> Vec<Bytes> {
        for packet in said {
            self.host.receive(packet, now).expect("it is a packet");
        }
        let told = self.host.turn(&cx(), now).packets.into_iter();
        told.map(|(_, packet)| packet).collect()
    }

    pub(crate) fn guest_hears(&mut self, told: Vec<Bytes>, now: Instant) {
        for packet in told {
            self.guest.receive(packet, now).expect("it is a packet");
        }
    }

    /// Each hears all that the other says.
    pub(crate) fn say_all(&mut self, now: Instant) {
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
    pub(crate) fn deadline(&self) -> Instant {
        let deadlines = self.kept.deadlines.lock().expect("no panic");
        assert_eq!(deadlines.len(), 1);
        deadlines[0]
    }
}

pub(crate) fn record() -> Record {
    Record {
        id: "S".into(),
        ..Record::default()
    }
}

/// It may wait for a consumer.
pub(crate) fn asking(timeout: Duration) -> Asking {
    Asking {
        timeout,
        waits_for_consumer: true,
    }
}

pub(crate) fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
