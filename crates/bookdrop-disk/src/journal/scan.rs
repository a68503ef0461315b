//! Finds the frames of a segment, also behind damage.

use std::ops::Range;

use super::frame::{ALIGNMENT, Frame, Head, MARKER, Position, u64_at};
use super::segment::HEADER;
use super::writer::MARK;

/// What lies at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Frame(u64, Frame<'a>),
    /// Between these offsets there is no frame: they were not written, or are damaged.
    Gap(Range<u64>),
}

/// The pieces of a segment up to an end, in order.
///
/// No byte is summed up more than once: it goes on behind whatever was summed up, right or wrong. So it takes no longer in bytes
/// that imitate frames.
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    generation: u64,
    offset: usize,
    /// The frame behind the gap that was told last.
    found: Option<(u64, Frame<'a>)>,
}

/// The bytes of a segment from its beginning to the end up to which it is to be looked at.
pub(crate) fn scan(bytes: &[u8], generation: u64) -> Scan<'_> {
    Scan {
        bytes,
        generation,
        offset: HEADER,
        found: None,
    }
}

impl<'a> Scan<'a> {
    /// Goes on by one step. Returns the frame that is there.
    fn step(&mut self) -> Option<(u64, Frame<'a>)> {
        let bytes = &self.bytes[self.offset..];
        // Most of what lies behind an end is zeros.
        if !bytes.starts_with(&MARKER) {
            self.offset += ALIGNMENT;
            return None;
        }
        let at = Position {
            generation: self.generation,
            offset: self.offset as u64,
        };
        let head = Head::decode(bytes, at).filter(|head| head.length() <= bytes.len());
        // Where a head is right, a frame was written, and the next one behind it, whether or not its payload is right.
        self.offset += head.map_or(ALIGNMENT, |head| head.length());
        Some((at.offset, head?.frame(bytes)?))
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let from = self.offset as u64;
        while self.found.is_none() && self.offset < self.bytes.len() {
            self.found = self.step();
        }
        match self.found {
            // What is behind the gap comes next.
            Some((offset, _)) if offset > from => Some(Piece::Gap(from..offset)),
            Some((offset, frame)) => {
                self.found = None;
                Some(Piece::Frame(offset, frame))
            }
            None if from < self.bytes.len() as u64 => {
                Some(Piece::Gap(from..self.bytes.len() as u64))
            }
            None => None,
        }
    }
}

/// The offset up to which marks say that this segment was flushed.
pub(crate) fn flushed(bytes: &[u8], generation: u64) -> u64 {
    let marks = scan(bytes, generation).filter_map(|piece| match piece {
        Piece::Frame(_, frame) if frame.kind == MARK => position_of(frame.payload),
        _ => None,
    });
    let here = marks.filter(|mark| mark.generation == generation);
    here.map(|mark| mark.offset).max().unwrap_or(HEADER as u64)
}

/// The payload of a mark.
pub(crate) fn payload_of(position: Position) -> [u8; 16] {
    let mut payload = [0; 16];
    payload[..8].copy_from_slice(&position.generation.to_le_bytes());
    payload[8..].copy_from_slice(&position.offset.to_le_bytes());
    payload
}

fn position_of(payload: &[u8]) -> Option<Position> {
    (payload.len() == 16).then(|| Position {
        generation: u64_at(payload, 0),
        offset: u64_at(payload, 8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        for (sequence, payload) in (1..).zip(payloads) {
            let at = Position {
                generation: 7,
                offset: bytes.len() as u64,
            };
            let frame = Frame {
                sequence,
                kind: 1,
                payload,
            };
            frame.encode(at, &mut bytes);
        }
        bytes
    }

    fn sequences(bytes: &[u8]) -> (Vec<u64>, Vec<(u64, u64)>) {
        let (mut found, mut gaps) = (Vec::new(), Vec::new());
        for piece in scan(bytes, 7) {
            match piece {
                Piece::Frame(_, frame) => found.push(frame.sequence),
                Piece::Gap(gap) => gaps.push((gap.start, gap.end)),
            }
        }
        (found, gaps)
    }

    #[test]
    fn frames_are_found_again_behind_damage() {
        let mut bytes = segment(&[b"one", b"a longer one", b"three"]);
        assert_eq!(sequences(&bytes), (vec![1, 2, 3], vec![]));
        bytes[100] ^= 1;
        assert_eq!(sequences(&bytes), (vec![1, 3], vec![(96, 136)]));
        bytes.extend([0; 16]);
        let end = bytes.len() as u64;
        assert_eq!(
            sequences(&bytes),
            (vec![1, 3], vec![(96, 136), (end - 16, end)])
        );
    }

    #[test]
    fn a_length_that_lies_leads_nowhere() {
        let mut bytes = segment(&[b"one", b"two"]);
        bytes[HEADER + 4..HEADER + 8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(sequences(&bytes), (vec![2], vec![(64, 96)]));
    }
}
