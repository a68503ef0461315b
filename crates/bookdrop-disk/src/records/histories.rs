//! Seeded histories of a queue on a disk that loses power: nothing confirmed is lost, and nothing that was acked comes back.
//!
//! No thread works for these queues: what the threads do is done by the histories, step by step, so that a seed repeats one.
//! `BOOKDROP_LONG=1` runs 10,000 of them, and `BOOKDROP_SEED=7` the one with that seed.

mod model;
mod player;

use std::collections::BTreeSet;
use std::env;

use crate::lossy_disk::{self, Place};

const OPERATIONS: usize = 250;

fn seeds() -> std::ops::Range<u64> {
    let is_long = env::var_os("BOOKDROP_LONG").is_some();
    match env::var("BOOKDROP_SEED").map(|seed| seed.parse()) {
        Ok(Ok(seed)) => seed..seed + 1,
        Ok(Err(_)) => panic!("BOOKDROP_SEED is a number"),
        Err(_) => 0..if is_long { 10_000 } else { 300 },
    }
}

#[test]
fn nothing_confirmed_is_lost_and_nothing_acked_comes_back() {
    for seed in seeds() {
        if let (_, Err(what)) = player::play(seed, OPERATIONS, None) {
            panic!("{what}\nBOOKDROP_SEED={seed} repeats it");
        }
    }
}

/// The histories find it when a single flush is taken out, whichever it is. Those of the journal have histories of their own, in
/// `tests/power_loss`, which find them sooner.
#[test]
fn each_flush_is_needed() {
    let all = flushes();
    let others = all.iter().filter(|flush| !flush.file().contains("journal"));
    let others: Vec<_> = others.collect();
    assert!(!others.is_empty() && others.len() < all.len(), "{all:#?}");
    for flush in others {
        let is_missed = |seed| player::play(seed, OPERATIONS, Some(flush)).1.is_err();
        assert!(
            (0..10_000).any(is_missed),
            "nobody misses the flush at {flush}"
        );
    }
}

/// Sends and acks share their flush: both are noticed.
#[test]
fn without_a_flush_events_are_lost_and_acked_ones_come_back() {
    let flushes = flushes();
    for what in [model::LOST, model::CAME_BACK] {
        let mut played = (0..10_000).flat_map(|seed| {
            let each = flushes.iter();
            each.map(move |flush| player::play(seed, OPERATIONS, Some(flush)).1)
        });
        let is_found = played.any(|found| found.is_err_and(|found| found.contains(what)));
        assert!(is_found, "no event {what}");
    }
}

fn flushes() -> BTreeSet<Place> {
    lossy_disk::flushes(0..100, |seed| player::play(seed, OPERATIONS, None).0)
}
