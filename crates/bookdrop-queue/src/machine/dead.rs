//! Dead letters: what failed for good is kept, to be looked at, replayed or let go of.

use crate::clock;
use crate::effects::Effects;
use crate::item::{Cause, DeadReason, Item};

use super::{Dead, GroupId, Machine, Taken};

impl<I: Item> Machine<I> {
    /// Makes a dead letter of an item in hand; its requester is told.
    pub(crate) fn bury(&mut self, mut taken: Taken<I>, reason: DeadReason, fx: &mut Effects<I>) {
        self.done(&taken);
        let hand = *taken.hand();
        if let Some(call) = taken.item.sever() {
            fx.tell(call, Cause::Buried(reason.clone()));
        }
        self.next_dead += 1;
        let dead = Dead {
            item: taken.item,
            id: self.next_dead,
            deliveries: hand.deliveries,
            reason,
            at: clock::wall(),
        };
        let max_dead = self.limits.max_dead;
        let Some(group) = self.group_mut(hand.group) else {
            return fx.discard(dead.item, Cause::GroupRemoved, dead.deliveries);
        };
        group.dead.push_back(dead);
        let overflow = group.dead.len() > max_dead;
        let oldest = overflow.then(|| group.dead.pop_front()).flatten();
        self.counters.buried += 1;
        if let Some(oldest) = oldest {
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

    /// Takes one dead letter out.
    pub(crate) fn take_dead(&mut self, id: GroupId, dead: u64) -> Option<Dead<I>> {
        let graves = &mut self.group_mut(id)?.dead;
        let at = graves.iter().position(|grave| grave.id == dead)?;
        graves.remove(at)
    }

    /// Takes all dead letters out, oldest first.
    pub(crate) fn take_all_dead(&mut self, id: GroupId) -> Vec<Dead<I>> {
        self.group_mut(id)
            .map_or_else(Vec::new, |group| std::mem::take(&mut group.dead).into())
    }
}
