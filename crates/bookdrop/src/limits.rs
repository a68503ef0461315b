//! The bounds on what an event may carry.
//!
//! They hold on every driver, so that what goes into one goes into any other. [`Producer`](crate::Producer) checks them
//! and gives an event back that breaks one, with the [`InvalidEvent`](crate::InvalidEvent) that says which.
//!
//! ```
//! use bookdrop::{Driver, Event, Producer, limits};
//!
//! let library: Driver = Driver::memory(10);
//! let a = Producer::new(&library);
//! let long = "x".repeat(limits::MAX_NAME_BYTES + 1);
//! assert!(a.send(Event::new(long)).wait().is_err());
//! ```

/// The longest name of an event, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 255;
/// The most headers of one event.
pub const MAX_HEADERS: usize = 128;
/// The longest name of a header or a value, in bytes of UTF-8.
pub const MAX_HEADER_NAME_BYTES: usize = 255;
/// The longest header, in bytes of UTF-8.
pub const MAX_HEADER_VALUE_BYTES: usize = 65_536;
/// The most values of one event.
pub const MAX_VALUES: usize = 128;
/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 255;
/// The longest id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 255;
/// The longest name of a group, in bytes of UTF-8.
pub const MAX_GROUP_BYTES: usize = 255;
/// The most urgent priority; zero is the default and the least urgent.
pub const MAX_PRIORITY: u8 = bookdrop_queue::MAX_PRIORITY;
