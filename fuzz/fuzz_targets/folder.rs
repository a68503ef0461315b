//! Everything that is read from a disk; see `bookdrop_fuzz::folder`.

#![no_main]

use bookdrop_fuzz::folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: folder::Input| folder::run(&input));
