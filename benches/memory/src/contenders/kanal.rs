//! `kanal`. Requests carry tokio's oneshot between tasks, or the `oneshot` crate; between threads a `kanal` channel of
//! one place, or that crate again.

use std::time::Duration;

use super::between_tasks::AsyncChannel;
use super::between_threads::BlockingChannel;
use super::pool::Pool;
use super::replies::{BlockingReply, OneshotCrate, Reply, ThreadOneshotCrate, TokioOneshot};
use super::{Catalogue, any, ev};
use crate::kind::Slot;
use crate::queue::Shape;

/// Enters it everywhere.
pub(crate) fn enter(all: &mut Catalogue) {
    all.one_way::<Kanal>("kanal", any);
    all.per_group::<Kanal>("kanal per group");
    all.requests::<Kanal, TokioOneshot>("kanal + oneshot", any);
    all.requests::<Kanal, OneshotCrate>("kanal + oneshot crate", any);
    all.pooled::<Kanal, Kanal>("kanal + pool", ev);
    all.thread_one_way::<Kanal>("kanal", any);
    all.thread_pooled::<Kanal, Kanal>("kanal + pool", ev);
    all.thread_requests::<Kanal, KanalOne>("kanal + kanal(1)", any);
    all.thread_requests::<Kanal, ThreadOneshotCrate>("kanal + oneshot crate", any);
}

struct Kanal;

impl AsyncChannel for Kanal {
    type Tx<T: Slot> = kanal::AsyncSender<T>;
    type Rx<T: Slot> = kanal::AsyncReceiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = kanal::bounded_async(shape.capacity);
        (vec![tx; shape.producers], vec![rx; shape.consumers])
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

impl BlockingChannel for Kanal {
    type Tx<T: Slot> = kanal::Sender<T>;
    type Rx<T: Slot> = kanal::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = kanal::bounded(shape.capacity);
        (vec![tx; shape.producers], vec![rx; shape.consumers])
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

impl Pool for Kanal {
    type Take<T: Slot> = kanal::Receiver<T>;
    type Give<T: Slot> = kanal::Sender<T>;

    fn open<T: Slot>(shape: Shape, room: usize) -> (Vec<Self::Take<T>>, Vec<Self::Give<T>>) {
        let (give, take) = kanal::bounded(room);
        (vec![take; shape.producers], vec![give; shape.consumers])
    }

    #[inline]
    fn take<T: Slot>(end: &mut Self::Take<T>) -> Option<T> {
        end.try_recv().ok().flatten()
    }

    #[inline]
    fn give<T: Slot>(end: &mut Self::Give<T>, event: T) {
        // An error is a pool whose producers are done.
        let _ = end.try_send(event);
    }
}

/// One place.
struct KanalOne;

impl Reply for KanalOne {
    type Tx = kanal::Sender<u64>;
    type Rx = kanal::Receiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        kanal::bounded(1)
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl BlockingReply for KanalOne {
    #[inline]
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64 {
        rx.recv_timeout(deadline).expect("in time")
    }
}
