//! What a journal says of the queue: read note by note when the folder is opened.

use std::collections::HashMap;

use bookdrop_backend::Record;
use bytes::Bytes;

use crate::journal::{Damage, Position, Recovered, length_with};
use crate::ledger::note::{Group, Note, Standing, Standings, State};

/// The queue as the notes read so far say.
pub(crate) struct Image {
    events: HashMap<u64, Seen>,
    pub(crate) groups: Vec<Group>,
    /// The segment that says so.
    pub(crate) groups_at: Option<u64>,
    /// The greatest number of which any table of groups knows. A group that has no greater one and is not in the last table was
    /// removed.
    pub(crate) last_named_group: u64,
    /// The greatest number of a group in which anything was ever handed over: somebody had joined it.
    last_joined_group: u64,
    /// Ids with the time at which they were sent, and the segment that says so.
    pub(crate) ids: Vec<(u64, String, u64)>,
    pub(crate) last_event: u64,
    pub(crate) last_group: u64,
    /// Bytes of contents that may be kept.
    cache: u64,
    cached: u64,
    /// Records that are whole, but no notes: nothing is known of what they said.
    pub(crate) unknown: Vec<Damage>,
}

/// An event that was read.
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) sent: u64,
    /// Without its content, unless that is cached.
    pub(crate) record: Record,
    pub(crate) is_cached: bool,
    /// Bytes of its content.
    pub(crate) content: usize,
    pub(crate) position: Position,
    /// That it takes there.
    pub(crate) bytes: usize,
    pub(crate) standings: Standings,
    /// Bytes of the graves that lie there with it.
    pub(crate) graves: usize,
}

impl Image {
    pub(crate) fn new(cache: u64) -> Self {
        Image {
            events: HashMap::new(),
            groups: Vec::new(),
            groups_at: None,
            last_named_group: 0,
            last_joined_group: 0,
            ids: Vec::new(),
            last_event: 0,
            last_group: 0,
            cache,
            cached: 0,
            unknown: Vec::new(),
        }
    }

    /// One more record of the journal.
    pub(crate) fn read(&mut self, found: Recovered<'_>) {
        let length = length_with(found.payload.len());
        match Note::decode(found.kind, found.payload) {
            Some(note) => self.apply(note, found.position, length),
            None => self
                .unknown
                .push(Damage::of_record(found.position, length as u64)),
        }
    }

    fn apply(&mut self, note: Note, position: Position, bytes: usize) {
        match note {
            Note::Event {
                number,
                sent,
                record,
                standings,
            } => {
                if record.is_id_given {
                    let id = record.id.to_string();
                    self.ids.push((sent, id, position.generation));
                }
                for standing in &standings {
                    self.last_group = self.last_group.max(standing.group);
                    self.last_event = self.last_event.max(standing.order);
                    if standing.was_handed_over() {
                        self.last_joined_group = self.last_joined_group.max(standing.group);
                    }
                }
                self.see(number, sent, record, (position, bytes), standings);
            }
            Note::HandedOver {
                number,
                group,
                deliveries,
            } => self.change(number, group, |standing| {
                standing.deliveries = deliveries;
                standing.state = State::Ready;
            }),
            Note::Held {
                number,
                group,
                holder,
            } => self.change(number, group, |standing| {
                standing.state = State::Held(holder);
            }),
            Note::Returned {
                number,
                group,
                failures,
                due,
            } => self.change(number, group, |standing| {
                standing.failures = failures;
                standing.state = match due {
                    0 => State::Ready,
                    due => State::Until(due),
                };
            }),
            Note::Buried {
                number,
                group,
                grave,
            } => self.change(number, group, |standing| {
                standing.state = State::Dead(Box::new(grave));
            }),
            Note::Replayed {
                number,
                group,
                order,
                since,
            } => {
                self.last_event = self.last_event.max(order);
                self.change(number, group, |standing| {
                    *standing = Standing {
                        group,
                        order,
                        since,
                        deliveries: 0,
                        failures: 0,
                        state: State::Ready,
                        is_queued: false,
                    };
                });
            }
            Note::Gone { number, group } => self.let_go(number, group),
            Note::Groups { last, groups } => {
                let numbers = groups.iter().map(|group| group.number).chain([last]);
                self.last_named_group = numbers.fold(self.last_named_group, u64::max);
                self.last_group = self.last_group.max(self.last_named_group);
                self.groups = groups;
                self.groups_at = Some(position.generation);
            }
            Note::Ids(ids) => {
                let generation = position.generation;
                self.ids
                    .extend(ids.into_iter().map(|(sent, id)| (sent, id, generation)));
            }
        }
    }

