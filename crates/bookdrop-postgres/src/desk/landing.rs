//! What came of a round.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bookdrop_backend::telling::Promise;
use bookdrop_backend::{Error, Stats};

use super::Desk;
use crate::commands::{Deed, Look, Seat, Settling};
use crate::error::Trouble;
use crate::round::{Results, Round, SeatChange, Seen};

impl Desk {
    /// A connection that is gone is of no use, though nobody has said so yet.
    pub(super) fn look_at_the_link(&mut self) {
        if self.link.is_lost() {
            self.lose();
        } else if self.link.is_up() {
            self.link.note_done();
        }
    }

    /// Tells everybody else what came of it.
    pub(super) fn land_work(&mut self, (round, results): (Round, Results)) {
        let flight = self.working.take();
        self.look_at_the_link();
        if let Some(flight) = flight.as_ref().filter(|_| self.link.is_up()) {
            self.line.call_up(flight.last_in_line);
            self.outbox.call_up(flight.is_relay_wanted);
        }
        let closes = flight.map(|flight| flight.closes).unwrap_or_default();
        match (round.reclaims, results.reclaimed) {
            (Some(known), Some(Ok(held))) => self.land_reclaimed(&known, &held),
            (_, Some(Err(_))) => self.refused.reclaims = true,
            _ => {}
        }
        if results.buried > 0 {
            self.note_events();
            self.note_room();
        }
        for (seat, ended) in round.seats.into_iter().zip(results.seats) {
            if matches!(ended, Ok(None)) {
                self.hear_unknown(round.session.driver);
            }
            self.land_seat(seat, ended);
        }
        for told in results.told.into_iter().flat_map(Result::unwrap_or_default) {
            self.hear_outcome(told);
        }
        for (settling, ended) in round.settles.into_iter().zip(results.settled) {
            self.land_settling(settling, ended);
        }
        match results.given_up {
            Some(Ok(said)) => {
                self.land_give_ups(&round.give_ups, said);
                self.note_room();
            }
            // They are given up once more.
            Some(Err(_)) => self.refused.give_ups.extend(round.give_ups),
            None => {}
        }
        self.land_closes(round.closes, results.closed, closes);
        for (deed, ended) in round.deeds.into_iter().zip(results.deeds) {
            self.land_deed(deed, ended);
        }
        if !round.put_backs.is_empty() {
            self.note_events();
        }
        self.refused.reclaims |= results.leaves_in_hand;
        match results.known {
            Some(Ok(known)) => {
                let lost = round.checks.into_iter().filter(|ask| !known.contains(ask));
                lost.for_each(|ask| self.tell_unless_owed(ask));
            }
            Some(Err(_)) => self.refused.checks = true,
            None => {}
        }
        for ((group, _), fetched) in round.fetches.into_iter().zip(results.fetched) {
            self.land_fetched(group, round.begun, fetched);
        }
        for (number, attempt) in std::mem::take(&mut self.unwanted) {
            self.set_gone(number, attempt);
        }
        for (look, seen) in round.looks.into_iter().zip(results.looks) {
            self.land_look(look, seen, round.waiting_requests);
        }
    }

    /// Other drivers may hear that there are events.
    pub(super) fn note_events(&mut self) {
        self.readers.doubt_all();
        self.wakes.events |= self.others > 0;
    }

    /// Senders may find room, here and elsewhere.
    pub(super) fn note_room(&mut self) {
        self.line.try_again();
        self.outbox.try_again();
        self.wakes.room |= self.others > 0;
    }

    /// What the server does not know to be in hand is not: its number may be that of something else soon.
    fn land_reclaimed(&mut self, known: &[i64], held: &[i64]) {
        let held: HashSet<_> = held.iter().collect();
        let lost: HashSet<_> = known
            .iter()
            .filter(|number| !held.contains(number))
            .collect();
        let lost = self.shared.hands().lose_if(|number| lost.contains(&number));
        self.let_go(lost);
    }

