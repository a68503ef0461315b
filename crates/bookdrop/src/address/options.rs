//! The options of an address.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use strsim::levenshtein;

use super::{decoded, malformed};
use crate::error::{OpenError, OpenErrorKind};

/// The options of an address. A driver takes those that it knows; what is left then is an error.
#[derive(Debug)]
pub(crate) struct Options {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

/// A whole number of any type.
pub(crate) trait Number: FromStr + PartialOrd + Display {}

impl<N: FromStr + PartialOrd + Display> Number for N {}

impl Options {
    pub(super) fn parse(text: &str) -> Result<Self, OpenError> {
        let mut given = Vec::new();
        for option in text.split('&').filter(|option| !option.is_empty()) {
            let Some((key, value)) = option.split_once('=') else {
                return Err(malformed(match option.contains('@') {
                    true => {
                        "its options have to be like `capacity=100`; a `?` in a password has to be written as `%3F`"
                    }
                    false => "its options have to be like `capacity=100`",
                }));
            };
            given.push((decoded(key)?, decoded(value)?));
        }
        let known = Vec::new();
        Ok(Options { given, known })
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<String>, OpenError> {
        self.known.push(key);
        let mut found = None;
        while let Some(at) = self.given.iter().position(|(given, _)| given == key) {
            let (_, value) = self.given.remove(at);
            if found.replace(value).is_some() {
                let message = format!("the option `{key}` is given twice; leave one of them out");
                return Err(OpenError::new(OpenErrorKind::InvalidOption, message));
            }
        }
        Ok(found)
    }

    /// Whether this is given, which is no option.
    #[cfg(any(feature = "postgres", feature = "nats"))]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.given.iter().any(|(given, _)| given == key)
    }

    /// Whether an `@` stands in any of them, as it does where the place was cut in two at the `?` of a password.
    #[cfg(feature = "nats")]
    pub(crate) fn have_at_sign(&self) -> bool {
        let mut all = self.given.iter();
        all.any(|(key, value)| key.contains('@') || value.contains('@'))
    }

    /// A whole number among these.
    pub(crate) fn number<N: Number>(
        &mut self,
        key: &'static str,
        among: RangeInclusive<N>,
    ) -> Result<Option<N>, OpenError> {
        self.number_called("a whole number", key, among)
    }

    /// So many bytes, among these.
    #[cfg(any(all(unix, feature = "disk"), feature = "postgres", feature = "nats"))]
    pub(crate) fn bytes<N: Number>(
        &mut self,
        key: &'static str,
        among: RangeInclusive<N>,
    ) -> Result<Option<N>, OpenError> {
        self.number_called("a whole number in bytes, without a unit", key, among)
    }

    fn number_called<N: Number>(
        &mut self,
        what: &str,
        key: &'static str,
        among: RangeInclusive<N>,
    ) -> Result<Option<N>, OpenError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let (least, most) = (among.start(), among.end());
        let is_too_large = match text.parse() {
            Ok(number) if among.contains(&number) => return Ok(Some(number)),
            Ok(number) => number > *most,
            // A number all the same, and larger than any that there is.
            Err(_) => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        };
        let expected = match is_too_large {
            true => format!("{what}, at most {most}"),
            false => format!("{what}, at least {least}"),
        };
        Err(invalid(key, &text, expected))
    }

    /// A length of time.
    pub(crate) fn duration(&mut self, key: &'static str) -> Result<Option<Duration>, OpenError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match humantime::parse_duration(&text) {
            Ok(duration) => Ok(Some(duration)),
            Err(_) => Err(invalid(
                key,
                &text,
                "a length of time, like `100ms`, `30s` or `2h`",
            )),
        }
    }

    /// One of these.
    pub(crate) fn choice<V: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, V)],
    ) -> Result<Option<V>, OpenError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let names = choices.iter().map(|(name, _)| *name);
                Err(invalid(key, &text, format!("one of {}", listed(names))))
            }
        }
    }

    /// Nothing more is known.
    pub(crate) fn end(self) -> Result<(), OpenError> {
        let Some((key, _)) = self.given.first() else {
            return Ok(());
        };
        let nearest = nearest(key, &self.known).map_or_else(String::new, |nearest| {
            format!("; perhaps `{nearest}` is meant")
        });
        let known = listed(self.known.into_iter());
        let message = format!("there is no option `{key}`{nearest}; there are {known}");
        Err(OpenError::new(OpenErrorKind::UnknownOption, message))
    }
}

/// The name that is a slip or two away from this one, if there is one.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const SLIPS: usize = 2;
    let with_slips = known.iter().map(|known| (levenshtein(name, known), *known));
    // Of a short name nearly all would be others.
    let near = with_slips.filter(|(slips, known)| *slips <= SLIPS && slips * 3 <= known.len());
    near.min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
}

/// What is not given stays as it is.
pub(crate) fn set<V>(option: &mut V, given: Option<V>) {
    if let Some(given) = given {
        *option = given;
    }
}

pub(crate) fn invalid(key: &str, value: &str, expected: impl Display) -> OpenError {
    let message = format!("the option `{key}` is `{value}`; make it {expected}");
    OpenError::new(OpenErrorKind::InvalidOption, message)
}

/// Names, one after the other.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
