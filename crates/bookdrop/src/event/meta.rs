//! What an event carries beside its body.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use bookdrop_queue::{Block, CallId, Hand};

use super::headers::Headers;
use super::id::Stamp;

/// Values that a spare list keeps room for; a longer one is given back to the allocator.
const KEPT_VALUES: usize = 16;

/// Everything of an event that does not depend on the type of its body.
///
/// It is recycled with its buffers: see [`spare`](super::spare). It goes from one core to another, one cache line after
/// the other, so what is used most comes first, and what an event has not is not even looked at.
#[derive(Default)]
#[repr(C)]
pub(super) struct Meta {
    pub(super) name: Cow<'static, str>,
    /// What the queue writes down while somebody has the event in hand.
    pub(super) hand: Hand,
    has: Parts,
    stamp: Stamp,
    headers: Headers,
    /// Who asks for an answer, while it is a request.
    ask: Option<Ask>,
    /// Made when it is first needed, and kept from then on.
    rest: OnceLock<Box<Rest>>,
}

// What a queued event takes is documented.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Block<Meta>>() == 304 && Meta::USED <= 144);

/// Which parts were put into an event.
#[derive(Clone, Copy, Default)]
struct Parts {
    headers: bool,
    values: bool,
    ask: bool,
    /// Anything that the queue wants to know of.
    details: bool,
}

/// Who asks for an answer, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    /// `None` where something else than the queue knows who asks.
    pub(crate) call: Option<CallId>,
    pub(crate) deadline: Instant,
}

/// What most events do not have.
#[derive(Default)]
struct Rest {
    values: Vec<(Cow<'static, str>, Value)>,
    details: Details,
    made_id: OnceLock<Box<str>>,
}

/// What the queue wants to know of an event.
#[derive(Clone, Default)]
pub(super) struct Details {
    pub(super) id: Option<Cow<'static, str>>,
    /// Whether that id was made, and stood in a record, so that nobody gave it.
    pub(super) is_id_made: bool,
    pub(super) key: Option<Cow<'static, str>>,
    pub(super) priority: u8,
    pub(super) delay: Option<Duration>,
    pub(super) time_to_live: Option<Duration>,
    /// The end of its time to live, which began when it was sent.
    pub(super) expires_at: Option<Instant>,
}

/// Those of an event that has none.
static NONE: Details = Details {
    id: None,
    is_id_made: false,
    key: None,
    priority: 0,
    delay: None,
    time_to_live: None,
    expires_at: None,
};

impl Meta {
    /// What most events use. That is three cache lines, wherever an allocator that aligns to 16 bytes puts it.
    pub(super) const USED: usize = std::mem::offset_of!(Meta, headers) + Headers::USED;

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
        set(&mut self.rest_mut().values, name, value);
    }

    #[inline]
    pub(super) fn has_values(&self) -> bool {
        self.has.values
    }

    pub(super) fn values(&self) -> &[(Cow<'static, str>, Value)] {
        match self.rest.get() {
            Some(rest) if self.has.values => &rest.values,
            _ => &[],
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
        !self.has.details
    }

    /// The id, if somebody gave it.
    pub(super) fn given_id(&self) -> Option<&str> {
        let details = self.details();
        match details.is_id_made {
            true => None,
            false => details.id.as_deref(),
        }
    }

    pub(super) fn details(&self) -> &Details {
        match self.rest.get() {
            Some(rest) if self.has.details => &rest.details,
            _ => &NONE,
        }
    }

    pub(super) fn details_mut(&mut self) -> &mut Details {
        self.has.details = true;
        &mut self.rest_mut().details
    }

    /// The id, which is made now if none was given and nobody asked for it before.
    pub(super) fn id(&self) -> &str {
        let make = || self.stamp.id();
        match &self.details().id {
            Some(id) => id,
            None => self
                .rest
                .get_or_init(Box::default)
                .made_id
                .get_or_init(make),
        }
    }

    /// A copy of the id. One that is made is not kept: whoever asks again gets the same one.
    pub(super) fn copy_id(&self) -> Box<str> {
        let made = self.rest.get().and_then(|rest| rest.made_id.get());
        match &self.details().id {
            Some(id) => (**id).into(),
            None => made.cloned().unwrap_or_else(|| self.stamp.id()),
        }
    }

    fn rest_mut(&mut self) -> &mut Rest {
        self.rest.get_or_init(Box::default);
        self.rest.get_mut().expect("it was made just now")
    }

    /// As it was when it was new, but for the buffers.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.name = Cow::Borrowed("");
        if self.has.headers {
            self.headers.clear();
        }
        let is_stamped = self.stamp.clear();
        if self.has.values || self.has.details || is_stamped {
            self.clear_rest();
        }
        self.has = Parts::default();
    }

    #[inline(never)]
    fn clear_rest(&mut self) {
        if let Some(rest) = self.rest.get_mut() {
            rest.values.clear();
            rest.values.shrink_to(KEPT_VALUES);
            rest.details = Details::default();
            rest.made_id = OnceLock::new();
        }
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
        if self.details().id.is_none() {
            // The id will be the same, whoever of them is asked for it first.
            copy.stamp = self.stamp.copy();
        }
        if self.has.details {
            copy.rest_mut().details.clone_from(self.details());
        }
        if self.has.values {
            let values = &mut copy.rest_mut().values;
            self.values().clone_into(values);
        }
    }
}

/// Sets an entry. A search through a few beats a map: most events have one to five.
fn set<V>(entries: &mut Vec<(Cow<'static, str>, V)>, name: Cow<'static, str>, value: V) {
    match entries.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => *old = value,
        None => entries.push((name, value)),
    }
}
