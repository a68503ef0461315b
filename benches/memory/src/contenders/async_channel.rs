//! `async-channel`. Requests carry tokio's oneshot between tasks; between threads, where neither knows a deadline,
//! std's channel of one place.

use super::between_tasks::AsyncChannel;
use super::between_threads::BlockingChannel;
use super::replies::{StdOne, TokioOneshot};
use super::{Catalogue, any};
use crate::kind::Slot;
use crate::queue::Shape;

/// Enters it everywhere.
pub(crate) fn enter(all: &mut Catalogue) {
    all.one_way::<Channel>("async-channel", any);
    all.per_group::<Channel>("async-channel per group");
    all.requests::<Channel, TokioOneshot>("async-channel + oneshot", any);
    all.thread_one_way::<Channel>("async-channel", any);
    all.thread_requests::<Channel, StdOne>("async-channel + std(1)", any);
}

struct Channel;

fn open<T>(
    shape: Shape,
) -> (
    Vec<async_channel::Sender<T>>,
    Vec<async_channel::Receiver<T>>,
) {
    let (tx, rx) = async_channel::bounded(shape.capacity);
    (vec![tx; shape.producers], vec![rx; shape.consumers])
}

impl AsyncChannel for Channel {
    type Tx<T: Slot> = async_channel::Sender<T>;
    type Rx<T: Slot> = async_channel::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        open(shape)
    }

    #[inline]
    async fn send<T: Slot>(tx: &mut Self::Tx<T>, make: impl FnOnce() -> T + Send) {
        assert!(tx.send(make()).await.is_ok(), "open");
    }

    #[inline]
    async fn receive<T: Slot, R: Send>(
        rx: &mut Self::Rx<T>,
        read: impl FnOnce(T) -> R + Send,
    ) -> Option<R> {
        rx.recv().await.ok().map(read)
    }
}

impl BlockingChannel for Channel {
    type Tx<T: Slot> = async_channel::Sender<T>;
    type Rx<T: Slot> = async_channel::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        open(shape)
    }

    #[inline]
    fn send<T: Slot>(tx: &mut Self::Tx<T>, event: T) {
        assert!(tx.send_blocking(event).is_ok(), "open");
    }

    #[inline]
    fn receive<T: Slot>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.recv_blocking().ok()
    }
}
