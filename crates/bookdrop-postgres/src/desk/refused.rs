//! What the server refused, and nobody waits for: it is tried again when the clock says so, and not with every round.

use super::Desk;
use crate::commands::Settling;

#[derive(Default)]
pub(super) struct Refused {
    pub(super) settles: Vec<Settling>,
    pub(super) give_ups: Vec<i64>,
    pub(super) reclaims: bool,
    pub(super) checks: bool,
    /// Groups of which the server was to hear how many sit there.
    pub(super) seats: Vec<i32>,
}

impl Refused {
    pub(super) fn is_empty(&self) -> bool {
        self.settles.is_empty()
            && self.give_ups.is_empty()
            && self.seats.is_empty()
            && !self.reclaims
            && !self.checks
    }
}

impl Desk {
    pub(super) fn try_refused_again(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        self.settles.extend(refused.settles);
        self.give_ups.extend(refused.give_ups);
        self.reclaims |= refused.reclaims;
        self.checks |= refused.checks;
        for group in refused.seats {
            self.count_seats(group);
        }
    }
}
