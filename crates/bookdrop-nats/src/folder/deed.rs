//! What was done to the files of a folder, and its bytes on a page.

use serde::{Deserialize, Serialize};

/// One thing that was done.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Deed<'a> {
    /// All files that there are, whatever was said before. What was written to those that are named stays.
    #[serde(borrow)]
    All(Vec<Named<'a>>),
    /// A file was made, of zeros.
    Made(#[serde(borrow)] Named<'a>),
    Renamed {
        file: u64,
        to: &'a str,
    },
    /// It has another name, and is of zeros again.
    Recycled {
        file: u64,
        to: &'a str,
    },
    Removed {
        file: u64,
    },
    Written {
        file: u64,
        offset: u64,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
    },
}

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named<'a> {
    /// Stays the same as long as it is there, and is never another one's.
    pub(super) number: u64,
    pub(super) name: &'a str,
    pub(super) length: u64,
}

impl<'a> Deed<'a> {
    /// Appends its bytes.
    pub(super) fn encode(&self, into: Vec<u8>) -> Vec<u8> {
        // A vector is never full, and everything has a length.
        postcard::to_extend(self, into).expect("every deed has bytes")
    }

    /// The deeds on a page, in their order. `None` stands for what cannot be read, and is the last one.
    pub(super) fn all_on(mut page: &'a [u8]) -> impl Iterator<Item = Option<Deed<'a>>> {
        std::iter::from_fn(move || {
            if page.is_empty() {
                return None;
            }
            match postcard::take_from_bytes(page) {
                Ok((deed, rest)) => {
                    page = rest;
                    Some(Some(deed))
                }
                Err(_) => {
                    page = &[];
                    Some(None)
                }
            }
        })
    }
}

/// Copies into a buffer, which lies at this offset of a file, what a page says was written there.
pub(super) fn copy_written(page: &[u8], of: u64, at: u64, buffer: &mut [u8]) {
    for deed in Deed::all_on(page).flatten() {
        match deed {
            Deed::Recycled { file, .. } if file == of => buffer.fill(0),
            Deed::Written {
                file,
                offset,
                bytes,
            } if file == of => copy(bytes, offset, at, buffer),
            _ => {}
        }
    }
}

/// Copies bytes of one offset into a buffer of another one, as far as they lie there.
fn copy(bytes: &[u8], offset: u64, at: u64, buffer: &mut [u8]) {
    let from = offset.max(at);
    let end = at + buffer.len() as u64;
    let to = offset.saturating_add(bytes.len() as u64).min(end);
    if from < to {
        let there = &mut buffer[(from - at) as usize..(to - at) as usize];
        there.copy_from_slice(&bytes[(from - offset) as usize..(to - offset) as usize]);
    }
}
