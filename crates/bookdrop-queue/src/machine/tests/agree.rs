//! What the machine and the [`Reference`](super::reference::Reference) have to agree on.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry as Expected, Stands};
use super::history::History;
use crate::item::Item;
use crate::item::Standing;
use crate::machine::agenda::Entry;
use crate::machine::{CallId, Place, Spot};

impl History {
    /// On everything that can be seen, and on what happened since the last time.
    pub(super) fn agree(&mut self) {
        self.agree_on_the_log();
        let (machine, reference) = (&mut self.machine, &mut self.reference);
        let has_fresh = reference.groups.iter().any(|(_, fresh)| *fresh > 0);
        assert!(
            machine.take_has_fresh() || !has_fresh,
            "nobody looks who has to be woken"
        );
        for (group, id) in &self.groups {
            let fresh = reference
                .groups
                .iter_mut()
                .find(|(n, _)| n == group)
                .map(|(_, f)| std::mem::take(f));
            assert_eq!(
                Some(machine.take_fresh(id.index as usize)),
                fresh,
                "fresh ones of group {group}"
            );
            assert_eq!(
                machine.depths(*id),
                reference.depths(*group),
                "depths of group {group}"
            );
        }
        assert_eq!(
            machine.agenda.next(),
            reference.next_instant(),
            "the next instant"
        );
        // The machine may look at the clock in vain, but not too late.
        let next_look = machine.next_instant();
        let next_news = [reference.next_instant(), reference.next_deadline()];
        for news in next_news.into_iter().flatten() {
            assert!(next_look.is_some_and(|look| look <= news), "a late look");
        }
        assert_eq!(machine.counters, reference.counters);
        let in_hand = self
            .groups
            .iter()
            .map(|(group, _)| reference.depths(*group)[2])
            .sum::<usize>();
        assert_eq!(machine.in_hand(), in_hand);
    }

    /// On what cannot be seen, too.
    pub(super) fn agree_inside(&self) {
        self.agree_on_nodes();
        self.agree_on_lanes();
        self.agree_on_lists();
        self.agree_on_the_agenda();
        self.agree_on_calls();
    }

    fn agree_on_the_log(&mut self) {
        let discarded = std::mem::take(&mut *self.log.borrow_mut());
        assert_eq!(
            discarded,
            std::mem::take(&mut self.reference.discarded),
            "what was let go of"
        );
        let number = |call| self.calls.iter().find(|(_, known)| **known == call);
        let told = std::mem::take(&mut self.told).into_iter();
        let told: Vec<_> = told
            .map(|(call, answer)| (*number(call).unwrap().0, answer))
            .collect();
        assert_eq!(
            told,
            std::mem::take(&mut self.reference.told),
            "who was told"
        );
        let mut woken = std::mem::take(&mut *self.woken.lock().unwrap());
        let mut expected = std::mem::take(&mut self.reference.woken);
        woken.sort_unstable();
        expected.sort_unstable();
        assert_eq!(woken, expected, "which requesters were woken");
    }

    fn agree_on_nodes(&self) {
        let inside = self.reference.entries.iter().filter(|e| e.is_inside());
        let requests = inside.clone().filter(|e| e.is_request);
        assert_eq!(self.machine.requests, requests.count(), "requests");
        let in_lanes = self.groups.iter();
        let in_lanes = in_lanes.map(|(_, id)| self.machine.group(*id).unwrap().lane.len());
        assert_eq!(
            self.machine.nodes.len() + in_lanes.sum::<usize>(),
            inside.count(),
            "the slab and the lanes hold what stands in the machine"
        );
        assert_eq!(self.machine.nodes.iter().count(), self.machine.nodes.len());
        for (ticket, node) in self.machine.nodes.iter() {
            let (hand, expected) = (&node.hand, self.reference.get(node.item.number));
            assert_eq!(
                (hand.order, hand.deliveries, hand.failures, hand.leads),
                (
                    expected.order,
                    expected.deliveries,
                    expected.failures,
                    expected.leads
                ),
                "{expected:?}"
            );
            let (number, id) = *self
                .groups
                .iter()
                .find(|(n, _)| *n == expected.group)
                .unwrap();
            assert_eq!((number, hand.group), (expected.group, id));
            match (node.place, expected.stands) {
                (Place::Ready, Stands::Ready) | (Place::Parked, Stands::Parked(_)) => {}
                (Place::Delayed { due }, Stands::Delayed(at)) => assert_eq!(due, at),
                (place, _) => panic!("{place:?} for {expected:?}"),
            }
            self.agree_on_standing(node.item.call, Spot::Node(ticket));
        }
    }

    fn agree_on_standing(&self, call: Option<CallId>, spot: Spot) {
        if let Some(call) = call.and_then(|call| self.machine.calls.get(call)) {
            assert_eq!(call.standing, Standing::Queued(spot));
        }
    }

    /// In a lane stand plain items that were never in a hand, in the order in which they were sent.
    fn agree_on_lanes(&self) {
        for (group, id) in &self.groups {
            let lane = &self.machine.group(*id).unwrap().lane;
            lane.check();
            for (position, thing) in lane.iter() {
                let expected = self.reference.get(thing.number);
                assert!(expected.is_plain() && !expected.is_beside_lane);
                assert_eq!(
                    (*group, Stands::Ready, thing.hand().order, 0, 0),
                    (
                        expected.group,
                        expected.stands,
                        expected.order,
                        expected.deliveries,
                        expected.failures
                    )
                );
                self.agree_on_standing(thing.call, Spot::Lane(*id, position));
            }
        }
        assert_eq!(self.express.len(), 0, "what was lent came back");
    }

