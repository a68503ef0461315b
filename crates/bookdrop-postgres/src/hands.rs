//! What is in hand, by its receipt.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bookdrop_backend::Receipt;
use tokio::sync::Notify;

/// Everything that this driver handed over and that is not settled.
#[derive(Default)]
pub(crate) struct Hands {
    last: u64,
    all: HashMap<u64, Hand>,
    in_hand: usize,
}

/// One event in hand.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    /// Its number at the server.
    pub(crate) number: i64,
    /// Together with the number this names the hand-over: what was handed over again has another one.
    pub(crate) attempt: i32,
    pub(crate) has_key: bool,
    pub(crate) asker: Option<Asker>,
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

/// Who waits for the answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// The number of the request at its driver.
    pub(crate) ask: i64,
    /// Whether that is this driver.
    pub(crate) is_here: bool,
    pub(crate) deadline: Instant,
    pub(crate) gone: Arc<Gone>,
}

/// Whether nobody wants an answer any more.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    is_gone: AtomicBool,
    bell: Notify,
}

impl Gone {
    pub(crate) fn set(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_gone.load(Ordering::SeqCst)
    }

    pub(crate) async fn wait(&self) {
        loop {
            let rung = self.bell.notified();
            if self.is_set() {
                return;
            }
            rung.await;
        }
    }
}

impl Hand {
    /// Whether it is settled but for its answer.
    fn is_owed(&self) -> bool {
        matches!(self.stage, Stage::Owed | Stage::Settling { is_owed: true })
    }
}

impl Hands {
    pub(crate) fn hold(&mut self, hand: Hand) -> Receipt {
        self.last += 1;
        self.in_hand += 1;
        self.all.insert(self.last, hand);
        Receipt(self.last)
    }

    pub(crate) fn get(&self, receipt: Receipt) -> Option<&Hand> {
        self.all.get(&receipt.0)
    }

    /// Somebody begins to settle it; `None` if it was settled before, or is just now.
    pub(crate) fn begin(&mut self, receipt: Receipt) -> Option<Hand> {
        let hand = self.all.get_mut(&receipt.0)?;
        if matches!(hand.stage, Stage::Settling { .. }) {
            return None;
        }
        let known = hand.clone();
        let is_owed = hand.is_owed();
        hand.stage = Stage::Settling { is_owed };
        Some(known)
    }

    /// It stands as it stood before.
    pub(crate) fn put(&mut self, receipt: Receipt, stage: Stage) {
        if let Some(hand) = self.all.get_mut(&receipt.0) {
            hand.stage = stage;
        }
    }

    /// It is settled, and only its answer is owed.
    pub(crate) fn owe(&mut self, receipt: Receipt) {
        self.put(receipt, Stage::Owed);
        self.in_hand -= 1;
    }

    /// It is in hand after all, unless somebody has answered meanwhile.
    pub(crate) fn disown(&mut self, receipt: Receipt) {
        if let Some(hand) = self.all.get_mut(&receipt.0)
            && hand.stage == Stage::Owed
        {
            hand.stage = Stage::InHand;
            self.in_hand += 1;
        }
    }

    /// It is done with.
    pub(crate) fn end(&mut self, receipt: Receipt, former: Stage) {
        if self.all.remove(&receipt.0).is_some() && former != Stage::Owed {
            self.in_hand -= 1;
        }
    }

    /// How many of them are not settled but for their answer.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand
    }

    /// The numbers at the server of all of them.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.all.values().map(|hand| hand.number).collect()
    }

    /// Those who wait for answers, of one driver or of all.
    pub(crate) fn askers(&self) -> impl Iterator<Item = (&Hand, &Asker)> {
        let all = self.all.values();
        all.filter_map(|hand| Some((hand, hand.asker.as_ref()?)))
    }

    /// What has such a number at the server is not in hand any more: others have it, or it is forgotten.
    pub(crate) fn lose_if(&mut self, is_lost: impl Fn(i64) -> bool) -> Vec<Hand> {
        let lost = self.all.extract_if(|_, hand| is_lost(hand.number));
        let lost: Vec<_> = lost.map(|(_, hand)| hand).collect();
        self.in_hand -= lost.iter().filter(|hand| !hand.is_owed()).count();
        lost
    }
}
