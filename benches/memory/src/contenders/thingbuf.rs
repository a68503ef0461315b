//! `thingbuf`'s mpsc channels, as channels that events are moved through. One consumer only. Requests carry tokio's
//! oneshot between tasks; between threads, where that knows no deadline, std's channel of one place. The pool of the control
//! is its queue without waiting.

use std::sync::Arc;

use thingbuf::recycling::Recycle;
use thingbuf::{ThingBuf, mpsc};

use super::between_tasks::AsyncChannel;
use super::between_threads::BlockingChannel;
use super::pool::Pool;
use super::replies::{StdOne, TokioOneshot};
use super::{Catalogue, ev, one_consumer};
use crate::kind::{Slot, Which};
use crate::queue::Shape;

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    all.one_way::<Thingbuf>("thingbuf", one_consumer);
    all.per_group::<Thingbuf>("thingbuf per group");
    all.requests::<Thingbuf, TokioOneshot>("thingbuf + oneshot", one_consumer);
    all.pooled::<Thingbuf, Thingbuf>("thingbuf + pool", ev_to_one);
    all.thread_one_way::<Thingbuf>("thingbuf", one_consumer);
    all.thread_requests::<Thingbuf, StdOne>("thingbuf + std(1)", one_consumer);
    all.thread_pooled::<Thingbuf, Thingbuf>("thingbuf + pool", ev_to_one);
}

fn ev_to_one(kind: Which, shape: Shape) -> bool {
    ev(kind, shape) && one_consumer(kind, shape)
}

struct Thingbuf;

/// Its places always hold something: nothing, where no event is.
struct Nothing;

impl<T> Recycle<Option<T>> for Nothing {
    #[inline]
    fn new_element(&self) -> Option<T> {
        None
    }

    #[inline]
    fn recycle(&self, place: &mut Option<T>) {
        *place = None;
    }
}

impl AsyncChannel for Thingbuf {
    type Tx<T: Slot> = mpsc::Sender<Option<T>, Nothing>;
    type Rx<T: Slot> = mpsc::Receiver<Option<T>, Nothing>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpsc::with_recycle(shape.capacity, Nothing);
        (vec![tx; shape.producers], vec![rx])
    }

    #[inline]
    async fn send<T: Slot>(tx: &mut Self::Tx<T>, make: impl FnOnce() -> T + Send) {
        assert!(tx.send(Some(make())).await.is_ok(), "open");
    }

    #[inline]
    async fn receive<T: Slot, R: Send>(
        rx: &mut Self::Rx<T>,
        read: impl FnOnce(T) -> R + Send,
    ) -> Option<R> {
        rx.recv().await.flatten().map(read)
    }
}

impl BlockingChannel for Thingbuf {
    type Tx<T: Slot> = mpsc::blocking::Sender<Option<T>, Nothing>;
    type Rx<T: Slot> = mpsc::blocking::Receiver<Option<T>, Nothing>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpsc::blocking::with_recycle(shape.capacity, Nothing);
        (vec![tx; shape.producers], vec![rx])
    }

    #[inline]
    fn send<T: Slot>(tx: &mut Self::Tx<T>, event: T) {
        assert!(tx.send(Some(event)).is_ok(), "open");
    }

    #[inline]
    fn receive<T: Slot>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.recv().flatten()
    }
}

impl Pool for Thingbuf {
    type Take<T: Slot> = Arc<ThingBuf<Option<T>, Nothing>>;
    type Give<T: Slot> = Arc<ThingBuf<Option<T>, Nothing>>;

    fn open<T: Slot>(shape: Shape, room: usize) -> (Vec<Self::Take<T>>, Vec<Self::Give<T>>) {
        let pool = Arc::new(ThingBuf::with_recycle(room, Nothing));
        (
            vec![Arc::clone(&pool); shape.producers],
            vec![pool; shape.consumers],
        )
    }

    #[inline]
    fn take<T: Slot>(end: &mut Self::Take<T>) -> Option<T> {
        end.pop().flatten()
    }

    #[inline]
    fn give<T: Slot>(end: &mut Self::Give<T>, event: T) {
        // An error is a full pool.
        let _ = end.push(Some(event));
    }
}
