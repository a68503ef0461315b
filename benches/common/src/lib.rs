//! What the benchmark programs of bookdrop do alike: options, turns, medians and ties, pages, what the machine is, events that
//! are bytes, and a watch over rounds.

#![forbid(unsafe_code)]

pub mod at_server;
pub mod calibration;
pub mod event;
pub mod machine;
pub mod markdown;
pub mod measured;
pub mod options;
pub mod page;
pub mod progress;
pub mod report;
pub mod shown;
pub mod stats;
pub mod turns;
pub mod watchdog;
