//! What users ask of the side that drives the link.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bookdrop_backend::telling::{Offered, Promise, TakesBack};
use bookdrop_backend::{
    Dead, Error, Fetched, NotFetched, NotPublished, Progress, Reader, Receipt, Record, Settled,
    Settlement, Stats, Unanswered, Wait,
};
use bytes::Bytes;

use super::hands::Stage;
use super::shared::Shared;
use crate::words::{Plain, Seat};

pub(crate) enum Command {
    Begin(u64, Call),
    /// Somebody waits until nothing is in hand.
    Drain(Promise<()>),
    /// Nobody waits for this call any more.
    Cancel(u64),
    PutBack(Vec<Receipt>),
    Leave(Reader),
    /// Nobody has the driver any more.
    Bye,
}

/// What is asked of the keeper, and who waits for its word.
pub(crate) enum Call {
    Publish(Parcel),
    Request(Question),
    Join {
        reader: u64,
        place: Seat,
        told: Promise<Result<Kept, Error>>,
    },
    Fetch {
        reader: Reader,
        max: usize,
        wait: Wait,
        /// What was handed over so far.
        got: Vec<Fetched>,
        told: Promise<Result<Handed, NotFetched>>,
    },
    Settle {
        receipt: Receipt,
        /// How it stood.
        stage: Stage,
        how: Settlement,
        told: Promise<Result<Settled, Error>>,
    },
    Plain {
        plain: Plain,
        letters: Vec<Dead>,
        told: Promise<Result<Answer, Error>>,
    },
}

impl Call {
    /// Whether it is a fetch of which nothing came.
    pub(crate) fn has_got_nothing(&self) -> bool {
        matches!(self, Call::Fetch { got, .. } if got.is_empty())
    }
}

/// Records of one sender on their way, in order.
pub(crate) struct Parcel {
    pub(crate) records: Vec<Record>,
    pub(crate) waits: bool,
    pub(crate) count: Count,
    pub(crate) told: Promise<Result<(), NotPublished>>,
}

/// How many records of a parcel its sender is told were taken in.
pub(crate) struct Count {
    progress: Progress,
    /// How many of those before them were.
    before: usize,
    counted: usize,
    /// Whether the sender lost interest: then what it was told is to be true from then on.
    is_dropped: Arc<Mutex<bool>>,
}

impl Count {
    /// All of the same sender before them were taken in.
    pub(crate) fn new(progress: Progress, before: usize, is_dropped: Arc<Mutex<bool>>) -> Self {
        Count {
            progress,
            before,
            counted: 0,
            is_dropped,
        }
    }

    /// So many were taken in, or may have been. False if nobody is to be told any more.
    pub(crate) fn set(&mut self, count: usize) -> bool {
        let is_dropped = self.is_dropped.lock();
        let is_dropped = is_dropped.unwrap_or_else(PoisonError::into_inner);
        if *is_dropped {
            return false;
        }
        (self.counted..count).for_each(|_| self.progress.advance());
        if count < self.counted {
            self.progress.retreat(self.before + count);
        }
        self.counted = count;
        true
    }
}

/// A request on its way.
pub(crate) struct Question {
    pub(crate) record: Record,
    pub(crate) deadline: Instant,
    pub(crate) waits_for_consumer: bool,
    pub(crate) told: Promise<Result<Bytes, Unanswered>>,
}

/// What is answered with few words.
pub(crate) enum Answer {
    Stats(Option<Stats>),
    Groups(Vec<String>),
    Dead(Vec<Dead>),
    Is(bool),
    Count(usize),
    Done,
}

/// A consumer that came. It leaves where nobody keeps it.
pub(crate) type Kept = Offered<Reader, Shared>;

/// What was handed over. Where nobody takes it, it goes back.
pub(crate) type Handed = Offered<Vec<Fetched>, Shared>;

impl TakesBack<Reader> for Shared {
    fn take_back(&self, reader: Reader) {
        self.send(Command::Leave(reader));
    }
}

impl TakesBack<Vec<Fetched>> for Shared {
    fn take_back(&self, fetched: Vec<Fetched>) {
        self.send(Command::PutBack(receipts(&fetched)));
    }
}

pub(crate) fn receipts(fetched: &[Fetched]) -> Vec<Receipt> {
    fetched.iter().map(|fetched| fetched.receipt).collect()
}