    /// The calls are those of requesters that wait, and none knows a place where somebody else stands.
    fn agree_on_calls(&self) {
        let (calls, inside) = (&self.machine.calls, self.inside());
        assert_eq!(calls.len(), self.reference.asked.len());
        for asked in &self.reference.asked {
            let id = self.calls[&asked.number];
            let call = calls.get(id).expect("a requester waits");
            assert_eq!(call.deadline, asked.deadline);
            assert_eq!(
                call.is_over(|| self.now),
                self.reference.is_over(asked.number, self.now),
                "whether {} is over",
                asked.number
            );
            assert_eq!(calls.is_awaited(id), asked.answer.is_none());
            // A dead letter that was sent again is no request any more.
            let is_asked = |number: &u32| self.reference.get(*number).is_request;
            let spot = Some(asked.number).filter(|number| inside.contains_key(number));
            let spot = spot.filter(is_asked).map(|number| inside[&number]);
            let is_in_hand = self.in_hand.contains_key(&asked.number);
            match call.standing {
                Standing::Leaving => {
                    assert!(spot.is_none() && !is_in_hand, "it has left");
                    assert!(asked.answer.is_some(), "and its requester was told");
                }
                Standing::Queued(known) if spot.is_none() && !is_in_hand => {
                    assert!(self.machine.item(known).is_none(), "another stands there");
                }
                standing => {
                    assert_eq!(standing, spot.map_or(Standing::Elsewhere, Standing::Queued))
                }
            }
        }
    }

    /// No node stands in two lists or in none, each list is in order, and no key is kept that nobody works on.
    fn agree_on_lists(&self) {
        let mut seen = BTreeSet::new();
        let entries = &self.reference.entries;
        for (group, id) in &self.groups {
            let of_group = || entries.iter().filter(|e| e.group == *group);
            let found = self.machine.group(*id).unwrap();
            let walk = |list| -> Vec<u32> {
                let mut found = Vec::new();
                let mut at = self.machine.nodes.first(list);
                while let Some(ticket) = at {
                    found.push(self.machine.nodes.get(ticket).unwrap().item.number);
                    at = self.machine.nodes.next(ticket);
                }
                assert_eq!(found.len(), list.len());
                found
            };
            let lane = found.lane.iter().map(|(_, thing)| thing.number);
            let lane: BTreeSet<_> = lane.collect();
            for (priority, list) in found.ready.levels().enumerate() {
                let level = |e: &&Expected| {
                    e.stands == Stands::Ready
                        && usize::from(e.priority) == priority
                        && !lane.contains(&e.number)
                };
                let mut expected: Vec<_> = of_group().filter(level).collect();
                expected.sort_by_key(|e| e.order);
                let expected: Vec<_> = expected.into_iter().map(|e| e.number).collect();
                assert_eq!(walk(list), expected, "level {priority} of group {group}");
                assert!(expected.into_iter().all(|number| seen.insert(number)));
            }
            let urgent = found.ready.levels().filter(|list| !list.is_empty()).last();
            assert!(match (urgent, found.ready.most_urgent()) {
                (Some(expected), Some((_, found))) => std::ptr::eq(expected, found),
                (expected, found) => expected.is_none() && found.is_none(),
            });
            for (key, list) in &found.keys {
                let parked = of_group().filter(|e| e.key == Some(&**key));
                let parked = parked.filter_map(|e| match e.stands {
                    Stands::Parked(place) => Some((place, e.number)),
                    _ => None,
                });
                let parked: BTreeMap<_, _> = parked.collect();
                let parked: Vec<_> = parked.into_values().collect();
                assert_eq!(walk(list), parked, "behind key {key} of group {group}");
                assert!(parked.into_iter().all(|number| seen.insert(number)));
            }
            let leading: Vec<_> = of_group()
                .filter(|e| e.leads)
                .map(|e| e.key.unwrap())
                .collect();
            let leading_keys: BTreeSet<_> = leading.iter().copied().collect();
            assert_eq!(leading.len(), leading_keys.len(), "one leads each key");
            let kept: BTreeSet<_> = found.keys.keys().map(|key| &**key).collect();
            assert_eq!(kept, leading_keys, "keys that somebody works on");
        }
        let delayed = |e: &&Expected| matches!(e.stands, Stands::Delayed(_));
        let delayed = entries.iter().filter(delayed).count();
        assert_eq!(seen.len() + delayed, self.machine.nodes.len());
    }

    fn agree_on_the_agenda(&self) {
        let mut expected = BTreeSet::new();
        for (_, node) in self.machine.nodes.iter() {
            let (order, number) = (node.hand.order, node.item.number);
            if let Place::Delayed { due } = node.place {
                expected.insert((due, order, Entry::Due, number));
            }
            if let Some(at) = node.item.expires {
                expected.insert((at, order, Entry::Expires, number));
            }
        }
        let number = |ticket| self.machine.nodes.get(ticket).map(|node| node.item.number);
        let found = self.machine.agenda.iter();
        let found: BTreeSet<_> = found
            .map(|(at, order, entry, ticket)| {
                (at, order, entry, number(ticket).expect("no entry is stale"))
            })
            .collect();
        assert_eq!(found, expected, "the agenda");
    }
}
