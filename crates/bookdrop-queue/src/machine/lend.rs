//! The express lane of a group can be lent out, so that plain items come and go without the machine.

use std::mem::swap;

use crate::item::Item;

use super::lane::Lane;
use super::{GroupId, Machine};

impl<I: Item> Machine<I> {
    /// Whether the items of this group's lane are the next to be handed over: nothing else stands ready. (What waits for its
    /// time is no hindrance: when it is due the alarm rings, and who rings calls the lane back.)
    #[inline]
    pub(crate) fn is_lane_next(&self, id: GroupId) -> bool {
        self.group(id).is_some_and(|group| group.ready.is_empty())
    }

    /// Whether any request is queued: it may be given up where it stands, so its lane is not lent.
    #[inline]
    pub(crate) fn has_requests(&self) -> bool {
        self.requests > 0
    }

    /// Lends the lane of a group out. Returns how many items it may hold meanwhile, and the order of the last item that was
    /// sent. Where there is no room for any, it is not lent: the limit tells that it is.
    #[inline]
    pub(crate) fn lend_lane(&mut self, id: GroupId, lane: &mut Lane<I>) -> (usize, u64) {
        let capacity = self.limits.capacity;
        let limit = self.group_mut(id).map_or(0, |group| {
            // What stands behind a key takes its place elsewhere.
            let limit = capacity.saturating_sub(group.queued - group.lane.len());
            if limit > 0 {
                swap(lane, &mut group.lane);
                group.lane_lent = lane.len();
            }
            limit
        });
        (limit, self.next_order)
    }

    /// Takes the lane back. What was sent shows in the order of the last item, what was handed over in what is left; so
    /// many of these were settled with the hand-over.
    #[inline]
    pub(crate) fn take_lane_back(
        &mut self,
        id: GroupId,
        lane: &mut Lane<I>,
        last_order: u64,
        auto_acked: u64,
    ) {
        let sent = last_order - self.next_order;
        self.next_order = last_order;
        let mut handed_over = 0;
        if let Some(group) = self.group_mut(id) {
            swap(lane, &mut group.lane);
            let before = group.lane_lent + sent as usize;
            handed_over = before - group.lane.len();
            group.queued = group.queued + sent as usize - handed_over;
            group.in_hand += handed_over - auto_acked as usize;
        }
        self.counters.sent += sent;
        self.counters.handed_over += handed_over as u64;
        self.counters.acked += auto_acked;
    }
}
