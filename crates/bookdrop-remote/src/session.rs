//! A stream of words in each direction, exactly once and in order, made of packets that may be lost, repeated or late.
//!
//! Nothing here knows of a network or of a clock: packets are given and taken, and the time is said.

mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use bookdrop_backend::Error;
use bytes::Bytes;

use crate::packet::{Between, Head, Kind, packet};
use crate::terms::Terms;
use crate::words::Word;

pub(crate) use incoming::Heard;
use incoming::Incoming;
use outgoing::Outgoing;

/// One side of a session.
pub(crate) struct Session {
    between: Between,
    outgoing: Outgoing,
    incoming: Incoming,
    resend_after: Duration,
    /// Something came since it was last said how far the other side was heard.
    owes_word: bool,
}

impl Session {
    pub(crate) fn new(between: Between, terms: &Terms) -> Self {
        Session {
            between,
            outgoing: Outgoing::new(terms.max_packet()),
            incoming: Incoming::default(),
            resend_after: terms.resend_after,
            owes_word: false,
        }
    }

    pub(crate) fn between(&self) -> Between {
        self.between
    }

    /// Says this word to the other side. Returns its number: words are counted from one on.
    pub(crate) fn say(&mut self, word: Word, now: Instant) -> u64 {
        self.outgoing.say(word, now)
    }

    /// Whether what was said went out, but for little.
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing.has_room()
    }

    /// Up to this number the other side has heard all words.
    pub(crate) fn confirmed(&self) -> u64 {
        self.outgoing.confirmed()
    }

    /// Whether the other side has heard everything.
    pub(crate) fn is_quiet(&self) -> bool {
        self.outgoing.is_quiet()
    }

    /// A packet of this session came. What was heard before, or comes from too far ahead, is let go of.
    pub(crate) fn hear(&mut self, head: &Head, body: Bytes, now: Instant) {
        self.outgoing.heard(head.heard, head.room_to);
        if head.number > 0 {
            let age = Duration::from_nanos(head.age);
            let said = now.checked_sub(age).unwrap_or(now);
            self.incoming.hear(head.number, body, said);
        }
        self.owes_word |= head.number > 0 || head.kind == Kind::Asks;
    }

    /// The next word of the other side.
    ///
    /// # Errors
    /// What came is none. There is no way on in this session.
    pub(crate) fn next_word(&mut self) -> Result<Option<Heard>, Error> {
        let before = self.incoming.taken();
        let word = self.incoming.next_word();
        // Whoever was short of room is told that there is some.
        self.owes_word |= self.incoming.taken() != before && self.incoming.was_tight();
        word
    }

    /// The connection is there again: what is not acknowledged was perhaps lost with the former one.
    pub(crate) fn send_again(&mut self) {
        self.outgoing.send_again();
    }

    /// The packets that are to go out now.
    pub(crate) fn packets(&mut self, now: Instant) -> Vec<Bytes> {
        let due = self.outgoing.due(now, self.resend_after);
        let mut packets = Vec::with_capacity(due.len() + 1);
        for number in due {
            let head = self.head(Kind::Plain, number, self.outgoing.age(number, now));
            packets.push(packet(&head, self.outgoing.body(number)));
        }
        if packets.is_empty() {
            let asks = self.outgoing.asks(now, self.resend_after);
            if asks || self.owes_word {
                let kind = if asks { Kind::Asks } else { Kind::Plain };
                packets.push(packet(&self.head(kind, 0, Duration::ZERO), &[]));
            }
        }
        self.owes_word = false;
        packets
    }

    fn head(&self, kind: Kind, number: u64, age: Duration) -> Head {
        Head {
            between: self.between,
            kind,
            first: self.outgoing.first(),
            number,
            heard: self.incoming.heard(),
            room_to: self.incoming.room_to(),
            age: u64::try_from(age.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// When packets are to go out again, if nothing is said or heard before.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.outgoing.wakes_at(self.resend_after)
    }
}

/// Tells whoever speaks in a session that it is over.
pub(crate) fn over(between: Between) -> Bytes {
    let head = Head {
        between,
        kind: Kind::Over,
        first: 1,
        number: 0,
        heard: 0,
        room_to: 0,
        age: 0,
    };
    packet(&head, &[])
}
