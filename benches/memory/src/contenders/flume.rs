//! `flume`. Requests carry tokio's oneshot between tasks; between threads a `flume` channel of one place.

use std::time::Duration;

use super::between_tasks::AsyncChannel;
use super::between_threads::BlockingChannel;
use super::replies::{BlockingReply, Reply, TokioOneshot};
use super::{Catalogue, any};
use crate::kind::Slot;
use crate::queue::Shape;

/// Enters it everywhere.
pub(crate) fn enter(all: &mut Catalogue) {
    all.one_way::<Flume>("flume", any);
    all.per_group::<Flume>("flume per group");
    all.requests::<Flume, TokioOneshot>("flume + oneshot", any);
    all.thread_one_way::<Flume>("flume", any);
    all.thread_requests::<Flume, FlumeOne>("flume + flume(1)", any);
}

struct Flume;

fn open<T>(shape: Shape) -> (Vec<flume::Sender<T>>, Vec<flume::Receiver<T>>) {
    let (tx, rx) = flume::bounded(shape.capacity);
    (vec![tx; shape.producers], vec![rx; shape.consumers])
}

impl AsyncChannel for Flume {
    type Tx<T: Slot> = flume::Sender<T>;
    type Rx<T: Slot> = flume::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        open(shape)
    }

    #[inline]
    async fn send<T: Slot>(tx: &mut Self::Tx<T>, make: impl FnOnce() -> T + Send) {
        assert!(tx.send_async(make()).await.is_ok(), "open");
    }

    #[inline]
    async fn receive<T: Slot, R: Send>(
        rx: &mut Self::Rx<T>,
        read: impl FnOnce(T) -> R + Send,
    ) -> Option<R> {
        rx.recv_async().await.ok().map(read)
    }
}

impl BlockingChannel for Flume {
    type Tx<T: Slot> = flume::Sender<T>;
    type Rx<T: Slot> = flume::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        open(shape)
    }

    #[inline]
    fn send<T: Slot>(tx: &mut Self::Tx<T>, event: T) {
        assert!(tx.send(event).is_ok(), "open");
    }

    #[inline]
    fn receive<T: Slot>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.recv().ok()
    }
}

/// One place.
struct FlumeOne;

impl Reply for FlumeOne {
    type Tx = flume::Sender<u64>;
    type Rx = flume::Receiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        flume::bounded(1)
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl BlockingReply for FlumeOne {
    #[inline]
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64 {
        rx.recv_timeout(deadline).expect("in time")
    }
}
