//! The headers of an event: one in place, further ones in a list.

use std::borrow::Cow;

use super::text::{Text, Texts};
use crate::limits::{MAX_HEADER_NAME_BYTES, MAX_HEADER_VALUE_BYTES};

/// Entries that a spare list keeps room for; a longer one is given back to the allocator.
const KEPT_ENTRIES: usize = 16;

type Header = (Text, Text);

/// All headers, in the order in which they were first set.
///
/// What one needs lies together.
#[derive(Default)]
#[repr(C)]
pub(super) struct Headers {
    first: Option<Header>,
    /// Whether the list has any: else it is not even looked at.
    has_further: bool,
    /// Whether they may be more, or longer, than is allowed: else nobody has to look again when the event is sent.
    may_be_invalid: bool,
    texts: Texts,
    further: Vec<Header>,
}

impl Headers {
    /// What a first header uses whose texts of its own are short, 16 bytes in all.
    pub(super) const USED: usize = std::mem::offset_of!(Headers, texts) + size_of::<u32>() + 16;

    #[inline]
    pub(super) fn set(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) {
        if self.first.is_some() {
            return self.set_further(name, value);
        }
        let is_valid = (1..=MAX_HEADER_NAME_BYTES).contains(&name.len())
            && value.len() <= MAX_HEADER_VALUE_BYTES;
        self.may_be_invalid = !is_valid;
        self.first = Some((self.texts.put(name), self.texts.put(value)));
    }

    /// Sets a header beside others, or in place of one.
    #[inline(never)]
    fn set_further(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) {
        let Headers {
            first,
            has_further,
            may_be_invalid,
            texts,
            further,
        } = self;
        *may_be_invalid = true;
        let listed = match has_further {
            true => &mut further[..],
            false => &mut [],
        };
        for of in [first.as_mut_slice(), listed] {
            if let Some((_, old)) = of.iter_mut().find(|(known, _)| texts.get(known) == name) {
                *old = texts.put(value);
                return;
            }
        }
        further.push((texts.put(name), texts.put(value)));
        *has_further = true;
    }

    #[inline]
    fn further(&self) -> &[Header] {
        match self.has_further {
            true => &self.further,
            false => &[],
        }
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = &self.texts;
        let all = self.first.iter().chain(self.further());
        all.map(|(name, value)| (texts.get(name), texts.get(value)))
    }

    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = [self.first.as_slice(), self.further()].into_iter();
        all.find_map(|of| {
            let (_, value) = of.iter().find(|(known, _)| self.texts.get(known) == name)?;
            Some(self.texts.get(value))
        })
    }

    /// Whether all of them are as `is_good` says.
    #[inline]
    pub(super) fn try_each<E>(
        &self,
        mut is_good: impl FnMut(&str, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        for of in [self.first.as_slice(), self.further()] {
            for (name, value) in of {
                is_good(self.texts.get(name), self.texts.get(value))?;
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn may_be_invalid(&self) -> bool {
        self.may_be_invalid
    }

    pub(super) fn len(&self) -> usize {
        self.first.iter().len() + self.further().len()
    }

    /// Forgets all, and keeps the room for a few.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.first = None;
        self.texts.clear();
        if std::mem::take(&mut self.has_further) {
            self.further.clear();
            self.further.shrink_to(KEPT_ENTRIES);
        }
    }

    pub(super) fn copy_from(&mut self, other: &Headers) {
        self.first.clone_from(&other.first);
        self.texts.clone_from(&other.texts);
        self.may_be_invalid = other.may_be_invalid;
        self.has_further = other.has_further;
        if other.has_further {
            self.further.clone_from(&other.further);
        }
    }
}
