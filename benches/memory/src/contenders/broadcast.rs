//! `tokio::sync::broadcast`, in the fan-out rows: one ring that every group reads, each with a clone of every event.
//!
//! Its sender never waits, and a receiver that is a whole ring behind loses events. So a semaphore for each group
//! bounds it, as the other contenders are bounded: the producer takes room in every group before it sends, and a group
//! gives room back when it has received. Both do so for a quarter of the capacity at a time, to make it cheap.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};

use super::{Catalogue, Role, async_fan};
use crate::kind::Kind;
use crate::queue::{AsyncEnds, AsyncFan, AsyncRx, AsyncTx};

/// Enters it in the fan-out rows.
pub(crate) fn enter(all: &mut Catalogue) {
    all.async_fans
        .push(async_fan::<Broadcast>("tokio broadcast", Role::Peer));
}

struct Broadcast;

/// Room is taken and given back in this many parts of the capacity.
const PARTS: usize = 4;

struct Tx<K: Kind> {
    tx: broadcast::Sender<Copied<K>>,
    groups: Vec<Arc<Semaphore>>,
    part: usize,
    /// How much of the room that was taken is left.
    room: usize,
}

struct Rx<K: Kind> {
    rx: broadcast::Receiver<Copied<K>>,
    group: Arc<Semaphore>,
    part: usize,
    /// How much room is to be given back.
    used: usize,
}

/// An event that can be cloned.
struct Copied<K: Kind>(K::Event, PhantomData<K>);

impl<K: Kind> Clone for Copied<K> {
    #[inline]
    fn clone(&self) -> Self {
        Self(K::copy(&self.0), PhantomData)
    }
}

impl<K: Kind> AsyncFan<K> for Broadcast {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(capacity: usize, groups: usize) -> AsyncEnds<Tx<K>, Rx<K>> {
        let part = (capacity / PARTS).max(1);
        let (tx, _) = broadcast::channel(capacity);
        let consumers: Vec<_> = (0..groups)
            .map(|_| Rx {
                rx: tx.subscribe(),
                group: Arc::new(Semaphore::new(capacity / part * part)),
                part,
                used: 0,
            })
            .collect();
        let groups = consumers.iter().map(|rx| Arc::clone(&rx.group)).collect();
        let producer = Tx {
            tx,
            groups,
            part,
            room: 0,
        };
        AsyncEnds::of_tasks(vec![producer], consumers)
    }
}

impl<K: Kind> AsyncTx for Tx<K> {
    #[inline]
    async fn send(&mut self, number: u64) {
        if self.room == 0 {
            for group in &self.groups {
                let room = group.acquire_many(self.part as u32).await;
                room.expect("never closed").forget();
            }
            self.room = self.part;
        }
        self.room -= 1;
        let event = Copied(K::event(number), PhantomData);
        assert!(self.tx.send(event).is_ok(), "open");
    }
}

impl<K: Kind> AsyncRx for Rx<K> {
    #[inline]
    async fn receive(&mut self) -> Option<u64> {
        let event = match self.rx.recv().await {
            Ok(event) => event,
            Err(RecvError::Closed) => return None,
            Err(RecvError::Lagged(lost)) => panic!("{lost} events lost"),
        };
        self.used += 1;
        if self.used == self.part {
            self.group.add_permits(self.part);
            self.used = 0;
        }
        Some(K::read(&event.0))
    }
}
