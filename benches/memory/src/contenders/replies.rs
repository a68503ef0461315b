//! One-shot channels for the answers to requests, beside the channels that have none of their own.

use std::sync::mpsc;
use std::time::Duration;

use crate::kind::Slot;

/// A channel for one answer.
pub(crate) trait Reply: 'static {
    /// Goes with the request.
    type Tx: Slot;
    /// Stays with the requester.
    type Rx: Send + 'static;

    /// Opens one.
    fn open() -> (Self::Tx, Self::Rx);
    /// Answers.
    fn send(tx: Self::Tx, answer: u64);
}

/// An answer that a task waits for.
pub(crate) trait AsyncReply: Reply {
    /// Waits for the answer.
    fn wait(rx: Self::Rx) -> impl Future<Output = u64> + Send;
}

/// An answer that a thread waits for.
pub(crate) trait BlockingReply: Reply {
    /// Waits for the answer, at most so long.
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64;
}

/// `tokio::sync::oneshot`. A thread that waits for it has no deadline, so it is in controls only there.
pub(crate) struct TokioOneshot;

impl Reply for TokioOneshot {
    type Tx = tokio::sync::oneshot::Sender<u64>;
    type Rx = tokio::sync::oneshot::Receiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        tokio::sync::oneshot::channel()
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl AsyncReply for TokioOneshot {
    #[inline]
    async fn wait(rx: Self::Rx) -> u64 {
        rx.await.expect("answered")
    }
}

impl BlockingReply for TokioOneshot {
    #[inline]
    fn wait_at_most(rx: Self::Rx, _no_deadline: Duration) -> u64 {
        rx.blocking_recv().expect("answered")
    }
}

/// A channel of std with one place.
pub(crate) struct StdOne;

impl Reply for StdOne {
    type Tx = mpsc::SyncSender<u64>;
    type Rx = mpsc::Receiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        mpsc::sync_channel(1)
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl BlockingReply for StdOne {
    #[inline]
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64 {
        rx.recv_timeout(deadline).expect("in time")
    }
}

/// The `oneshot` crate, waited for by a task.
pub(crate) struct OneshotCrate;

impl Reply for OneshotCrate {
    type Tx = oneshot::Sender<u64>;
    type Rx = oneshot::AsyncReceiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        oneshot::async_channel()
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl AsyncReply for OneshotCrate {
    #[inline]
    async fn wait(rx: Self::Rx) -> u64 {
        rx.await.expect("answered")
    }
}

/// The `oneshot` crate, waited for by a thread.
pub(crate) struct ThreadOneshotCrate;

impl Reply for ThreadOneshotCrate {
    type Tx = oneshot::Sender<u64>;
    type Rx = oneshot::Receiver<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        oneshot::channel()
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer).expect("awaited");
    }
}

impl BlockingReply for ThreadOneshotCrate {
    #[inline]
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64 {
        rx.recv_timeout(deadline).expect("in time")
    }
}
