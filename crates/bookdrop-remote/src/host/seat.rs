//! One guest, as the keeper knows it.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bookdrop_backend::{Backend, Progress, Reader, Receipt, Record};
use bookdrop_records::HandOver;
use bytes::Bytes;

use super::{Host, Key, Number};
use crate::hosted::Hosted;
use crate::packet::Head;
use crate::session::Session;
use crate::terms::{GREATEST_PARCEL, weight};

/// What a former session of a guest had in hand, by its name, and whether it is known that the guest heard of it.
pub(super) type Inherited = HashMap<HandOver, (Receipt, bool)>;

pub(super) struct Seat {
    pub(super) session: Session,
    /// When it was last heard.
    pub(super) heard_at: Instant,
    /// Its consumers, by the number that it gave them.
    pub(super) readers: HashMap<u64, Reader>,
    pub(super) hands: HashMap<u64, Held>,
    pub(super) last_hand: u64,
    /// Requests in hand of which nobody sees yet whether they are wanted still.
    pub(super) unwatched: Vec<u64>,
    /// What is being done for it.
    pub(super) calls: HashSet<Number>,
    /// Those of them that settle something.
    pub(super) settling: HashSet<Number>,
    /// Records on their way, by the call that publishes them.
    carried: HashMap<u64, Vec<Record>>,
    carried_bytes: usize,
    /// Calls that publish: how far they are, and what of it was told.
    pub(super) publishing: HashMap<u64, (Progress, Option<usize>)>,
    /// What is to be done before it can be welcomed.
    pub(super) arriving: Option<Arriving>,
    pub(super) last_errand: u64,
    pub(super) inherited: Inherited,
    pub(super) leaves: Option<Leaves>,
}

/// Something in hand.
pub(super) struct Held {
    pub(super) receipt: Receipt,
    /// The word with which it was handed over.
    pub(super) word: u64,
}

/// A guest that comes to this keeper.
pub(super) struct Arriving {
    /// Consumers that have to join again.
    pub(super) joining: usize,
    /// What it has in hand still, by both numbers.
    pub(super) hands: Vec<(u64, u64)>,
    /// What it had in hand when its lease ended, by its own numbers.
    pub(super) lost: Vec<u64>,
}

/// Why it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It said so.
    Farewell,
    /// It was not heard for too long, or not understood.
    Lost,
}

impl Seat {
    pub(super) fn new(session: Session, inherited: Inherited, now: Instant) -> Self {
        Seat {
            session,
            heard_at: now,
            readers: HashMap::new(),
            hands: HashMap::new(),
            last_hand: 0,
            unwatched: Vec::new(),
            calls: HashSet::new(),
            settling: HashSet::new(),
            carried: HashMap::new(),
            carried_bytes: 0,
            publishing: HashMap::new(),
            arriving: None,
            last_errand: 0,
            inherited,
            leaves: None,
        }
    }

    pub(super) fn hear(&mut self, head: &Head, body: Bytes, now: Instant) {
        self.heard_at = now;
        self.session.hear(head, body, now);
    }

    /// A record is on its way. `None` for one more than any guest has there: each says the records of one call, and then the call.
    pub(super) fn carry(&mut self, call: u64, record: Record) -> Option<()> {
        if self.carried_bytes > GREATEST_PARCEL {
            return None;
        }
        self.carried_bytes += weight(&record);
        self.carried.entry(call).or_default().push(record);
        Some(())
    }

    /// What has come of a call.
    pub(super) fn take_carried(&mut self, call: u64) -> Vec<Record> {
        let records = self.carried.remove(&call).unwrap_or_default();
        self.carried_bytes -= records.iter().map(weight).sum::<usize>();
        records
    }

    /// Names something that is done for it without being asked.
    pub(super) fn errand(&mut self) -> Number {
        self.last_errand += 1;
        Number::Errand(self.last_errand)
    }

    /// What is in hand is called so.
    pub(super) fn name_of(&self, hosted: &impl Hosted, receipt: Receipt) -> HandOver {
        name_of(hosted, self.session.between().epoch, receipt)
    }

    /// Something is in hand, which this word hands over.
    pub(super) fn hold(&mut self, receipt: Receipt, word: u64, is_request: bool) -> u64 {
        self.last_hand += 1;
        let held = Held { receipt, word };
        self.hands.insert(self.last_hand, held);
        if is_request {
            self.unwatched.push(self.last_hand);
        }
        self.last_hand
    }
}

impl<B: Hosted> Host<B> {
    /// A session has ended: nothing is done for it any more. What its guest never heard of goes back; returns what it may still have.
    pub(super) fn clear(&mut self, seat: Seat) -> Inherited {
        let between = seat.session.between();
        // A settlement that was begun goes on.
        for call in seat.calls.difference(&seat.settling) {
            self.work.end(Key {
                guest: between.guest,
                session: between.session,
                call: *call,
            });
        }
        for hand in seat.hands.keys() {
            self.work.end(Key {
                guest: between.guest,
                session: between.session,
                call: Number::Watch(*hand),
            });
        }
        for reader in seat.readers.into_values() {
            self.hosted.queue().leave(reader);
        }
        let confirmed = seat.session.confirmed();
        // One that may have been killed by what it was handed counts as handed it.
        let is_lost = seat.leaves == Some(Leaves::Lost);
        let mut inherited = seat.inherited;
        for held in seat.hands.into_values() {
            let was_heard = is_lost || held.word <= confirmed;
            let name = name_of(&*self.hosted, between.epoch, held.receipt);
            // Of a guest that begins a new session it is seen by what it brings along.
            match was_heard || seat.leaves.is_none() {
                true => drop(inherited.insert(name, (held.receipt, was_heard))),
                false => self.take_back(held.receipt, was_heard),
            }
        }
        inherited
    }

    /// Nobody has it any more.
    pub(super) fn take_back(&self, receipt: Receipt, was_heard: bool) {
        match was_heard {
            true => self.hosted.lose(receipt),
            false => self.hosted.put_back(receipt),
        }
    }
}

/// A request has a name that no other keeper knows. No group has such a number.
fn name_of(hosted: &impl Hosted, epoch: u64, receipt: Receipt) -> HandOver {
    let of_request = HandOver([receipt.0, u64::MAX - epoch, 0]);
    hosted.name_of(receipt).unwrap_or(of_request)
}
