//! What a guest has in hand, by its receipt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bookdrop_backend::Receipt;
use bookdrop_records::HandOver;

use super::own::Gone;

/// Everything that was handed over to this guest and is not settled.
#[derive(Default)]
pub(crate) struct Hands {
    last: u64,
    all: BTreeMap<u64, Hand>,
    in_hand: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Hand {
    /// What this keeper calls it.
    pub(crate) number: u64,
    /// What every keeper calls it; of a request, this keeper alone.
    pub(crate) name: HandOver,
    /// Of a request.
    pub(crate) deadline: Option<Instant>,
    /// Of a request of this very guest.
    pub(crate) gone: Option<Arc<Gone>>,
    /// Whether the keeper said that nobody wants the answer any more.
    pub(crate) is_unwanted: bool,
    pub(crate) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    InHand,
    /// It is settled, and an answer is owed.
    Owed,
    /// Somebody settles it just now, or answers what was settled before.
    Settling {
        is_owed: bool,
    },
}

impl Hand {
    fn is_owed(&self) -> bool {
        matches!(self.stage, Stage::Owed | Stage::Settling { is_owed: true })
    }
}

impl Hands {
    pub(crate) fn hold(
        &mut self,
        number: u64,
        name: HandOver,
        deadline: Option<Instant>,
        gone: Option<Arc<Gone>>,
    ) -> Receipt {
        self.last += 1;
        self.in_hand += 1;
        let hand = Hand {
            number,
            name,
            deadline,
            gone,
            is_unwanted: false,
            stage: Stage::InHand,
        };
        self.all.insert(self.last, hand);
        Receipt(self.last)
    }

    pub(crate) fn get(&self, receipt: Receipt) -> Option<&Hand> {
        self.all.get(&receipt.0)
    }

    /// Nobody wants the answer any more.
    pub(crate) fn set_unwanted(&mut self, receipt: Receipt) {
        if let Some(hand) = self.all.get_mut(&receipt.0) {
            hand.is_unwanted = true;
        }
    }

    /// Somebody begins to settle it. Returns how it stood; `None` if it was settled before, or is just now.
    pub(crate) fn begin(&mut self, receipt: Receipt) -> Option<Stage> {
        let hand = self.all.get_mut(&receipt.0)?;
        let stage = hand.stage;
        if matches!(stage, Stage::Settling { .. }) {
            return None;
        }
        let is_owed = hand.is_owed();
        hand.stage = Stage::Settling { is_owed };
        Some(stage)
    }

    /// It stands like that again.
    pub(crate) fn put(&mut self, receipt: Receipt, stage: Stage) {
        if let Some(hand) = self.all.get_mut(&receipt.0) {
            let was_owed = hand.is_owed();
            hand.stage = stage;
            self.in_hand += usize::from(was_owed);
            self.in_hand -= usize::from(hand.is_owed());
        }
    }

    /// It is not in hand any more.
    pub(crate) fn end(&mut self, receipt: Receipt) -> Option<Hand> {
        let hand = self.all.remove(&receipt.0)?;
        self.in_hand -= usize::from(!hand.is_owed());
        Some(hand)
    }

    /// How many of them are not settled but for their answer.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand
    }

    /// Requests end with their keeper.
    pub(crate) fn end_requests(&mut self) {
        self.all.retain(|_, hand| hand.deadline.is_none());
        self.count();
    }

    /// All of it, by its names.
    pub(crate) fn named(&self) -> Vec<(u64, [u64; 3])> {
        let all = self.all.iter();
        all.map(|(receipt, hand)| (*receipt, hand.name.0)).collect()
    }

    /// Another keeper knows these, by its own numbers; the others are lost. Returns which of its numbers are not in hand here.
    pub(crate) fn renumber(&mut self, known: &[(u64, u64)]) -> Vec<u64> {
        let mut kept = BTreeMap::new();
        let mut unknown = Vec::new();
        for (receipt, number) in known {
            match self.all.remove(receipt) {
                Some(hand) => drop(kept.insert(
                    *receipt,
                    Hand {
                        number: *number,
                        ..hand
                    },
                )),
                None => unknown.push(*number),
            }
        }
        self.all = kept;
        self.count();
        unknown
    }

    fn count(&mut self) {
        self.in_hand = self.all.values().filter(|hand| !hand.is_owed()).count();
    }
}
