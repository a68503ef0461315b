//! Tests of the wheel with made-up time.

use std::collections::BTreeMap;

use super::*;

/// A turn without a limit to the entries looked at.
fn turn<A>(wheel: &mut Wheel<A>, now: u64) -> Vec<A> {
    let mut due = Vec::new();
    assert!(!wheel.turn(now, &mut due, usize::MAX));
    due
}

/// Small random numbers of good spread: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// A distance of any order of magnitude up to `2^bits`.
    fn distance(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        self.next() >> (63 - bits) >> 1
    }
}

#[test]
fn an_entry_is_due_at_its_tick_and_not_before() {
    for tick in [
        1,
        2,
        63,
        64,
        65,
        127,
        128,
        4095,
        4096,
        4097,
        1 << 36,
        (1 << 36) + 1,
        u64::MAX,
    ] {
        let mut wheel = Wheel::new();
        wheel.arm(tick, tick);
        assert_eq!(turn(&mut wheel, tick - 1), []);
        assert_eq!(wheel.next(), Some(tick));
        assert_eq!(turn(&mut wheel, tick), [tick]);
        assert_eq!((wheel.armed(), wheel.next()), (0, None));
    }
}

#[test]
fn an_entry_of_the_past_is_due_in_the_next_turn() {
    let mut wheel = Wheel::new();
    assert_eq!(turn(&mut wheel, 1000), []);
    for tick in [0, 1, 999, 1000] {
        wheel.arm(tick, tick);
        assert_eq!(wheel.next(), Some(1000));
        // Even when the clock stands still, or seems to go back.
        assert_eq!(turn(&mut wheel, 998), [tick]);
    }
    wheel.arm(1001, 1001);
    assert_eq!(turn(&mut wheel, 0), []);
    assert_eq!(turn(&mut wheel, 1001), [1001]);
}

#[test]
fn every_tick_of_three_levels_one_by_one() {
    const END: u64 = 3 * 4096 + 77;
    for begin in [0, 63, 4090, (1 << 24) - 5] {
        let mut wheel = Wheel::new();
        turn(&mut wheel, begin);
        for tick in begin + 1..=begin + END {
            wheel.arm(tick, tick);
        }
        for tick in begin + 1..=begin + END {
            assert_eq!(turn(&mut wheel, tick), [tick]);
        }
        assert_eq!(wheel.armed(), 0);
    }
}

#[test]
fn a_sleeper_that_follows_next_wakes_once_per_level_at_most() {
    let mut random = Random(3);
    for _ in 0..10_000 {
        let begin = random.distance(63);
        let tick = begin.saturating_add(1 + random.distance(63));
        let mut wheel = Wheel::new();
        turn(&mut wheel, begin);
        wheel.arm(tick, ());
        let (mut now, mut wakes) = (begin, 0);
        while let Some(next) = wheel.next() {
            assert!(now < next && next <= tick, "{now} < {next} <= {tick}");
            now = next;
            wakes += 1;
            assert_eq!(turn(&mut wheel, now).len(), usize::from(now == tick));
        }
        assert_eq!(now, tick);
        assert!(wakes <= LEVELS, "{wakes} wakes from {begin} to {tick}");
    }
}