    fn land_seat(&mut self, seat: SeatChange, ended: Result<Option<i32>, Trouble>) {
        match (seat, ended) {
            // It comes back as a new driver, and then with this consumer.
            (seat, Ok(None)) => self.seats.push(seat),
            (SeatChange::Come(coming), Ok(Some(group))) => {
                let seat = Seat::new(&self.shared, self.readers.add(group));
                self.count_seats(group);
                self.tell(coming.told, Ok(seat));
            }
            (SeatChange::Beside { reader, told, .. }, Ok(_)) => {
                let seat = Seat::new(&self.shared, reader);
                self.tell(told, Ok(seat));
            }
            (seat, Err(trouble)) if trouble.ends_connection() => self.seats.push(seat),
            (SeatChange::Come(coming), Err(trouble)) => {
                self.tell(coming.told, Err(trouble.into_error()));
            }
            (SeatChange::Beside { reader, told, .. }, Err(trouble)) => {
                self.readers.remove(reader);
                self.tell(told, Err(trouble.into_error()));
            }
            (SeatChange::Count { group, .. }, Err(_)) => self.refused.seats.push(group),
            (SeatChange::Count { .. }, Ok(_)) => {}
        }
    }

    fn land_closes(
        &mut self,
        asked: bool,
        closed: Option<Result<(), Trouble>>,
        closes: Vec<Promise<Result<(), Error>>>,
    ) {
        match closed {
            Some(Err(trouble)) if trouble.ends_connection() => self.must_close = true,
            Some(_) => {
                self.reads_told = true;
                self.note_room();
            }
            None if asked => self.must_close = true,
            None => {}
        }
        for told in closes {
            self.tell(told, Ok(()));
        }
    }

    fn land_deed(&mut self, deed: Deed, ended: Result<u64, Trouble>) {
        self.note_events();
        self.note_room();
        self.reads_told = true;
        if let (Deed::Purge(_), Ok(purged)) = (&deed, &ended) {
            self.shared.counters.purged.add(*purged);
        }
        self.end_deed(deed, ended.map_err(Trouble::into_outcome));
    }

    pub(super) fn end_deed(&self, deed: Deed, ended: Result<u64, Error>) {
        let number = ended.map(|number| number as usize);
        match deed {
            Deed::Purge(told) | Deed::Replay(_, _, told) | Deed::Discard(_, _, told) => {
                self.tell(told, number)
            }
            Deed::RemoveGroup(_, told) => self.tell(told, number.map(|number| number > 0)),
        }
    }

    fn tell_unless_owed(&mut self, ask: i64) {
        // One that was answered here is being told.
        let is_settling = |settling: &Settling| {
            let asker = settling.hand.asker.as_ref();
            asker.is_some_and(|asker| asker.is_here && asker.ask == ask)
        };
        if !self.settles.iter().any(is_settling) {
            self.tell_unknown(ask);
        }
    }

    fn land_look(&mut self, look: Look, seen: Result<Seen, Trouble>, waiting_requests: usize) {
        match (look, seen) {
            (Look::Stats(group, told), Ok(Seen::Stats(stats))) => {
                let stats = stats.map(|(mut stats, expired)| {
                    stats.waiting_requests = if group.is_none() { waiting_requests } else { 0 };
                    self.completed(stats, expired, group.is_none())
                });
                self.tell(told, Ok(stats));
            }
            (Look::Groups(told), Ok(Seen::Groups(groups))) => self.tell(told, Ok(groups)),
            (Look::Dead(_, _, told), Ok(Seen::Dead(dead))) => self.tell(told, Ok(dead)),
            // Looking once more changes nothing.
            (look, Err(trouble)) if trouble.ends_connection() => {
                self.looks.push((Instant::now(), look));
            }
            (look, Err(trouble)) => self.refuse_look(look, trouble.into_error()),
            (look, Ok(_)) => {
                unreachable!("what was seen is what was looked for: {}", name_of(&look))
            }
        }
    }

    /// With what this driver alone knows, if it is about the whole queue.
    fn completed(&mut self, mut stats: Stats, expired: u64, is_whole: bool) -> Stats {
        self.shared.counters.expired.add(expired);
        if expired > 0 {
            self.reads_told = true;
            self.note_room();
        }
        if is_whole {
            self.shared.counters.fill(&mut stats);
            stats.waiting_senders = self.line.len();
            stats.waiting_consumers = self.readers.waiting();
            stats.reconnects = self.shared.reconnects.load(Ordering::SeqCst);
        }
        stats
    }
}

fn name_of(look: &Look) -> &'static str {
    match look {
        Look::Stats(..) => "stats",
        Look::Groups(..) => "groups",
        Look::Dead(..) => "dead letters",
    }
}
