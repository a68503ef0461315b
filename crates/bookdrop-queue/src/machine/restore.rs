//! A queue that was there before is made again, item by item.

use std::time::Instant;

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::slab::List;

use super::{Dead, GroupId, Hand, Machine, Taken};

/// What an item went through before its queue was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How often it was handed over; of what is in hand, that time included.
    pub deliveries: u32,
    /// How many of these failed.
    pub failures: u32,
    /// When it is to be handed over, if not as soon as possible.
    pub due: Option<Instant>,
}

impl<I: Item> Machine<I> {
    /// Takes an item in that is in hand, and leads its key as it did; the last of its hand-overs is that.
    pub(crate) fn restore_in_hand(&mut self, id: GroupId, mut item: I, past: Past) -> Taken<I> {
        self.counters.handed_over += 1;
        let leads = self.lead_again(id, &item);
        if let Some(group) = self.group_mut(id) {
            group.in_hand += 1;
        }
        *item.hand_mut() = self.hand_of(id, past, leads);
        Taken { item }
    }

    /// Takes an item in with its past, at the end of its level.
    pub(crate) fn restore(&mut self, id: GroupId, item: I, past: Past, fx: &mut Effects<I>) {
        if past.deliveries == 0 {
            return self.push(id, item, past.due, fx);
        }
        if self.group(id).is_none() {
            return fx.discard(item, Cause::GroupRemoved, past.deliveries);
        }
        let leads = self.lead_again(id, &item);
        let hand = self.hand_of(id, past, leads);
        self.put_in(item, hand, past.due, true);
    }

    /// An item that was handed over led its key then, and does so until it is done. Whether there is a key to be led.
    fn lead_again(&mut self, id: GroupId, item: &I) -> bool {
        let Some(group) = self.group_mut(id) else {
            return false;
        };
        let key = item.key().filter(|key| !group.keys.contains_key(*key));
        let leads = key.is_some();
        if let Some(key) = key {
            group.keys.insert(key.into(), List::default());
        }
        leads
    }

    /// The hand of an item that is younger than all others.
    fn hand_of(&mut self, group: GroupId, past: Past, leads: bool) -> Hand {
        self.next_order += 1;
        Hand {
            group,
            order: self.next_order,
            deliveries: past.deliveries,
            failures: past.failures,
            leads,
            backs_off: false,
        }
    }

    /// Takes a dead letter in, as the newest one. It keeps its name, and later ones get greater ones.
    pub(crate) fn restore_dead(&mut self, id: GroupId, mut dead: Dead<I>, fx: &mut Effects<I>) {
        self.next_dead = self.next_dead.max(dead.id);
        *dead.item.hand_mut() = Hand {
            group: id,
            deliveries: dead.deliveries,
            ..Hand::default()
        };
        let counts = self.counts(&dead.reason);
        self.put_dead(id, dead, counts, fx);
    }

    /// This identity was sent then. One that was sent again after the window is remembered from the later time on.
    pub(crate) fn remember_since(&mut self, identity: &str, since: Instant) {
        if !self.identities.knows(identity, since) {
            self.identities.remember(identity, since);
        }
    }
}
