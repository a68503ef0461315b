//! What users ask of the driver's thread.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use bookdrop_backend::telling::{Offered, Promise, TakesBack};
use bookdrop_backend::{
    Dead, DeadReason, Error, Fetched, Letters, NotFetched, NotPublished, Progress, Reader, Receipt,
    Record, Settled, Stats, Wait,
};
use bytes::Bytes;

use crate::hands::{Hand, Stage};
use crate::shared::Shared;

pub(crate) enum Command {
    Publish(Parcel),
    Request(Question),
    GiveUp(i64),
    Come(Coming),
    Beside(Reader, Promise<Result<Seat, Error>>),
    Leave(Reader),
    Fetch(Waiter),
    StopFetching(Reader, u64),
    PutBack(Vec<Receipt>),
    Settle(Settling),
    Do(Deed),
    Look(Look),
    Close(Promise<Result<(), Error>>),
    /// Nothing is handed over any more.
    Drain,
    /// Nobody has the driver any more. Told when all is done and the server knows.
    Bye(mpsc::Sender<()>),
}

/// Records on their way, of one sender, in order.
pub(crate) struct Parcel {
    pub(crate) records: VecDeque<Record>,
    pub(crate) progress: Progress,
    /// How many of them are published for sure.
    pub(crate) sure: usize,
    pub(crate) waits: bool,
    /// Whether the server was asked about the id of its next record.
    pub(crate) was_compared: bool,
    pub(crate) since: Instant,
    /// Whether its sender lost interest. Held while some of it is put on its way.
    pub(crate) is_dropped: Arc<Mutex<bool>>,
    pub(crate) told: Promise<Result<(), NotPublished>>,
}

impl Parcel {
    pub(crate) fn is_dropped(&self) -> bool {
        *self
            .is_dropped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on its way.
pub(crate) struct Question {
    pub(crate) ask: i64,
    pub(crate) record: Record,
    pub(crate) deadline: Instant,
    pub(crate) waits_for_consumer: bool,
}

pub(crate) struct Coming {
    pub(crate) group: String,
    pub(crate) told: Promise<Result<Seat, Error>>,
}

/// A consumer that came. It leaves where nobody keeps it.
pub(crate) type Seat = Offered<Reader, Shared>;

impl TakesBack<Reader> for Shared {
    fn take_back(&self, reader: Reader) {
        self.send(Command::Leave(reader));
    }
}

/// A consumer that waits for events.
pub(crate) struct Waiter {
    pub(crate) reader: Reader,
    /// Names the wait.
    pub(crate) number: u64,
    pub(crate) max: usize,
    pub(crate) wait: Wait,
    pub(crate) told: Promise<Result<Handed, NotFetched>>,
}

/// What was handed over. Where nobody takes it, it goes back.
pub(crate) type Handed = Offered<Vec<Fetched>, Shared>;

impl TakesBack<Vec<Fetched>> for Shared {
    fn take_back(&self, fetched: Vec<Fetched>) {
        let receipts = fetched.iter().map(|fetched| fetched.receipt).collect();
        self.send(Command::PutBack(receipts));
    }
}

/// Something in hand that is being settled.
pub(crate) struct Settling {
    pub(crate) receipt: Receipt,
    pub(crate) hand: Hand,
    pub(crate) how: How,
    pub(crate) since: Instant,
    /// When the connection was first lost while it was on its way: then it may have been done.
    pub(crate) lost_at: Option<Instant>,
    pub(crate) told: Promise<Result<Settled, Error>>,
}

impl Settling {
    /// Whether it takes a trip of its own.
    pub(crate) fn is_errand(&self) -> bool {
        matches!(self.how, How::Bury(_) | How::Owe)
    }

    /// Whether the event comes back, where it is not a dead letter.
    pub(crate) fn is_return(&self) -> bool {
        matches!(self.how, How::Fail(_) | How::Release)
    }

    /// How it stood, or stands already.
    pub(crate) fn former(&self) -> Stage {
        match self.how {
            How::Owe => Stage::Owed,
            _ => self.hand.stage,
        }
    }
}

/// How it is settled.
#[derive(Clone)]
pub(crate) enum How {
    Done,
    Answer(Bytes),
    Owe,
    Fail(Option<Duration>),
    Release,
    Bury(DeadReason),
}

/// Something that is done once.
pub(crate) enum Deed {
    Purge(Promise<Result<usize, Error>>),
    RemoveGroup(String, Promise<Result<bool, Error>>),
    Replay(String, Letters, Promise<Result<usize, Error>>),
    Discard(String, Letters, Promise<Result<usize, Error>>),
}

/// Something that is only looked at.
pub(crate) enum Look {
    Stats(Option<String>, Promise<Result<Option<Stats>, Error>>),
    Groups(Promise<Result<Vec<String>, Error>>),
    Dead(String, Letters, Promise<Result<Vec<Dead>, Error>>),
}
