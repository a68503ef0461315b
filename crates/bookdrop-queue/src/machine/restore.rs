//! A queue that was there before is made again, item by item.

use std::time::Instant;

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::slab::List;

use super::{Dead, GroupId, Hand, Machine};

/// What an item went through before its queue was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How often it was handed over.
    pub deliveries: u32,
    /// How many of these failed.
    pub failures: u32,
    /// When it is to be handed over, if not as soon as possible.
    pub due: Option<Instant>,
}

impl<I: Item> Machine<I> {
    /// Takes an item in with its past, at the end of its level.
    pub(crate) fn restore(&mut self, id: GroupId, item: I, past: Past, fx: &mut Effects<I>) {
        if past.deliveries == 0 {
            return self.push(id, item, past.due, fx);
        }
        let Some(group) = self.group_mut(id) else {
            return fx.discard(item, Cause::GroupRemoved, past.deliveries);
        };
        // It led its key when it was handed over, and does so until it is done.
        let key = item.key().filter(|key| !group.keys.contains_key(*key));
        let leads = key.is_some();
        if let Some(key) = key {
            group.keys.insert(key.into(), List::default());
        }
        self.next_order += 1;
        let hand = Hand {
            group: id,
            order: self.next_order,
            deliveries: past.deliveries,
            failures: past.failures,
            leads,
            backs_off: false,
        };
        self.put_in(item, hand, past.due, true);
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
