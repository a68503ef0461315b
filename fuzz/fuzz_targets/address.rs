//! Addresses of drivers: whatever is written there is opened or refused. Nothing is opened that lies outside of memory.

#![no_main]

use bookdrop::Driver;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for address in [text.to_owned(), format!("memory:?{text}"), format!("memory:?capacity=1&{text}")] {
        let scheme = address.split(':').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("disk") {
            continue;
        }
        if let Err(error) = Driver::<String, String>::open(address).wait() {
            // It says something, and says it without a fault of its own.
            assert!(!error.to_string().is_empty());
        }
    }
});
