//! Addresses: `scheme:place?option=value&option=value`.
//!
//! What an address says may be a secret. So an error names the scheme, an option, or the value of an option that is known to
//! be none, and nothing else of it.

mod disk;
mod options;
#[cfg(test)]
mod tests;

use percent_encoding::percent_decode_str;

use crate::error::{OpenError, OpenErrorKind};
pub use disk::disk_address;
#[cfg(any(all(unix, feature = "disk"), feature = "postgres", feature = "nats"))]
pub(crate) use options::invalid;
pub(crate) use options::{Options, set};

/// An address, taken apart.
#[derive(Debug)]
pub(crate) struct Address {
    /// In lower case.
    pub(crate) scheme: String,
    /// What stands between the scheme and the options, decoded. It need not be text, as a path need not.
    pub(crate) place: Vec<u8>,
    /// The same as it is written.
    #[cfg(any(feature = "postgres", feature = "nats"))]
    pub(crate) written_place: String,
    pub(crate) options: Options,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, OpenError> {
        let Some((scheme, rest)) = text.split_once(':').filter(|(it, _)| is_scheme(it)) else {
            return Err(malformed(if text.starts_with(['/', '.', '~']) {
                "for a folder, write `disk:` in front of its path, as in `disk:/var/lib/app/library`"
            } else {
                "it has to begin with a scheme and a colon, as in `disk:/var/lib/app/library` or `memory:?capacity=100`"
            }));
        };
        if rest.contains('#') {
            return Err(malformed("a `#` in it has to be written as `%23`"));
        }
        let (place, options) = match rest.split_once('?') {
            Some(parts) => parts,
            None if has_option(rest) => {
                return Err(malformed(
                    "its options begin with `?`, as in `disk:library?capacity=100`; a `&` in a path is written as `%26`",
                ));
            }
            None => (rest, ""),
        };
        if options.contains('?') {
            return Err(malformed(
                "a `?` in it that is not the one in front of its options has to be written as `%3F`",
            ));
        }
        if place != place.trim() {
            return Err(malformed(
                "a path begins right behind the colon, and ends before a blank; where it has a blank there, that is written as `%20`",
            ));
        }
        Ok(Address {
            scheme: scheme.to_ascii_lowercase(),
            place: decoded_bytes(place)?,
            #[cfg(any(feature = "postgres", feature = "nats"))]
            written_place: place.to_owned(),
            options: Options::parse(options)?,
        })
    }
}

/// Whether this looks like a place with an option behind it that has no `?` in front.
fn has_option(place: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    place.split('&').skip(1).any(|part| {
        let name = part.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(is_part)
    })
}

fn is_scheme(text: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_rest)
}

/// What a part of an address means that has to be text.
pub(crate) fn decoded(part: &str) -> Result<String, OpenError> {
    String::from_utf8(decoded_bytes(part)?)
        .map_err(|_| malformed("what is written with `%` in its options is not UTF-8"))
}

/// What a part of an address means.
fn decoded_bytes(part: &str) -> Result<Vec<u8>, OpenError> {
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
    Ok(percent_decode_str(part).collect())
}

fn malformed(why: &str) -> OpenError {
    let message = format!("this is no address of a driver: {why}");
    OpenError::new(OpenErrorKind::Malformed, message)
}
