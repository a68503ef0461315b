//! What is said: words, cut into packets that are kept until the other side has heard them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use crate::packet::{HEAD_MOST, PART_HEAD_MOST, put_part_head};
use crate::terms::{WINDOW_BYTES, WINDOW_PACKETS};
use crate::words::Word;

/// Words share a packet that are said within so long. It has the age of the last one, so that nothing is over too early; a deadline may
/// be as much later at the other side.
const JOINED_WITHIN: Duration = Duration::from_millis(1);

/// So many bytes wait beyond the window before there is no room for more.
const SPARE_BYTES: usize = WINDOW_BYTES;

pub(super) struct Outgoing {
    max_body: usize,
    /// Words that are in no packet yet, the first of them perhaps in part.
    waiting: VecDeque<(Word, Instant)>,
    waiting_bytes: usize,
    /// Packets that the other side has not heard yet, in order.
    flying: VecDeque<Flying>,
    flying_bytes: usize,
    /// The number of the first of them.
    first: u64,
    /// Up to here the other side takes packets.
    room_to: u64,
    /// How many words were said.
    said: u64,
    /// How many of them were heard.
    confirmed: u64,
    /// When the other side was last asked for room, or given anything.
    asked_at: Option<Instant>,
}

struct Flying {
    body: Bytes,
    /// When the last of its words was said.
    said_at: Instant,
    sent_at: Option<Instant>,
    /// Words that end in it.
    words: u64,
}

impl Outgoing {
    pub(super) fn new(max_packet: usize) -> Self {
        Outgoing {
            max_body: max_packet - HEAD_MOST,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            flying: VecDeque::new(),
            flying_bytes: 0,
            first: 1,
            room_to: WINDOW_PACKETS,
            said: 0,
            confirmed: 0,
            asked_at: None,
        }
    }

    pub(super) fn say(&mut self, word: Word, now: Instant) -> u64 {
        self.waiting_bytes += word.length();
        self.waiting.push_back((word, now));
        self.said += 1;
        self.said
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes < SPARE_BYTES
    }

    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_empty()
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    fn next(&self) -> u64 {
        self.first + self.flying.len() as u64
    }

    /// The other side has heard all packets up to one, and has room up to another.
    pub(super) fn heard(&mut self, upto: u64, room_to: u64) {
        while self.first <= upto
            && let Some(heard) = self.flying.pop_front()
        {
            self.first += 1;
            self.flying_bytes -= heard.body.len();
            self.confirmed += heard.words;
        }
        // One that is late knows less.
        self.room_to = self.room_to.max(room_to);
    }

    pub(super) fn send_again(&mut self) {
        self.flying
            .iter_mut()
            .for_each(|packet| packet.sent_at = None);
        self.asked_at = None;
    }

    /// The numbers of the packets that are to go out now. They count as sent.
    pub(super) fn due(&mut self, now: Instant, resend_after: Duration) -> Vec<u64> {
        while self.may_cut() {
            let packet = self.cut();
            self.flying_bytes += packet.body.len();
            self.flying.push_back(packet);
        }
        let mut due = Vec::new();
        for (number, packet) in (self.first..).zip(&mut self.flying) {
            let rests = |sent| now.saturating_duration_since(sent) < resend_after;
            if !packet.sent_at.is_some_and(rests) {
                packet.sent_at = Some(now);
                due.push(number);
            }
        }
        if !due.is_empty() {
            self.asked_at = Some(now);
        }
        due
    }

    fn may_cut(&self) -> bool {
        !self.waiting.is_empty()
            && self.next() <= self.room_to
            && (self.flying.is_empty() || self.flying_bytes + self.max_body <= WINDOW_BYTES)
    }

    /// One packet of what waits, as much as goes into it.
    fn cut(&mut self) -> Flying {
        let most = self
            .max_body
            .min(self.waiting_bytes + self.waiting.len() * PART_HEAD_MOST);
        let mut body = BytesMut::with_capacity(most);
        let (mut words, mut said_at) = (0, None);
        let ends_at = self.waiting.front().map(|(_, said)| *said + JOINED_WITHIN);
        while let Some((word, said)) = self.waiting.front_mut() {
            let Some(room) = self.max_body.checked_sub(body.len() + PART_HEAD_MOST) else {
                break;
            };
            let length = word.length().min(room);
            if length == 0 || Some(*said) > ends_at {
                break;
            }
            said_at = said_at.max(Some(*said));
            let is_last = length == word.length();
            put_part_head(&mut body, is_last, length);
            word.move_into(&mut body, length);
            self.waiting_bytes -= length;
            if is_last {
                words += 1;
                self.waiting.pop_front();
            }
        }
        Flying {
            body: body.freeze(),
            said_at: said_at.expect("some word waits"),
            sent_at: None,
            words,
        }
    }

    fn flying(&self, number: u64) -> &Flying {
        &self.flying[(number - self.first) as usize]
    }

    pub(super) fn body(&self, number: u64) -> &[u8] {
        self.flying(number).body.chunk()
    }

    pub(super) fn age(&self, number: u64, now: Instant) -> Duration {
        now.saturating_duration_since(self.flying(number).said_at)
    }

    /// Whether the other side is to be asked for room: there was none when it was last heard, and nothing is under way that it
    /// would answer.
    pub(super) fn asks(&mut self, now: Instant, resend_after: Duration) -> bool {
        let is_due = self.is_stuck() && self.asks_at(resend_after).is_none_or(|at| at <= now);
        if is_due {
            self.asked_at = Some(now);
        }
        is_due
    }

    fn is_stuck(&self) -> bool {
        self.flying.is_empty() && !self.waiting.is_empty()
    }

    fn asks_at(&self, resend_after: Duration) -> Option<Instant> {
        Some(self.asked_at? + resend_after)
    }

    pub(super) fn wakes_at(&self, resend_after: Duration) -> Option<Instant> {
        if self.is_stuck() {
            return self.asks_at(resend_after);
        }
        let sent = self.flying.iter().filter_map(|packet| packet.sent_at);
        sent.min().map(|sent| sent + resend_after)
    }
}
