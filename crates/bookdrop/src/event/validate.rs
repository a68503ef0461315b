//! What an event must look like to be sent.

use std::fmt;

use crate::limits::{
    MAX_HEADER_NAME_BYTES, MAX_HEADER_VALUE_BYTES, MAX_HEADERS, MAX_ID_BYTES, MAX_KEY_BYTES,
    MAX_NAME_BYTES, MAX_PRIORITY, MAX_VALUES,
};

use super::Event;
use super::headers::Headers;
use super::meta::{Details, Meta};

/// What is wrong with an event, by the rules of [`limits`](crate::limits).
///
/// ```
/// use bookdrop::{Driver, Event, InvalidEvent, Producer, SendErrorKind};
///
/// let library: Driver = Driver::memory(10);
/// let error = Producer::new(&library).send(Event::new("")).wait().unwrap_err();
/// assert_eq!(error.kind(), &SendErrorKind::Invalid(InvalidEvent::NameEmpty));
/// let mut event = error.into_event(); // nothing is lost
/// # event.set_header("still", "here");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidEvent {
    /// The name is empty.
    NameEmpty,
    /// The name is longer than [`MAX_NAME_BYTES`].
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A header has an empty name.
    HeaderNameEmpty,
    /// A header's name is longer than [`MAX_HEADER_NAME_BYTES`].
    HeaderNameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A header is longer than [`MAX_HEADER_VALUE_BYTES`].
    HeaderValueTooLong {
        /// The header's name.
        name: String,
        /// The length of its value.
        bytes: usize,
    },
    /// There are more headers than [`MAX_HEADERS`].
    TooManyHeaders {
        /// So many.
        count: usize,
    },
    /// A value has an empty name.
    ValueNameEmpty,
    /// A value's name is longer than [`MAX_HEADER_NAME_BYTES`].
    ValueNameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// There are more values than [`MAX_VALUES`].
    TooManyValues {
        /// So many.
        count: usize,
    },
    /// The key is empty.
    KeyEmpty,
    /// The key is longer than [`MAX_KEY_BYTES`].
    KeyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The id is empty.
    IdEmpty,
    /// The id is longer than [`MAX_ID_BYTES`].
    IdTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The priority is above [`MAX_PRIORITY`].
    PriorityTooHigh {
        /// The priority.
        priority: u8,
    },
}

impl fmt::Display for InvalidEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let too_long = |f: &mut fmt::Formatter<'_>, what: &str, bytes: usize, max: usize| {
            write!(f, "the {what} has {bytes} bytes; make it {max} at most")
        };
        match self {
            Self::NameEmpty => f.write_str("the event has an empty name; give it one"),
            Self::NameTooLong { bytes } => too_long(f, "event's name", *bytes, MAX_NAME_BYTES),
            Self::HeaderNameEmpty => f.write_str("a header has an empty name; give it one"),
            Self::HeaderNameTooLong { bytes } => {
                too_long(f, "name of a header", *bytes, MAX_HEADER_NAME_BYTES)
            }
            Self::HeaderValueTooLong { name, bytes } => write!(
                f,
                "the header `{name}` has {bytes} bytes; make it {MAX_HEADER_VALUE_BYTES} at most, or put it into the body"
            ),
            Self::TooManyHeaders { count } => {
                write!(f, "there are {count} headers; {MAX_HEADERS} are allowed")
            }
            Self::ValueNameEmpty => f.write_str("a value has an empty name; give it one"),
            Self::ValueNameTooLong { bytes } => {
                too_long(f, "name of a value", *bytes, MAX_HEADER_NAME_BYTES)
            }
            Self::TooManyValues { count } => {
                write!(f, "there are {count} values; {MAX_VALUES} are allowed")
            }
            Self::KeyEmpty => f.write_str("the key is empty; leave it out or give it a name"),
            Self::KeyTooLong { bytes } => too_long(f, "key", *bytes, MAX_KEY_BYTES),
            Self::IdEmpty => f.write_str("the id is empty; leave it out or give one"),
            Self::IdTooLong { bytes } => too_long(f, "id", *bytes, MAX_ID_BYTES),
            Self::PriorityTooHigh { priority } => {
                write!(
                    f,
                    "the priority is {priority}; {MAX_PRIORITY} is the most urgent"
                )
            }
        }
    }
}

impl std::error::Error for InvalidEvent {}

impl<T> Event<T> {
    #[inline]
    pub(crate) fn validate(&self) -> Result<(), InvalidEvent> {
        match self.name().len() {
            0 => return Err(InvalidEvent::NameEmpty),
            bytes if bytes > MAX_NAME_BYTES => return Err(InvalidEvent::NameTooLong { bytes }),
            _ => {}
        }
        validate(&self.meta)
    }
}

#[inline]
fn validate(meta: &Meta) -> Result<(), InvalidEvent> {
    if let Some(headers) = meta.headers()
        && headers.may_be_invalid()
    {
        validate_headers(headers)?;
    }
    if meta.has_values() {
        validate_values(meta)?;
    }
    match meta.is_plain() {
        true => Ok(()),
        false => validate_details(meta.details()),
    }
}

fn validate_headers(headers: &Headers) -> Result<(), InvalidEvent> {
    match headers.len() {
        0..=MAX_HEADERS => headers.try_each(validate_header),
        count => Err(InvalidEvent::TooManyHeaders { count }),
    }
}

fn validate_values(meta: &Meta) -> Result<(), InvalidEvent> {
    if meta.values().len() > MAX_VALUES {
        return Err(InvalidEvent::TooManyValues {
            count: meta.values().len(),
        });
    }
    for (name, _) in meta.values() {
        match name.len() {
            0 => return Err(InvalidEvent::ValueNameEmpty),
            bytes if bytes > MAX_HEADER_NAME_BYTES => {
                return Err(InvalidEvent::ValueNameTooLong { bytes });
            }
            _ => {}
        }
    }
    Ok(())
}

fn validate_details(details: &Details) -> Result<(), InvalidEvent> {
    match details.key.as_deref().map(str::len) {
        Some(0) => return Err(InvalidEvent::KeyEmpty),
        Some(bytes) if bytes > MAX_KEY_BYTES => return Err(InvalidEvent::KeyTooLong { bytes }),
        _ => {}
    }
    match details.id.as_deref().map(str::len) {
        Some(0) => return Err(InvalidEvent::IdEmpty),
        Some(bytes) if bytes > MAX_ID_BYTES => return Err(InvalidEvent::IdTooLong { bytes }),
        _ => {}
    }
    if details.priority > MAX_PRIORITY {
        return Err(InvalidEvent::PriorityTooHigh {
            priority: details.priority,
        });
    }
    Ok(())
}

#[inline]
fn validate_header(name: &str, value: &str) -> Result<(), InvalidEvent> {
    match name.len() {
        0 => return Err(InvalidEvent::HeaderNameEmpty),
        bytes if bytes > MAX_HEADER_NAME_BYTES => {
            return Err(InvalidEvent::HeaderNameTooLong { bytes });
        }
        _ => {}
    }
    if value.len() > MAX_HEADER_VALUE_BYTES {
        return Err(InvalidEvent::HeaderValueTooLong {
            name: name.into(),
            bytes: value.len(),
        });
    }
    Ok(())
}
