//! "crate + pool": a channel whose used events the benchmark hands back to the producers by hand, through a second
//! queue. A producer refills a used event in place and so keeps its buffers; where there is none, it makes a new one.
//! Controls: they show what of a figure comes from recycling, and what from the queue.

use std::marker::PhantomData;

use super::between_tasks::AsyncChannel;
use super::between_threads::BlockingChannel;
use super::{Catalogue, Role, async_queue, blocking_queue};
use crate::kind::{Kind, Slot, Which};
use crate::queue::{
    AsyncEnds, AsyncQueue, AsyncRx, AsyncTx, BlockingEnds, BlockingQueue, BlockingRx, BlockingTx,
    Shape,
};

/// A queue of used events. Nobody waits for it.
pub(crate) trait Pool: 'static {
    /// A producer's end.
    type Take<T: Slot>: Send + 'static;
    /// A consumer's end.
    type Give<T: Slot>: Send + 'static;

    /// Opens an empty one for the producers and consumers of the shape, with room for so many events.
    fn open<T: Slot>(shape: Shape, room: usize) -> (Vec<Self::Take<T>>, Vec<Self::Give<T>>);
    /// Takes a used event if there is one.
    fn take<T: Slot>(end: &mut Self::Take<T>) -> Option<T>;
    /// Gives a used event back, or drops it when the pool is full.
    fn give<T: Slot>(end: &mut Self::Give<T>, event: T);
}

/// A channel and a pool.
pub(crate) struct Pooled<C, P>(PhantomData<(C, P)>);

/// The controls that are channels with a pool take part in the one-way rows of Ev only.
impl Catalogue {
    /// Between tasks.
    pub(super) fn pooled<C: AsyncChannel, P: Pool>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.async_queues
            .push(async_queue::<Pooled<C, P>>(name, Role::Pool, fits));
    }

    /// Between threads.
    pub(super) fn thread_pooled<C: BlockingChannel, P: Pool>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.blocking_queues
            .push(blocking_queue::<Pooled<C, P>>(name, Role::Pool, fits));
    }
}

/// A producer and where its used events come from.
pub(crate) struct TaskTx<K: Kind, C: AsyncChannel, P: Pool>(C::Tx<K::Event>, P::Take<K::Event>);
/// A consumer and where its used events go.
pub(crate) struct TaskRx<K: Kind, C: AsyncChannel, P: Pool>(C::Rx<K::Event>, P::Give<K::Event>);
/// A producer and where its used events come from.
pub(crate) struct ThreadTx<K: Kind, C: BlockingChannel, P: Pool>(
    C::Tx<K::Event>,
    P::Take<K::Event>,
);
/// A consumer and where its used events go.
pub(crate) struct ThreadRx<K: Kind, C: BlockingChannel, P: Pool>(
    C::Rx<K::Event>,
    P::Give<K::Event>,
);

/// Room for every event that can be under way.
fn open<P: Pool, T: Slot>(shape: Shape) -> (Vec<P::Take<T>>, Vec<P::Give<T>>) {
    P::open(shape, shape.capacity + shape.producers + shape.consumers)
}

/// A used event with a new number, or a new event.
#[inline]
fn refilled<K: Kind, P: Pool>(used: &mut P::Take<K::Event>, number: u64) -> K::Event {
    match P::take(used) {
        Some(mut event) => {
            K::refill(&mut event, number);
            event
        }
        None => K::event(number),
    }
}

/// Reads an event and gives it back.
#[inline]
fn read_and_give<K: Kind, P: Pool>(used: &mut P::Give<K::Event>, event: K::Event) -> u64 {
    let number = K::read(&event);
    P::give(used, event);
    number
}

/// The ends of a channel with those of the pool.
fn joined<End, Used, Both>(
    ends: Vec<End>,
    used: Vec<Used>,
    join: fn(End, Used) -> Both,
) -> Vec<Both> {
    assert_eq!(ends.len(), used.len());
    ends.into_iter()
        .zip(used)
        .map(|(end, used)| join(end, used))
        .collect()
}

impl<K: Kind, C: AsyncChannel, P: Pool> AsyncQueue<K> for Pooled<C, P> {
    type Tx = TaskTx<K, C, P>;
    type Rx = TaskRx<K, C, P>;

    fn open(shape: Shape) -> AsyncEnds<Self::Tx, Self::Rx> {
        let (producers, consumers) = C::open(shape);
        let (takes, gives) = open::<P, K::Event>(shape);
        AsyncEnds::of_tasks(
            joined(producers, takes, TaskTx),
            joined(consumers, gives, TaskRx),
        )
    }
}

impl<K: Kind, C: AsyncChannel, P: Pool> AsyncTx for TaskTx<K, C, P> {
    #[inline]
    fn send(&mut self, number: u64) -> impl Future<Output = ()> + Send {
        let used = &mut self.1;
        C::send(&mut self.0, move || refilled::<K, P>(used, number))
    }
}

impl<K: Kind, C: AsyncChannel, P: Pool> AsyncRx for TaskRx<K, C, P> {
    #[inline]
    fn receive(&mut self) -> impl Future<Output = Option<u64>> + Send {
        let used = &mut self.1;
        C::receive(&mut self.0, move |event| read_and_give::<K, P>(used, event))
    }
}

impl<K: Kind, C: BlockingChannel, P: Pool> BlockingQueue<K> for Pooled<C, P> {
    type Tx = ThreadTx<K, C, P>;
    type Rx = ThreadRx<K, C, P>;

    fn open(shape: Shape) -> BlockingEnds<Self::Tx, Self::Rx> {
        let (producers, consumers) = C::open(shape);
        let (takes, gives) = open::<P, K::Event>(shape);
        BlockingEnds::of_threads(
            joined(producers, takes, ThreadTx),
            joined(consumers, gives, ThreadRx),
        )
    }
}

impl<K: Kind, C: BlockingChannel, P: Pool> BlockingTx for ThreadTx<K, C, P> {
    #[inline]
    fn send(&mut self, number: u64) {
        C::send(&mut self.0, refilled::<K, P>(&mut self.1, number));
    }
}

impl<K: Kind, C: BlockingChannel, P: Pool> BlockingRx for ThreadRx<K, C, P> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        let event = C::receive(&mut self.0)?;
        Some(read_and_give::<K, P>(&mut self.1, event))
    }
}
