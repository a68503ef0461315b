//! `crossbeam-channel`, between threads only. Requests carry a channel of one place.

use std::time::Duration;

use super::between_threads::BlockingChannel;
use super::replies::{BlockingReply, Reply};
use super::{Catalogue, any};
use crate::kind::Slot;
use crate::queue::Shape;

/// Enters it between threads.
pub(crate) fn enter(all: &mut Catalogue) {
    all.thread_one_way::<Crossbeam>("crossbeam", any);
    all.thread_requests::<Crossbeam, CrossbeamOne>("crossbeam + crossbeam(1)", any);
}

struct Crossbeam;

impl BlockingChannel for Crossbeam {
    type Tx<T: Slot> = crossbeam_channel::Sender<T>;
    type Rx<T: Slot> = crossbeam_channel::Receiver<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = crossbeam_channel::bounded(shape.capacity);
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

/// One place.
struct CrossbeamOne;

impl Reply for CrossbeamOne {
    type Tx = crossbeam_channel::Sender<u64>;
    type Rx = crossbeam_channel::Receiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        crossbeam_channel::bounded(1)
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl BlockingReply for CrossbeamOne {
    #[inline]
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64 {
        rx.recv_timeout(deadline).expect("in time")
    }
}
