//! Addresses of drivers; see `bookdrop_fuzz::address`.

#![no_main]

use bookdrop_fuzz::address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| address::run(text));
