//! What a handler has done.

use serde_json::Value;

use crate::event::Event;

/// What a handler returns that answers with more than a reply: further events, which are sent before the event that it handled is done.
///
/// ```
/// use bookdrop::{Done, Event, Failure};
///
/// async fn lend(book: &Event) -> Result<Done, Failure> {
///     let reminder = Event::new("remind").with_header("title", book.header("title").unwrap_or("?").to_owned());
///     Ok(Done::new().then(reminder))
/// }
/// ```
#[derive(Debug)]
pub struct Done<T = (), R = Value> {
    pub(super) reply: Option<R>,
    pub(super) then: Vec<Event<T>>,
}

impl<T, R> Done<T, R> {
    /// It is done, and there is nothing to say. A requester is told that there is no answer, as after
    /// [`ack`](crate::Delivery::ack).
    ///
    /// ```
    /// # use bookdrop::Done;
    /// let done: Done = Done::new();
    /// ```
    pub fn new() -> Self {
        Done {
            reply: None,
            then: Vec::new(),
        }
    }

    /// With this answer, for a requester.
    ///
    /// ```
    /// # use bookdrop::Done;
    /// let done: Done = Done::new().reply("as good as new");
    /// ```
    pub fn reply(mut self, reply: impl Into<R>) -> Self {
        self.reply = Some(reply.into());
        self
    }

    /// With one more event, to be sent by the same driver. All of them are sent before the one that was handled is acked or answered, in
    /// this order: when the process dies in between, it comes back, and they are sent once more. Give them an
    /// [id](Event::with_id) where that matters.
    ///
    /// They do not wait for room in the queue, so that handlers which send to their own full queue do not wait for each other:
    /// where it is full, they are let in like what comes back, up to the driver's bound on delayed events.
    ///
    /// ```
    /// # use bookdrop::{Done, Event};
    /// let done: Done = Done::new().then(Event::new("S")).then(Event::new("T"));
    /// ```
    pub fn then(mut self, event: Event<T>) -> Self {
        self.then.push(event);
        self
    }
}

impl<T, R> Default for Done<T, R> {
    fn default() -> Self {
        Done::new()
    }
}

/// What a handler may return when its work is done: the reply (which nobody hears where the event was no request), or a [`Done`]; and,
/// where replies are JSON-like, `()`.
pub trait Outcome<T, R> {
    /// The same as a [`Done`].
    fn into_done(self) -> Done<T, R>;
}

impl<T, R> Outcome<T, R> for R {
    fn into_done(self) -> Done<T, R> {
        Done {
            reply: Some(self),
            then: Vec::new(),
        }
    }
}

impl<T, R> Outcome<T, R> for Done<T, R> {
    fn into_done(self) -> Done<T, R> {
        self
    }
}

impl<T> Outcome<T, Value> for () {
    fn into_done(self) -> Done<T, Value> {
        Value::Null.into_done()
    }
}
