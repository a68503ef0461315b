//! Room that is taken by what says nothing. A server that is full has no other for the claim of the next keeper, and for what makes
//! room again.

use bookdrop_backend::{Error, ErrorKind};
use bytes::Bytes;

use super::Writer;
use super::page::Page;

/// Bytes of one piece of it.
const PIECE: usize = 64 << 10;
/// Pieces of it, at most.
const PIECES: usize = 16;
/// Bytes for which there is room while it is let go of, as far as is known.
pub(crate) const ROOM_WHEN_SCARCE: u64 = (PIECE * PIECES / 2) as u64;
/// There is one piece at once, and one more for so many bytes that are written, so that a small queue takes little.
const BYTES_FOR_ONE: u64 = 512 << 10;

/// What is kept in reserve.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    /// Where its pieces lie, in their order.
    pieces: Vec<u64>,
    /// Bytes of pages that were found, and written since.
    written: u64,
    /// It was let go of, and there is no room for it yet.
    is_scarce: bool,
    /// There was no room for one more piece, and nothing was let go of since.
    is_in_vain: bool,
}

impl Reserve {
    /// That of a keeper that had to let go of it to be one, or not.
    pub(super) fn new(is_scarce: bool) -> Self {
        Reserve {
            is_scarce,
            ..Reserve::default()
        }
    }

    pub(super) fn note_written(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    pub(super) fn note_purge(&mut self, before: u64) {
        self.pieces.retain(|piece| *piece >= before);
        self.is_in_vain = false;
    }

    fn wanted(&self) -> usize {
        let wanted = 1 + self.written / BYTES_FOR_ONE;
        usize::try_from(wanted).map_or(PIECES, |wanted| wanted.min(PIECES))
    }

    fn is_short(&self) -> bool {
        !self.is_scarce && !self.is_in_vain && self.pieces.len() < self.wanted()
    }
}

impl Writer {
    /// Whether the reserve is let go of: nothing else is to be written then but what makes room.
    pub(crate) fn is_scarce(&self) -> bool {
        self.reserve.is_scarce
    }

    /// Pieces of a former keeper's reserve lie there still, beside so many bytes of pages. Where most of them are missing it may have
    /// been let go of, and there is no room for it yet.
    pub(crate) fn found_reserve(&mut self, pieces: Vec<u64>, bytes: u64) {
        let reserve = &mut self.reserve;
        (reserve.pieces, reserve.written) = (pieces, bytes);
        reserve.is_scarce |= reserve.pieces.len() < reserve.wanted() / 2;
    }

    /// Whether a piece of the reserve is missing.
    pub(crate) fn lacks_reserve(&self) -> bool {
        self.reserve.is_short() && !self.chain.is_busy()
    }

    /// Adds a piece to the reserve, if there is room.
    ///
    /// # Errors
    /// As of [`write`](Writer::write), but for `NoSpace`.
    pub(crate) async fn add_to_reserve(&mut self, at: u64) -> Result<(), Error> {
        let longest = super::longest_message(&self.stream).saturating_sub(Page::BESIDE);
        let piece = Bytes::from(vec![0; PIECE.min(longest)]);
        self.chain.reserve(piece, at);
        match self.go_on().await {
            Ok(sequence) => self.reserve.pieces.push(sequence),
            Err(error) if error.kind() == ErrorKind::NoSpace => {
                self.chain.give_up_reserve();
                self.reserve.is_in_vain = true;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes the reserve anew, if there is room for it and as much again. Else all of it is let go of once more.
    ///
    /// # Errors
    /// As of [`write`](Writer::write), but for `NoSpace`.
    pub(crate) async fn restore_reserve(&mut self, at: u64) -> Result<(), Error> {
        let wanted = self.reserve.wanted();
        if self.fill_reserve(2 * wanted, at).await? {
            self.empty_reserve().await;
            self.reserve.is_scarce = !self.fill_reserve(wanted, at).await?;
        }
        if self.reserve.is_scarce {
            self.empty_reserve().await;
        }
        Ok(())
    }

    /// Whether there was room for so many pieces.
    async fn fill_reserve(&mut self, pieces: usize, at: u64) -> Result<bool, Error> {
        self.reserve.is_in_vain = false;
        while self.reserve.pieces.len() < pieces && !self.reserve.is_in_vain {
            self.add_to_reserve(at).await?;
        }
        Ok(!self.reserve.is_in_vain)
    }

    async fn empty_reserve(&mut self) {
        // Where that fails, it is tried again with the next try.
        let _ = self.stream.purge_reserve().await;
        self.reserve.pieces.clear();
    }
}
