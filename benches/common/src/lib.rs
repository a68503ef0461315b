//! What the benchmark programs of bookdrop do alike: medians and ties, tables, what the machine is, events that are bytes, and a
//! watch over rounds.

#![forbid(unsafe_code)]

pub mod calibration;
pub mod event;
pub mod machine;
pub mod markdown;
pub mod measured;
pub mod progress;
pub mod shown;
pub mod stats;
pub mod watchdog;
