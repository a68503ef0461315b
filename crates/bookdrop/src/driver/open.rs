//! Drivers by their address.

use std::future::Future;

use bookdrop_queue::{Backoff, OnFull};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::Driver;
use crate::address::{Address, Options};
use crate::builder::Builder;
use crate::error::{OpenError, OpenErrorKind};
use crate::operation::Operation;

impl<T, R> Driver<T, R>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    /// Opens the driver with this address, so that where events are kept can stand in a program's settings.
    ///
    /// | address | driver |
    /// |---|---|
    /// | `memory:?capacity=100` | [in memory](Driver::builder): events are moved, and never serialized |
    ///
    /// The options of `memory` are those of its [`Builder`](crate::Builder): `capacity` (which has to be given), `max_delayed`,
    /// `max_attempts`, `max_deliveries`, `max_dead`, `retry_backoff_first`, `retry_backoff_max`, `duplicate_window`,
    /// `max_remembered_ids`, `on_full` (`wait`, `reject` or `drop_oldest`) and `spin`. Lengths of time are written like `100ms`,
    /// `30s` or `2h`; `%`, `#`, and in options also `&`, are written as `%25`, `%23` and `%26`.
    ///
    /// It needs the feature `open`, which is on by default. Any address needs types that can be written down, so that the next one may be on disk.
    ///
    /// # Errors
    /// [`OpenErrorKind`](crate::OpenErrorKind) tells apart what is no address, what nobody knows, what was not compiled in, a wrong option, and a
    /// backend that could not be opened.
    ///
    /// # Cancel safety
    /// Dropped, nothing was opened.
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, Producer};
    ///
    /// let library: Driver<String> = Driver::open("memory:?capacity=100&max_attempts=3").wait()?;
    /// Producer::new(&library).send(Event::new("S").with_body("hello world".to_owned())).wait()?;
    /// assert_eq!(Consumer::new(&library).receive().wait()?.body(), "hello world");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn open(
        address: impl Into<String>,
    ) -> Operation<impl Future<Output = Result<Self, OpenError>> + Send + Sync> {
        let address = address.into();
        Operation::new(async move {
            let address = Address::parse(&address)?;
            match &*address.scheme {
                "memory" => memory(address),
                unknown => {
                    let message = format!("there is no driver `{unknown}:`; there is `memory:`");
                    Err(OpenError::new(OpenErrorKind::UnknownScheme, message))
                }
            }
        })
    }
}

/// A driver in memory.
fn memory<T, R>(address: Address) -> Result<Driver<T, R>, OpenError>
where
    T: Send + 'static,
    R: Send + 'static,
{
    if !address.place.trim_matches('/').is_empty() {
        let message = "memory has no place: write `memory:?capacity=100`".to_owned();
        return Err(OpenError::new(OpenErrorKind::InvalidOption, message));
    }
    let mut options = address.options;
    let Some(capacity) = options.number("capacity", 1)? else {
        let message = "memory needs a capacity: write `memory:?capacity=100`".to_owned();
        return Err(OpenError::new(OpenErrorKind::InvalidOption, message));
    };
    let builder = with_options(Driver::builder(capacity), &mut options)?;
    options.end()?;
    Ok(builder.build())
}

/// Sets what is given; the rest keeps its default.
fn with_options<T, R>(
    mut builder: Builder<T, R>,
    options: &mut Options,
) -> Result<Builder<T, R>, OpenError>
where
    T: Send + 'static,
    R: Send + 'static,
{
    if let Some(max) = options.number("max_delayed", 1)? {
        builder = builder.max_delayed(max);
    }
    if let Some(max) = options.number("max_attempts", 1)? {
        builder = builder.max_attempts(max);
    }
    if let Some(max) = options.number("max_deliveries", 1)? {
        builder = builder.max_deliveries(max);
    }
    if let Some(max) = options.number("max_dead", 0)? {
        builder = builder.max_dead(max);
    }
    let first = options.duration("retry_backoff_first")?;
    let max = options.duration("retry_backoff_max")?;
    if first.is_some() || max.is_some() {
        let known = Backoff::default();
        let first = first.unwrap_or(known.first);
        builder = builder.retry_backoff(first, max.unwrap_or(known.max));
    }
    if let Some(window) = options.duration("duplicate_window")? {
        builder = builder.duplicate_window(window);
    }
    if let Some(max) = options.number("max_remembered_ids", 0)? {
        builder = builder.max_remembered_ids(max);
    }
    if let Some(on_full) = options.choice("on_full", ON_FULL)? {
        builder = builder.on_full(on_full);
    }
    if let Some(length) = options.duration("spin")? {
        builder = builder.spin(length);
    }
    Ok(builder)
}

/// What a sender meets when the queue is full, by name.
const ON_FULL: &[(&str, OnFull)] = &[
    ("wait", OnFull::Wait),
    ("reject", OnFull::Reject),
    ("drop_oldest", OnFull::DropOldest),
];
