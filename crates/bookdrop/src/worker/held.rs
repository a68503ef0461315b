//! What a worker has in hand.

use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::task::{Context, Waker};

use crate::delivery::Delivery;

/// A delivery that does not count as failed where its handler is dropped: it is released.
pub(super) struct Held<T, R>(Option<Delivery<T, R>>);

impl<T, R> Held<T, R> {
    pub(super) fn new(delivery: Delivery<T, R>) -> Self {
        Held(Some(delivery))
    }

    pub(super) fn into_delivery(mut self) -> Delivery<T, R> {
        self.0.take().expect(IN_HAND)
    }
}

impl<T, R> Deref for Held<T, R> {
    type Target = Delivery<T, R>;

    fn deref(&self) -> &Delivery<T, R> {
        self.0.as_ref().expect(IN_HAND)
    }
}

impl<T, R> Drop for Held<T, R> {
    fn drop(&mut self) {
        if let Some(delivery) = self.0.take() {
            // Begun at its first poll, and it goes on without us.
            let _ = pin!(delivery.release()).poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

const IN_HAND: &str = "a delivery is in hand until it is settled";
