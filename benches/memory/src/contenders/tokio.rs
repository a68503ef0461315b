//! `tokio::sync::mpsc`, with `oneshot` and `tokio::time::timeout` for requests. One consumer only.

use tokio::sync::mpsc;

use super::between_tasks::{Asking, AsyncChannel};
use super::between_threads::{BlockingChannel, ThreadAsking};
use super::replies::TokioOneshot;
use super::{Catalogue, Role, async_service, blocking_service, one_consumer};
use crate::kind::Slot;
use crate::queue::Shape;

/// Enters it where it fits. Its blocking calls know no deadline, so the request rows between threads are a control.
pub(crate) fn enter(all: &mut Catalogue) {
    const ENDLESS: &str = "tokio, no deadline";
    all.one_way::<Tokio>("tokio", one_consumer);
    all.per_group::<Tokio>("tokio per group");
    all.requests::<Tokio, TokioOneshot>("tokio", one_consumer);
    all.async_services
        .push(async_service::<Asking<Tokio, TokioOneshot, false>>(
            ENDLESS,
            Role::Control,
            one_consumer,
        ));
    all.thread_one_way::<Tokio>("tokio", one_consumer);
    all.blocking_services
        .push(blocking_service::<ThreadAsking<Tokio, TokioOneshot>>(
            ENDLESS,
            Role::Control,
            one_consumer,
        ));
}

struct Tokio;

fn open<T>(shape: Shape) -> (Vec<mpsc::Sender<T>>, Vec<mpsc::Receiver<T>>) {
    let (tx, rx) = mpsc::channel(shape.capacity);
    (vec![tx; shape.producers], vec![rx])
}

impl AsyncChannel for Tokio {
    type Tx<T: Slot> = mpsc::Sender<T>;
    type Rx<T: Slot> = mpsc::Receiver<T>;

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
        rx.recv().await.map(read)
    }
}

impl BlockingChannel for Tokio {
    type Tx<T: Slot> = mpsc::Sender<T>;
    type Rx<T: Slot> = mpsc::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        open(shape)
    }

    #[inline]
    fn send<T: Slot>(tx: &mut Self::Tx<T>, event: T) {
        assert!(tx.blocking_send(event).is_ok(), "open");
    }

    #[inline]
    fn receive<T: Slot>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.blocking_recv()
    }
}