    fn see(
        &mut self,
        number: u64,
        sent: u64,
        mut record: Record,
        (position, bytes): (Position, usize),
        standings: Standings,
    ) {
        self.last_event = self.last_event.max(number);
        // It may have been carried: then it stands there twice.
        self.forget(number);
        if standings.is_empty() {
            return;
        }
        let content = record.content.len();
        let is_cached = self.cached + content as u64 <= self.cache;
        match is_cached {
            true => self.cached += content as u64,
            false => record.content = Bytes::new(),
        }
        let graves = standings.iter().map(Standing::grave).sum();
        let seen = Seen {
            graves,
            number,
            sent,
            record,
            is_cached,
            content,
            position,
            bytes,
            standings,
        };
        self.events.insert(number, seen);
    }

    fn forget(&mut self, number: u64) {
        if let Some(seen) = self.events.remove(&number)
            && seen.is_cached
        {
            self.cached -= seen.content as u64;
        }
    }

    /// It was handed over, or something came of that. An event that was lost has no standing that could change.
    fn change(&mut self, number: u64, group: u64, change: impl FnOnce(&mut Standing)) {
        self.last_event = self.last_event.max(number);
        self.last_joined_group = self.last_joined_group.max(group);
        let seen = self.events.get_mut(&number);
        let mut standings = seen.into_iter().flat_map(|seen| &mut seen.standings);
        if let Some(standing) = standings.find(|standing| standing.group == group) {
            change(standing);
        }
    }

    fn let_go(&mut self, number: u64, group: u64) {
        self.last_event = self.last_event.max(number);
        let Some(seen) = self.events.get_mut(&number) else {
            return;
        };
        seen.standings.retain(|standing| standing.group != group);
        if seen.standings.is_empty() {
            self.forget(number);
        }
    }

    /// The events that are there, in any order.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Seen> {
        self.events.values()
    }

    /// Whether groups are missing without which nothing can be said of events: their table is written before, and carried.
    pub(crate) fn lacks_groups(&self) -> bool {
        self.groups_at.is_none() && self.last_event > 0
    }

    /// Gives a name to each group whose own is lost: one that is newer than all of which the tables know. Older ones that are not
    /// there were removed. Returns these names.
    pub(crate) fn name_lost_groups(&mut self) -> Vec<String> {
        let mut lost = self.numbers_of_groups();
        let last = self.last_named_group;
        let is_newer_there = lost.last().is_some_and(|number| *number > last);
        // One that nobody joined stands alone, and nothing is handed over in it. Where there are newer ones, or something was, it has
        // been joined since, and its name is lost as well.
        let joined_since = self.groups.pop_if(|group| {
            let was_joined = is_newer_there || group.number <= self.last_joined_group;
            !group.is_joined && was_joined
        });
        let joined_since = joined_since.map(|group| group.number);
        lost.retain(|number| *number > last || Some(*number) == joined_since);
        let mut names = Vec::new();
        for number in lost {
            let name = self.free_name(number);
            names.push(name.clone());
            self.groups.push(Group {
                number,
                is_joined: true,
                name,
            });
        }
        names
    }

    /// The name for a lost group. Its number is in it, or the next one whose name nobody has: a user may call a group so as well.
    fn free_name(&self, mut number: u64) -> String {
        loop {
            let name = format!("recovered-{number}");
            if self.groups.iter().all(|group| group.name != name) {
                return name;
            }
            number += 1;
        }
    }

    /// The groups in which anything stands.
    fn numbers_of_groups(&self) -> Vec<u64> {
        let standings = self.events.values().flat_map(|seen| &seen.standings);
        let mut numbers: Vec<u64> = standings.map(|standing| standing.group).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The events that are there, the oldest first. What stands in a group that is not there any more is left out.
    pub(crate) fn take_events(&mut self) -> Vec<Seen> {
        let groups = &self.groups;
        let is_there = |standing: &Standing| {
            let mut numbers = groups.iter().map(|group| group.number);
            numbers.any(|number| number == standing.group)
        };
        let events = std::mem::take(&mut self.events).into_values();
        let mut events: Vec<Seen> = events
            .filter_map(|mut seen| {
                seen.standings.retain(|standing| is_there(standing));
                (!seen.standings.is_empty()).then_some(seen)
            })
            .collect();
        events.sort_unstable_by_key(|seen| seen.number);
        events
    }
}
