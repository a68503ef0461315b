//! What is written to the journal: the bytes of each kind of record. `docs/disk-format.md` says the same in words.

mod numbers;
mod standing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ::bytes::Bytes;
use bookdrop_backend::Record;

use numbers::{Reader, put_text, put_two, put_u32, put_u64, put_u128};

pub(super) use standing::STANDING;
pub(crate) use standing::{Grave, Standing, Standings, State, longest_standing};

/// Kinds of records.
pub(crate) mod kind {
    pub(crate) const EVENT: u32 = 1;
    pub(crate) const HANDED_OVER: u32 = 2;
    pub(crate) const RETURNED: u32 = 3;
    pub(crate) const BURIED: u32 = 4;
    pub(crate) const REPLAYED: u32 = 5;
    pub(crate) const GONE: u32 = 7;
    pub(crate) const GROUPS: u32 = 8;
    pub(crate) const IDS: u32 = 9;
    pub(crate) const HELD: u32 = 10;
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
        standings: Standings,
    },
    HandedOver {
        number: u64,
        group: u64,
        deliveries: u32,
    },
    /// Who has in hand what was handed over last, and may outlive the process.
    Held {
        number: u64,
        group: u64,
        holder: u128,
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
        /// In milliseconds since 1970.
        since: u64,
    },
    Gone {
        number: u64,
        group: u64,
    },
    /// All groups that something is written down of, the oldest first.
    Groups {
        /// The greatest number that any group ever had, also one that was removed.
        last: u64,
        groups: Vec<Group>,
    },
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

/// Bytes of an event beside its texts, its standings and its content: with a delay, with a time to live, and with a key or not.
pub(crate) fn length_beside(has_times: [bool; 2], has_key: bool) -> usize {
    let times = has_times.into_iter().filter(|has_time| *has_time).count();
    let lengths = 2 + usize::from(has_key);
    (2 + times) * size_of::<u64>() + 2 * size_of::<u8>() + lengths * size_of::<u32>()
}

/// Bytes of an id among others.
pub(crate) fn length_of_id(id: &str) -> usize {
    size_of::<u64>() + size_of::<u32>() + id.len()
}

/// Bytes of a group among others.
pub(crate) fn length_of_group(name: &str) -> usize {
    size_of::<u64>() + size_of::<u8>() + size_of::<u32>() + name.len()
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
            Note::Held {
                number,
                group,
                holder,
            } => {
                put_u64(into, *number);
                put_u64(into, *group);
                put_u128(into, *holder);
                kind::HELD
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
                since,
            } => {
                put_u64(into, *order);
                put_u64(into, *since);
                put_two(into, [*number, *group], kind::REPLAYED)
            }
            Note::Gone { number, group } => put_two(into, [*number, *group], kind::GONE),
            Note::Groups { last, groups } => {
                put_u64(into, *last);
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
            kind::HELD => Note::Held {
                number: from.number()?,
                group: from.number()?,
                holder: from.u128()?,
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
                since: from.u64()?,
                number: from.number()?,
                group: from.number()?,
            },
            kind::GONE => Note::Gone {
                number: from.number()?,
                group: from.number()?,
            },
            kind::GROUPS => Note::Groups {
                last: from.number()?,
                groups: from.list(Group::decode)?,
            },
            kind::IDS => Note::Ids(from.list(|from| Some((from.u64()?, from.text()?)))?),
            _ => return None,
        };
        from.0.is_empty().then_some(note)
    }
}

/// The event and the group of which a record says something, unless it is about a whole event, or about none.
pub(crate) fn subject_of(kind: u32, payload: &[u8]) -> Option<(u64, u64)> {
    let mut from = Reader(payload);
    match kind {
        kind::HANDED_OVER | kind::HELD | kind::RETURNED | kind::BURIED | kind::GONE => {}
        // Its place and its time come first.
        kind::REPLAYED => drop((from.u64()?, from.u64()?)),
        _ => return None,
    }
    Some((from.number()?, from.number()?))
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
    let standings = from.list(Standing::decode)?.into();
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
