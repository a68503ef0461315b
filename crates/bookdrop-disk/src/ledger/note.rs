//! What is written to the journal: the bytes of each kind of record. `docs/disk-format.md` says the same in words.

use std::time::Duration;

use bookdrop_backend::{DeadReason, Record};
use bytes::Bytes;

/// Kinds of records.
pub(crate) mod kind {
    pub(crate) const EVENT: u32 = 1;
    pub(crate) const HANDED_OVER: u32 = 2;
    pub(crate) const RETURNED: u32 = 3;
    pub(crate) const BURIED: u32 = 4;
    pub(crate) const REPLAYED: u32 = 5;
    pub(crate) const MOVED: u32 = 6;
    pub(crate) const GONE: u32 = 7;
    pub(crate) const GROUPS: u32 = 8;
    pub(crate) const IDS: u32 = 9;
}

/// How an event stands in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) group: u64,
    /// Its place among the others: the number of the event, or a later one if it was sent again.
    pub(crate) order: u64,
    pub(crate) deliveries: u32,
    pub(crate) failures: u32,
    pub(crate) state: State,
}

/// What an event waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its turn, or it is in hand.
    Ready,
    /// This time, in milliseconds since 1970.
    Until(u64),
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
}

/// A record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// An event as it stands: when it is sent, and again when its segment is about to be freed.
    Event {
        number: u64,
        /// In milliseconds since 1970.
        sent: u64,
        record: Record,
        standings: Vec<Standing>,
    },
    HandedOver {
        number: u64,
        group: u64,
        deliveries: u32,
    },
    Returned {
        number: u64,
        group: u64,
        failures: u32,
        /// In milliseconds since 1970; zero if it is ready at once.
        due: u64,
    },
    Buried {
        number: u64,
        group: u64,
        grave: Grave,
    },
    Replayed {
        number: u64,
        group: u64,
        order: u64,
    },
    Moved {
        number: u64,
        group: u64,
    },
    Gone {
        number: u64,
        group: u64,
    },
    /// All groups that something is written down of, the oldest first.
    Groups(Vec<Group>),
    /// Ids that were sent, with the time in milliseconds since 1970.
    Ids(Vec<(u64, String)>),
}

/// A group that something is written down of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) number: u64,
    /// Whether a consumer ever joined it.
    pub(crate) is_joined: bool,
    pub(crate) name: String,
}

/// Flags of an event.
const ID_IS_GIVEN: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_DELAY: u8 = 4;
const HAS_TIME_TO_LIVE: u8 = 8;
const KNOWN_FLAGS: u8 = 15;

const READY: u8 = 0;
const UNTIL: u8 = 1;
const DEAD: u8 = 2;

const REJECTED: u8 = 0;
const MAX_ATTEMPTS: u8 = 1;
const MAX_DELIVERIES: u8 = 2;
const UNDECODABLE: u8 = 3;

