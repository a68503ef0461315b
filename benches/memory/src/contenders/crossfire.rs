//! `crossfire`: its spsc, mpsc and mpmc channels, each where it fits best, as its docs recommend. Requests carry
//! tokio's oneshot between tasks; between threads, where that knows no deadline, crossfire's own.

use std::marker::PhantomData;
use std::time::Duration;

use crossfire::oneshot::{RxOneshot, TxOneshot, oneshot};
use crossfire::{AsyncRxTrait, AsyncTxTrait, BlockingRxTrait, BlockingTxTrait, mpmc, mpsc, spsc};

use super::between_tasks::AsyncChannel;
use super::between_threads::BlockingChannel;
use super::pool::Pool;
use super::replies::{BlockingReply, Reply, TokioOneshot};
use super::{Catalogue, ev};
use crate::kind::{Slot, Which};
use crate::queue::Shape;

/// Enters each flavour where it fits best, and does what its docs ask of programs on virtual machines.
pub(crate) fn enter(all: &mut Catalogue) {
    crossfire::detect_backoff_cfg();
    enter_flavour::<Spsc>(all, one_to_one);
    enter_flavour::<Mpsc>(all, many_to_one);
    enter_flavour::<Mpmc>(all, many_to_many);
    all.per_group::<Crossfire<Spsc>>("crossfire per group");
    enter_pooled::<Spsc, Spsc>(all, |kind, shape| {
        ev(kind, shape) && one_to_one(kind, shape)
    });
    enter_pooled::<Mpsc, Mpmc>(all, |kind, shape| {
        ev(kind, shape) && many_to_one(kind, shape)
    });
    enter_pooled::<Mpmc, Mpmc>(all, |kind, shape| {
        ev(kind, shape) && many_to_many(kind, shape)
    });
}

fn enter_flavour<F: Flavour>(all: &mut Catalogue, fits: fn(Which, Shape) -> bool) {
    all.one_way::<Crossfire<F>>("crossfire", fits);
    all.requests::<Crossfire<F>, TokioOneshot>("crossfire + oneshot", fits);
    all.thread_one_way::<Crossfire<F>>("crossfire", fits);
    all.thread_requests::<Crossfire<F>, OwnOneshot>("crossfire + its oneshot", fits);
}

/// The way back is of a flavour of its own.
fn enter_pooled<F: Flavour, Back: Flavour>(all: &mut Catalogue, fits: fn(Which, Shape) -> bool) {
    const NAME: &str = "crossfire + pool";
    all.pooled::<Crossfire<F>, Crossfire<Back>>(NAME, fits);
    all.thread_pooled::<Crossfire<F>, Crossfire<Back>>(NAME, fits);
}

fn one_to_one(_: Which, shape: Shape) -> bool {
    shape.producers == 1 && shape.consumers == 1
}

fn many_to_one(_: Which, shape: Shape) -> bool {
    shape.producers > 1 && shape.consumers == 1
}

fn many_to_many(_: Which, shape: Shape) -> bool {
    shape.consumers > 1
}

/// One of crossfire's modules.
trait Flavour: 'static {
    type AsyncTx<T: Slot>: AsyncTxTrait<T> + Send + 'static;
    type AsyncRx<T: Slot>: AsyncRxTrait<T> + Send + 'static;
    type Tx<T: Slot>: BlockingTxTrait<T> + Send + 'static;
    type Rx<T: Slot>: BlockingRxTrait<T> + Send + 'static;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>);
    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>);
}

struct Spsc;
struct Mpsc;
struct Mpmc;

impl Flavour for Spsc {
    type AsyncTx<T: Slot> = crossfire::AsyncTx<spsc::Array<T>>;
    type AsyncRx<T: Slot> = crossfire::AsyncRx<spsc::Array<T>>;
    type Tx<T: Slot> = crossfire::Tx<spsc::Array<T>>;
    type Rx<T: Slot> = crossfire::Rx<spsc::Array<T>>;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>) {
        let (tx, rx) = spsc::bounded_async(shape.capacity);
        (vec![tx], vec![rx])
    }

    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = spsc::bounded_blocking(shape.capacity);
        (vec![tx], vec![rx])
    }
}

impl Flavour for Mpsc {
    type AsyncTx<T: Slot> = crossfire::MAsyncTx<mpsc::Array<T>>;
    type AsyncRx<T: Slot> = crossfire::AsyncRx<mpsc::Array<T>>;
    type Tx<T: Slot> = crossfire::MTx<mpsc::Array<T>>;
    type Rx<T: Slot> = crossfire::Rx<mpsc::Array<T>>;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>) {
        let (tx, rx) = mpsc::bounded_async(shape.capacity);
        (vec![tx; shape.producers], vec![rx])
    }

    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpsc::bounded_blocking(shape.capacity);
        (vec![tx; shape.producers], vec![rx])
    }
}

impl Flavour for Mpmc {
    type AsyncTx<T: Slot> = crossfire::MAsyncTx<mpmc::Array<T>>;
    type AsyncRx<T: Slot> = crossfire::MAsyncRx<mpmc::Array<T>>;
    type Tx<T: Slot> = crossfire::MTx<mpmc::Array<T>>;
    type Rx<T: Slot> = crossfire::MRx<mpmc::Array<T>>;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>) {
        let (tx, rx) = mpmc::bounded_async(shape.capacity);
        (vec![tx; shape.producers], vec![rx; shape.consumers])
    }

    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpmc::bounded_blocking(shape.capacity);
        (vec![tx; shape.producers], vec![rx; shape.consumers])
    }
}

struct Crossfire<F>(PhantomData<F>);

impl<F: Flavour> AsyncChannel for Crossfire<F> {
    type Tx<T: Slot> = F::AsyncTx<T>;
    type Rx<T: Slot> = F::AsyncRx<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        F::tasks(shape)
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

impl<F: Flavour> BlockingChannel for Crossfire<F> {
    type Tx<T: Slot> = F::Tx<T>;
    type Rx<T: Slot> = F::Rx<T>;

    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        F::threads(shape)
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

impl<F: Flavour> Pool for Crossfire<F> {
    type Take<T: Slot> = F::Rx<T>;
    type Give<T: Slot> = F::Tx<T>;

    fn open<T: Slot>(shape: Shape, room: usize) -> (Vec<Self::Take<T>>, Vec<Self::Give<T>>) {
        let (gives, takes) = F::threads(Shape {
            producers: shape.consumers,
            consumers: shape.producers,
            capacity: room,
        });
        (takes, gives)
    }

    #[inline]
    fn take<T: Slot>(end: &mut Self::Take<T>) -> Option<T> {
        end.try_recv().ok()
    }

    #[inline]
    fn give<T: Slot>(end: &mut Self::Give<T>, event: T) {
        // An error is a pool whose producers are done.
        let _ = end.try_send(event);
    }
}

/// Crossfire's own one-shot channel.
struct OwnOneshot;

impl Reply for OwnOneshot {
    type Tx = TxOneshot<u64>;
    type Rx = RxOneshot<u64>;

    #[inline]
    fn open() -> (Self::Tx, Self::Rx) {
        oneshot()
    }

    #[inline]
    fn send(tx: Self::Tx, answer: u64) {
        tx.send(answer);
    }
}

impl BlockingReply for OwnOneshot {
    #[inline]
    fn wait_at_most(rx: Self::Rx, deadline: Duration) -> u64 {
        rx.recv_timeout(deadline).expect("in time")
    }
}
