//! Dead letters: what failed for good is kept, to be looked at, replayed or let go of.

use std::time::Instant;

use crate::clock;
use crate::effects::Effects;
use crate::item::{Cause, DeadReason, Item};
use crate::note::{Note, note};

use super::{Dead, GroupId, Hand, Machine, Taken};

impl<I: Item> Machine<I> {
    /// Makes a dead letter of an item in hand; its requester is told.
    pub(crate) fn bury(&mut self, mut taken: Taken<I>, reason: DeadReason, fx: &mut Effects<I>) {
        self.done(&taken);
        let hand = *taken.hand();
        let call = taken.item.sever();
        let was_request = call.is_some();
        if let Some(call) = call {
            fx.tell(call, Cause::Buried(reason.clone()));
        }
        if self.group(hand.group).is_none() {
            return fx.discard(taken.item, Cause::GroupRemoved, hand.deliveries);
        }
        self.next_dead += 1;
        self.counters.buried += 1;
        let (id, at) = (self.next_dead, clock::wall());
        let buried = Note::Buried {
            reason: &reason,
            id,
            at,
        };
        note(&mut taken.item, buried);
        let dead = Dead {
            item: taken.item,
            id,
            deliveries: hand.deliveries,
            reason,
            at,
        };
        // Of a request somebody was told.
        let counts = was_request || self.counts(&dead.reason);
        self.put_dead(hand.group, dead, counts, fx);
    }

    /// Whether a dead letter counts among those of which the oldest is dropped when there are too many.
    pub(super) fn counts(&self, reason: &DeadReason) -> bool {
        self.limits.counts_undecodable || !matches!(reason, DeadReason::Undecodable(_))
    }

    /// Puts a dead letter behind the others of its group; if too many count there, the oldest of these goes.
    pub(super) fn put_dead(
        &mut self,
        id: GroupId,
        dead: Dead<I>,
        counts: bool,
        fx: &mut Effects<I>,
    ) {
        let max_dead = self.limits.max_dead;
        let Some(group) = self.group_mut(id) else {
            return fx.discard(dead.item, Cause::GroupRemoved, dead.deliveries);
        };
        if !counts {
            return group.dead.keep(dead);
        }
        if let Some(oldest) = group.dead.put(dead, max_dead) {
            self.counters.dead_dropped += 1;
            fx.discard(oldest.item, Cause::DeadLetterDropped, oldest.deliveries);
        }
    }

    /// The dead letters of a group, oldest first.
    pub(crate) fn dead(&self, id: GroupId) -> impl Iterator<Item = &Dead<I>> {
        self.group(id)
            .into_iter()
            .flat_map(|group| group.dead.iter())
    }

    /// Takes one dead letter out, for good.
    pub(crate) fn take_dead(&mut self, id: GroupId, dead: u64) -> Option<Dead<I>> {
        let mut found = self.dig_out(id, dead)?;
        note(&mut found.item, Note::Gone);
        Some(found)
    }

    /// Sends a dead letter again, as if it had just been sent. False when there is no such one.
    pub(crate) fn replay(
        &mut self,
        id: GroupId,
        dead: u64,
        now: Instant,
        fx: &mut Effects<I>,
    ) -> bool {
        let Some(Dead { mut item, .. }) = self.dig_out(id, dead) else {
            return false;
        };
        item.revive(now);
        *item.hand_mut() = Hand {
            group: id,
            ..Hand::default()
        };
        note(&mut item, Note::Replayed);
        self.push(id, item, None, fx);
        true
    }

    fn dig_out(&mut self, id: GroupId, dead: u64) -> Option<Dead<I>> {
        self.group_mut(id)?.dead.take(dead)
    }

    /// Takes all dead letters out, for good, oldest first.
    pub(crate) fn take_all_dead(&mut self, id: GroupId) -> Vec<Dead<I>> {
        let Some(group) = self.group_mut(id) else {
            return Vec::new();
        };
        let mut all = group.dead.take_all();
        for dead in &mut all {
            note(&mut dead.item, Note::Gone);
        }
        all
    }
}
