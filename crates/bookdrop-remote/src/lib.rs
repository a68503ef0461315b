//! A backend of [bookdrop](https://docs.rs/bookdrop) that is in another process. Programs use `bookdrop`; this crate is for its drivers.
//!
//! One driver, the *keeper*, holds a queue as a [`Backend`](bookdrop_backend::Backend). Others, its *guests*, use it over messages
//! that may be lost, repeated or late. What carries them is not known here: packets go out and come in as bytes.
//!
//! - [`Host`]: the keeper's side, over a queue and what hosting needs beside it ([`Hosted`]).
//! - [`Guest`] drives the other side, and [`Remote`] is the backend that its users have. [`guest()`] makes both.
//! - [`Terms`]: what both agree on.
//!
//! Neither side does any I/O, or looks at the clock. Whoever has the connection gives them packets, takes turns, and sends what a turn
//! returns:
//!
//! ```
//! use std::task::{Context, Waker};
//! use std::time::Instant;
//!
//! use bookdrop_remote::{GuestId, Terms, guest};
//!
//! let now = Instant::now();
//! let (_backend, mut guest) = guest(GuestId([7; 16]), Terms::default(), now);
//! guest.new_keeper(1, now);
//! let turn = guest.turn(&Context::from_waker(Waker::noop()), now);
//! // It introduces itself.
//! assert_eq!(turn.packets.len(), 1);
//! ```

#![forbid(unsafe_code)]

mod error;
mod guest;
mod host;
mod hosted;
mod names;
mod packet;
mod session;
mod terms;
mod wire;
mod words;

pub use error::is_of_other_format;
pub use guest::{Guest, GuestTurn, Remote, guest};
pub use host::{Host, HostTurn};
pub use hosted::{Ending, Hosted};
pub use names::GuestId;
pub use packet::greeting;
pub use terms::{
    GREATEST_CALLS, GREATEST_CONTENT, GREATEST_GUESTS, GREATEST_PARCEL, Terms, WINDOW_BYTES,
    WINDOW_PACKETS,
};
