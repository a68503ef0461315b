//! What is in hand, by its receipt.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bookdrop_backend::{Error, ErrorKind, Fetched, Receipt, Record, Settled, Settlement};
use bookdrop_queue::{CallId, Item, Queue, Reader, Taken, clock};

use crate::entry::{Entry, settled_unanswered};
use crate::reason::known_reason;
use crate::store::Ledger;

/// Who has something in hand, in whatever process: any number but of one who has it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder(pub u128);

/// Names something that was handed over, also when the queue is open in another process by then: by the event, the group that it was
/// handed over in, and how often it was by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandOver(pub [u64; 3]);

/// What was handed over before the queue was opened, to one who may be there still.
pub struct InHand<L: Ledger> {
    /// Who has it.
    pub holder: Holder,
    /// Through whom it is settled.
    pub reader: Reader,
    /// What it is.
    pub taken: Taken<Entry<L>>,
}

/// Everything that was handed over and is not settled.
pub(super) struct Hands<L: Ledger>(Mutex<Held<L>>);

struct Held<L: Ledger> {
    last: u64,
    all: HashMap<u64, Holding<L>>,
    /// What was handed over before the queue was opened, and has not been claimed.
    unclaimed: HashMap<(Holder, HandOver), Receipt>,
}

enum Holding<L: Ledger> {
    /// It has to be settled.
    InHand(Reader, Taken<Entry<L>>),
    /// It is settled, and an answer is owed.
    Owed(CallId),
}

impl<L: Ledger> Default for Hands<L> {
    fn default() -> Self {
        Hands(Mutex::new(Held {
            last: 0,
            all: HashMap::new(),
            unclaimed: HashMap::new(),
        }))
    }
}

impl<L: Ledger> Hands<L> {
    /// Keeps what was taken for this reader, and makes a delivery of it.
    pub(super) fn hold(&self, reader: Reader, taken: Taken<Entry<L>>, record: Record) -> Fetched {
        let mut held = self.lock();
        held.last += 1;
        let receipt = held.last;
        let fetched = Fetched {
            receipt: Receipt(receipt),
            record,
            attempt: taken.attempt(),
            failures: taken.failures(),
            deadline: taken.item.deadline(),
        };
        held.all.insert(receipt, Holding::InHand(reader, taken));
        fetched
    }

    /// Keeps what is in hand since before the queue was opened.
    pub(super) fn hold_again(&self, in_hand: Vec<InHand<L>>) {
        let mut held = self.lock();
        for InHand {
            holder,
            reader,
            taken,
        } in in_hand
        {
            held.last += 1;
            let receipt = held.last;
            if let Some(name) = name_of(&taken) {
                held.unclaimed.insert((holder, name), Receipt(receipt));
            }
            held.all.insert(receipt, Holding::InHand(reader, taken));
        }
    }

    /// Gives what this holder has in hand since before the queue was opened its receipt, once.
    pub(super) fn claim(&self, holder: Holder, name: HandOver) -> Option<Receipt> {
        self.lock().unclaimed.remove(&(holder, name))
    }

    /// What this holder has in hand by the notes, and has not claimed; of all holders where this is `None`.
    pub(super) fn take_unclaimed(&self, of: Option<Holder>) -> Vec<((Holder, HandOver), Receipt)> {
        let mut held = self.lock();
        let unclaimed = &mut held.unclaimed;
        let taken = unclaimed.extract_if(|(holder, _), _| of.is_none_or(|of| of == *holder));
        taken.collect()
    }

    /// Names what is in hand, unless it is a request.
    pub(super) fn name_of(&self, receipt: Receipt) -> Option<HandOver> {
        match self.lock().all.get(&receipt.0)? {
            Holding::InHand(_, taken) => name_of(taken),
            Holding::Owed(_) => None,
        }
    }

    /// All of this is in the hand of this one, who may outlive the process.
    pub(super) fn note_holder(&self, fetched: &[Fetched], holder: Holder) {
        let held = self.lock();
        for one in fetched {
            if let Some(Holding::InHand(_, taken)) = held.all.get(&one.receipt.0) {
                let (event, group) = (taken.item.event(), taken.item.hand().group());
                event.ledger().held(event, group, holder);
            }
        }
    }

    /// What is in hand, which did not get to its consumer.
    pub(super) fn let_go(&self, receipt: Receipt) -> Option<Taken<Entry<L>>> {
        match self.lock().all.remove(&receipt.0)? {
            Holding::InHand(_, taken) => Some(taken),
            Holding::Owed(_) => None,
        }
    }

