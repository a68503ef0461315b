//! The bytes of a message of the stream: a page of notes, or the beginning of an epoch.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use bytes::Bytes;

/// What every message begins with.
const MAGIC: [u8; 3] = *b"BDJ";
/// The only format that there is yet.
const FORMAT: u8 = 1;
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 4;
/// Bytes before what a message says.
const HEAD: usize = MAGIC.len() + 2 + 3 * 8 + 16;

const EPOCH: u8 = 1;
const PAGE: u8 = 2;
const RESERVE: u8 = 3;

/// A driver in one of its lives: random, so that no two are called the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DriverId(pub(crate) [u8; 16]);

impl fmt::Display for DriverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// That of which this is the text.
impl FromStr for DriverId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let number = u128::from_str_radix(text, 16)?;
        Ok(DriverId(number.to_be_bytes()))
    }
}

/// Names an epoch: the time from which on a driver is the keeper.
///
/// The sequence orders epochs. A server that lost the end of its stream may give one again, so the driver belongs to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Epoch {
    /// Where it begins in the stream.
    pub(crate) sequence: u64,
    /// The keeper.
    pub(crate) driver: DriverId,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.driver)
    }
}

/// That of which this is the text.
impl FromStr for Epoch {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (sequence, driver) = text.split_once('.').unwrap_or((text, ""));
        Ok(Epoch {
            sequence: sequence.parse()?,
            driver: driver.parse()?,
        })
    }
}

/// A message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) kind: Kind,
    pub(crate) driver: DriverId,
    /// By the server's clock, in milliseconds since 1970.
    pub(crate) at: u64,
    /// What it says.
    pub(crate) body: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The driver is the keeper from now on.
    Epoch,
    /// Notes of the keeper.
    Notes {
        /// The sequence of its epoch.
        epoch: u64,
        /// The first of an epoch is number one.
        number: u64,
    },
    /// Nothing: it takes room that is let go of when there is no other.
    Reserve {
        /// The sequence of the keeper's epoch.
        epoch: u64,
    },
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Somebody else has published it.
    Foreign,
    /// Another version of this driver wrote it: in this format.
    Newer(u8),
    /// It is not what was written.
    Damaged,
}

impl Page {
    /// Bytes that a message takes beside its body.
    pub(crate) const BESIDE: usize = HEAD + CHECKSUM;

    pub(crate) fn encode(&self) -> Bytes {
        let (kind, epoch, number) = match self.kind {
            Kind::Epoch => (EPOCH, 0, 0),
            Kind::Notes { epoch, number } => (PAGE, epoch, number),
            Kind::Reserve { epoch } => (RESERVE, epoch, 0),
        };
        let mut bytes = Vec::with_capacity(Page::BESIDE + self.body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[FORMAT, kind]);
        for number in [epoch, number, self.at] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.driver.0);
        bytes.extend_from_slice(&self.body);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.into()
    }

    /// # Errors
    /// It is no message of this driver, or not the one that was written.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(Unreadable::Foreign)?;
        match rest.first() {
            Some(&FORMAT) => {}
            // Nothing else of it is known.
            Some(&format) if format > FORMAT => return Err(Unreadable::Newer(format)),
            _ => return Err(Unreadable::Damaged),
        }
        let end = bytes.len().checked_sub(CHECKSUM);
        let end = end.filter(|end| *end >= HEAD).ok_or(Unreadable::Damaged)?;
        let (said, checksum) = bytes.split_at(end);
        if crc32fast::hash(said).to_le_bytes() != checksum {
            return Err(Unreadable::Damaged);
        }
        let mut from = Reader(&said[MAGIC.len() + 1..]);
        Page::decode_head(&mut from, bytes.slice(HEAD..end)).ok_or(Unreadable::Damaged)
    }

    fn decode_head(from: &mut Reader<'_>, body: Bytes) -> Option<Self> {
        let [kind] = from.array()?;
        let (epoch, number, at) = (from.number()?, from.number()?, from.number()?);
        let kind = match kind {
            EPOCH => Kind::Epoch,
            PAGE => Kind::Notes { epoch, number },
            RESERVE => Kind::Reserve { epoch },
            _ => return None,
        };
        Some(Page {
            kind,
            driver: DriverId(from.array()?),
            at,
            body,
        })
    }
}

/// Reads numbers from bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> [Page; 3] {
        let page = Page {
            kind: Kind::Notes {
                epoch: 7,
                number: u64::MAX,
            },
            driver: DriverId(*b"0123456789abcdef"),
            at: 1_800_000_000_000,
            body: Bytes::from_static(b"what happened"),
        };
        let beginning = Page {
            kind: Kind::Epoch,
            body: Bytes::new(),
            ..page.clone()
        };
        let reserve = Page {
            kind: Kind::Reserve { epoch: 7 },
            body: Bytes::from_static(&[0; 9]),
            ..page.clone()
        };
        [page, beginning, reserve]
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        for page in pages() {
            let bytes = page.encode();
            assert_eq!(bytes.len(), Page::BESIDE + page.body.len());
            assert_eq!(Page::decode(&bytes), Ok(page));
        }
    }

    #[test]
    fn whatever_becomes_of_a_byte_no_other_page_is_read() {
        for page in pages() {
            let bytes = page.encode();
            for at in 0..bytes.len() {
                let cut = Page::decode(&bytes.slice(..at));
                assert!(cut.is_err(), "cut at {at}");
                for bit in 0..8 {
                    let mut damaged = bytes.to_vec();
                    damaged[at] ^= 1 << bit;
                    let read = Page::decode(&damaged.into());
                    assert!(read.is_err(), "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_page_is_told_apart() {
        let foreign = Page::decode(&Bytes::from_static(b"hello world"));
        assert_eq!(foreign, Err(Unreadable::Foreign));
        let newer = Page::decode(&Bytes::from_static(b"BDJ\x02whatever it says"));
        assert_eq!(newer, Err(Unreadable::Newer(2)));
        let older = Page::decode(&Bytes::from_static(b"BDJ\x00"));
        assert_eq!(older, Err(Unreadable::Damaged));
    }
}
