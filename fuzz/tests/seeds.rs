//! The seeds go through what the fuzz targets do, without a fuzzer: what one found once is tried in every check.

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use bookdrop_fuzz::{address, content, folder, label};

/// Calls a target with each of its seeds, decoded as the fuzzer decodes it.
fn each<T: for<'a> Arbitrary<'a>>(target: &str, run: impl Fn(&T)) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut used = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let seed = seed.unwrap().path();
        println!("{}", seed.display());
        let bytes = fs::read(&seed).unwrap();
        let input = T::arbitrary_take_rest(Unstructured::new(&bytes));
        run(&input.expect("a seed is an input of its target"));
        used += 1;
    }
    assert!(used > 0, "there is no seed of {target}");
}

#[test]
fn every_folder_is_refused_or_can_be_used() {
    each("folder", folder::run);
}

#[test]
fn every_address_is_opened_or_refused() {
    each("address", |text: &String| address::run(text));
}

#[test]
fn every_label_is_refused_or_stays() {
    each("label", |label: &Vec<u8>| label::run(label));
}

#[test]
fn every_content_is_an_event_or_a_dead_letter() {
    each("content", content::run);
}
