//! What an event carries beside its body.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use bookdrop_queue::{CallId, Hand};

use super::headers::Headers;
use super::id::Id;

/// Values that a spare list keeps room for; a longer one is given back to the allocator.
const KEPT_VALUES: usize = 16;

/// Everything of an event that does not depend on the type of its body.
///
/// It is recycled with its buffers: see [`spare`](super::spare). It goes from one core to another, one cache line after
/// the other, so what every event needs lies in the first line, and what it has not is not even looked at.
#[derive(Default)]
#[repr(C, align(64))]
pub(super) struct Meta {
    pub(super) name: Cow<'static, str>,
    /// What the queue writes down while somebody has the event in hand.
    pub(super) hand: Hand,
    has: Parts,
    /// Whether an id was made, or will be shared by copies: told by those who only look.
    has_made_id: AtomicBool,
    headers: Headers,
    /// Who asks for an answer, while it is a request.
    ask: Option<Ask>,
    values: Vec<(Cow<'static, str>, Value)>,
    rest: Rest,
}

/// Which parts were put into an event.
#[derive(Clone, Copy, Default)]
struct Parts {
    headers: bool,
    values: bool,
    ask: bool,
    rest: bool,
}

/// Who asks for an answer, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) call: CallId,
    pub(crate) deadline: Instant,
}

/// What most events do not have, and the queue wants to know of those that do.
#[derive(Clone, Default)]
pub(super) struct Rest {
    pub(super) id: Id,
    pub(super) key: Option<Cow<'static, str>>,
    pub(super) priority: u8,
    pub(super) delay: Option<Duration>,
    pub(super) time_to_live: Option<Duration>,
    /// The end of its time to live, which began when it was sent.
    pub(super) expires_at: Option<Instant>,
}

impl Meta {
    #[inline]
    pub(super) fn set_header(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) {
        self.has.headers = true;
        self.headers.set(name, value);
    }

    #[inline]
    pub(super) fn headers(&self) -> Option<&Headers> {
        self.has.headers.then_some(&self.headers)
    }

    pub(super) fn set_value(&mut self, name: Cow<'static, str>, value: Value) {
        self.has.values = true;
        set(&mut self.values, name, value);
    }

    pub(super) fn values(&self) -> &[(Cow<'static, str>, Value)] {
        match self.has.values {
            true => &self.values,
            false => &[],
        }
    }

    #[inline]
    pub(super) fn ask(&self) -> Option<Ask> {
        match self.has.ask {
            true => self.ask,
            false => None,
        }
    }

    #[inline]
    pub(super) fn set_ask(&mut self, ask: Option<Ask>) {
        self.has.ask = ask.is_some();
        if ask.is_some() {
            self.ask = ask;
        }
    }

    /// Whether it holds nothing that the queue wants to know of.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !self.has.rest
    }

    pub(super) fn rest(&self) -> &Rest {
        &self.rest
    }

    pub(super) fn id(&self) -> &str {
        self.has_made_id.store(true, Ordering::Relaxed);
        self.rest.id.get()
    }

    pub(super) fn rest_mut(&mut self) -> &mut Rest {
        self.has.rest = true;
        &mut self.rest
    }

    /// As it was when it was new, but for the buffers.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.name = Cow::Borrowed("");
        if self.has.headers {
            self.headers.clear();
        }
        if self.has.values {
            self.values.clear();
            self.values.shrink_to(KEPT_VALUES);
        }
        let has_made_id = self.has_made_id.get_mut();
        if self.has.rest || *has_made_id {
            *has_made_id = false;
            self.rest = Rest::default();
        }
        self.has = Parts::default();
    }

    /// Makes a new one like this one: what the queue wrote down is not copied.
    pub(super) fn copy_into(&self, copy: &mut Meta) {
        copy.name.clone_from(&self.name);
        copy.has = Parts {
            ask: false,
            ..self.has
        };
        if self.has.headers {
            copy.headers.copy_from(&self.headers);
        }
        if self.has.values {
            copy.values.clone_from(&self.values);
        }
        // The id will be the same, whoever of them is asked for it first.
        self.has_made_id.store(true, Ordering::Relaxed);
        *copy.has_made_id.get_mut() = true;
        copy.rest.clone_from(&self.rest);
    }
}

/// Sets an entry. A search through a few beats a map: most events have one to five.
fn set<V>(entries: &mut Vec<(Cow<'static, str>, V)>, name: Cow<'static, str>, value: V) {
    match entries.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => *old = value,
        None => entries.push((name, value)),
    }
}
