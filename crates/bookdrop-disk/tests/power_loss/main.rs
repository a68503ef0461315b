//! Seeded histories on a disk that loses power: nothing that was confirmed is lost, whatever was not flushed.
//!
//! `BOOKDROP_LONG=1` runs 10,000 of them, and `BOOKDROP_SEED=7` the one with that seed.

mod disk;
mod history;

use std::env;

const OPERATIONS: usize = 250;

fn histories() -> u64 {
    match env::var_os("BOOKDROP_LONG") {
        Some(_) => 10_000,
        None => 300,
    }
}

#[test]
fn nothing_confirmed_is_lost() {
    let seeds = match env::var("BOOKDROP_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("BOOKDROP_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..histories(),
    };
    for seed in seeds {
        if let (_, Err(what)) = history::run(seed, OPERATIONS, None) {
            panic!("{what}\nBOOKDROP_SEED={seed} repeats it");
        }
    }
}

/// The histories find it when a single flush is taken out, whichever it is.
#[test]
fn each_flush_is_needed() {
    let flushes = disk::flushes(0..100, |seed| history::run(seed, OPERATIONS, None).0);
    assert!(flushes.len() >= 8, "there are more: {flushes:#?}");
    for flush in flushes {
        let is_missed = |seed| history::run(seed, OPERATIONS, Some(flush)).1.is_err();
        assert!(
            (0..10_000).any(is_missed),
            "nobody misses the flush at {flush}"
        );
    }
}
