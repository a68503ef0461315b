//! What was promised of each event.

use std::collections::BTreeMap;

pub(super) const LOST: &str = "is lost";
/// In place of a group: what is for the first one to come.
pub(super) const NOBODY: &str = "";
pub(super) const CAME_BACK: &str = "came back";

/// How sure something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    #[default]
    No,
    /// It was asked for, and may be or not.
    Maybe,
    /// It was confirmed.
    Yes,
}

/// What was promised of one event in one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Promise {
    pub(super) sent: Sure,
    /// Whether it was let go of: acked, taken out, purged.
    pub(super) gone: Sure,
    /// Whether it is a dead letter.
    pub(super) dead: Sure,
    /// Whether it waits for a time that never comes in a test.
    pub(super) delayed: Sure,
    /// How often it was handed over, at least as far as a process knows that was killed.
    pub(super) attempts: u32,
    pub(super) is_in_hand: bool,
}

/// What was promised, by group and event.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) all: BTreeMap<(String, u64), Promise>,
}

/// What is found in a group.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What was handed over, with its attempt, in this order.
    pub(super) ready: Vec<(u64, u32)>,
    pub(super) dead: Vec<u64>,
    pub(super) delayed: usize,
}

impl Model {
    pub(super) fn of(&mut self, group: &str, event: u64) -> &mut Promise {
        self.all.entry((group.to_owned(), event)).or_default()
    }

    /// Whether nothing was ever confirmed.
    pub(super) fn is_empty(&self) -> bool {
        self.all.values().all(|promise| promise.sent < Sure::Yes)
    }

    pub(super) fn in_group<'a>(
        &'a mut self,
        group: &'a str,
    ) -> impl Iterator<Item = (u64, &'a mut Promise)> {
        let all = self.all.iter_mut();
        all.filter(move |((of, _), _)| of == group)
            .map(|((_, event), promise)| (*event, promise))
    }

    /// A group was removed: all that was sent to it is gone, whoever has it in hand.
    pub(super) fn removed(&mut self, group: &str, sure: Sure) {
        for (_, promise) in self.in_group(group) {
            promise.gone = promise.gone.max(sure);
            promise.is_in_hand = false;
        }
    }

    /// What was promised to one group is promised to another one, and was not handed over there.
    pub(super) fn hand_on(&mut self, from: &str, to: &str) {
        let all = std::mem::take(&mut self.all).into_iter();
        let (handed_on, mut kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.partition(|((group, _), _)| group == from);
        for ((_, event), promise) in handed_on {
            let promise = Promise {
                attempts: 0,
                is_in_hand: false,
                ..promise
            };
            kept.insert((to.to_owned(), event), promise);
        }
        self.all = kept;
    }

    /// After a crash: compares, and takes what was found for what is so from now on.
    pub(super) fn compare(
        &mut self,
        group: &str,
        found: &Found,
        counts_are_sure: bool,
    ) -> Result<(), String> {
        let says = |event: u64, what: &str, promise: &Promise| {
            Err(format!("event {event} of {group} {what}: {promise:?}"))
        };
        let mut delayed = (0, 0);
        for (event, promise) in self.in_group(group) {
            let ready = found.ready.iter().find(|(ready, _)| *ready == event);
            let is_dead = found.dead.contains(&event);
            if promise.delayed == Sure::Yes || promise.delayed == Sure::Maybe && ready.is_none() {
                let is_sure = promise.delayed == promise.sent && promise.gone == Sure::No;
                delayed.0 += usize::from(is_sure && promise.sent == Sure::Yes);
                delayed.1 += usize::from(promise.sent > Sure::No && promise.gone < Sure::Yes);
                promise.is_in_hand = ready.is_some();
                continue;
            }
            let is_there = ready.is_some() || is_dead;
            if is_there && (promise.gone == Sure::Yes || promise.sent == Sure::No) {
                return says(event, CAME_BACK, promise);
            }
            if !is_there && promise.sent == Sure::Yes && promise.gone == Sure::No {
                return says(event, LOST, promise);
            }
            if ready.is_some() && promise.dead == Sure::Yes {
                return says(event, "is a dead letter no more", promise);
            }
            if is_dead && promise.dead == Sure::No {
                return says(event, "is a dead letter", promise);
            }
            let attempts = ready.map_or(u32::MAX, |(_, attempts)| *attempts);
            if counts_are_sure && promise.dead == Sure::No && attempts <= promise.attempts {
                return says(event, "has forgotten an attempt", promise);
            }
            *promise = Promise {
                sent: Sure::Yes,
                gone: if is_there { Sure::No } else { Sure::Yes },
                dead: if is_dead { Sure::Yes } else { Sure::No },
                attempts: ready.map_or(0, |(_, attempts)| *attempts),
                is_in_hand: ready.is_some(),
                delayed: Sure::No,
            };
        }
        if !(delayed.0..=delayed.1).contains(&found.delayed) {
            let count = found.delayed;
            return Err(format!(
                "{group} has {count} delayed events, not {delayed:?}"
            ));
        }
        let is_known = |event: u64| self.all.contains_key(&(group.to_owned(), event));
        let mut there = found.ready.iter().map(|(event, _)| *event);
        match there.find(|event| !is_known(*event)) {
            Some(event) => Err(format!("event {event} of {group} was never sent")),
            None => Ok(()),
        }
    }
}
