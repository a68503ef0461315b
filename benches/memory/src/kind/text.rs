//! The short string in which an event carries its number.

use std::hint::black_box;

/// Numbers fit in the four characters that [`text`] gives them.
pub(crate) const MAX_NUMBER: u64 = 1 << 24;

/// A short heap string with the number in its last four characters.
#[inline]
pub(crate) fn text(number: u64) -> String {
    with_text(number, str::to_owned)
}

/// The same in a string that was used before.
#[inline]
pub(super) fn refill(text: &mut String, number: u64) {
    text.clear();
    with_text(number, |new| text.push_str(new));
}

#[inline]
fn with_text<R>(number: u64, then: impl FnOnce(&str) -> R) -> R {
    let mut bytes = *b"hello world ....";
    for (place, byte) in bytes[12..].iter_mut().enumerate() {
        *byte = b'0' + ((number >> (6 * place)) & 63) as u8;
    }
    then(str::from_utf8(&bytes).expect("ASCII"))
}

/// The number in a [`text`].
#[inline]
pub(crate) fn number(text: &str) -> u64 {
    let digits = black_box(text).as_bytes().iter().rev().take(4);
    digits.fold(0, |number, &byte| number << 6 | u64::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_its_number_and_can_be_used_again() {
        let mut used = String::new();
        for n in [0, 1, 63, 64, 4_095, 1_000_000, MAX_NUMBER - 1] {
            assert_eq!(number(&text(n)), n);
            refill(&mut used, n);
            assert_eq!(used, text(n));
        }
    }
}
