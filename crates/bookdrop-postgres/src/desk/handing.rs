//! What was fetched, and who gets it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bookdrop_backend::{Fetched, NotFetched, Wait};

use super::Desk;
use crate::commands::{Handed, Waiter};
use crate::error::Trouble;
use crate::hands::{Asker, Gone, Hand, Stage};
use crate::sql::{Batch, Event};

impl Desk {
    pub(super) fn land_fetched(
        &mut self,
        group: i32,
        since: Instant,
        fetched: Result<Option<Batch>, Trouble>,
    ) {
        self.warnings.of_fetch(self.link.queue(), &fetched);
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
        let is_lost = trouble.ends_connection();
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
    fn hand_over(&mut self, group: i32, mut events: Vec<Event>, since: Instant) {
        let before = self.put_backs.len();
        events.retain_mut(|event| self.is_wanted(event, since));
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
        self.put_backs.extend(rest);
        if self.put_backs.len() > before {
            self.readers.doubt_all();
        }
    }

    /// Whether it still is to be handed over.
    fn is_wanted(&mut self, event: &mut Event, since: Instant) -> bool {
        let Some((driver, ask, time_left)) = &mut event.asker else {
            return true;
        };
        let is_here = *driver == self.link.session.driver;
        let own = self.shared.asks().get(*ask).map(|ask| ask.deadline);
        let own = own.filter(|_| is_here);
        if let Some(deadline) = own {
            // By the clock of this process: the server heard of it later.
            *time_left = deadline.saturating_duration_since(since).min(*time_left);
        }
        let is_given_up = *driver == 0 || is_here && own.is_none();
        let is_over = since + *time_left <= Instant::now();
        if is_over && own.is_some() {
            // Its requester is to be told that nobody had it.
            self.put_backs.push(event.number);
        } else if is_over || is_given_up {
            let has_key = event.record.key.is_some();
            self.drops.push((event.number, event.attempt, has_key));
        }
        !is_over && !is_given_up
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
                    failures: event.failures as u32,
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
        let handed = Handed::new(&self.shared, fetched);
        if waiter.wait == Wait::Loosely {
            self.readers.offers.note(&handed, Instant::now());
        }
        self.tell(waiter.told, Ok(handed));
    }
}
