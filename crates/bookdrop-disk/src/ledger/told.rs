//! What the queue tells.

use std::sync::Arc;
use std::time::Instant;

use bookdrop_backend::{Error, Record};
use bookdrop_queue::{GroupId, Hand, Note as Told, Room};
use bookdrop_records::Holder;

use super::note::{Note, Standing, State};
use super::pending::{Pending, grave_of, waiting_until};
use super::{Change, Ledger, millis};
use crate::event::{Account, Event, Facts};

impl bookdrop_records::Ledger for Ledger {
    type Account = Account;

    fn account_of(&self, record: Record) -> Account {
        Account::new(record)
    }

    /// What room there is for an event, in bytes of events and in the journal, where it is made by and by.
    fn room(&self, event: &Event) -> Room {
        let pending = self.lock();
        let length = event.account.length as u64;
        let fits_beside = |others| others == 0 || others + length <= self.bounds.live;
        match pending.room_left() >= pending.cost_of(event) {
            _ if !fits_beside(pending.stuck) => Room::Taken,
            _ if !fits_beside(pending.live) => Room::Full,
            true => Room::Enough,
            false => Room::Soon,
        }
    }

    fn note(&self, event: &Arc<Event>, hand: &Hand, what: Told<'_>) {
        let change = match what {
            Told::Accepted { groups, due } => return self.accepted(event, groups, due),
            Told::HandedOver => Change::HandedOver,
            Told::Returned { due } => Change::Returned(due),
            Told::Due => Change::Due,
            Told::Buried { reason, id, at } => Change::Buried(reason, id, at),
            Told::Replayed => Change::Replayed,
            Told::Gone => Change::Gone,
        };
        self.changed(event, hand.group(), hand, change);
    }

    fn held(&self, event: &Arc<Event>, group: GroupId, Holder(holder): Holder) {
        let mut facts = event.account.facts();
        let mut pending = self.lock();
        let Some(group) = pending.groups.known(group) else {
            return;
        };
        let number = facts.number;
        let mut standings = facts.standings.iter_mut();
        if let Some(standing) = standings.find(|standing| standing.group == group) {
            standing.state = State::Held(holder);
            pending.note(&Note::Held {
                number,
                group,
                holder,
            });
        }
    }

    fn name_of(&self, event: &Event, group: GroupId) -> Option<[u64; 2]> {
        let number = event.account.facts().number;
        let group = self.lock().groups.known(group)?;
        (number > 0).then_some([number, group])
    }

    fn joined(&self, id: GroupId, name: &str) -> bool {
        let mut pending = self.lock();
        let is_news = pending.groups.join(id, name);
        if is_news {
            pending.note_groups();
        }
        is_news
    }

    fn removed(&self, id: GroupId) {
        let mut pending = self.lock();
        if pending.groups.forget(id) {
            pending.note_groups();
        }
    }

    fn noted(&self) -> u64 {
        self.lock().noted
    }

    fn last_note(&self, event: &Event) -> Option<u64> {
        event.account.last_note()
    }

    fn broken(&self) -> Option<Error> {
        self.survival.broken()
    }
}

impl Ledger {
    /// An event was taken in for these groups.
    pub(crate) fn accepted<'a>(
        &self,
        event: &Arc<Event>,
        groups: impl Iterator<Item = (GroupId, &'a str)>,
        due: Option<Instant>,
    ) {
        let mut facts = event.account.facts();
        let mut pending = self.lock();
        pending.last_number += 1;
        let number = pending.last_number;
        facts.number = number;
        let sent = millis(pending.wall.now());
        facts.sent = sent;
        facts.standings = groups
            .map(|(id, name)| Standing {
                group: pending.number_of(id, name),
                order: number,
                since: sent,
                deliveries: 0,
                failures: 0,
                state: waiting_until(due, pending.wall),
                is_queued: due.is_none(),
            })
            .collect();
        pending.count_stuck(event, false, &facts);
        pending.live += event.account.length as u64;
        pending.resident += event.account.length as u64;
        if let Some(record) = &facts.record {
            pending.write_down(event, &facts, record);
        }
        facts.wait_up_to(pending.noted);
    }

    /// Something happened to an event in this group.
    pub(crate) fn changed(
        &self,
        event: &Arc<Event>,
        group: GroupId,
        hand: &Hand,
        what: Change<'_>,
    ) {
        let mut facts = event.account.facts();
        let mut pending = self.lock();
        let Some(group) = pending.groups.known(group) else {
            // It was in hand when its group was removed, and nothing comes back to that.
            pending.leave_removed(event, &mut facts);
            facts.wait_up_to(pending.noted);
            return;
        };
        let (was_stuck, graves) = (facts.is_stuck(), facts.graves());
        let is_waited_for = !matches!(what, Change::HandedOver);
        self.change(&mut pending, event, &mut facts, group, hand, what);
        facts.count_graves(graves);
        pending.count_stuck(event, was_stuck, &facts);
        if is_waited_for {
            facts.wait_up_to(pending.noted);
        }
    }

    fn change(
        &self,
        pending: &mut Pending,
        event: &Arc<Event>,
        facts: &mut Facts,
        group: u64,
        hand: &Hand,
        what: Change<'_>,
    ) {
        if facts.number == 0 {
            // A request, or one that was never taken in.
            if let Change::Buried(reason, id, at) = what {
                let grave = grave_of(reason, id, at, self.bounds.reason);
                pending.bury_request(event, facts, group, hand.deliveries(), grave);
            }
            return;
        }
        let mut standings = facts.standings.iter();
        let Some(at) = standings.position(|standing| standing.group == group) else {
            return;
        };
        match what {
            Change::Gone => return pending.leave(event, facts, at),
            // Its time was noted.
            Change::Due => return facts.standings[at].is_queued = true,
            _ => {}
        }
        let (number, standing) = (facts.number, &mut facts.standings[at]);
        let note = pending.change(number, standing, hand, what, self.bounds.reason);
        pending.note(&note);
    }
}
