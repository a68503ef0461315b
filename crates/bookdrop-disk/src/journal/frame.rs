//! A frame: a record as it lies in a segment.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | the marker `b0 0c d2 09` |
//! | 4..8 | length of the payload |
//! | 8..16 | sequence number |
//! | 16..20 | kind |
//! | 20..24 | checksum of the head: CRC-32 of the generation, the offset, and bytes 4 to 20 |
//! | 24..28 | checksum of the frame: the same one, gone on with over the payload |
//! | 28.. | the payload, and zeros up to a multiple of eight |
//!
//! All numbers are little-endian. The checksums say not only what was written but where: a frame that an earlier use of the file
//! left behind, or that lies in a payload, is none. That of the head says so before anything is believed of its length.

use crc32fast::Hasher;

/// Bytes before the payload.
pub(crate) const HEAD: usize = 28;
/// Every frame begins at a multiple of it.
pub(crate) const ALIGNMENT: usize = 8;

/// Every frame begins with it.
pub(crate) const MARKER: [u8; 4] = [0xb0, 0x0c, 0xd2, 0x09];

/// A place in the journal: a later place is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which segment.
    pub generation: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) sequence: u64,
    pub(crate) kind: u32,
    pub(crate) payload: &'a [u8],
}

/// Bytes that a frame takes with a payload of so many.
pub(crate) const fn length_with(payload: usize) -> usize {
    (HEAD + payload).next_multiple_of(ALIGNMENT)
}

impl<'a> Frame<'a> {
    pub(crate) fn length(&self) -> usize {
        length_with(self.payload.len())
    }

    /// Appends it to what will be written; it will lie at this position.
    ///
    /// The payload is shorter than a segment, which is shorter than 4 GiB.
    pub(crate) fn encode(&self, at: Position, into: &mut Vec<u8>) {
        let begin = into.len();
        into.extend_from_slice(&MARKER);
        into.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        into.extend_from_slice(&self.sequence.to_le_bytes());
        into.extend_from_slice(&self.kind.to_le_bytes());
        let of_head = checksum_of_head(at, &into[begin + 4..begin + 20]);
        into.extend_from_slice(&of_head.to_le_bytes());
        into.extend_from_slice(&checksum(of_head, self.payload).to_le_bytes());
        into.extend_from_slice(self.payload);
        into.resize(begin + self.length(), 0);
    }

    /// The frame with which these bytes begin, if they lie at this position and are as they were written.
    pub(crate) fn decode(bytes: &'a [u8], at: Position) -> Option<Frame<'a>> {
        Head::decode(bytes, at)?.frame(bytes)
    }
}

/// The head of a frame, whether or not the rest of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    kind: u32,
    payload: usize,
    /// Its own checksum, and that of the frame.
    checksums: (u32, u32),
}

impl Head {
    /// The head with which these bytes begin, if they lie at this position and are as they were written.
    pub(crate) fn decode(bytes: &[u8], at: Position) -> Option<Head> {
        let head = bytes.get(..HEAD).filter(|head| head[..4] == MARKER)?;
        let checksum = u32_at(head, 20);
        (checksum == checksum_of_head(at, &head[4..20])).then(|| Head {
            sequence: u64_at(head, 8),
            kind: u32_at(head, 16),
            payload: u32_at(head, 4) as usize,
            checksums: (checksum, u32_at(head, 24)),
        })
    }

    /// Bytes of the frame.
    pub(crate) fn length(&self) -> usize {
        length_with(self.payload)
    }

    /// The frame with which these bytes begin, whose head it is, if its payload is as it was written.
    pub(crate) fn frame<'a>(&self, bytes: &'a [u8]) -> Option<Frame<'a>> {
        let payload = bytes.get(..self.length())?.get(HEAD..HEAD + self.payload)?;
        let (of_head, of_frame) = self.checksums;
        (checksum(of_head, payload) == of_frame).then_some(Frame {
            sequence: self.sequence,
            kind: self.kind,
            payload,
        })
    }
}

fn checksum_of_head(at: Position, head: &[u8]) -> u32 {
    // Summed up in one go: each one costs more than its few bytes.
    let mut summed = [0; 32];
    summed[..8].copy_from_slice(&at.generation.to_le_bytes());
    summed[8..16].copy_from_slice(&at.offset.to_le_bytes());
    summed[16..].copy_from_slice(head);
    crc32fast::hash(&summed)
}

fn checksum(of_head: u32, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(of_head);
    hasher.update(payload);
    hasher.finalize()
}

/// The number that begins at this byte. There are four of it.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The number that begins at this byte. There are eight of it.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position {
        generation: 7,
        offset: 64,
    };
    const FRAME: Frame<'_> = Frame {
        sequence: 3,
        kind: 1,
        payload: b"hello",
    };

    fn encoded() -> Vec<u8> {
        let mut bytes = Vec::new();
        FRAME.encode(AT, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(encoded().len(), 40);
        assert_eq!(Frame::decode(&encoded(), AT), Some(FRAME));
        let mut followed = encoded();
        followed.extend([0xff; 50]);
        assert_eq!(Frame::decode(&followed, AT), Some(FRAME));
    }

    #[test]
    fn a_head_is_read_where_the_rest_is_not_there_but_nowhere_else() {
        let head = Head::decode(&encoded()[..HEAD], AT).expect("it is whole");
        assert_eq!((head.sequence, head.length()), (3, 40));
        assert_eq!(head.frame(&encoded()[..39]), None);
        for elsewhere in [72, 8] {
            let at = Position {
                offset: elsewhere,
                ..AT
            };
            assert_eq!(Head::decode(&encoded(), at), None);
        }
    }

    #[test]
    fn nothing_is_read_elsewhere() {
        let later = Position { offset: 72, ..AT };
        assert_eq!(Frame::decode(&encoded(), later), None);
        let used_again = Position {
            generation: 8,
            ..AT
        };
        assert_eq!(Frame::decode(&encoded(), used_again), None);
    }

    #[test]
    fn no_part_of_it_may_be_missing_or_changed() {
        let whole = encoded();
        for length in 0..whole.len() {
            assert_eq!(Frame::decode(&whole[..length], AT), None, "{length} bytes");
        }
        for at in 0..HEAD + FRAME.payload.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Frame::decode(&changed, AT), None, "bit {bit} of byte {at}");
            }
        }
    }
}
