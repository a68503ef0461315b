//! What the benchmark programs of bookdrop do alike: medians and ties, tables, what the machine is, and a watch over rounds.

#![forbid(unsafe_code)]

pub mod machine;
pub mod markdown;
pub mod progress;
pub mod stats;
pub mod watchdog;
