use std::collections::BTreeMap;

use super::*;
use crate::machine::tests::thing::{Log, Thing};

impl<I: Item> Lane<I> {
    /// Fails where the lane is not what it says it is.
    pub(crate) fn check(&self) {
        let places = self.ring.len() as u64;
        assert!(places == 0 || places.is_power_of_two());
        assert!(self.first <= self.end && self.end - self.first <= places);
        let orders = self.iter().map(|(_, item)| item.hand().order);
        assert!(
            orders.is_sorted_by(|before, after| before < after),
            "the orders ascend"
        );
        let there = self.iter().count();
        assert_eq!(self.len(), there, "how many there are");
        let filled = self.ring.iter().filter(|place| place.is_some()).count();
        assert_eq!(filled, there, "nothing stands outside");
        let oldest = self.iter().next();
        assert_eq!(self.first(), oldest.map(|(_, item)| item.hand().order));
        let is_hole = self.first < self.end && self.get(self.first).is_none();
        assert!(!is_hole, "the first is no hole");
    }
}

/// A lane, and where each of its items has to be. An item's number is its order.
struct Bench {
    lane: Lane<Thing>,
    places: BTreeMap<u32, u64>,
    next: u32,
    log: Log,
}

impl Bench {
    fn new() -> Self {
        Bench {
            lane: Lane::new(),
            places: BTreeMap::new(),
            next: 0,
            log: Log::default(),
        }
    }

    fn push(&mut self) -> u32 {
        self.next += 1;
        let thing = Thing::new(self.next, &self.log);
        let position = self.lane.push(u64::from(self.next), thing);
        self.places.insert(self.next, position);
        self.next
    }

    fn pop(&mut self) -> Option<u32> {
        let popped = self.lane.pop().map(|thing| thing.number);
        assert_eq!(popped, self.places.pop_first().map(|(number, _)| number));
        popped
    }

    /// So many are taken and put back in front, as by whoever held them for a while.
    fn put_back(&mut self, count: usize) {
        let held: Vec<_> = std::iter::from_fn(|| self.lane.pop()).take(count).collect();
        for thing in held.into_iter().rev() {
            let number = thing.number;
            self.lane.put_back(thing);
            let (position, _) = self.lane.iter().next().unwrap();
            self.places.insert(number, position);
        }
    }

    fn remove(&mut self, number: u32) {
        let position = self.places.remove(&number).unwrap();
        let thing = self.lane.remove(position).expect("it stands there");
        assert_eq!(thing.number, number);
        assert!(self.lane.remove(position).is_none(), "it has gone");
    }

    fn close_holes(&mut self) {
        let places = &mut self.places;
        self.lane.close_holes(|thing, position| {
            let former = places.insert(thing.number, position);
            assert!(former.is_some_and(|former| former > position));
        });
    }

    fn agree(&self) {
        self.lane.check();
        let found = self.lane.iter().map(|(at, thing)| (thing.number, at));
        let expected = self.places.iter().map(|(number, at)| (*number, *at));
        assert!(found.eq(expected));
    }
}

#[test]
fn items_leave_in_the_order_in_which_they_came() {
    let mut bench = Bench::new();
    assert_eq!((bench.pop(), bench.lane.first()), (None, None));
    for n in 1..1000 {
        bench.push();
        bench.push();
        assert_eq!(bench.lane.first(), Some(n));
        assert_eq!(bench.pop(), Some(n as u32));
        bench.agree();
    }
    assert_eq!(bench.lane.len(), 999);
    while bench.pop().is_some() {}
    bench.agree();
}

#[test]
fn the_ring_grows_wherever_the_first_stands() {
    for passed in 0..2 * FIRST_RING {
        let mut bench = Bench::new();
        for _ in 0..passed {
            bench.push();
            bench.pop();
        }
        for _ in 0..5 * FIRST_RING {
            bench.push();
            bench.agree();
        }
        assert_eq!(bench.lane.ring.len(), 8 * FIRST_RING);
        bench.remove(passed as u32 + 20);
        bench.agree();
    }
}

#[test]
fn a_ring_that_is_large_enough_does_not_grow() {
    let mut bench = Bench::new();
    for _ in 0..10 * FIRST_RING {
        for _ in 0..FIRST_RING {
            bench.push();
        }
        while bench.pop().is_some() {}
    }
    assert_eq!(bench.lane.ring.len(), FIRST_RING);
}

