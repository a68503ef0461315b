//! Requests in hand: each guest is told which of them nobody wants an answer to any more.

use std::time::Instant;

use bookdrop_backend::Backend;

use super::performing::Done;
use super::{Host, Number};
use crate::hosted::Hosted;
use crate::names::GuestId;

impl<B: Hosted> Host<B> {
    /// Sees to it that a guest is told when nobody wants the answers to its requests in hand any more: once it knows what it has.
    pub(super) fn watch_requests(&mut self, guest: GuestId, now: Instant) {
        let seat = self.seats.get_mut(&guest);
        let Some(seat) = seat.filter(|seat| seat.arriving.is_none()) else {
            return;
        };
        for hand in std::mem::take(&mut seat.unwatched) {
            self.watch(guest, hand, now);
        }
    }

    fn watch(&mut self, guest: GuestId, hand: u64, now: Instant) {
        let seat = self.seats.get(&guest);
        let held = seat.and_then(|seat| seat.hands.get(&hand));
        let receipt = held.map(|held| held.receipt);
        if let (Some(receipt), Some(key)) = (receipt, self.key(guest, Number::Watch(hand))) {
            let hosted = self.hosted.clone();
            let watching = async move {
                hosted.queue().unwanted(receipt).await;
                Done::Unwanted
            };
            self.begin(key, Box::pin(watching), now);
        }
    }

    pub(super) fn watch_no_more(&mut self, guest: GuestId, hand: u64) {
        if let Some(key) = self.key(guest, Number::Watch(hand)) {
            self.work.end(key);
        }
    }
}
