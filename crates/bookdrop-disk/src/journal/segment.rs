//! A segment: a file of one length, with a header and frames behind it.
//!
//! | bytes of the header | what |
//! |---|---|
//! | 0..8 | `bookdrop` |
//! | 8..12 | version of the format |
//! | 12..16 | zeros |
//! | 16..24 | generation: no two segments of a folder ever have the same |
//! | 24..32 | sequence number of its first record |
//! | 32..40 | generation of the segment before it, or zero |
//! | 40..48 | offset at which that one ends |
//! | 48..56 | length of its file |
//! | 56..60 | zeros |
//! | 60..64 | CRC-32 of bytes 0 to 60 |

use super::frame::{Position, u32_at, u64_at};

/// Bytes before the first frame.
pub(crate) const HEADER: usize = 64;
/// The version of the format that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"bookdrop";
const SEGMENT: &str = "journal-";
const SPARE: &str = "spare-";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) generation: u64,
    pub(crate) first_sequence: u64,
    /// Where the segment before it ends: all of that is on the disk.
    pub(crate) previous_end: Option<Position>,
    /// Bytes of its file. One that is shorter has lost something.
    pub(crate) length: u64,
}

/// What the first bytes of a file say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Header(Header),
    Newer(u32),
    /// They are not as they were written.
    Damaged,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let previous = self.previous_end.unwrap_or_default();
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.generation.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[32..40].copy_from_slice(&previous.generation.to_le_bytes());
        bytes[40..48].copy_from_slice(&previous.offset.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.length.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// What these first bytes of a file say that is called after this generation.
    pub(crate) fn decode(bytes: &[u8], generation: u64) -> Found {
        let Some(bytes) = bytes.get(..HEADER) else {
            return Found::Damaged;
        };
        let is_whole = u32_at(bytes, 60) == crc32fast::hash(&bytes[..60]);
        if bytes[..8] != MAGIC || !is_whole {
            return Found::Damaged;
        }
        let version = u32_at(bytes, 8);
        if version > VERSION {
            return Found::Newer(version);
        }
        if version == 0 || u64_at(bytes, 16) != generation {
            return Found::Damaged;
        }
        let previous = Position {
            generation: u64_at(bytes, 32),
            offset: u64_at(bytes, 40),
        };
        Found::Header(Header {
            generation,
            first_sequence: u64_at(bytes, 24),
            previous_end: (previous.generation != 0).then_some(previous),
            length: u64_at(bytes, 48),
        })
    }
}

pub(crate) fn name_of_segment(generation: u64) -> String {
    format!("{SEGMENT}{generation:016x}")
}

pub(crate) fn name_of_spare(number: u64) -> String {
    format!("{SPARE}{number:016x}")
}

/// The generation of a segment that is called so.
pub(crate) fn generation_of(name: &str) -> Option<u64> {
    number(name, SEGMENT)
}

/// The number of a spare file that is called so.
pub(crate) fn number_of_spare(name: &str) -> Option<u64> {
    number(name, SPARE)
}

/// Names are written in one way, so others are not ours.
fn number(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (number != 0 && digits == format!("{number:016x}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_OF_7: Header = Header {
        generation: 7,
        first_sequence: 100,
        previous_end: Some(Position {
            generation: 5,
            offset: 4000,
        }),
        length: 4096,
    };

    #[test]
    fn what_was_written_is_read() {
        let first = Header {
            generation: 1,
            first_sequence: 1,
            previous_end: None,
            length: 8192,
        };
        for header in [first, HEADER_OF_7] {
            let found = Header::decode(&header.encode(), header.generation);
            assert_eq!(found, Found::Header(header));
        }
        assert_eq!(Header::decode(&HEADER_OF_7.encode(), 8), Found::Damaged);
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = HEADER_OF_7.encode();
        bytes[8] = 2;
        assert_eq!(Header::decode(&bytes, 7), Found::Damaged);
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::decode(&bytes, 7), Found::Newer(2));
    }

    #[test]
    fn what_is_no_header_is_damage() {
        assert_eq!(Header::decode(&[b'x'; HEADER], 7), Found::Damaged);
        assert_eq!(Header::decode(&[0; HEADER], 7), Found::Damaged);
        assert_eq!(Header::decode(b"short", 7), Found::Damaged);
    }

    #[test]
    fn names_are_read_as_they_are_written_and_in_no_other_way() {
        assert_eq!(generation_of(&name_of_segment(0xab)), Some(0xab));
        assert_eq!(number_of_spare(&name_of_spare(u64::MAX)), Some(u64::MAX));
        for other in [
            "journal-",
            "journal-1",
            "journal-00000000000000AB",
            "spare-x",
            "other",
        ] {
            assert_eq!((generation_of(other), number_of_spare(other)), (None, None));
        }
    }
}
