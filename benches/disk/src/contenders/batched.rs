//! A store with one thread that writes: what waits for it goes into one transaction. This is the best that a store can do which
//! has one writer and flushes once for each transaction.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::engine::{Batch, Engine, Taken};
use super::handoff::Ready;
use super::sharing::Sharing;
use crate::load::{Load, on_threads};
use crate::queue::{Consumer, Durability, Queue};

pub(crate) struct Batched<E> {
    shared: Arc<Shared<E>>,
    writer: Option<JoinHandle<()>>,
}

struct Shared<E> {
    engine: Mutex<E>,
    sharing: Sharing<Batch>,
    ready: Ready,
    /// Taken in hand, and not picked up yet by those who asked: as many as of these there are.
    taken: Mutex<VecDeque<Taken>>,
}

impl<E: Engine> Batched<E> {
    pub(crate) fn open(folder: &Path, durability: Durability) -> Box<dyn Queue> {
        let engine = E::open_in(folder, durability);
        let shared = Arc::new(Shared {
            ready: Ready::new(engine.cursor().ready()),
            engine: Mutex::new(engine),
            sharing: Sharing::new(),
            taken: Mutex::default(),
        });
        let served = shared.clone();
        let writer = thread::spawn(move || served.sharing.serve(|batch| served.commit(batch)));
        Box::new(Self {
            shared,
            writer: Some(writer),
        })
    }
}

impl<E: Engine> Shared<E> {
    fn commit(&self, batch: &mut Batch) {
        self.engine().transact(batch);
        let sent = batch.sends.len() as u64;
        batch.sends.clear();
        batch.acks.clear();
        batch.takes = 0;
        if !batch.taken.is_empty() {
            let mut taken = self.taken.lock().expect("nobody panics under this lock");
            taken.extend(batch.taken.drain(..));
        }
        if sent > 0 {
            self.ready.add(sent);
        }
    }

    fn engine(&self) -> MutexGuard<'_, E> {
        self.engine.lock().expect("no transaction failed")
    }
}

impl<E: Engine> Queue for Batched<E> {
    fn send(&self, event: Vec<u8>) {
        self.shared.sharing.share(|batch| batch.sends.push(event));
    }

    fn send_all(&self, events: Vec<Vec<u8>>) {
        self.shared
            .sharing
            .share(|batch| batch.sends.extend(events));
    }

    fn consumer(&self) -> Box<dyn Consumer + '_> {
        Box::new(Reader {
            shared: &self.shared,
            in_hand: 0,
        })
    }

    fn count(&self) -> u64 {
        self.shared.engine().count()
    }

    fn clear(&self) {
        self.shared.ready.clear();
        self.shared.engine().clear();
    }

    fn carry(&self, load: &Load) -> Duration {
        on_threads(self, load)
    }
}

impl<E> Drop for Batched<E> {
    fn drop(&mut self) {
        self.shared.sharing.end();
        if let Some(writer) = self.writer.take() {
            writer.join().expect("no transaction failed");
        }
    }
}

struct Reader<'a, E> {
    shared: &'a Shared<E>,
    in_hand: u64,
}

impl<E: Engine> Consumer for Reader<'_, E> {
    fn receive(&mut self) -> u64 {
        self.shared.ready.take();
        self.shared.sharing.share(|batch| batch.takes += 1);
        let mut taken = self
            .shared
            .taken
            .lock()
            .expect("nobody panics under this lock");
        let taken = taken.pop_front().expect("one was ready");
        self.in_hand = taken.key;
        taken.number
    }

    fn ack(&mut self) {
        self.shared
            .sharing
            .share(|batch| batch.acks.push(self.in_hand));
    }
}
