//! What came of a round.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bookdrop_backend::{Error, Fetched, NotFetched, Settled, Stats, Wait, Why};

use super::Desk;
use super::requests::unanswered;
use crate::commands::{Deed, Handed, How, Look, Reply, Seat, Settling, Waiter};
use crate::error::{Trouble, unknown};
use crate::hands::{Asker, Gone, Hand, Stage};
use crate::round::{Results, Round, SeatChange, Seen, Settlement};
use crate::sql::{Batch, Event};

impl Desk {
    /// A connection that is gone is of no use, though nobody has said so yet.
    pub(super) fn look_at_the_link(&mut self) {
        if self.link.is_lost() {
            self.lose();
        }
    }

    /// Tells everybody else what came of it.
    pub(super) fn land_work(&mut self, (round, results): (Round, Results)) {
        let closes = self
            .working
            .take()
            .map(|flight| flight.closes)
            .unwrap_or_default();
        self.look_at_the_link();
        match (round.reclaims, results.reclaimed) {
            (Some(known), Some(Ok(held))) => self.land_reclaimed(&known, &held),
            (_, Some(Err(_))) => self.reclaims = true,
            _ => {}
        }
        if results.buried > 0 {
            self.note_events();
            self.note_room();
        }
        for (seat, ended) in round.seats.into_iter().zip(results.seats) {
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
            Some(Err(_)) => self.give_ups.extend(round.give_ups),
            None => {}
        }
        self.land_closes(round.closes, results.closed, closes);
        for (deed, ended) in round.deeds.into_iter().zip(results.deeds) {
            self.land_deed(deed, ended);
        }
        if !round.put_backs.is_empty() {
            self.note_events();
        }
        match results.known {
            Some(Ok(known)) => {
                let lost = round.checks.into_iter().filter(|ask| !known.contains(ask));
                lost.for_each(|ask| self.tell_unless_owed(ask));
            }
            Some(Err(_)) => self.checks = true,
            None => {}
        }
        for ((group, _), fetched) in round.fetches.into_iter().zip(results.fetched) {
            self.land_fetched(group, round.begun, fetched);
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
    fn note_room(&mut self) {
        self.line.try_again();
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

    fn land_seat(&mut self, seat: SeatChange, ended: Result<i32, Trouble>) {
        match (seat, ended) {
            (SeatChange::Come(coming), Ok(group)) => {
                let seat = Seat::new(&self.shared, self.readers.add(group));
                self.count_seats(group);
                self.tell(coming.told, Ok(seat));
            }
            (SeatChange::Beside { reader, told, .. }, Ok(_)) => {
                let seat = Seat::new(&self.shared, reader);
                self.tell(told, Ok(seat));
            }
            (seat, Err(Trouble::Lost(_))) => self.seats.push(seat),
            (SeatChange::Come(coming), Err(trouble)) => {
                self.tell(coming.told, Err(trouble.into_error()));
            }
            (SeatChange::Beside { reader, told, .. }, Err(trouble)) => {
                self.readers.remove(reader);
                self.tell(told, Err(trouble.into_error()));
            }
            (SeatChange::Count { .. }, _) => {}
        }
    }

    fn land_settling(&mut self, mut settling: Settling, ended: Result<Settlement, Trouble>) {
        match ended {
            Ok(settlement) => self.settled(settling, settlement),
            // It is idempotent: whoever settles names the very hand-over.
            Err(Trouble::Lost(_)) => {
                settling.is_repeated = true;
                self.settles.push(settling);
            }
            Err(_) if settling.told.is_closed() => self.refused.push(settling),
            Err(trouble) => self.unsettle(settling, trouble.into_outcome()),
        }
    }

    /// What was lost while somebody began to settle it is not settled any more.
    pub(super) fn end_late_settles(&mut self) {
        let is_held = |settling: &Settling| self.shared.hands().get(settling.receipt).is_some();
        let (held, late): (Vec<_>, Vec<_>) = std::mem::take(&mut self.settles)
            .into_iter()
            .partition(is_held);
        self.settles = held;
        late.into_iter()
            .for_each(|settling| self.settled(settling, Settlement::TooLate));
    }

    fn settled(&mut self, settling: Settling, settlement: Settlement) {
        let (receipt, former) = (settling.receipt, settling.former());
        if settling.hand.has_key
            || !matches!(
                settlement,
                Settlement::Finished { .. } | Settlement::TooLate
            )
        {
            self.note_events();
        }
        let settled = match settlement {
            Settlement::TooLate if settling.is_repeated => {
                self.shared.hands().end(receipt, former);
                let message = "the connection was lost while it was settled";
                let error = unknown(Error::new(bookdrop_backend::ErrorKind::Io, message));
                self.tell(settling.told, Err(error));
                return self.shared.look_at_hands();
            }
            // It was answered first.
            Settlement::TooLate if matches!(settling.how, How::Owe) => Settled::TooLate,
            Settlement::TooLate => {
                self.shared.hands().end(receipt, former);
                Settled::TooLate
            }
            Settlement::Owed => Settled::Yes,
            Settlement::Finished { was_told } => {
                self.shared.hands().end(receipt, former);
                self.finished(&settling, was_told)
            }
            other => {
                self.shared.hands().end(receipt, former);
                self.count(&other);
                Settled::Yes
            }
        };
        self.tell(settling.told, Ok(settled));
        self.shared.look_at_hands();
    }

    /// Something is done with; a requester here is told.
    fn finished(&mut self, settling: &Settling, was_told: bool) -> Settled {
        let counters = &self.shared.counters;
        let How::Answer(answer) = &settling.how else {
            counters.acked.add(1);
            if let Some(asker) = settling
                .hand
                .asker
                .as_ref()
                .filter(|asker| asker.is_here && was_told)
            {
                self.end_request(asker.ask, Err(unanswered(Why::Unanswered, true)));
            }
            return Settled::Yes;
        };
        let was_awaited = match &settling.hand.asker {
            Some(asker) if asker.is_here => self.end_request(asker.ask, Ok(answer.clone())),
            _ => was_told,
        };
        let counters = &self.shared.counters;
        match was_awaited {
            true => {
                counters.answered.add(1);
                Settled::Yes
            }
            false => {
                counters.replies_refused.add(1);
                Settled::NotWanted
            }
        }
    }

    fn count(&self, settlement: &Settlement) {
        let counters = &self.shared.counters;
        match settlement {
            Settlement::Returned => counters.returned.add(1),
            Settlement::Buried { dropped } => {
                counters.buried.add(1);
                counters.dead_dropped.add(*dropped);
            }
            Settlement::Ended { is_expired } => counters.expired.add((*is_expired).into()),
            _ => {}
        }
    }

    fn land_closes(
        &mut self,
        asked: bool,
        closed: Option<Result<(), Trouble>>,
        closes: Vec<Reply<Result<(), Error>>>,
    ) {
        match closed {
            Some(Err(Trouble::Lost(_))) => self.must_close = true,
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

    fn land_fetched(
        &mut self,
        group: i32,
        since: Instant,
        fetched: Result<Option<Batch>, Trouble>,
    ) {
        let batch = match fetched {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                for waiter in self.readers.take_waiters(Some(group)) {
                    self.tell(waiter.told, Err(NotFetched::Closed));
                }
                return;
            }
            Err(trouble) => return self.land_unfetched(group, trouble),
        };
        let count = batch.events.len();
        self.shared.counters.handed_over.add(count as u64);
        self.shared.counters.expired.add(batch.expired);
        let wakes_at = batch.wakes_in.map(|wait| Instant::now() + wait);
        self.readers.set_wakes_at(group, wakes_at);
        if batch.has_more {
            self.readers.doubt(group);
        }
        if count > 0 || batch.expired > 0 {
            self.note_room();
            self.reads_told |= batch.expired > 0;
        }
        self.hand_over(group, batch.events, since);
        if !batch.has_more {
            self.end_waits(group, batch.queued == 0);
        }
    }

    /// Nothing can be had now. Who waits goes on waiting; who does not is told that there is nothing.
    fn land_unfetched(&mut self, group: i32, trouble: Trouble) {
        // Otherwise it is tried again when the clock says so.
        let is_lost = matches!(trouble, Trouble::Lost(_));
        if is_lost {
            self.readers.doubt(group);
        }
        for waiter in self
            .readers
            .take_if(group, |waiter| waiter.wait == Wait::No)
        {
            let why = match is_lost {
                true => NotFetched::Empty,
                false => NotFetched::Backend(trouble.clone().into_error()),
            };
            self.tell(waiter.told, Err(why));
        }
    }

    /// There was less than was asked for.
    fn end_waits(&mut self, group: i32, is_empty: bool) {
        let is_closed = self.shared.is_closed();
        for waiter in self.readers.take_if(group, |waiter| {
            waiter.wait == Wait::No || is_closed && is_empty
        }) {
            let why = match is_closed && is_empty {
                true => NotFetched::Closed,
                false => NotFetched::Empty,
            };
            self.tell(waiter.told, Err(why));
        }
    }

    /// Gives what was fetched to those who wait. What is too much goes back.
    fn hand_over(&mut self, group: i32, events: Vec<Event>, since: Instant) {
        let events: Vec<_> = events
            .into_iter()
            .filter(|event| self.is_wanted(event, since))
            .collect();
        let shares = match self.shared.is_draining() {
            true => Vec::new(),
            false => self.readers.share_out(group, events.len()),
        };
        let mut events = events.into_iter();
        for (waiter, share) in shares {
            let events: Vec<_> = events.by_ref().take(share).collect();
            let fetched = self.hold(events, since);
            self.give(waiter, fetched);
        }
        let rest = events.map(|event| event.number);
        let before = self.put_backs.len();
        self.put_backs.extend(rest);
        if self.put_backs.len() > before {
            self.readers.doubt_all();
        }
    }

    /// Whether it still is to be handed over. A request of this very driver may have been given up on its way.
    fn is_wanted(&mut self, event: &Event, since: Instant) -> bool {
        let Some((driver, ask, time_left)) = event.asker else {
            return true;
        };
        let is_here = driver == self.link.session.driver;
        let is_awaited = !is_here || self.shared.asks().contains(ask);
        let is_wanted = driver != 0 && is_awaited && since + time_left > Instant::now();
        if !is_wanted {
            let has_key = event.record.key.is_some();
            self.drops.push((event.number, event.attempt, has_key));
        }
        is_wanted
    }

    fn hold(&mut self, events: Vec<Event>, since: Instant) -> Vec<Fetched> {
        let driver = self.link.session.driver;
        let mut gone: HashMap<i64, Arc<Gone>> = HashMap::new();
        let fetched = {
            let mut hands = self.shared.hands();
            let held = events.into_iter().map(|event| {
                let asker = event.asker.map(|(of, ask, time_left)| Asker {
                    ask,
                    is_here: of == driver,
                    deadline: since + time_left,
                    gone: Arc::default(),
                });
                if let Some(asker) = asker.as_ref().filter(|asker| asker.is_here) {
                    gone.insert(asker.ask, asker.gone.clone());
                }
                let deadline = asker.as_ref().map(|asker| asker.deadline);
                let receipt = hands.hold(Hand {
                    number: event.number,
                    attempt: event.attempt,
                    has_key: event.record.key.is_some(),
                    asker,
                    stage: Stage::InHand,
                });
                Fetched {
                    receipt,
                    record: event.record,
                    attempt: event.attempt as u32,
                    deadline,
                }
            });
            held.collect()
        };
        // Whoever gave up before these were in hand could not find them.
        let asks = self.shared.asks();
        gone.retain(|ask, _| !asks.contains(*ask));
        drop(asks);
        gone.into_values()
            .for_each(|gone| self.shared.teller.tell(move || gone.set()));
        fetched
    }

    fn give(&mut self, waiter: Waiter, fetched: Vec<Fetched>) {
        let offer = Arc::new(Mutex::new(Some(fetched)));
        if waiter.wait == Wait::Loosely {
            self.readers.note_offer(offer.clone());
        }
        self.tell(waiter.told, Ok(Handed::new(&self.shared, offer)));
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
            (look, Err(Trouble::Lost(_))) => self.looks.push((Instant::now(), look)),
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
