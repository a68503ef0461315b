//! What was done and is on no page yet.

use bytes::Bytes;

use super::deed::Deed;

/// Deeds that wait to be written, on as many pages as they take.
#[derive(Default)]
pub(super) struct Waiting {
    /// Full ones.
    pages: Vec<Bytes>,
    last: Vec<u8>,
    longest: usize,
}

/// Bytes that a deed takes beside those that it writes, at most: its kind and three numbers.
const BESIDE: usize = 32;

impl Waiting {
    /// With pages of so many bytes.
    pub(super) fn new(longest: usize) -> Self {
        Waiting {
            longest,
            ..Waiting::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.last.is_empty()
    }

    pub(super) fn put(&mut self, deed: &Deed<'_>) {
        let length = self.last.len();
        self.last = deed.encode(std::mem::take(&mut self.last));
        if self.last.len() > self.longest && length > 0 {
            let beyond = self.last.split_off(length);
            self.turn();
            self.last = beyond;
        }
    }

    /// These bytes are written to a file.
    pub(super) fn write(&mut self, file: u64, mut offset: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let here = self.longest.saturating_sub(self.last.len() + BESIDE);
            if here == 0 {
                self.turn();
                continue;
            }
            let (now, later) = bytes.split_at(here.min(bytes.len()));
            self.put(&Deed::Written {
                file,
                offset,
                bytes: now,
            });
            offset += now.len() as u64;
            bytes = later;
        }
    }

    /// Takes all of it.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        if !self.last.is_empty() {
            self.turn();
        }
        std::mem::take(&mut self.pages)
    }

    fn turn(&mut self) {
        let full = std::mem::take(&mut self.last);
        self.pages.push(full.into());
    }
}
