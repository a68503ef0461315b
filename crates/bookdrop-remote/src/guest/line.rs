//! What is to be said, and how much of it the keeper works on at a time.

use std::collections::VecDeque;

use super::commands::Call;
use crate::terms::GREATEST_CALLS;

/// Calls of one kind that the keeper works on at a time. The other kinds have their own room, so none waits for what can only be ended
/// by another one: an answer never stands behind the requests that wait for it.
const ROOM: usize = GREATEST_CALLS / KINDS;
const KINDS: usize = 5;

/// Calls that are to be said, in order, some of which may be given up.
#[derive(Default)]
pub(super) struct Line {
    waiting: [VecDeque<u64>; KINDS],
    /// How many of each kind the keeper works on.
    put: [usize; KINDS],
}

impl Line {
    pub(super) fn push(&mut self, number: u64, call: &Call) {
        self.waiting[kind_of(call)].push_back(number);
    }

    /// The first one for which the keeper has room.
    pub(super) fn pop(&mut self) -> Option<u64> {
        let fronts = self.waiting.iter().zip(self.put).enumerate();
        let fronts = fronts.filter_map(|(kind, (waiting, put))| {
            let number = *waiting.front().filter(|_| put < ROOM)?;
            Some((number, kind))
        });
        let (_, kind) = fronts.min()?;
        self.waiting[kind].pop_front()
    }

    /// The keeper works on it.
    pub(super) fn put(&mut self, call: &Call) {
        self.put[kind_of(call)] += 1;
    }

    /// The keeper works on it no more.
    pub(super) fn end(&mut self, call: &Call) {
        self.put[kind_of(call)] -= 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.iter().all(VecDeque::is_empty)
    }
}

fn kind_of(call: &Call) -> usize {
    match call {
        Call::Publish(_) => 0,
        Call::Request(_) => 1,
        Call::Fetch { .. } => 2,
        Call::Settle { .. } => 3,
        Call::Join { .. } | Call::Plain { .. } => 4,
    }
}
