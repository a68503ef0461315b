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

/// The histories find it when a single flush is taken out, whichever it is.
#[test]
fn each_flush_is_needed() {
    let flushes = flushes();
    assert!(flushes.len() >= 6, "there are more: {flushes:#?}");
    for flush in flushes {
        assert!(
            is_missed(flush, |_| true),
            "nobody misses the flush at {flush}"
        );
    }
}

/// Sends and acks share their flush: both are noticed.
#[test]
fn without_a_flush_events_are_lost_and_acked_ones_come_back() {
    for what in [model::LOST, model::CAME_BACK] {
        let mut flushes = flushes().into_iter();
        let is_found = flushes.any(|flush| is_missed(flush, |found| found.contains(what)));
        assert!(is_found, "no event {what}");
    }
}

fn flushes() -> BTreeSet<Place> {
    lossy_disk::flushes(0..100, |seed| player::play(seed, OPERATIONS, None).0)
}

fn is_missed(flush: Place, is_it: impl Fn(&str) -> bool) -> bool {
    (0..10_000).any(|seed| {
        let (_, played) = player::play(seed, OPERATIONS, Some(flush));
        played.is_err_and(|found| is_it(&found))
    })
}
