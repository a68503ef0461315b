//! What was noted and not written yet.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bookdrop_backend::{DeadReason, Record};
use bookdrop_queue::{GroupId, Hand, clock};
use bookdrop_records::told_reason;

use super::groups::Groups;
use super::note::{Grave, Note, STANDING, Standing, State};
use super::page::Page;
use super::{Change, millis};
use crate::event::{Event, Facts};
use crate::journal::cost;
use crate::wall::Wall;

/// What was noted and not written yet.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) wall: Wall,
    pub(super) page: Page,
    /// How many notes there ever were.
    pub(super) noted: u64,
    /// Of the last event.
    pub(super) last_number: u64,
    pub(super) groups: Groups,
    /// Bytes of all events that some group has not done with.
    pub(super) live: u64,
    /// Of these, bytes of events that some group has not in its queue but in hand, waiting or dead.
    pub(super) stuck: u64,
    /// Of the live ones, bytes of events that are in memory as a whole.
    pub(super) resident: u64,
    /// Bytes that could be written when the journal was last looked at.
    pub(super) room: u64,
    /// Bytes noted since then that are being written.
    pub(super) in_writing: u64,
}

impl Pending {
    /// The number of a group that gets something. Where nobody joined any, its name is written down with the first that it gets.
    pub(super) fn number_of(&mut self, id: GroupId, name: &str) -> u64 {
        if let Some(number) = self.groups.known(id) {
            return number;
        }
        let number = self.groups.begin_unjoined(id, name);
        self.note_groups();
        number
    }

    pub(super) fn note_groups(&mut self) {
        let note = self.groups.table();
        self.note(&note);
    }

    /// Changes how an event stands, and says so.
    pub(super) fn change(
        &mut self,
        number: u64,
        standing: &mut Standing,
        hand: &Hand,
        what: Change<'_>,
        longest_reason: usize,
    ) -> Note {
        let group = standing.group;
        match what {
            Change::HandedOver => {
                standing.deliveries = hand.deliveries();
                standing.state = State::Ready;
                standing.is_queued = false;
                Note::HandedOver {
                    number,
                    group,
                    deliveries: standing.deliveries,
                }
            }
            // It never reached its consumer, and stands where it stood.
            Change::Returned(None) if hand.deliveries() < standing.deliveries => {
                standing.deliveries = hand.deliveries();
                standing.state = State::Ready;
                standing.is_queued = true;
                Note::HandedOver {
                    number,
                    group,
                    deliveries: standing.deliveries,
                }
            }
            Change::Returned(due) => {
                standing.failures = hand.failures();
                standing.state = waiting_until(due, self.wall);
                standing.is_queued = due.is_none();
                Note::Returned {
                    number,
                    group,
                    failures: standing.failures,
                    due: match standing.state {
                        State::Until(due) => due,
                        _ => 0,
                    },
                }
            }
            Change::Buried(reason, id, at) => {
                let grave = grave_of(reason, id, at, longest_reason);
                standing.state = State::Dead(Box::new(Grave {
                    noted: self.noted + 1,
                    ..grave.clone()
                }));
                standing.is_queued = false;
                Note::Buried {
                    number,
                    group,
                    grave,
                }
            }
            Change::Replayed => {
                self.last_number += 1;
                *standing = Standing {
                    group,
                    order: self.last_number,
                    since: millis(self.wall.now()),
                    deliveries: 0,
                    failures: 0,
                    state: State::Ready,
                    is_queued: true,
                };
                Note::Replayed {
                    number,
                    group,
                    order: standing.order,
                    since: standing.since,
                }
            }
            Change::Due | Change::Gone => unreachable!("of these there is no standing to be noted"),
        }
    }