/// Appends the bytes of an event.
pub(crate) fn encode_event(
    number: u64,
    sent: u64,
    record: &Record,
    standings: &[Standing],
    into: &mut Vec<u8>,
) {
    let times = [
        (HAS_DELAY, record.delay),
        (HAS_TIME_TO_LIVE, record.time_to_live),
    ];
    let mut flags = u8::from(record.is_id_given) * ID_IS_GIVEN;
    flags |= u8::from(record.key.is_some()) * HAS_KEY;
    for (flag, time) in times {
        flags |= u8::from(time.is_some()) * flag;
    }
    put_u64(into, number);
    put_u64(into, sent);
    into.extend([flags, record.priority]);
    for (_, time) in times {
        if let Some(time) = time {
            put_u64(into, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    put_text(into, &record.id);
    if let Some(key) = &record.key {
        put_text(into, key);
    }
    put_u32(into, standings.len() as u32);
    for standing in standings {
        standing.encode(into);
    }
    into.extend_from_slice(&record.content);
}

/// Bytes of an id among others.
pub(crate) fn length_of_id(id: &str) -> usize {
    size_of::<u64>() + size_of::<u32>() + id.len()
}

/// Bytes of a group among others.
pub(crate) fn length_of_group(name: &str) -> usize {
    size_of::<u64>() + size_of::<u8>() + size_of::<u32>() + name.len()
}

impl Standing {
    fn encode(&self, into: &mut Vec<u8>) {
        put_u64(into, self.group);
        put_u64(into, self.order);
        put_u32(into, self.deliveries);
        put_u32(into, self.failures);
        match &self.state {
            State::Ready => into.push(READY),
            State::Until(due) => {
                into.push(UNTIL);
                put_u64(into, *due);
            }
            State::Dead(grave) => {
                into.push(DEAD);
                grave.encode(into);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(Standing {
            group: from.number()?,
            order: from.number()?,
            deliveries: from.u32()?,
            failures: from.u32()?,
            state: match from.u8()? {
                READY => State::Ready,
                UNTIL => State::Until(from.u64()?),
                DEAD => State::Dead(Box::new(Grave::decode(from)?)),
                _ => return None,
            },
        })
    }
}

impl Group {
    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(Group {
            number: from.number()?,
            is_joined: match from.u8()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            name: from.text()?,
        })
    }
}

impl Grave {
    fn encode(&self, into: &mut Vec<u8>) {
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

    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let (id, at, kind) = (from.number()?, from.u64()?, from.u8()?);
        let text = from.text()?;
        let reason = match kind {
            REJECTED => DeadReason::Rejected(text),
            MAX_ATTEMPTS => DeadReason::MaxAttempts,
            MAX_DELIVERIES => DeadReason::MaxDeliveries,
            UNDECODABLE => DeadReason::Undecodable(text),
            _ => return None,
        };
        Some(Grave { id, at, reason })
    }
}

impl Note {
    /// Appends its bytes; returns its kind.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) -> u32 {
        match self {
            Note::Event {
                number,
                sent,
                record,
                standings,
            } => {
                encode_event(*number, *sent, record, standings, into);
                kind::EVENT
            }
            Note::HandedOver {
                number,
                group,
                deliveries,
            } => {
                put_u64(into, *number);
                put_u64(into, *group);
                put_u32(into, *deliveries);
                kind::HANDED_OVER
            }
            Note::Returned {
                number,
                group,
                failures,
                due,
            } => {
                put_u64(into, *number);
                put_u64(into, *group);
                put_u32(into, *failures);
                put_u64(into, *due);
                kind::RETURNED
            }
            Note::Buried {
                number,
                group,
                grave,
            } => {
                put_u64(into, *number);
                put_u64(into, *group);
                grave.encode(into);
                kind::BURIED
            }
            Note::Replayed {
                number,
                group,
                order,
            } => {
                put_u64(into, *order);
                put_two(into, [*number, *group], kind::REPLAYED)
            }
            Note::Moved { number, group } => put_two(into, [*number, *group], kind::MOVED),
            Note::Gone { number, group } => put_two(into, [*number, *group], kind::GONE),
            Note::Groups(groups) => {
                put_u32(into, groups.len() as u32);
                for group in groups {
                    put_u64(into, group.number);
                    into.push(u8::from(group.is_joined));
                    put_text(into, &group.name);
                }
                kind::GROUPS
            }
            Note::Ids(ids) => {
                put_u32(into, ids.len() as u32);
                for (sent, id) in ids {
                    put_u64(into, *sent);
                    put_text(into, id);
                }
                kind::IDS
            }
        }
    }

    /// Reads a record of this kind. `None` if these bytes are none.
    pub(crate) fn decode(kind: u32, payload: &[u8]) -> Option<Self> {
        let mut from = Reader(payload);
        let note = match kind {
            kind::EVENT => return decode_event(from),
            kind::HANDED_OVER => Note::HandedOver {
                number: from.number()?,
                group: from.number()?,
                deliveries: from.u32()?,
            },
            kind::RETURNED => Note::Returned {
                number: from.number()?,
                group: from.number()?,
                failures: from.u32()?,
                due: from.u64()?,
            },
            kind::BURIED => Note::Buried {
                number: from.number()?,
                group: from.number()?,
                grave: Grave::decode(&mut from)?,
            },
            kind::REPLAYED => Note::Replayed {
                order: from.number()?,
                number: from.number()?,
                group: from.number()?,
            },
            kind::MOVED => Note::Moved {
                number: from.number()?,
                group: from.number()?,
            },
            kind::GONE => Note::Gone {
                number: from.number()?,
                group: from.number()?,
            },
            kind::GROUPS => Note::Groups(from.list(Group::decode)?),
            kind::IDS => Note::Ids(from.list(|from| Some((from.u64()?, from.text()?)))?),
            _ => return None,
        };
        from.0.is_empty().then_some(note)
    }
}

fn decode_event(mut from: Reader<'_>) -> Option<Note> {
    let (number, sent) = (from.number()?, from.u64()?);
    let (flags, priority) = (from.u8()?, from.u8()?);
    if flags & !KNOWN_FLAGS != 0 {
        return None;
    }
    let mut time = |flag| match flags & flag {
        0 => Some(None),
        _ => from.u64().map(|nanos| Some(Duration::from_nanos(nanos))),
    };
    let (delay, time_to_live) = (time(HAS_DELAY)?, time(HAS_TIME_TO_LIVE)?);
    let id = from.text()?.into();
    let key = match flags & HAS_KEY {
        0 => None,
        _ => Some(from.text()?.into()),
    };
    let standings = from.list(Standing::decode)?;
    let record = Record {
        id,
        is_id_given: flags & ID_IS_GIVEN != 0,
        key,
        priority,
        delay,
        time_to_live,
        content: Bytes::copy_from_slice(from.0),
    };
    Some(Note::Event {
        number,
        sent,
        record,
        standings,
    })
}

fn put_u32(into: &mut Vec<u8>, number: u32) {
    into.extend_from_slice(&number.to_le_bytes());
}

fn put_u64(into: &mut Vec<u8>, number: u64) {
    into.extend_from_slice(&number.to_le_bytes());
}

fn put_two(into: &mut Vec<u8>, numbers: [u64; 2], kind: u32) -> u32 {
    numbers.into_iter().for_each(|number| put_u64(into, number));
    kind
}

fn put_text(into: &mut Vec<u8>, text: &str) {
    put_u32(into, text.len() as u32);
    into.extend_from_slice(text.as_bytes());
}

/// The greatest number of anything: nobody counts so far.
const GREATEST: u64 = 1 << 62;

/// What is left of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.bytes(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Option<u64> {
        let bytes = self.bytes(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    /// One that counts something. There is always a next one.
    fn number(&mut self) -> Option<u64> {
        self.u64().filter(|number| *number <= GREATEST)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let bytes = self.bytes(length)?;
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    }

    fn list<V>(&mut self, one: impl Fn(&mut Self) -> Option<V>) -> Option<Vec<V>> {
        // What it says of its length is not believed before so many are there.
        (0..self.u32()?).map(|_| one(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Note> {
        let (number, group) = (7, 1 << 40);
        let grave = |reason| Grave {
            id: 3,
            at: 4,
            reason,
        };
        let rejected = grave(DeadReason::Rejected("page 7 is torn".into()));
        let standing = |state| Standing {
            group,
            order: 9,
            deliveries: 2,
            failures: 1,
            state,
        };
        let record = Record {
            id: "4711".into(),
            is_id_given: true,
            key: Some("S".into()),
            priority: 9,
            delay: Some(Duration::from_nanos(1)),
            time_to_live: Some(Duration::MAX),
            content: Bytes::from_static(b"{}"),
        };
        let one = |name: &str, is_joined| Group {
            number,
            is_joined,
            name: name.into(),
        };
        let at_most = Duration::from_nanos(u64::MAX);
        let event = |record, standings| Note::Event {
            number,
            sent: 5,
            record,
            standings,
        };
        let standings = vec![
            standing(State::Ready),
            standing(State::Until(77)),
            standing(State::Dead(Box::new(rejected.clone()))),
            standing(State::Dead(Box::new(grave(DeadReason::MaxAttempts)))),
            standing(State::Dead(Box::new(grave(DeadReason::MaxDeliveries)))),
        ];
        let kept = Record {
            time_to_live: Some(at_most),
            ..record
        };
        vec![
            event(kept, standings),
            event(Record::default(), Vec::new()),
            Note::HandedOver {
                number,
                group,
                deliveries: 1,
            },
            Note::Returned {
                number,
                group,
                failures: 2,
                due: 3,
            },
            Note::Buried {
                number,
                group,
                grave: rejected,
            },
            Note::Buried {
                number,
                group,
                grave: grave(DeadReason::Undecodable("no".into())),
            },
            Note::Replayed {
                number,
                group,
                order: 11,
            },
            Note::Moved { number, group },
            Note::Gone { number, group },
            Note::Groups(vec![one("default", false), one("größe", true)]),
            Note::Ids(vec![(5, "4711".into())]),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for note in every_kind() {
            let mut bytes = Vec::new();
            let kind = note.encode(&mut bytes);
            assert_eq!(Note::decode(kind, &bytes), Some(note));
        }
    }

    #[test]
    fn what_is_cut_short_is_nothing_or_an_event_with_less_in_it() {
        for note in every_kind() {
            let mut bytes = Vec::new();
            let kind = note.encode(&mut bytes);
            for length in 0..bytes.len() {
                let read = Note::decode(kind, &bytes[..length]);
                let is_event = matches!(read, Some(Note::Event { .. }));
                assert!(read.is_none() || is_event, "{read:?}");
            }
        }
    }

    #[test]
    fn nothing_follows_a_note() {
        for note in every_kind() {
            let mut bytes = Vec::new();
            let kind = note.encode(&mut bytes);
            bytes.push(0);
            let read = Note::decode(kind, &bytes);
            assert!(read.is_none() || kind == kind::EVENT, "{read:?}");
        }
    }
}
