//! What the contract knows, as it is written down. Contents stand behind the word in which they are, and are not copied.

mod ends;
mod figures;

use std::time::{Duration, Instant, SystemTime};

use bookdrop_backend::{Dead, DeadReason, Fetched, Letters, Receipt, Record, Settlement};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub(crate) use ends::{Answered, Trouble, WhyNotFetched, WhyNotPublished, WrittenSettled};
pub(crate) use figures::WrittenStats;

/// How many bytes of what stands behind a word are its own.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Content(u64);

/// What stands behind a word, in order.
#[derive(Default)]
pub(crate) struct Contents(pub(crate) Vec<Bytes>);

impl Contents {
    pub(crate) fn put(&mut self, content: Bytes) -> Content {
        let length = content.len() as u64;
        self.0.push(content);
        Content(length)
    }
}

/// What stands behind a word, and was not taken yet.
pub(crate) struct Rest(pub(crate) Bytes);

impl Rest {
    /// `None` where there is less than was said.
    pub(crate) fn take(&mut self, content: &Content) -> Option<Bytes> {
        let length = usize::try_from(content.0).ok()?;
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}

/// How long something is still wanted, in nanoseconds.
#[derive(Clone, Copy, Serialize, Deserialize, Debug)]
pub(crate) struct Left(u64);

impl Left {
    pub(crate) fn until(deadline: Instant, now: Instant) -> Self {
        let left = deadline.saturating_duration_since(now);
        Left(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Until when it is wanted, where it was said at some time.
    pub(crate) fn since(self, said: Instant) -> Instant {
        said + Duration::from_nanos(self.0).min(crate::terms::FOREVER)
    }
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct WrittenRecord {
    id: Box<str>,
    is_id_given: bool,
    key: Option<Box<str>>,
    priority: u8,
    delay: Option<Duration>,
    time_to_live: Option<Duration>,
    content: Content,
}

impl WrittenRecord {
    pub(crate) fn new(record: Record, contents: &mut Contents) -> Self {
        WrittenRecord {
            id: record.id,
            is_id_given: record.is_id_given,
            key: record.key,
            priority: record.priority,
            delay: record.delay,
            time_to_live: record.time_to_live,
            content: contents.put(record.content),
        }
    }

    pub(crate) fn read(self, rest: &mut Rest) -> Option<Record> {
        Some(Record {
            content: rest.take(&self.content)?,
            id: self.id,
            is_id_given: self.is_id_given,
            key: self.key,
            priority: self.priority,
            delay: self.delay,
            time_to_live: self.time_to_live,
        })
    }
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct WrittenFetched {
    /// Names it at the keeper.
    pub(crate) hand: u64,
    record: WrittenRecord,
    attempt: u32,
    failures: u32,
    left: Option<Left>,
}

impl WrittenFetched {
    pub(crate) fn new(fetched: Fetched, hand: u64, now: Instant, contents: &mut Contents) -> Self {
        WrittenFetched {
            hand,
            record: WrittenRecord::new(fetched.record, contents),
            attempt: fetched.attempt,
            failures: fetched.failures,
            left: fetched.deadline.map(|deadline| Left::until(deadline, now)),
        }
    }

    /// Its receipt is the keeper's.
    pub(crate) fn read(self, rest: &mut Rest, said: Instant) -> Option<Fetched> {
        Some(Fetched {
            receipt: Receipt(self.hand),
            record: self.record.read(rest)?,
            attempt: self.attempt,
            failures: self.failures,
            deadline: self.left.map(|left| left.since(said)),
        })
    }
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct WrittenDead {
    id: u64,
    record: WrittenRecord,
    attempts: u32,
    reason: Reason,
    /// Since the epoch of Unix.
    at: Duration,
}

impl WrittenDead {
    pub(crate) fn new(dead: Dead, contents: &mut Contents) -> Self {
        let at = dead.at.duration_since(SystemTime::UNIX_EPOCH);
        WrittenDead {
            id: dead.id,
            record: WrittenRecord::new(dead.record, contents),
            attempts: dead.attempts,
            reason: dead.reason.into(),
            at: at.unwrap_or_default(),
        }
    }

    pub(crate) fn read(self, rest: &mut Rest) -> Option<Dead> {
        Some(Dead {
            id: self.id,
            record: self.record.read(rest)?,
            attempts: self.attempts,
            reason: self.reason.into(),
            at: SystemTime::UNIX_EPOCH.checked_add(self.at)?,
        })
    }
}

#[derive(Clone, Serialize, Deserialize, Debug)]
pub(crate) enum Reason {
    Rejected(String),
    MaxAttempts,
    MaxDeliveries,
    Undecodable(String),
}

impl From<DeadReason> for Reason {
    fn from(reason: DeadReason) -> Self {
        match reason {
            DeadReason::MaxAttempts => Reason::MaxAttempts,
            DeadReason::MaxDeliveries => Reason::MaxDeliveries,
            DeadReason::Undecodable(why) => Reason::Undecodable(why),
            DeadReason::Rejected(why) => Reason::Rejected(why),
            other => Reason::Rejected(other.to_string()),
        }
    }
}

impl From<Reason> for DeadReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Rejected(why) => DeadReason::Rejected(why),
            Reason::MaxAttempts => DeadReason::MaxAttempts,
            Reason::MaxDeliveries => DeadReason::MaxDeliveries,
            Reason::Undecodable(why) => DeadReason::Undecodable(why),
        }
    }
}

#[derive(Clone, Serialize, Deserialize, Debug)]
pub(crate) enum Which {
    All,
    These(Vec<u64>),
}

impl From<Letters> for Which {
    fn from(letters: Letters) -> Self {
        match letters {
            Letters::All => Which::All,
            Letters::These(ids) => Which::These(ids),
        }
    }
}

impl From<Which> for Letters {
    fn from(which: Which) -> Self {
        match which {
            Which::All => Letters::All,
            Which::These(ids) => Letters::These(ids),
        }
    }
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum How {
    Done,
    Answer(Content),
    Owe,
    Failed,
    RetryAfter(Duration),
    Release,
    Bury(Reason),
    Extend,
}

impl How {
    /// `None` for what is not known here.
    pub(crate) fn new(how: Settlement, contents: &mut Contents) -> Option<Self> {
        Some(match how {
            Settlement::Done => How::Done,
            Settlement::Answer(answer) => How::Answer(contents.put(answer)),
            Settlement::Owe => How::Owe,
            Settlement::Failed => How::Failed,
            Settlement::RetryAfter(wait) => How::RetryAfter(wait),
            Settlement::Release => How::Release,
            Settlement::Bury(reason) => How::Bury(reason.into()),
            Settlement::Extend => How::Extend,
            _ => return None,
        })
    }

    pub(crate) fn read(self, rest: &mut Rest) -> Option<Settlement> {
        Some(match self {
            How::Done => Settlement::Done,
            How::Answer(answer) => Settlement::Answer(rest.take(&answer)?),
            How::Owe => Settlement::Owe,
            How::Failed => Settlement::Failed,
            How::RetryAfter(wait) => Settlement::RetryAfter(wait),
            How::Release => Settlement::Release,
            How::Bury(reason) => Settlement::Bury(reason.into()),
            How::Extend => Settlement::Extend,
        })
    }
}