    /// A request is written down when it becomes a dead letter, and not before: a requester does not survive the process.
    pub(super) fn bury_request(
        &mut self,
        event: &Arc<Event>,
        facts: &mut Facts,
        group: u64,
        deliveries: u32,
        grave: Grave,
    ) {
        self.last_number += 1;
        facts.number = self.last_number;
        facts.sent = grave.at;
        facts.standings.push(Standing {
            group,
            order: facts.number,
            since: facts.sent,
            deliveries,
            failures: 0,
            state: State::Dead(Box::new(grave)),
            is_queued: false,
        });
        self.live += event.account.length as u64;
        self.resident += event.account.length as u64;
        if let Some(record) = &facts.record {
            self.write_down(event, facts, record);
        }
    }

    /// Counts an event as stuck, or no more, as it stands now.
    pub(super) fn count_stuck(&mut self, event: &Event, was_stuck: bool, facts: &Facts) {
        let length = event.account.length as u64;
        match (was_stuck, facts.is_stuck()) {
            (false, true) => self.stuck += length,
            (true, false) => self.stuck -= length,
            _ => {}
        }
    }

    /// The group in which it stands at this place has done with it.
    pub(super) fn leave(&mut self, event: &Event, facts: &mut Facts, at: usize) {
        let group = facts.standings.swap_remove(at).group;
        let number = facts.number;
        self.note(&Note::Gone { number, group });
        if facts.is_over() {
            self.let_go(event, facts);
        }
    }

    /// Groups that were removed have done with everything, also with what was in hand then.
    pub(super) fn leave_removed(&mut self, event: &Event, facts: &mut Facts) {
        let stands_in_removed = |facts: &Facts, groups: &Groups| {
            let mut standings = facts.standings.iter();
            standings.position(|standing| !groups.has(standing.group))
        };
        let was_stuck = facts.is_stuck();
        while let Some(at) = stands_in_removed(facts, &self.groups) {
            self.leave(event, facts, at);
        }
        self.count_stuck(event, was_stuck, facts);
    }

    /// Every group has done with it: it takes no room any more.
    fn let_go(&mut self, event: &Event, facts: &mut Facts) {
        self.live -= event.account.length as u64;
        if facts.record.is_some() {
            self.resident -= event.account.length as u64;
        }
        if let Some(place) = facts.place.take() {
            place.segment.remove(&place);
        }
    }

    pub(super) fn write_down(&mut self, event: &Arc<Event>, facts: &Facts, record: &Record) {
        self.noted += 1;
        let standing = (facts, &*facts.standings);
        self.page.put_event(self.noted, event, standing, record);
    }

    pub(super) fn note(&mut self, note: &Note) {
        self.noted += 1;
        self.page.put(self.noted, note);
    }

    /// Bytes that an event takes in the journal at most when it is sent, to all groups.
    pub(super) fn cost_of(&self, event: &Event) -> u64 {
        cost(event.account.length + self.groups.count() * STANDING)
    }

    /// So much room there is now, and nothing is being written.
    pub(super) fn set_room(&mut self, left: u64) {
        (self.room, self.in_writing) = (left, 0);
    }

    /// Bytes for which there is room in the journal, beside what was noted.
    pub(super) fn room_left(&self) -> u64 {
        self.room
            .saturating_sub(self.in_writing)
            .saturating_sub(self.page.cost())
    }
}

/// A reason that is longer than so many bytes is cut.
pub(super) fn grave_of(
    reason: &bookdrop_queue::DeadReason,
    id: u64,
    at: SystemTime,
    longest: usize,
) -> Grave {
    let mut reason = told_reason(reason.clone());
    if let DeadReason::Rejected(text) | DeadReason::Undecodable(text) = &mut reason {
        let mut ends = (0..=longest.min(text.len())).rev();
        let end = ends.find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
    Grave {
        id,
        at: millis(at),
        reason,
        noted: 0,
    }
}

/// Never early: a part of a millisecond counts as a whole one.
pub(super) fn waiting_until(due: Option<Instant>, wall: Wall) -> State {
    let Some(due) = due else {
        return State::Ready;
    };
    let wait = due.saturating_duration_since(clock::now());
    let at = wall.now().checked_add(wait + Duration::from_millis(1));
    State::Until(at.map_or(u64::MAX, millis))
}