#[test]
fn a_turn_looks_at_no_more_than_it_may() {
    let mut wheel = Wheel::new();
    for value in 0..10 {
        wheel.arm(100, value);
    }
    let mut due = Vec::new();
    // On the way down from level 1, four at a time.
    assert!(wheel.turn(64, &mut due, 4));
    assert!(wheel.turn(64, &mut due, 4));
    assert_eq!(wheel.next(), Some(64), "at once, as two are left");
    // These two are late by now; the others have got their slot, which has begun as well.
    assert!(wheel.turn(100, &mut due, 4));
    assert_eq!(due.len(), 4);
    // One that is armed and one that is cancelled in between.
    let late = wheel.arm(99, 10);
    assert_eq!(wheel.cancel(late), Some(10));
    wheel.arm(99, 11);
    while wheel.turn(100, &mut due, 4) {}
    due.sort_unstable();
    assert_eq!(due, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    assert!(!wheel.turn(100, &mut due, 0));
}

#[test]
fn the_key_of_an_entry_that_is_gone_is_harmless() {
    let mut wheel = Wheel::new();
    let fired = wheel.arm(1, "fired");
    assert_eq!(turn(&mut wheel, 1), ["fired"]);
    assert_eq!(wheel.cancel(fired), None);
    let cancelled = wheel.arm(5, "cancelled");
    assert_eq!(wheel.cancel(fired), None, "though the place is taken again");
    assert_eq!(wheel.cancel(cancelled), Some("cancelled"));
    assert_eq!(wheel.cancel(cancelled), None);
    let armed = wheel.arm(5, "armed");
    assert_eq!((fired.link, fired.link), (cancelled.link, armed.link));
    assert_eq!((wheel.cancel(fired), wheel.cancel(cancelled)), (None, None));
    assert_eq!(wheel.armed(), 1);
    assert_eq!(turn(&mut wheel, 5), ["armed"]);
}

#[test]
fn cancelling_empties_the_slot() {
    let mut wheel = Wheel::new();
    let keys = [70, 70, 71, 5000].map(|tick| wheel.arm(tick, tick));
    for key in keys {
        assert!(wheel.next().is_some());
        assert!(wheel.cancel(key).is_some());
    }
    assert_eq!((wheel.next(), wheel.armed()), (None, 0));
    assert_eq!(wheel.occupied, [0; LEVELS]);
    assert_eq!(turn(&mut wheel, u64::MAX), []);
}

#[test]
fn memory_follows_the_most_that_was_armed_at_once() {
    let mut wheel = Wheel::new();
    for round in 0..1000_u64 {
        let keys: Vec<_> = (0..10).map(|n| wheel.arm(round + n * n * n, ())).collect();
        for key in keys.into_iter().skip(3) {
            wheel.cancel(key);
        }
        turn(&mut wheel, round + 8);
    }
    assert_eq!(wheel.armed(), 0);
    assert!(wheel.entries.len() <= 13, "{}", wheel.entries.len());
}

#[test]
fn an_empty_wheel_gives_its_memory_back_if_it_is_much() {
    let mut wheel = Wheel::new();
    let few: Vec<_> = (0..KEEP as u64).map(|tick| wheel.arm(tick, ())).collect();
    assert!(wheel.shrink().is_none(), "in use");
    few.iter()
        .for_each(|&key| assert!(wheel.cancel(key).is_some()));
    assert!(wheel.shrink().is_none(), "few");

    let many: Vec<_> = (0..=KEEP as u64).map(|tick| wheel.arm(tick, ())).collect();
    assert_eq!(turn(&mut wheel, 10).len(), 11);
    assert!(wheel.shrink().is_none(), "in use");
    turn(&mut wheel, KEEP as u64);
    assert!(wheel.shrink().is_some());
    assert_eq!((wheel.entries.capacity(), wheel.links.len()), (0, LISTS));

    // The old keys are still harmless, before and after their places exist again.
    many.iter()
        .for_each(|&key| assert!(wheel.cancel(key).is_none()));
    let again: Vec<_> = (0..=KEEP as u64).map(|n| wheel.arm(5000 + n, ())).collect();
    many.iter()
        .for_each(|&key| assert!(wheel.cancel(key).is_none()));
    again
        .iter()
        .for_each(|&key| assert!(wheel.cancel(key).is_some()));
}

/// The wheel, and what it must do: the entries by tick and number.
struct Model {
    wheel: Wheel<u64>,
    /// Every entry that is armed, by tick and number.
    armed: BTreeMap<(u64, u64), Key>,
    /// Keys of entries that are gone.
    gone: Vec<Key>,
    numbers: u64,
    now: u64,
}

impl Model {
    fn arm(&mut self, tick: u64) {
        self.numbers += 1;
        let key = self.wheel.arm(tick, self.numbers);
        self.armed.insert((tick, self.numbers), key);
    }

    fn cancel(&mut self, near: (u64, u64)) {
        let found = self
            .armed
            .range(near..)
            .next()
            .or_else(|| self.armed.iter().next_back());
        if let Some((&entry, &key)) = found {
            assert_eq!(self.wheel.cancel(key), Some(entry.1));
            self.armed.remove(&entry);
            self.forget(key);
        }
    }

    fn advance(&mut self, now: u64, most: usize) {
        self.now = now;
        let mut due = Vec::new();
        loop {
            let before = due.len();
            let more = self.wheel.turn(now, &mut due, most);
            assert!(due.len() - before <= most);
            if !more {
                break;
            }
        }
        let later = self.armed.split_off(&(now, u64::MAX));
        let expected = std::mem::replace(&mut self.armed, later);
        due.sort_unstable();
        let mut numbers: Vec<_> = expected.keys().map(|entry| entry.1).collect();
        numbers.sort_unstable();
        assert_eq!(due, numbers, "due at {now}");
        expected.into_values().for_each(|key| self.forget(key));
    }

    fn forget(&mut self, key: Key) {
        if self.gone.len() == 64 {
            self.gone.swap_remove((self.numbers % 64) as usize);
        }
        self.gone.push(key);
    }

    fn check(&self) {
        assert_eq!(self.wheel.armed(), self.armed.len());
        let first = self.armed.keys().next().map(|entry| entry.0);
        match (self.wheel.next(), first) {
            (None, None) => {}
            // An entry of the past is due at once, and no sleep ends before it begins.
            (Some(next), Some(first)) => {
                assert!(next <= first.max(self.now), "{next} <= {first}");
                assert!(
                    next > self.now || first <= self.now,
                    "{next} at {}",
                    self.now
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Compares the wheel with an ordered map over random steps, up to the end of time.
fn compare(seed: u64, steps: u32, bits: u64) {
    let mut random = Random(seed);
    let wheel = Wheel::new();
    let mut model = Model {
        wheel,
        armed: BTreeMap::new(),
        gone: Vec::new(),
        numbers: 0,
        now: 0,
    };
    for _ in 0..steps {
        match random.below(100) {
            0..45 => {
                let tick = model.now.saturating_add(random.distance(bits));
                model.arm(tick);
            }
            45..48 => {
                let tick = model.now.saturating_sub(random.distance(8));
                model.arm(tick);
            }
            48..80 => {
                let near = model.now.saturating_add(random.distance(bits));
                model.cancel((near, 0));
            }
            80..85 => {
                if let Some(&key) = model.gone.last() {
                    assert_eq!(model.wheel.cancel(key), None);
                }
            }
            85..90 => {
                // Exactly where the wheel wants to be woken.
                let next = model.wheel.next().unwrap_or(model.now);
                model.advance(next, usize::MAX);
            }
            90..99 => {
                let now = model.now.saturating_add(random.distance(12));
                model.advance(now, 1 + random.below(20) as usize);
            }
            _ => {
                let now = model.now.saturating_add(random.distance(bits));
                model.advance(now, usize::MAX);
            }
        }
        model.check();
    }
    model.advance(u64::MAX, 1000);
    model.check();
    assert_eq!((model.wheel.armed(), model.wheel.next()), (0, None));
    assert_eq!(model.wheel.occupied, [0; LEVELS]);
}

#[test]
fn like_an_ordered_map_in_the_usual_range() {
    for seed in 1..=8 {
        compare(seed, 50_000, 16);
    }
}

#[test]
fn like_an_ordered_map_with_far_jumps() {
    for seed in 1..=8 {
        compare(seed, 20_000, 44);
    }
}

#[test]
fn like_an_ordered_map_up_to_the_end_of_time() {
    for seed in 1..=200 {
        compare(seed, 500, 63);
    }
}
