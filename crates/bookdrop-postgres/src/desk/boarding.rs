//! What goes to the server together.

use std::time::Instant;

use tokio::task::spawn_local;

use super::{Desk, Flight, Wakes};
use crate::commands::Settling;
use crate::round::{self, Round, SeatChange};

impl Desk {
    /// Puts all that there is to do on its way, as far as it may go now.
    pub(super) fn take_off(&mut self) {
        if self.is_forgotten && self.under_way().is_none() {
            self.lose();
        }
        if !self.is_at_work() {
            return;
        }
        self.beat();
        if self.sending.is_none() && self.may_send() {
            self.send();
        }
        if self.may_relay() {
            self.relay();
        }
        if self.working.is_none() && self.has_work() {
            self.work();
        }
    }

    /// Whether somebody may send.
    fn may_send(&self) -> bool {
        self.line.has_work(self.measure(), self.send_upto())
    }

    /// Where those stand in line that may send now.
    pub(super) fn send_upto(&self) -> u64 {
        match self.others_come_first() {
            true => self.line.due(),
            false => u64::MAX,
        }
    }

    /// Whether nothing is sent yet. A consumer that came before, or left, has come, or left, then; and what failed before is back, so that
    /// it takes its room first. But nobody lets more than two rounds pass, however much fails or comes after them.
    pub(super) fn others_come_first(&self) -> bool {
        self.working
            .as_ref()
            .is_some_and(|flight| flight.comes_first)
            || !self.seats.is_empty()
            || self.settles.iter().any(Settling::is_return)
    }

    /// Whether what was sent before somebody wanted to look has been tried.
    fn may_look(&self) -> bool {
        let is_at_rest = self.sending.is_none() && !self.has_goods();
        self.tries.may_look(is_at_rest)
    }

    /// Whether there is something to do that takes several trips.
    fn has_errands(&self) -> bool {
        !self.seats.is_empty()
            || self.must_close
            || self.reclaims
            || self.checks
            || self.settles.iter().any(Settling::is_errand)
            || self.looks_after
            || self.may_look() && !(self.deeds.is_empty() && self.looks.is_empty())
    }

    fn has_work(&self) -> bool {
        let is_empty = self.give_ups.is_empty()
            && self.put_backs.is_empty()
            && self.drops.is_empty()
            && self.settles.is_empty();
        !is_empty
            || self.reads_told
            || self.wakes.word().is_some()
            || self.readers.has_work()
            || self.has_errands()
    }

    /// Whether somebody waits for what others do.
    pub(super) fn is_waiting(&self) -> bool {
        self.outbox.is_held()
            || self.readers.waiting() + self.line.len() + self.shared.asks().len() > 0
            || !self.refused.is_empty()
    }

    /// Does everything else.
    fn work(&mut self) {
        let Some(database) = self.link.database() else {
            return;
        };
        let is_errand = self.has_errands();
        let mut round = self.round();
        if is_errand {
            self.board_errands(&mut round);
        }
        round.give_ups = std::mem::take(&mut self.give_ups);
        round.put_backs = std::mem::take(&mut self.put_backs);
        round.drops = std::mem::take(&mut self.drops);
        self.end_late_settles();
        let comes_first = is_errand || self.settles.iter().any(Settling::is_return);
        round.settles = std::mem::take(&mut self.settles);
        round.reads_told = std::mem::take(&mut self.reads_told);
        round.wakes = std::mem::take(&mut self.wakes).word();
        round.fetches = self.readers.board();
        self.working = Some(Flight {
            since: round.begun,
            playing: spawn_local(round::play(database, round)),
            closes: std::mem::take(&mut self.closes),
            comes_first,
            last_in_line: self.line.last(),
            is_relay_wanted: self.outbox.is_doubted(),
        });
    }

    /// A round that does nothing yet.
    fn round(&self) -> Round {
        let mut bounds = self.bounds.clone();
        if self.shared.is_closed() {
            // What fails from now on is tried again at once.
            (bounds.backoff_first, bounds.backoff_max) = (0, 0);
        }
        Round::new(self.link.session, bounds)
    }

    fn board_errands(&mut self, round: &mut Round) {
        round.looks_after = std::mem::take(&mut self.looks_after);
        if std::mem::take(&mut self.reclaims) {
            round.reclaims = Some(self.shared.hands().numbers());
            round.disclaims = Some(self.shared.asks().open());
        }
        if std::mem::take(&mut self.checks) {
            round.checks = self.shared.asks().published();
        }
        round.seats = self.board_seats();
        round.closes = std::mem::take(&mut self.must_close);
        if self.may_look() {
            round.deeds = without_times(&mut self.deeds);
            round.looks = without_times(&mut self.looks);
        }
        if !round.looks.is_empty() {
            // One that comes in just now has not been sent.
            round.waiting_requests = self.shared.asks().published().len() + self.line.requests();
        }
        if round.closes || !round.deeds.is_empty() {
            self.readers.doubt_all();
        }
    }

    /// Who left is counted before anybody comes, so that who comes is not forgotten.
    fn board_seats(&mut self) -> Vec<SeatChange> {
        let mut seats = std::mem::take(&mut self.seats);
        seats.sort_by_key(|seat| matches!(seat, SeatChange::Come(_)));
        for seat in &mut seats {
            if let SeatChange::Count { group, readers }
            | SeatChange::Beside { group, readers, .. } = seat
            {
                *readers = self.readers.count(*group);
            }
        }
        seats
    }
}

fn without_times<V>(list: &mut Vec<(Instant, V)>) -> Vec<V> {
    std::mem::take(list)
        .into_iter()
        .map(|(_, item)| item)
        .collect()
}

impl Wakes {
    fn word(self) -> Option<&'static str> {
        match (self.events, self.room) {
            (true, true) => Some("events room"),
            (true, false) => Some("events"),
            (false, true) => Some("room"),
            (false, false) => None,
        }
    }
}
