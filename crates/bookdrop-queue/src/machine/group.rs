//! One group's places: what is ready, what waits for its key, what is dead.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::item::{DeadReason, Item};
use crate::slab::{List, Ticket};

use super::graves::Graves;
use super::lane::Lane;

/// The most urgent priority; zero is the default.
pub const MAX_PRIORITY: u8 = 9;

const LEVELS: usize = MAX_PRIORITY as usize + 1;

/// Names a group for as long as it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupId {
    pub(crate) index: u32,
    pub(super) generation: u32,
}

/// The consumers that share items, and what stands ready for them.
pub(super) struct Group<I> {
    pub(super) name: Arc<str>,
    /// Whether it gets what is sent. The default group does not before its first consumer, when others came first:
    /// it then holds nothing but requests that wait for a consumer.
    pub(super) subscribed: bool,
    /// Items that need nothing but their turn. They have the lowest priority.
    pub(super) lane: Lane<I>,
    /// How many items were in the lane when it was lent out.
    pub(super) lane_lent: usize,
    pub(super) ready: Ready,
    /// The one that came back last, wherever it is now.
    pub(super) returned: Option<Ticket>,
    /// The keys that somebody works on (or that are about to be tried again), and the items that wait for them.
    pub(super) keys: HashMap<Box<str>, List>,
    /// Ready, and waiting for their key.
    pub(super) queued: usize,
    pub(super) delayed: usize,
    pub(super) in_hand: usize,
    /// Items that became ready since the queue last asked; so many consumers have to be woken.
    pub(super) fresh: usize,
    pub(super) dead: Graves<I>,
}

impl<I: Item> Group<I> {
    pub(super) fn new(name: &str, subscribed: bool) -> Self {
        Group {
            name: name.into(),
            subscribed,
            lane: Lane::new(),
            lane_lent: 0,
            ready: Ready::default(),
            returned: None,
            keys: HashMap::new(),
            queued: 0,
            delayed: 0,
            in_hand: 0,
            fresh: 0,
            dead: Graves::new(),
        }
    }
}

/// An item that failed for good.
#[derive(Debug)]
pub struct Dead<I> {
    /// The item as it was sent.
    pub item: I,
    /// Names the dead letter.
    pub id: u64,
    /// How often it was handed over.
    pub deliveries: u32,
    /// Why it failed.
    pub reason: DeadReason,
    /// When it failed for good.
    pub at: SystemTime,
}

/// The items that can be handed over, by priority, then by age.
#[derive(Debug, Default)]
pub(super) struct Ready {
    levels: [List; LEVELS],
    /// One bit for each level that is not empty.
    filled: u16,
}

impl Ready {
    /// The most urgent level that is not empty, with its priority.
    pub(super) fn most_urgent(&self) -> Option<(u8, &List)> {
        let level = self.filled.checked_ilog2()?;
        Some((level as u8, &self.levels[level as usize]))
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = &List> {
        self.levels.iter()
    }

    /// Changes one level.
    pub(super) fn at<R>(&mut self, priority: u8, change: impl FnOnce(&mut List) -> R) -> R {
        let level = priority.min(MAX_PRIORITY);
        let list = &mut self.levels[level as usize];
        let result = change(list);
        match list.is_empty() {
            true => self.filled &= !(1 << level),
            false => self.filled |= 1 << level,
        }
        result
    }
}
