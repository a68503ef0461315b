//! `std::sync::mpsc::sync_channel`, between threads only. One consumer only.

use std::sync::mpsc;

use super::between_threads::BlockingChannel;
use super::replies::StdOne;
use super::{Catalogue, one_consumer};
use crate::kind::Slot;
use crate::queue::Shape;

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    all.thread_one_way::<Std>("std", one_consumer);
    all.thread_requests::<Std, StdOne>("std + std(1)", one_consumer);
}

struct Std;

impl BlockingChannel for Std {
    type Tx<T: Slot> = mpsc::SyncSender<T>;
    type Rx<T: Slot> = mpsc::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpsc::sync_channel(shape.capacity);
        (vec![tx; shape.producers], vec![rx])
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
