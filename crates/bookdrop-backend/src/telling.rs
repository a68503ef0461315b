//! What a driver with a thread of its own tells those who wait for it.
//!
//! A user's future waits for a [`Word`], and the driver's thread has the [`Promise`] of it. It does not send the word itself, as that wakes
//! the user's task, by code that is not the driver's: a [`Teller`] does, on other threads where it does not know that code. A word may come
//! to nobody: what is not to be lost then is [`Offered`], and comes back.
//!
//! ```
//! use bookdrop_backend::telling::{Teller, promise};
//! # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
//! # fn wait<V>(future: impl Future<Output = V>) -> V {
//! #     let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
//! #     loop {
//! #         if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
//! #             break value;
//! #         }
//! #         std::thread::yield_now();
//! #     }
//! # }
//!
//! let teller = Teller::default();
//! let (told, word) = promise();
//! teller.send(told, 7);
//! # wait(async {
//! assert_eq!(word.await, Some(7));
//! # });
//! ```

mod offer;
mod promise;
mod teller;

pub use offer::{Offered, Offers, TakesBack};
pub use promise::{Promise, Word, promise};
pub use teller::{Teller, own_waker};
