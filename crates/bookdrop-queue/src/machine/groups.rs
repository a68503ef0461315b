//! Groups come and go.

use crate::effects::Effects;
use crate::item::{Cause, Item};

use super::group::Group;
use super::{GroupId, Hand, Machine, Place, Spot};

impl<I: Item> Machine<I> {
    pub(crate) fn add_group(&mut self, name: &str, subscribed: bool) -> GroupId {
        let group = Group::new(name, subscribed);
        let free = self.groups.iter().position(|(_, group)| group.is_none());
        let index = free.unwrap_or_else(|| {
            self.groups.push((0, None));
            self.groups.len() - 1
        });
        let (generation, place) = &mut self.groups[index];
        *generation += 1;
        *place = Some(group);
        GroupId {
            index: index as u32,
            generation: *generation,
        }
    }

    pub(crate) fn group_named(&self, name: &str) -> Option<GroupId> {
        self.group_ids()
            .find(|id| self.group(*id).is_some_and(|g| &*g.name == name))
    }

    pub(crate) fn group_name(&self, id: GroupId) -> Option<&str> {
        self.group(id).map(|group| &*group.name)
    }

    pub(crate) fn group_ids(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.groups
            .iter()
            .enumerate()
            .filter(|(_, (_, group))| group.is_some())
            .map(|(index, (generation, _))| GroupId {
                index: index as u32,
                generation: *generation,
            })
    }

    pub(crate) fn is_subscribed(&self, id: GroupId) -> bool {
        self.group(id).is_some_and(|group| group.subscribed)
    }

    pub(crate) fn set_subscribed(&mut self, id: GroupId, subscribed: bool) {
        if let Some(group) = self.group_mut(id) {
            group.subscribed = subscribed;
        }
    }

    /// Lets go of a group and of all that stands in it. What is in hand is let go of when it is settled.
    pub(crate) fn remove_group(&mut self, id: GroupId, fx: &mut Effects<I>) {
        for spot in self.spots(|of, _| of == id) {
            let is_request = self.item(spot).is_some_and(|item| item.call().is_some());
            let cause = match is_request {
                true => Cause::NoConsumer,
                false => Cause::GroupRemoved,
            };
            self.discard(spot, cause, fx);
        }
        let Some(group) = self.group_mut(id) else {
            return;
        };
        for dead in group.dead.take_all() {
            fx.discard(dead.item, Cause::GroupRemoved, dead.deliveries);
        }
        self.groups[id.index as usize].1 = None;
    }

    /// Moves every one-way item from one group to a new one: the first group gets what was sent before it.
    pub(crate) fn move_one_way(&mut self, from: GroupId, to: GroupId) {
        // Oldest first, so that each goes to the end.
        for spot in self.spots(|of, item| of == from && item.call().is_none()) {
            let ticket = match spot {
                Spot::Node(ticket) => ticket,
                Spot::Lane(..) => {
                    if let Some((item, _)) = self.remove(spot) {
                        self.put_in_lane(to, item.hand().order, item);
                        self.note_fresh(to);
                    }
                    continue;
                }
            };
            let due = match self.nodes.get(ticket).map(|node| node.place) {
                Some(Place::Delayed { due }) => Some(due),
                _ => None,
            };
            if let Some(mut node) = self.take_out(ticket) {
                let hand = Hand {
                    group: to,
                    leads: false,
                    ..node.hand
                };
                *node.item.hand_mut() = hand;
                self.put_in(node.item, hand, due, true);
            }
        }
    }
}
