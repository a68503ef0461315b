//! The headers of an event: one in place, further ones in a list.

use std::borrow::Cow;

use super::text::{Text, Texts};

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
    texts: Texts,
    further: Vec<Header>,
}

impl Headers {
    /// What a first header uses whose texts of its own are short, 16 bytes in all.
    pub(super) const USED: usize = std::mem::offset_of!(Headers, texts) + size_of::<u32>() + 16;

    #[inline]
    pub(super) fn set(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) {
        let Headers {
            first,
            has_further,
            texts,
            further,
        } = self;
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
        let header = (texts.put(name), texts.put(value));
        match first {
            None => *first = Some(header),
            Some(_) => {
                further.push(header);
                *has_further = true;
            }
        }
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
        self.has_further = other.has_further;
        if other.has_further {
            self.further.clone_from(&other.further);
        }
    }
}
