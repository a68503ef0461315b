//! Addresses: `scheme:place?option=value&option=value`.
//!
//! What an address says may be a secret. So an error names the scheme, an option, or the value of an option that is known to
//! be none, and nothing else of it.

mod options;
#[cfg(test)]
mod tests;

use percent_encoding::percent_decode_str;

use crate::error::{OpenError, OpenErrorKind};
pub(crate) use options::Options;
#[cfg(all(unix, feature = "disk"))]
pub(crate) use options::invalid;

/// An address, taken apart.
#[derive(Debug)]
pub(crate) struct Address {
    /// In lower case.
    pub(crate) scheme: String,
    /// What stands between the scheme and the options, decoded.
    pub(crate) place: String,
    pub(crate) options: Options,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, OpenError> {
        let Some((scheme, rest)) = text.split_once(':').filter(|(it, _)| is_scheme(it)) else {
            return Err(malformed(if text.starts_with(['/', '.', '~']) {
                "for a folder, write `disk:` in front of its path, as in `disk:/var/lib/app/library`"
            } else {
                "it has to begin with a scheme and a colon, as in `memory:?capacity=100`"
            }));
        };
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        if rest.contains('#') {
            return Err(malformed("a `#` in it has to be written as `%23`"));
        }
        Ok(Address {
            scheme: scheme.to_ascii_lowercase(),
            place: decoded(place)?,
            options: Options::parse(options)?,
        })
    }
}

fn is_scheme(text: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_rest)
}

/// What a part of an address means.
fn decoded(part: &str) -> Result<String, OpenError> {
    let is_code = |code: &str| {
        let code = code.as_bytes();
        code.len() >= 2 && code[..2].iter().all(u8::is_ascii_hexdigit)
    };
    // What stands before the first one is no code.
    if !part.split('%').skip(1).all(is_code) {
        return Err(malformed(
            "a `%` in it has to be followed by two hexadecimal digits; `%` itself is written as `%25`",
        ));
    }
    let text = percent_decode_str(part).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| malformed("what is written with `%` in it is not UTF-8"))
}

fn malformed(why: &str) -> OpenError {
    let message = format!("this is no address of a driver: {why}");
    OpenError::new(OpenErrorKind::Malformed, message)
}
