//! How a handler sees the events of a driver.

use std::ops::Deref;

use serde_core::de::DeserializeOwned;
use serde_json::Value;

use crate::event::Event;
use crate::failure::Failure;

/// Makes an event with a body `B`, for a handler, of one with a body `T`.
#[doc(hidden)]
pub trait View<T, B>: 'static {
    fn see(event: &Event<T>) -> Result<Seen<'_, B>, Failure>;
}

/// An event as a handler sees it.
#[doc(hidden)]
pub enum Seen<'a, B> {
    AsIs(&'a Event<B>),
    Read(Box<Event<B>>),
}

impl<B> Deref for Seen<'_, B> {
    type Target = Event<B>;

    fn deref(&self) -> &Event<B> {
        match self {
            Seen::AsIs(event) => event,
            Seen::Read(event) => event,
        }
    }
}

/// As it is.
pub(super) struct AsIs;

impl<T> View<T, T> for AsIs {
    fn see(event: &Event<T>) -> Result<Seen<'_, T>, Failure> {
        Ok(Seen::AsIs(event))
    }
}

/// With a body that is read from JSON.
pub(super) struct FromJson;

impl<B: DeserializeOwned> View<Value, B> for FromJson {
    fn see(event: &Event<Value>) -> Result<Seen<'_, B>, Failure> {
        match B::deserialize(event.body()) {
            Ok(body) => Ok(Seen::Read(Box::new(event.copy_with_body(body)))),
            Err(error) => {
                let message = format!("the body of `{}` cannot be read: {error}", event.name());
                Err(Failure::new(message).with_code(UNDECODABLE).permanent())
            }
        }
    }
}

/// The code of a body that cannot be read.
const UNDECODABLE: &str = "bookdrop.undecodable";
