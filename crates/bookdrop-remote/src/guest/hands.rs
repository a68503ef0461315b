//! What a guest has in hand, by its receipt.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bookdrop_backend::Receipt;
use bookdrop_backend::telling::{Promise, Word, promise};
use bookdrop_records::HandOver;

use super::own::Gone;

/// Everything that was handed over to this guest and is not settled.
#[derive(Default)]
pub(crate) struct Hands {
    last: u64,
    all: BTreeMap<u64, Hand>,
    in_hand: usize,
    /// Receipts of requests, by what this keeper calls them.
    requests: HashMap<u64, Receipt>,
    /// Those who waited until an answer is not wanted, and are to be told.
    over: Vec<Promise<()>>,
}

pub(crate) struct Hand {
    /// What this keeper calls it.
    pub(crate) number: u64,
    /// What every keeper calls it; of a request, this keeper alone.
    pub(crate) name: HandOver,
    request: Option<Request>,
    pub(crate) stage: Stage,
}

/// A request in hand.
pub(crate) struct Request {
    /// Of a request of this very guest.
    gone: Option<Arc<Gone>>,
    /// Whether the keeper said that nobody wants the answer any more.
    is_unwanted: bool,
    /// Those who wait until that is so, and some who do no more.
    waiting: Vec<Promise<()>>,
}

/// For how long an answer is wanted.
pub(crate) enum Wanted {
    /// It is not, or it was given.
    No,
    /// Until either of them says otherwise.
    Until(Word<()>, Option<Arc<Gone>>),
    /// Nobody waits for an answer to what is no request, so nobody stops waiting.
    ForEver,
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

impl Request {
    pub(crate) fn new(gone: Option<Arc<Gone>>) -> Self {
        Request {
            gone,
            is_unwanted: false,
            waiting: Vec::new(),
        }
    }

    /// Somebody begins to wait.
    fn wait(&mut self) -> Word<()> {
        // Whoever only looks does so over and over.
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(Promise::is_awaited);
        }
        let (told, word) = promise();
        self.waiting.push(told);
        word
    }

    /// Nobody wants the answer any more. Returns who is to be told.
    fn set_unwanted(&mut self) -> Vec<Promise<()>> {
        self.is_unwanted = true;
        std::mem::take(&mut self.waiting)
    }
}

impl Hands {
    pub(crate) fn hold(
        &mut self,
        number: u64,
        name: HandOver,
        request: Option<Request>,
    ) -> Receipt {
        self.last += 1;
        self.in_hand += 1;
        let receipt = Receipt(self.last);
        if request.is_some() {
            self.requests.insert(number, receipt);
        }
        let hand = Hand {
            number,
            name,
            request,
            stage: Stage::InHand,
        };
        self.all.insert(self.last, hand);
        receipt
    }

    pub(crate) fn get(&self, receipt: Receipt) -> Option<&Hand> {
        self.all.get(&receipt.0)
    }

    /// Whether the answer is wanted, seen by whoever has it in hand.
    pub(crate) fn wanted(&mut self, receipt: Receipt) -> Wanted {
        let Some(hand) = self.all.get_mut(&receipt.0) else {
            return Wanted::No;
        };
        match &mut hand.request {
            None => Wanted::ForEver,
            Some(request) if request.is_unwanted => Wanted::No,
            Some(request) => Wanted::Until(request.wait(), request.gone.clone()),
        }
    }

    /// Nobody wants the answer to what this keeper calls so any more.
    pub(crate) fn set_unwanted(&mut self, number: u64) {
        let receipt = self.requests.get(&number);
        let hand = receipt.and_then(|receipt| self.all.get_mut(&receipt.0));
        if let Some(request) = hand.and_then(|hand| hand.request.as_mut()) {
            self.over.extend(request.set_unwanted());
        }
    }

    /// Nobody can be answered any more. Returns who is to be told.
    pub(crate) fn set_all_unwanted(&mut self) -> Vec<Promise<()>> {
        let hands = self.all.values_mut();
        let requests = hands.filter_map(|hand| hand.request.as_mut());
        self.over.extend(requests.flat_map(Request::set_unwanted));
        self.take_over()
    }

    /// Those who are to be told that an answer is not wanted.
    pub(crate) fn take_over(&mut self) -> Vec<Promise<()>> {
        std::mem::take(&mut self.over)
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
        let mut hand = self.all.remove(&receipt.0)?;
        self.in_hand -= usize::from(!hand.is_owed());
        if let Some(request) = &mut hand.request {
            self.requests.remove(&hand.number);
            self.over.extend(request.set_unwanted());
        }
        Some(hand)
    }

    /// How many of them are not settled but for their answer.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand
    }

    /// Requests end with their keeper.
    pub(crate) fn end_requests(&mut self) {
        let all = std::mem::take(&mut self.all);
        let (ended, rest) = all
            .into_iter()
            .partition(|(_, hand)| hand.request.is_some());
        self.all = rest;
        self.lose(ended);
        self.count();
    }

    /// All of it, by its names.
    pub(crate) fn named(&self) -> Vec<(u64, [u64; 3])> {
        let all = self.all.iter();
        all.map(|(receipt, hand)| (*receipt, hand.name.0)).collect()
    }

    /// Another keeper knows these, by its own numbers; the others are lost. Returns which of its numbers are not in hand here.
    pub(crate) fn renumber(&mut self, known: &[(u64, u64)]) -> Vec<u64> {
        let mut kept: BTreeMap<u64, Hand> = BTreeMap::new();
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
        let lost = std::mem::replace(&mut self.all, kept);
        self.lose(lost);
        self.count();
        unknown
    }

    /// These are not in hand any more.
    fn lose(&mut self, lost: BTreeMap<u64, Hand>) {
        let requests = lost.into_values().filter_map(|hand| hand.request);
        self.over
            .extend(requests.flat_map(|request| request.waiting));
    }

    fn count(&mut self) {
        let requests = self.all.iter().filter(|(_, hand)| hand.request.is_some());
        self.requests = requests
            .map(|(receipt, hand)| (hand.number, Receipt(*receipt)))
            .collect();
        self.in_hand = self.all.values().filter(|hand| !hand.is_owed()).count();
    }
}
