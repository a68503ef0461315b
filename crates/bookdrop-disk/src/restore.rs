//! Makes a queue again that a journal tells of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bookdrop_queue::{Dead, DeadReason, GroupId, Hand, Limits, Past, Queue, clock};
use bookdrop_records::{Holder, known_reason};

use crate::event::{Account, Entry, Event, Facts, Place};
use crate::ids::{Ids, SaidIn};
use crate::image::{Image, Seen};
use crate::ledger::note::{Group, Standing, State};
use crate::ledger::{Change, Ledger, millis};
use crate::space::Space;
use crate::wall::Wall;

/// What somebody has in hand.
pub(crate) type InHand = bookdrop_records::InHand<Ledger>;

/// What was put into the queue again.
pub(crate) struct Restored {
    /// How many events there are.
    pub(crate) events: u64,
    /// What lies where.
    pub(crate) kept: (Space, Ids),
    pub(crate) in_hand: Vec<InHand>,
}

/// Puts everything into the queue that was there.
pub(crate) fn restore(
    mut image: Image,
    queue: &Arc<Queue<Entry>>,
    ledger: &Arc<Ledger>,
    limits: &Limits,
) -> Restored {
    let now = Now::new(ledger.wall);
    let (ids, said_in) = restore_ids(&mut image, queue, limits, now);
    let groups = restore_groups(&image.groups, queue, ledger);
    ledger.restore_numbers(image.last_event, image.last_group);
    let mut space = Space::default();
    let mut standings = Vec::new();
    let seen = image.take_events();
    let events = seen.len() as u64;
    for seen in seen {
        let time_to_live = seen.record.time_to_live;
        let said_in = said_in.get(&*seen.record.id);
        // It may have been sent again since, when it was not remembered any more.
        let said_in = said_in.filter(|(at, _)| *at == seen.sent);
        let said_in = said_in.map(|(_, said_in)| said_in.clone());
        let event = restore_event(seen, said_in, ledger, &mut space);
        for standing in &event.account.facts().standings {
            let expires_at = time_to_live.map(|time| {
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                now.instant(standing.since.saturating_add(millis))
            });
            standings.push((event.clone(), expires_at, standing.clone()));
        }
    }
    // In the order of each group, and dead letters in that of theirs. What is in hand leads its key.
    standings.sort_by_key(|(_, _, standing)| match &standing.state {
        State::Dead(grave) => (0, grave.id),
        State::Held(_) => (1, standing.order),
        _ => (2, standing.order),
    });
    let mut putting_back = PuttingBack {
        queue,
        max_deliveries: limits.max_deliveries,
        last_dead: 0,
        now,
        in_hand: Vec::new(),
    };
    for (event, expires_at, standing) in standings {
        let group = groups[&standing.group];
        let entry = Entry::restored(event, expires_at);
        putting_back.put_back(entry, group, standing);
    }
    Restored {
        events,
        kept: (space, ids),
        in_hand: putting_back.in_hand,
    }
}

/// What is now, on both clocks.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    millis: u64,
}

impl Now {
    fn new(wall: Wall) -> Self {
        Now {
            instant: clock::now(),
            millis: millis(wall.now()),
        }
    }

    /// The instant of a time in milliseconds since 1970.
    fn instant(self, at: u64) -> Instant {
        let ahead = Duration::from_millis(at.saturating_sub(self.millis));
        let behind = Duration::from_millis(self.millis.saturating_sub(at));
        let past = self.instant.checked_sub(behind).unwrap_or(self.instant);
        clock::after(past, ahead)
    }
}

/// Returns also when each was sent, and where that is said.
fn restore_ids(
    image: &mut Image,
    queue: &Queue<Entry>,
    limits: &Limits,
    now: Now,
) -> (Ids, HashMap<String, (u64, SaidIn)>) {
    let window = limits.duplicate_window;
    let mut ids = Ids::new(window, limits.max_remembered_ids);
    // One stands there several times where it was carried, or sent again after its window: what counts is when it was sent last.
    let mut last: HashMap<String, (u64, u64)> = HashMap::new();
    for (at, id, generation) in std::mem::take(&mut image.ids) {
        let known = last.entry(id).or_default();
        *known = (*known).max((at, generation));
    }
    let mut last: Vec<_> = last.into_iter().collect();
    last.sort_unstable_by_key(|(_, (at, _))| *at);
    let mut said_in = HashMap::new();
    for (id, (at, generation)) in last {
        let age = Duration::from_millis(now.millis.saturating_sub(at));
        if age < window {
            queue.remember(&id, now.instant(at));
            if let Some(said) = ids.add(at, &id, generation) {
                said_in.insert(id, (at, said));
            }
        }
    }
    (ids, said_in)
}

