//! What is heard: packets in any order, made words again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bookdrop_backend::Error;
use bytes::{Bytes, BytesMut};

use crate::error::garbled;
use crate::packet::{Part, parts};
use crate::terms::{GREATEST_WORD, WINDOW_BYTES, WINDOW_PACKETS};

/// Bytes of packets that were heard and not taken. What comes on top of them is let go of, and comes again.
const GREATEST_WAITING: usize = 2 * WINDOW_BYTES;

/// A word of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) bytes: Bytes,
    /// When it was said, or somewhat later.
    pub(crate) said: Instant,
}

#[derive(Default)]
pub(super) struct Incoming {
    /// Packets that were heard and not taken, by number.
    waiting: BTreeMap<u64, (Bytes, Instant)>,
    waiting_bytes: usize,
    /// Up to here all of them were heard.
    heard: u64,
    /// Up to here all of them were taken.
    taken: u64,
    /// Parts of the packet that is being taken.
    parts: VecDeque<Part>,
    said: Option<Instant>,
    /// What is there of a word that goes on.
    begun: BytesMut,
    was_tight: bool,
}

impl Incoming {
    pub(super) fn hear(&mut self, number: u64, body: Bytes, said: Instant) {
        let is_wanted = number > self.heard && number <= self.room_to();
        // Where nothing can be taken, the next one is let in whatever else is there: so there is always a way on.
        let is_needed = number == self.heard + 1 && self.heard == self.taken;
        let has_room = is_needed || self.waiting_bytes + body.len() <= GREATEST_WAITING;
        if !is_wanted || !has_room || self.waiting.contains_key(&number) {
            return;
        }
        self.waiting_bytes += body.len();
        self.waiting.insert(number, (body, said));
        while self.waiting.contains_key(&(self.heard + 1)) {
            self.heard += 1;
        }
        self.was_tight |= self.heard - self.taken >= WINDOW_PACKETS / 2;
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Up to here there is room.
    pub(super) fn room_to(&self) -> u64 {
        self.taken + WINDOW_PACKETS
    }

    /// Whether there was little room, and there is more now.
    pub(super) fn was_tight(&mut self) -> bool {
        let is_over = self.was_tight && self.heard - self.taken < WINDOW_PACKETS / 4;
        if is_over {
            self.was_tight = false;
        }
        is_over
    }

    pub(super) fn next_word(&mut self) -> Result<Option<Heard>, Error> {
        loop {
            let Some(part) = self.parts.pop_front() else {
                match self.open()? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            if self.begun.len() + part.bytes.len() > GREATEST_WORD {
                return Err(garbled("a word in it is too long"));
            }
            let bytes = match (self.begun.is_empty(), part.is_last) {
                // As most of them are: it is not copied.
                (true, true) => part.bytes,
                (_, is_last) => {
                    self.begun.extend_from_slice(&part.bytes);
                    if !is_last {
                        continue;
                    }
                    std::mem::take(&mut self.begun).freeze()
                }
            };
            let said = self.said.expect("a packet was opened");
            return Ok(Some(Heard { bytes, said }));
        }
    }

    /// Opens the next packet, if it is there.
    fn open(&mut self) -> Result<bool, Error> {
        if self.taken == self.heard {
            return Ok(false);
        }
        self.taken += 1;
        let packet = self.waiting.remove(&self.taken);
        let (body, said) = packet.expect("what was heard waits until it is taken");
        self.waiting_bytes -= body.len();
        self.parts = parts(body)?.into();
        self.said = Some(said);
        Ok(true)
    }
}
