//! What the machine and the [`Reference`](super::reference::Reference) have to agree on.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry as Expected, Stands};
use super::history::History;
use crate::item::{Item, Standing};
use crate::machine::Place;
use crate::machine::agenda::Entry;

impl History {
    /// On everything that can be seen, and on what happened since the last time.
    pub(super) fn agree(&mut self) {
        self.agree_on_the_log();
        let (machine, reference) = (&mut self.machine, &mut self.reference);
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
            machine.next_instant(),
            reference.next_instant(),
            "the next instant"
        );
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
        self.agree_on_lists();
        self.agree_on_the_agenda();
    }

    fn agree_on_the_log(&mut self) {
        let log = std::mem::take(&mut *self.log.borrow_mut());
        let (told, discarded): (Vec<_>, Vec<_>) = log.into_iter().partition(|(.., n)| n.is_none());
        assert_eq!(
            told,
            std::mem::take(&mut self.reference.told),
            "who was told"
        );
        assert_eq!(
            discarded,
            std::mem::take(&mut self.reference.discarded),
            "what was let go of"
        );
    }

    fn agree_on_nodes(&self) {
        let inside = self
            .reference
            .entries
            .iter()
            .filter(|e| e.is_inside())
            .count();
        assert_eq!(
            self.machine.nodes.len(),
            inside,
            "the slab holds what stands in the machine"
        );
        assert_eq!(self.machine.nodes.iter().count(), inside);
        let requests = self
            .machine
            .nodes
            .iter()
            .filter(|(_, node)| node.item.is_request);
        assert_eq!(self.machine.requests, requests.count(), "requests");
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
            if node.item.is_request() {
                assert_eq!(node.item.standing.get(), Standing::Queued(ticket));
            }
        }
        for taken in self.in_hand.values().filter(|taken| taken.item.is_request) {
            assert_eq!(taken.item.standing.get(), Standing::Elsewhere);
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
            for (priority, list) in found.ready.levels().enumerate() {
                let level = |e: &&Expected| {
                    e.stands == Stands::Ready && usize::from(e.priority) == priority
                };
                let mut expected: Vec<_> = of_group().filter(level).collect();
                expected.sort_by_key(|e| e.order);
                let expected: Vec<_> = expected.into_iter().map(|e| e.number).collect();
                assert_eq!(walk(list), expected, "level {priority} of group {group}");
                assert!(expected.into_iter().all(|number| seen.insert(number)));
            }
            let urgent = found.ready.levels().filter(|list| !list.is_empty()).last();
            assert!(match (urgent, found.ready.most_urgent()) {
                (Some(expected), Some(found)) => std::ptr::eq(expected, found),
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
            if let Some(at) = node.item.expires.filter(|_| node.item.is_watched) {
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
