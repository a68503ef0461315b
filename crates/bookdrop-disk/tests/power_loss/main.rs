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
        if let Err(what) = history::run(seed, OPERATIONS, None) {
            panic!("{what}\nBOOKDROP_SEED={seed} repeats it");
        }
    }
}

/// The histories find it when a single flush is left out, whichever it is.
#[test]
fn each_flush_is_needed() {
    for sabotage in disk::ALL {
        let found =
            (0..histories()).find(|seed| history::run(*seed, OPERATIONS, Some(sabotage)).is_err());
        assert!(
            found.is_some(),
            "nobody notices that {sabotage:?} is not flushed"
        );
    }
}
