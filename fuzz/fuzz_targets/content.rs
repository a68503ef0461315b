//! Contents of events; see `bookdrop_fuzz::content`.

#![no_main]

use bookdrop_fuzz::content;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: content::Input| content::run(&input));