fn restore_groups(
    groups: &[Group],
    queue: &Queue<Entry>,
    ledger: &Ledger,
) -> HashMap<u64, GroupId> {
    let mut known = HashMap::new();
    for group in groups {
        let id = match group.is_joined {
            true => queue.found(&group.name, Entry::copy),
            false => queue.default_group(),
        };
        ledger.restore_group(id, group.number, &group.name, group.is_joined);
        known.insert(group.number, id);
    }
    known
}

fn restore_event(
    seen: Seen,
    id_said_in: Option<SaidIn>,
    ledger: &Arc<Ledger>,
    space: &mut Space,
) -> Arc<Event> {
    let segment = space.segment(seen.position.generation);
    let facts = Facts {
        noted: 0,
        number: seen.number,
        sent: seen.sent,
        record: None,
        place: Some(Place {
            position: seen.position,
            bytes: seen.bytes,
            grown: 0,
            segment: segment.clone(),
            index: 0,
            id_said_in,
        }),
        standings: seen.standings,
    };
    let account = Account::known(&seen.record, seen.content, facts);
    let event = Event::new(seen.record, ledger.clone(), |_, record| {
        if seen.is_cached {
            account.facts().record = Some(Arc::new(record));
        }
        account
    });
    let event = Arc::new(event);
    if let Some(place) = &mut event.account.facts().place {
        place.index = segment.add(&event, seen.bytes);
    }
    event.account.facts().count_graves(seen.graves);
    ledger.restore_event(&event);
    event
}

/// Puts entries back, the dead ones first.
struct PuttingBack<'a> {
    queue: &'a Queue<Entry>,
    max_deliveries: u32,
    last_dead: u64,
    now: Now,
    in_hand: Vec<InHand>,
}

impl PuttingBack<'_> {
    fn put_back(&mut self, entry: Entry, group: GroupId, standing: Standing) {
        let due = match standing.state {
            State::Dead(grave) => {
                self.last_dead = self.last_dead.max(grave.id);
                let at = SystemTime::UNIX_EPOCH + Duration::from_millis(grave.at);
                let reason = known_reason(grave.reason);
                let dead = dead(entry, grave.id, standing.deliveries, reason, at);
                return self.queue.restore_dead(dead, group);
            }
            State::Until(due) => Some(self.now.instant(due)),
            State::Ready | State::Held(_) => None,
        };
        let past = Past {
            deliveries: standing.deliveries,
            // One more can be counted.
            failures: standing.failures.min(u32::MAX - 1),
            due,
        };
        match standing.state {
            State::Held(holder) => self.put_in_hand(entry, group, past, holder),
            _ if standing.deliveries >= self.max_deliveries => {
                self.bury(entry, group, standing.deliveries);
            }
            _ => self.queue.restore(entry, group, past),
        }
    }

    /// Its holder may be there still.
    fn put_in_hand(&mut self, entry: Entry, group: GroupId, past: Past, holder: u128) {
        // Settling takes a consumer. Nobody sits there: this one has left.
        let reader = self.queue.join_again(group, false).reader();
        self.queue.leave(reader);
        let taken = self.queue.restore_in_hand(entry, group, past);
        self.in_hand.push(InHand {
            holder: Holder(holder),
            reader,
            taken,
        });
    }

    /// An event that ended its process each time it was handed over is not handed over again.
    fn bury(&mut self, entry: Entry, group: GroupId, deliveries: u32) {
        self.last_dead += 1;
        let (id, reason, at) = (self.last_dead, DeadReason::MaxDeliveries, clock::wall());
        let buried = Change::Buried(&reason, id, at);
        let event = entry.event();
        event
            .ledger()
            .changed(event, group, &Hand::default(), buried);
        let dead = dead(entry, id, deliveries, reason, at);
        self.queue.restore_dead(dead, group);
    }
}

fn dead(item: Entry, id: u64, deliveries: u32, reason: DeadReason, at: SystemTime) -> Dead<Entry> {
    Dead {
        item,
        id,
        deliveries,
        reason,
        at,
    }
}