    /// Nobody has it in hand any more: it comes back in one of two ways. An answer that is owed will not come.
    pub(super) fn give_up(
        &self,
        queue: &Queue<Entry<L>>,
        receipt: Receipt,
        come_back: impl FnOnce(Reader, Taken<Entry<L>>),
    ) {
        let holding = self.lock().all.remove(&receipt.0);
        match holding {
            Some(Holding::InHand(reader, taken)) => come_back(reader, taken),
            Some(Holding::Owed(call)) => queue.end_call(call, settled_unanswered()),
            None => {}
        }
    }

    /// The call of a request in hand.
    pub(super) fn call_of(&self, receipt: Receipt) -> Option<CallId> {
        match self.lock().all.get(&receipt.0)? {
            Holding::InHand(_, taken) => taken.item.call(),
            Holding::Owed(call) => Some(*call),
        }
    }

    /// Settles something. Says also which note has to survive for that, if any was made.
    pub(super) fn settle(
        &self,
        queue: &Queue<Entry<L>>,
        receipt: Receipt,
        how: Settlement,
    ) -> Result<(Settled, Option<u64>), Error> {
        if matches!(how, Settlement::Extend) {
            // There is no lease: it stays in hand as long as nobody settles it.
            return Ok((Settled::Yes, None));
        }
        // It was settled before, though its settler may have been told that nobody knows.
        let Some(holding) = self.lock().all.remove(&receipt.0) else {
            return Ok((Settled::TooLate, None));
        };
        match holding {
            Holding::InHand(reader, taken) => {
                // Of a request none is made before it is a dead letter.
                let event = taken.item.event().clone();
                let settled = self.settle_taken(queue, receipt, reader, taken, how)?;
                Ok((settled, event.ledger().last_note(&event)))
            }
            Holding::Owed(call) => {
                let settled = self.settle_owed(queue, receipt, call, how)?;
                Ok((settled, None))
            }
        }
    }

    fn settle_owed(
        &self,
        queue: &Queue<Entry<L>>,
        receipt: Receipt,
        call: CallId,
        how: Settlement,
    ) -> Result<Settled, Error> {
        match how {
            Settlement::Answer(answer) => Ok(told(queue.answer_later(call, Ok(answer)))),
            Settlement::Done => {
                queue.end_call(call, settled_unanswered());
                Ok(Settled::Yes)
            }
            _ => {
                self.lock().all.insert(receipt.0, Holding::Owed(call));
                Err(settled_already())
            }
        }
    }

    fn settle_taken(
        &self,
        queue: &Queue<Entry<L>>,
        receipt: Receipt,
        reader: Reader,
        taken: Taken<Entry<L>>,
        how: Settlement,
    ) -> Result<Settled, Error> {
        let call = taken.item.call();
        match how {
            Settlement::Done => {
                // One whose deadline has passed is told by that.
                let passed = |deadline| clock::now() >= deadline;
                let is_late = taken.item.deadline().is_some_and(passed);
                queue.ack(reader, taken);
                if let Some(call) = call.filter(|_| !is_late) {
                    queue.end_call(call, settled_unanswered());
                }
            }
            Settlement::Answer(answer) => {
                return Ok(told(queue.answer(reader, taken, Ok(answer)).1));
            }
            Settlement::Owe => {
                // Noted first, so that whoever answers at once finds it.
                if let Some(call) = call {
                    self.lock().all.insert(receipt.0, Holding::Owed(call));
                }
                queue.ack(reader, taken);
            }
            Settlement::Failed => queue.failed(reader, taken, None),
            Settlement::RetryAfter(wait) => queue.failed(reader, taken, Some(wait)),
            Settlement::Release => queue.lost(reader, taken),
            Settlement::Bury(reason) => queue.bury(reader, taken, known_reason(reason)),
            other => {
                let holding = Holding::InHand(reader, taken);
                self.lock().all.insert(receipt.0, holding);
                return Err(unsupported(&other));
            }
        }
        Ok(Settled::Yes)
    }

    fn lock(&self) -> MutexGuard<'_, Held<L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of<L: Ledger>(taken: &Taken<Entry<L>>) -> Option<HandOver> {
    if taken.item.call().is_some() {
        return None;
    }
    let event = taken.item.event();
    let group = taken.item.hand().group();
    let [event, group] = event.ledger().name_of(event, group)?;
    Some(HandOver([event, group, taken.attempt().into()]))
}

fn told<A>(answered: Result<(), A>) -> Settled {
    match answered {
        Ok(()) => Settled::Yes,
        Err(_) => Settled::NotWanted,
    }
}

fn settled_already() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "it was settled before, and can only be answered",
    )
}

fn unsupported(how: &Settlement) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("it cannot be settled like that: {how:?}"),
    )
}
