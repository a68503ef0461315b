//! Consumers of this driver, and those that wait.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bookdrop_backend::telling::Offers;
use bookdrop_backend::{Fetched, Reader, Receipt, Wait};

use crate::commands::Waiter;

/// So many events are fetched at once for a group, at most.
const MAX_FETCHED: usize = 512;

/// Consumers of this driver, by group.
#[derive(Default)]
pub(super) struct Readers {
    last: u64,
    groups_of: HashMap<Reader, i32>,
    groups: HashMap<i32, Group>,
    /// What was offered to consumers that may not look.
    pub(super) offers: Offers<Vec<Fetched>>,
}

#[derive(Default)]
struct Group {
    readers: usize,
    waiters: VecDeque<Waiter>,
    /// Whether there was nothing, and nothing happened since.
    is_known_empty: bool,
    /// When something happens there by itself.
    wakes_at: Option<Instant>,
}

impl Readers {
    pub(super) fn add(&mut self, group: i32) -> Reader {
        self.last += 1;
        let reader = Reader(self.last);
        self.groups_of.insert(reader, group);
        let known = self.groups.entry(group).or_default();
        known.readers += 1;
        known.is_known_empty = false;
        reader
    }

    /// It goes; where it sat.
    pub(super) fn remove(&mut self, reader: Reader) -> Option<i32> {
        let group = self.groups_of.remove(&reader)?;
        if let Some(known) = self.groups.get_mut(&group) {
            known.readers -= 1;
            if known.readers == 0 {
                self.groups.remove(&group);
            }
        }
        Some(group)
    }

    pub(super) fn group_of(&self, reader: Reader) -> Option<i32> {
        self.groups_of.get(&reader).copied()
    }

    /// The groups that have consumers here.
    pub(super) fn groups(&self) -> Vec<i32> {
        self.groups.keys().copied().collect()
    }

    pub(super) fn count(&self, group: i32) -> usize {
        self.groups.get(&group).map_or(0, |known| known.readers)
    }

    /// One waits. It is given back where it does not sit anywhere.
    pub(super) fn wait(&mut self, waiter: Waiter) -> Result<(), Waiter> {
        let group = self
            .group_of(waiter.reader)
            .and_then(|group| self.groups.get_mut(&group));
        match group {
            Some(group) => group.waiters.push_back(waiter),
            None => return Err(waiter),
        }
        Ok(())
    }

    pub(super) fn stop(&mut self, reader: Reader, number: u64) {
        let group = self
            .group_of(reader)
            .and_then(|group| self.groups.get_mut(&group));
        if let Some(group) = group {
            group.waiters.retain(|waiter| waiter.number != number);
        }
    }

    /// Those that wait, of one group or of all, wait no more.
    pub(super) fn take_waiters(&mut self, group: Option<i32>) -> Vec<Waiter> {
        let these = self
            .groups
            .iter_mut()
            .filter(|(known, _)| group.is_none_or(|group| group == **known));
        these
            .flat_map(|(_, known)| known.waiters.drain(..))
            .collect()
    }

    /// Those that do not want to wait, or want to no more.
    pub(super) fn take_if(
        &mut self,
        group: i32,
        is_wanted: impl Fn(&Waiter) -> bool,
    ) -> Vec<Waiter> {
        let Some(known) = self.groups.get_mut(&group) else {
            return Vec::new();
        };
        let all = known.waiters.drain(..);
        let (wanted, rest): (Vec<_>, Vec<_>) = all.partition(|waiter| is_wanted(waiter));
        known.waiters = rest.into();
        wanted
    }

    /// The same of all groups.
    pub(super) fn take_all_if(&mut self, is_wanted: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let groups: Vec<_> = self.groups.keys().copied().collect();
        groups
            .into_iter()
            .flat_map(|group| self.take_if(group, &is_wanted))
            .collect()
    }

    pub(super) fn waiting(&self) -> usize {
        self.groups
            .values()
            .map(|group| {
                group
                    .waiters
                    .iter()
                    .filter(|waiter| waiter.wait != Wait::No)
                    .count()
            })
            .sum()
    }

    /// There may be something in every group.
    pub(super) fn doubt_all(&mut self) {
        self.groups
            .values_mut()
            .for_each(|group| group.is_known_empty = false);
    }

    /// Nothing more is known to be there, unless somebody doubted that since it was looked for; so it is said when something happens there by
    /// itself.
    pub(super) fn set_wakes_at(&mut self, group: i32, wakes_at: Option<Instant>) {
        if let Some(known) = self.groups.get_mut(&group) {
            known.wakes_at = wakes_at;
        }
    }

    /// There may be more in this group.
    pub(super) fn doubt(&mut self, group: i32) {
        if let Some(known) = self.groups.get_mut(&group) {
            known.is_known_empty = false;
        }
    }

    /// The groups in which there may be something for those who wait, and how many events they take at most. What happens from now on is
    /// not seen by who looks there.
    pub(super) fn board(&mut self) -> Vec<(i32, usize)> {
        let wanted = self.groups.iter_mut().filter(|(_, group)| group.has_work());
        wanted
            .map(|(group, known)| {
                known.is_known_empty = true;
                (*group, known.wanted())
            })
            .collect()
    }

    pub(super) fn has_work(&self) -> bool {
        self.groups.values().any(Group::has_work)
    }

    /// Who gets what of so many events, in order: each one at least one of them, as far as they go.
    pub(super) fn share_out(&mut self, group: i32, events: usize) -> Vec<(Waiter, usize)> {
        let Some(known) = self.groups.get_mut(&group) else {
            return Vec::new();
        };
        let served = known.waiters.len().min(events);
        let mut more = events - served;
        let served = known.waiters.drain(..served).map(|waiter| {
            let extra = more.min(waiter.max.saturating_sub(1));
            more -= extra;
            (waiter, 1 + extra)
        });
        served.collect()
    }

    /// What was offered too long ago, and not taken.
    pub(super) fn take_back(&mut self, now: Instant) -> Vec<Receipt> {
        let back = self.offers.take_back(now).into_iter().flatten();
        back.map(|fetched: Fetched| fetched.receipt).collect()
    }

    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let groups = self
            .groups
            .values()
            .filter(|group| !group.waiters.is_empty());
        let due = groups.filter_map(|group| group.wakes_at).min();
        due.into_iter().chain(self.offers.wakes_at()).min()
    }

    pub(super) fn look_at_the_clock(&mut self, now: Instant) {
        for group in self.groups.values_mut() {
            if group.wakes_at.take_if(|at| *at <= now).is_some() {
                group.is_known_empty = false;
            }
        }
    }
}

impl Group {
    fn has_work(&self) -> bool {
        !self.waiters.is_empty()
            && (!self.is_known_empty || self.waiters.iter().any(|waiter| waiter.wait == Wait::No))
    }

    fn wanted(&self) -> usize {
        self.waiters
            .iter()
            .fold(0, |wanted: usize, waiter| wanted.saturating_add(waiter.max))
            .min(MAX_FETCHED)
    }
}
