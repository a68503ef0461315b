//! What can be seen of the reference, without a change.

use super::entry::{Entry, GroupNumber, Stands};
use super::reference::Reference;

impl Reference {
    pub(super) fn get(&self, number: u32) -> &Entry {
        self.entries
            .iter()
            .find(|e| e.number == number)
            .expect("it exists")
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Entry {
        self.entries
            .iter_mut()
            .find(|e| e.number == number)
            .expect("it exists")
    }

    /// Whether there is nothing that could be handed over, now or by the passing of time, but plain items that were never
    /// in a hand, and no request.
    pub(super) fn is_all_plain(&self, group: GroupNumber) -> bool {
        let is_first = |e: &Entry| e.is_plain() && e.deliveries == 0 && !e.is_beside_lane;
        let mut inside = self.entries.iter().filter(|e| e.is_inside());
        self.exists(group)
            && inside.all(|e| match e.stands {
                _ if e.is_request => false,
                Stands::Ready => e.group != group || is_first(e),
                // What waits for its key or its time does not stand before anybody.
                _ => true,
            })
    }

    /// How many wait for their key.
    pub(super) fn parked(&self, group: GroupNumber) -> usize {
        let is_parked = |e: &&Entry| e.group == group && matches!(e.stands, Stands::Parked(_));
        self.entries.iter().filter(is_parked).count()
    }

    pub(super) fn inside_by_age(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<u32> {
        let mut found: Vec<_> = self
            .entries
            .iter()
            .filter(|e| e.is_inside() && wanted(e))
            .collect();
        found.sort_by_key(|e| e.order);
        found.into_iter().map(|e| e.number).collect()
    }

    /// The dead letters of a group, oldest first.
    pub(super) fn dead(&self, group: GroupNumber) -> Vec<u32> {
        let dead = self
            .entries
            .iter()
            .filter(|e| e.group == group && e.stands == Stands::Dead);
        let mut dead: Vec<_> = dead.collect();
        dead.sort_by_key(|e| e.dead_id);
        dead.into_iter().map(|e| e.number).collect()
    }

    pub(super) fn depths(&self, group: GroupNumber) -> [usize; 4] {
        let count = |is: fn(&Entry) -> bool| {
            self.entries
                .iter()
                .filter(|e| self.exists(group) && e.group == group && is(e))
                .count()
        };
        [
            count(Entry::is_queued),
            count(|e| matches!(e.stands, Stands::Delayed(_))),
            count(|e| e.stands == Stands::InHand),
            count(|e| e.stands == Stands::Dead),
        ]
    }
}
