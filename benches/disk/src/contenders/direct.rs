//! A store behind a lock: one transaction for each operation.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::engine::{Batch, Engine, Taken};
use super::handoff::Ready;
use crate::load::{Load, on_threads};
use crate::queue::{Consumer, Durability, Queue};

pub(crate) struct Direct<E> {
    /// With a batch that is kept for its room.
    engine: Mutex<(E, Batch)>,
    ready: Ready,
}

impl<E: Engine> Direct<E> {
    pub(crate) fn open(folder: &Path, durability: Durability) -> Box<dyn Queue> {
        let engine = E::open_in(folder, durability);
        Box::new(Self {
            ready: Ready::new(engine.cursor().ready()),
            engine: Mutex::new((engine, Batch::default())),
        })
    }

    fn transact(&self, put: impl FnOnce(&mut Batch)) -> Option<Taken> {
        let mut locked = self.engine.lock().expect("no transaction failed");
        let (engine, batch) = &mut *locked;
        put(batch);
        engine.transact(batch);
        batch.sends.clear();
        batch.acks.clear();
        batch.takes = 0;
        batch.taken.pop()
    }
}

impl<E: Engine> Queue for Direct<E> {
    fn send(&self, event: Vec<u8>) {
        self.transact(|batch| batch.sends.push(event));
        self.ready.add(1);
    }

    fn send_all(&self, events: Vec<Vec<u8>>) {
        let sent = events.len() as u64;
        self.transact(|batch| batch.sends = events);
        self.ready.add(sent);
    }

    fn consumer(&self) -> Box<dyn Consumer + '_> {
        Box::new(Reader {
            queue: self,
            in_hand: 0,
        })
    }

    fn count(&self) -> u64 {
        let mut locked = self.engine.lock().expect("no transaction failed");
        locked.0.count()
    }

    fn clear(&self) {
        self.ready.clear();
        let mut locked = self.engine.lock().expect("no transaction failed");
        locked.0.clear();
    }

    fn carry(&self, load: &Load) -> Duration {
        on_threads(self, load)
    }
}

struct Reader<'a, E> {
    queue: &'a Direct<E>,
    in_hand: u64,
}

impl<E: Engine> Consumer for Reader<'_, E> {
    fn receive(&mut self) -> u64 {
        self.queue.ready.take();
        let taken = self.queue.transact(|batch| batch.takes = 1);
        let taken = taken.expect("one was ready");
        self.in_hand = taken.key;
        taken.number
    }

    fn ack(&mut self) {
        self.queue.transact(|batch| batch.acks.push(self.in_hand));
    }
}
