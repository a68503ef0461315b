//! Addresses of drivers: whatever is written there is opened or refused. Nothing is opened that lies outside of memory.

use bookdrop::Driver;

/// Opens what is written there, by itself and as options of the driver in memory.
pub fn run(text: &str) {
    for address in [
        text.to_owned(),
        format!("memory:?{text}"),
        format!("memory:?capacity=1&{text}"),
    ] {
        let scheme = address.split(':').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("disk") {
            continue;
        }
        if let Err(error) = Driver::<String, String>::open(address).wait() {
            // It says something, and says it without a fault of its own.
            assert!(!error.to_string().is_empty());
        }
    }
}
