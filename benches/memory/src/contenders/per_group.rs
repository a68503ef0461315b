//! Fan-out by hand: one queue for each group, and a producer that makes each event once for each of them (which costs
//! what making it once and cloning it for the others would).

use std::marker::PhantomData;

use crate::queue::{AsyncEnds, AsyncFan, AsyncQueue, AsyncTx, Shape};

/// A queue of `Q` for each group.
pub(crate) struct PerGroup<Q>(PhantomData<Q>);

/// The producers of all the queues.
pub(crate) struct Producers<Tx>(Vec<Tx>);

impl<K, Q: AsyncQueue<K>> AsyncFan<K> for PerGroup<Q> {
    type Tx = Producers<Q::Tx>;
    type Rx = Q::Rx;

    fn open(capacity: usize, groups: usize) -> AsyncEnds<Self::Tx, Self::Rx> {
        let mut producers = Vec::new();
        let mut consumers = Vec::new();
        for _ in 0..groups {
            let ends = Q::open(Shape {
                producers: 1,
                consumers: 1,
                capacity,
            });
            producers.extend(ends.producers);
            consumers.extend(ends.consumers);
        }
        AsyncEnds::of_tasks(vec![Producers(producers)], consumers)
    }
}

impl<Tx: AsyncTx> AsyncTx for Producers<Tx> {
    #[inline]
    async fn send(&mut self, number: u64) {
        for producer in &mut self.0 {
            producer.send(number).await;
        }
    }
}