#[test]
fn what_is_put_back_stands_in_front_again_in_a_ring_of_any_size() {
    for passed in 0..2 * FIRST_RING {
        let mut bench = Bench::new();
        for _ in 0..passed {
            bench.push();
            bench.pop();
        }
        for _ in 0..FIRST_RING {
            bench.push();
        }
        // The ring is filled while they are away, and has to grow for them.
        let held: Vec<_> = std::iter::from_fn(|| bench.lane.pop()).take(10).collect();
        for _ in 0..10 {
            bench.push();
        }
        for thing in held.into_iter().rev() {
            bench.lane.put_back(thing);
        }
        bench.lane.check();
        assert_eq!(bench.lane.len(), FIRST_RING + 10);
        let left = std::iter::from_fn(|| bench.pop());
        assert_eq!(left.count(), FIRST_RING + 10);
    }
}

/// A new lane has room before its first item, too.
#[test]
fn items_can_be_put_back_into_a_lane_that_has_had_none() {
    let mut bench = Bench::new();
    for number in (1..=40).rev() {
        let mut thing = Thing::new(number, &bench.log);
        thing.hand_mut().order = u64::from(number);
        bench.lane.put_back(thing);
        bench.lane.check();
    }
    let left = std::iter::from_fn(|| bench.lane.pop());
    assert!(left.map(|thing| thing.number).eq(1..=40));
}

#[test]
fn items_leave_from_anywhere() {
    // The first, the last, the middle, neighbours, all.
    for gone in [&[1][..], &[5], &[3], &[2, 3], &[3, 2], &[1, 2, 3, 4, 5]] {
        let mut bench = Bench::new();
        for _ in 0..5 {
            bench.push();
        }
        for number in gone {
            bench.remove(*number);
            bench.agree();
        }
        assert_eq!(bench.push(), 6);
        let left: Vec<_> = std::iter::from_fn(|| bench.pop()).collect();
        let expected: Vec<_> = (1..=6).filter(|n| !gone.contains(n)).collect();
        assert_eq!(left, expected);
        assert_eq!((bench.lane.len(), bench.lane.holes), (0, 0));
    }
}

#[test]
fn the_first_is_no_hole_when_those_behind_it_have_left() {
    let mut bench = Bench::new();
    for _ in 0..6 {
        bench.push();
    }
    [3, 2, 5].into_iter().for_each(|n| bench.remove(n));
    assert_eq!((bench.pop(), bench.lane.first()), (Some(1), Some(4)));
    bench.agree();
    bench.remove(4);
    assert_eq!(bench.lane.first(), Some(6));
    bench.agree();
}

#[test]
fn who_stands_elsewhere_once_the_holes_are_closed_is_told() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.push();
    }
    [2, 3, 6, 8].into_iter().for_each(|n| bench.remove(n));
    bench.agree();
    let mut told = Vec::new();
    bench
        .lane
        .close_holes(|thing, at| told.push((thing.number, at)));
    // 1 stands where it stood.
    assert_eq!(told, [(4, MIDDLE + 1), (5, MIDDLE + 2), (7, MIDDLE + 3)]);
    bench.places.extend(told);
    bench.agree();
    assert_eq!(bench.lane.holes, 0);
    assert_eq!((bench.push(), bench.places[&9]), (9, MIDDLE + 4));
    bench.agree();
}

#[test]
fn give_ups_do_not_make_the_ring_grow_while_the_first_stays() {
    let mut bench = Bench::new();
    bench.push();
    // Three are there at a time, all the time.
    for n in 2..10_000 {
        bench.push();
        if bench.lane.has_many_holes() {
            bench.close_holes();
        }
        if n > 3 {
            bench.remove(n - 2);
        }
        bench.agree();
        let places = bench.lane.end - bench.lane.first;
        assert!(
            places <= 2 * 4 + HOLES + 1,
            "{places} places for {}",
            bench.lane.len()
        );
    }
    assert_eq!(bench.pop(), Some(1));
    assert_eq!(bench.lane.holes, 0);
}

#[test]
fn random_histories_go_as_a_map_says() {
    let mut random = 7_u64;
    let mut below = move |n: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) as usize % n
    };
    for history in 0..if cfg!(miri) { 2 } else { 200 } {
        let mut bench = Bench::new();
        for _ in 0..200 {
            let numbers: Vec<_> = bench.places.keys().copied().collect();
            match below(11 + history % 3) {
                0..=4 => drop(bench.push()),
                5..=6 => drop(bench.pop()),
                7 => bench.close_holes(),
                8 => bench.put_back(below(9)),
                _ if numbers.is_empty() => {}
                _ => bench.remove(numbers[below(numbers.len())]),
            }
            bench.agree();
        }
    }
}
