//! `thingbuf` as it is meant to be used where the events own buffers: they stay in its places, a producer refills one in
//! place (`send_ref`) and a consumer reads it there (`recv_ref`). One consumer only. A control in the one-way rows of Ev,
//! as the channels with a pool are: what it recycles, its user has to write by hand.

use std::marker::PhantomData;

use thingbuf::mpsc;
use thingbuf::recycling::Recycle;

use super::{Catalogue, Role, async_queue, blocking_queue, ev, one_consumer};
use crate::kind::{Kind, Which};
use crate::queue::{
    AsyncEnds, AsyncQueue, AsyncRx, AsyncTx, BlockingEnds, BlockingQueue, BlockingRx, BlockingTx,
    Shape,
};

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    const NAME: &str = "thingbuf, in place";
    all.async_queues
        .push(async_queue::<InPlace>(NAME, Role::Pool, fits));
    all.blocking_queues
        .push(blocking_queue::<InPlace>(NAME, Role::Pool, fits));
}

fn fits(kind: Which, shape: Shape) -> bool {
    ev(kind, shape) && one_consumer(kind, shape)
}

struct InPlace;

/// Every place holds an event from the start, which keeps its buffers until it is refilled.
struct Kept<K>(PhantomData<K>);

impl<K: Kind> Recycle<K::Event> for Kept<K> {
    fn new_element(&self) -> K::Event {
        K::event(0)
    }

    #[inline]
    fn recycle(&self, _refilled_by_the_producer: &mut K::Event) {}
}

struct Tx<K: Kind>(mpsc::Sender<K::Event, Kept<K>>);
struct Rx<K: Kind>(mpsc::Receiver<K::Event, Kept<K>>);
struct ThreadTx<K: Kind>(mpsc::blocking::Sender<K::Event, Kept<K>>);
struct ThreadRx<K: Kind>(mpsc::blocking::Receiver<K::Event, Kept<K>>);

impl<K: Kind> AsyncQueue<K> for InPlace {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K>, Rx<K>> {
        let (tx, rx) = mpsc::with_recycle(shape.capacity, Kept(PhantomData));
        let producers = vec![tx; shape.producers].into_iter().map(Tx).collect();
        AsyncEnds::of_tasks(producers, vec![Rx(rx)])
    }
}

impl<K: Kind> AsyncTx for Tx<K> {
    #[inline]
    async fn send(&mut self, number: u64) {
        let mut place = self.0.send_ref().await.expect("open");
        K::refill(&mut place, number);
    }
}

impl<K: Kind> AsyncRx for Rx<K> {
    #[inline]
    async fn receive(&mut self) -> Option<u64> {
        self.0.recv_ref().await.map(|place| K::read(&place))
    }
}

impl<K: Kind> BlockingQueue<K> for InPlace {
    type Tx = ThreadTx<K>;
    type Rx = ThreadRx<K>;

    fn open(shape: Shape) -> BlockingEnds<ThreadTx<K>, ThreadRx<K>> {
        let (tx, rx) = mpsc::blocking::with_recycle(shape.capacity, Kept(PhantomData));
        let producers = vec![tx; shape.producers];
        let producers = producers.into_iter().map(ThreadTx).collect();
        BlockingEnds::of_threads(producers, vec![ThreadRx(rx)])
    }
}

impl<K: Kind> BlockingTx for ThreadTx<K> {
    #[inline]
    fn send(&mut self, number: u64) {
        let mut place = self.0.send_ref().expect("open");
        K::refill(&mut place, number);
    }
}

impl<K: Kind> BlockingRx for ThreadRx<K> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.0.recv_ref().map(|place| K::read(&place))
    }
}
