//! The consumers of a group, and what each of them has in hand.

use std::sync::Arc;

use crate::item::Item;
use crate::loan::{Lender, Tally};
use crate::machine::{GroupId, Taken};
use crate::note::{Note, note};
use crate::queue::Reader;
use crate::queue::waiters::Waiters;
use crate::slab::{Slab, Ticket};

use super::State;

/// The consumers of one group.
pub(super) struct Seats {
    /// How many there are.
    pub(super) taken: usize,
    /// They, and those that left with something still in hand.
    members: Slab<Member>,
    /// How many of these left.
    left: usize,
    pub(super) waiters: Waiters,
}

/// Those that left are looked at when there are more of them than others, and more than this: so joining and leaving take
/// the same few steps however many consumers there are.
const LEFT: usize = 16;

/// A consumer, or what it left in hands.
pub(super) struct Member {
    group: GroupId,
    tally: Arc<Tally>,
    /// Whether what it takes is settled with the hand-over: then its loans count for nothing.
    auto_ack: bool,
    /// Loans whose return was counted, or will not have to be.
    counted: u64,
    has_left: bool,
}

/// A consumer's place in its group: given by the queue when it joins.
pub struct Seat {
    pub(super) group: GroupId,
    pub(super) ticket: Ticket,
    pub(super) tally: Arc<Tally>,
    pub(super) auto_ack: bool,
}

impl Seat {
    /// The reader of this seat.
    pub fn reader(&self) -> Reader {
        Reader {
            group: self.group,
            seat: self.ticket,
            auto_ack: self.auto_ack,
        }
    }

    /// Lends `value` to the deliveries of this seat. There is one lender for each seat: its tally counts for one.
    ///
    /// ```compile_fail,E0382
    /// # fn twice(seat: bookdrop_queue::Seat) {
    /// let first = seat.lender(1);
    /// let second = seat.lender(2);
    /// # }
    /// ```
    pub fn lender<V>(self, value: V) -> Lender<V> {
        Lender::new(value, self.tally)
    }
}

impl Seats {
    pub(super) fn new() -> Self {
        Seats {
            taken: 0,
            members: Slab::new(),
            left: 0,
            waiters: Waiters::new(),
        }
    }

    pub(super) fn has_many_left(&self) -> bool {
        self.left > LEFT.max(self.members.len() / 2)
    }

    pub(super) fn leave(&mut self, seat: Ticket) {
        if let Some(member) = self.members.get_mut(seat) {
            member.has_left = true;
            self.left += 1;
        }
    }

    pub(super) fn take(&mut self, group: GroupId, auto_ack: bool, is_open: bool) -> Seat {
        let tally = Tally::new();
        if !is_open {
            tally.watch();
        }
        let ticket = self.members.insert(Member {
            group,
            tally: tally.clone(),
            auto_ack,
            counted: 0,
            has_left: false,
        });
        Seat {
            group,
            ticket,
            tally,
            auto_ack,
        }
    }
}

impl<I: Item> State<I> {
    /// Something is handed over to a consumer.
    #[inline]
    pub(in crate::queue) fn note_hand_over(&mut self, reader: Reader, taken: &mut Taken<I>) {
        if !reader.auto_ack {
            return;
        }
        self.machine.done(taken);
        note(&mut taken.item, Note::Gone);
        if taken.item.call().is_none() {
            self.machine.counters.acked += 1;
        }
    }

    /// A loan comes back, or is about to, of which the queue was told: its return is not to be counted again.
    ///
    /// Until it has come back, one fewer of those that came back without a word is counted: never too many.
    #[inline]
    pub(in crate::queue) fn expect_return(&mut self, reader: Reader) {
        if let Some(member) = self.member(reader) {
            member.counted += 1;
        }
    }

    #[inline]
    fn member(&mut self, reader: Reader) -> Option<&mut Member> {
        let seats = self.seats.get_mut(reader.group.index as usize)?;
        seats.members.get_mut(reader.seat)
    }

    /// Counts the deliveries that were acked without a word, and forgets consumers that left and have nothing in hand.
    pub(in crate::queue) fn count_returns(&mut self) {
        for seats in &mut self.seats {
            let mut finished = Vec::new();
            for (ticket, member) in seats.members.iter_mut() {
                // Asked first: where nothing is out any more, nothing comes back after the count.
                let is_finished = member.has_left && member.tally.is_settled();
                let returned = member.tally.returned();
                let news = returned.saturating_sub(member.counted);
                if news > 0 && !member.auto_ack {
                    member.counted += news;
                    self.machine.were_done(member.group, news);
                }
                if is_finished {
                    finished.push(ticket);
                }
            }
            seats.left -= finished.len();
            for ticket in finished {
                seats.members.remove(ticket);
            }
        }
    }

    /// From now on the queue is told of every return: somebody may wait for it.
    pub(super) fn watch_returns(&mut self) {
        for seats in &mut self.seats {
            for (_, member) in seats.members.iter_mut() {
                member.tally.watch();
            }
        }
        self.count_returns();
    }
}
