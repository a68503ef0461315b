//! How an event stands in a group, and the bytes of that.

use bookdrop_backend::DeadReason;
use smallvec::SmallVec;

use super::numbers::{Reader, put_text, put_u32, put_u64, put_u128};

/// How an event stands in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) group: u64,
    /// Its place among the others: the number of the event, or a later one if it was sent again.
    pub(crate) order: u64,
    /// When its time to live began, in milliseconds since 1970: when it was sent, or sent again.
    pub(crate) since: u64,
    pub(crate) deliveries: u32,
    pub(crate) failures: u32,
    pub(crate) state: State,
    /// Whether it stands in the queue: not in hand, not waiting, not dead. This is not written down.
    pub(crate) is_queued: bool,
}

/// How an event stands in its groups.
pub(crate) type Standings = SmallVec<[Standing; 1]>;

/// What an event waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its turn, or it is in hand.
    Ready,
    /// This time, in milliseconds since 1970.
    Until(u64),
    /// Nothing: this holder has it in hand, and may outlive the process.
    Held(u128),
    /// Nothing: it is a dead letter.
    Dead(Box<Grave>),
}

/// Why and when an event became a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grave {
    pub(crate) id: u64,
    /// In milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) reason: DeadReason,
    /// The number of the note that says so; zero for one that was read. This is not written down.
    pub(crate) noted: u64,
}

const READY: u8 = 0;
const UNTIL: u8 = 1;
const DEAD: u8 = 2;
const HELD: u8 = 3;

const REJECTED: u8 = 0;
const MAX_ATTEMPTS: u8 = 1;
const MAX_DELIVERIES: u8 = 2;
const UNDECODABLE: u8 = 3;

/// Bytes of a standing beside what its state takes.
pub(in crate::ledger) const STANDING: usize = 3 * size_of::<u64>() + 2 * size_of::<u32>() + 1;
/// Bytes of a grave beside its reason.
const GRAVE: usize = 2 * size_of::<u64>() + 1 + size_of::<u32>();

/// Bytes of a standing as a dead letter whose reason has so many.
pub(crate) const fn longest_standing(reason: usize) -> usize {
    STANDING + GRAVE + reason
}

impl Standing {
    /// The same, as it is while what was noted behind this note is not there.
    pub(crate) fn as_of(&self, note: u64) -> Standing {
        let mut standing = self.clone();
        if self.grave_behind(note) > 0 {
            standing.state = State::Ready;
        }
        standing
    }

    /// Whether it ever was, as far as is known: an event that is sent again begins anew.
    pub(crate) fn was_handed_over(&self) -> bool {
        self.deliveries > 0 || self.failures > 0 || matches!(self.state, State::Dead(_))
    }

    /// Bytes of its grave, if that was noted behind this note.
    pub(crate) fn grave_behind(&self, note: u64) -> usize {
        match &self.state {
            State::Dead(grave) if grave.noted > note => grave.length(),
            _ => 0,
        }
    }

    /// Bytes that it takes.
    pub(crate) fn length(&self) -> usize {
        let until = match &self.state {
            State::Until(due) => size_of_val(due),
            State::Held(holder) => size_of_val(holder),
            _ => 0,
        };
        STANDING + until + self.grave()
    }

    /// Bytes of its grave, if it is dead.
    pub(crate) fn grave(&self) -> usize {
        match &self.state {
            State::Dead(grave) => grave.length(),
            _ => 0,
        }
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        put_u64(into, self.group);
        put_u64(into, self.order);
        put_u64(into, self.since);
        put_u32(into, self.deliveries);
        put_u32(into, self.failures);
        match &self.state {
            State::Ready => into.push(READY),
            State::Until(due) => {
                into.push(UNTIL);
                put_u64(into, *due);
            }
            State::Held(holder) => {
                into.push(HELD);
                put_u128(into, *holder);
            }
            State::Dead(grave) => {
                into.push(DEAD);
                grave.encode(into);
            }
        }
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(Standing {
            group: from.number()?,
            order: from.number()?,
            since: from.u64()?,
            deliveries: from.u32()?,
            failures: from.u32()?,
            state: match from.u8()? {
                READY => State::Ready,
                UNTIL => State::Until(from.u64()?),
                HELD => State::Held(from.u128()?),
                DEAD => State::Dead(Box::new(Grave::decode(from)?)),
                _ => return None,
            },
            is_queued: false,
        })
    }
}

impl Grave {
    /// Bytes that it takes.
    pub(crate) fn length(&self) -> usize {
        let reason = match &self.reason {
            DeadReason::Rejected(why) | DeadReason::Undecodable(why) => why.len(),
            _ => 0,
        };
        GRAVE + reason
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        put_u64(into, self.id);
        put_u64(into, self.at);
        let other;
        let (kind, text) = match &self.reason {
            DeadReason::Rejected(why) => (REJECTED, &**why),
            DeadReason::MaxAttempts => (MAX_ATTEMPTS, ""),
            DeadReason::MaxDeliveries => (MAX_DELIVERIES, ""),
            DeadReason::Undecodable(why) => (UNDECODABLE, &**why),
            unknown => {
                other = unknown.to_string();
                (REJECTED, &*other)
            }
        };
        into.push(kind);
        put_text(into, text);
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let (id, at, kind) = (from.number()?, from.u64()?, from.u8()?);
        let text = from.text()?;
        let reason = match kind {
            REJECTED => DeadReason::Rejected(text),
            MAX_ATTEMPTS => DeadReason::MaxAttempts,
            MAX_DELIVERIES => DeadReason::MaxDeliveries,
            UNDECODABLE => DeadReason::Undecodable(text),
            _ => return None,
        };
        Some(Grave {
            id,
            at,
            reason,
            noted: 0,
        })
    }
}
