//! Notes that say nothing any more, since later ones say all of it. On a full disk notes may have to wait for a long time, while events
//! are handed over and fail again and again: what waits must not grow with that.

use std::collections::HashMap;

use super::Page;
use crate::ledger::note::{kind, subject_of};

/// So many notes are not worth it.
const FEW: usize = 256;

/// The later notes about an event in one group, by their place in the page.
#[derive(Default)]
struct Later {
    handed_over: Option<usize>,
    returned: Option<usize>,
    /// It is over there, or begins anew.
    ended: Option<usize>,
}

impl Page {
    /// Leaves out what is superseded, if there may be much of it.
    pub(in crate::ledger) fn thin_out(&mut self) {
        if self.notes.len() < 2 * self.thinned.max(FEW) {
            return;
        }
        let superseded_by = self.superseded_by();
        for (at, by) in superseded_by.iter().enumerate().rev() {
            if let Some(by) = *by {
                // It is as good as written when that one is.
                self.notes[by].number = self.notes[by].number.min(self.notes[at].number);
            }
        }
        self.retain(|at, _| superseded_by[at].is_none());
        self.thinned = self.notes.len();
    }

    /// For each note, the later one that is kept and says all that it says.
    fn superseded_by(&self) -> Vec<Option<usize>> {
        let mut found = vec![None; self.notes.len()];
        let mut in_groups: HashMap<(u64, u64), Later> = HashMap::new();
        for (at, noted) in self.notes.iter().enumerate().rev() {
            let payload = &self.bytes[noted.range.clone()];
            let Some(subject) = subject_of(noted.kind, payload) else {
                continue;
            };
            let later = in_groups.entry(subject).or_default();
            let ended = later.ended;
            found[at] = match noted.kind {
                kind::HANDED_OVER => ended.or_else(|| first_of(&mut later.handed_over, at)),
                kind::RETURNED => ended.or_else(|| first_of(&mut later.returned, at)),
                kind::BURIED => ended,
                kind::REPLAYED | kind::GONE => first_of(&mut later.ended, at),
                _ => None,
            };
        }
        found
    }
}

/// The place that was put there, or nothing, and from now on this one.
fn first_of(known: &mut Option<usize>, at: usize) -> Option<usize> {
    match *known {
        None => {
            *known = Some(at);
            None
        }
        known => known,
    }
}
