//! The texts of an event's headers, kept in place.
//!
//! A string that one core allocates and another one frees costs several times what it costs on one core. So a short one is
//! copied into the event, and its memory is freed by the producer at once.

use std::borrow::Cow;
use std::ops::Range;

use arrayvec::ArrayString;

/// Bytes of all kept texts of an event. What does not fit stays the string that it is.
const KEPT_BYTES: usize = 56;

/// A text of a header.
#[derive(Clone)]
pub(super) enum Text {
    Static(&'static str),
    /// In the event.
    Kept(Range<u8>),
    Own(Box<str>),
}

/// The kept texts of one event.
#[derive(Clone, Default)]
pub(super) struct Texts(ArrayString<KEPT_BYTES>);

impl Texts {
    #[inline]
    pub(super) fn put(&mut self, text: Cow<'static, str>) -> Text {
        match text {
            Cow::Borrowed(text) => Text::Static(text),
            Cow::Owned(text) => {
                let start = self.0.len() as u8;
                match self.0.try_push_str(&text) {
                    Ok(()) => Text::Kept(start..self.0.len() as u8),
                    Err(_) => Text::Own(text.into_boxed_str()),
                }
            }
        }
    }

    #[inline]
    pub(super) fn get<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Static(text) => text,
            Text::Kept(range) => &self.0[range.start as usize..range.end as usize],
            Text::Own(text) => text,
        }
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
