//! Takes an event apart and puts it together again, changed.

use std::time::Duration;

use bookdrop::{Event, Value};

use crate::Book;

/// The parts of an event.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) values: Vec<(String, Value)>,
    pub(crate) key: Option<String>,
    pub(crate) priority: u8,
    pub(crate) delay: Option<Duration>,
    pub(crate) time_to_live: Option<Duration>,
    pub(crate) body: Book,
}

/// A copy of the event, changed.
pub(crate) fn remade(event: &Event<Book>, change: impl FnOnce(&mut Parts)) -> Event<Book> {
    let mut parts = Parts {
        name: event.name().into(),
        id: Some(event.id().into()),
        headers: event
            .headers()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        values: event
            .values()
            .map(|(name, value)| (name.into(), value.clone()))
            .collect(),
        key: event.key().map(Into::into),
        priority: event.priority(),
        delay: event.delay(),
        time_to_live: event.time_to_live(),
        body: event.body().clone(),
    };
    change(&mut parts);
    parts.into_event()
}

impl Parts {
    fn into_event(self) -> Event<Book> {
        let mut event = Event::new(self.name)
            .with_priority(self.priority)
            .with_body(self.body);
        for (name, value) in self.headers {
            event.set_header(name, value);
        }
        for (name, value) in self.values {
            event.set_value(name, value);
        }
        if let Some(id) = self.id {
            event = event.with_id(id);
        }
        if let Some(key) = self.key {
            event = event.with_key(key);
        }
        if let Some(delay) = self.delay {
            event = event.with_delay(delay);
        }
        if let Some(time_to_live) = self.time_to_live {
            event = event.with_time_to_live(time_to_live);
        }
        event
    }
}
