//! What says what a folder is; see `bookdrop_fuzz::label`.

#![no_main]

use bookdrop_fuzz::label;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|label: &[u8]| label::run(label));
