//! The consumers that are attached.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bookdrop_backend::Reader;
use bookdrop_queue::{Lender, Seat};

/// Who is attached, by the name that the contract gives a consumer.
#[derive(Default)]
pub(super) struct Readers(Mutex<Known>);

#[derive(Default)]
struct Known {
    last: u64,
    all: HashMap<u64, Attached>,
}

struct Attached {
    reader: bookdrop_queue::Reader,
    /// The queue forgets a seat when its lender has gone and nothing is out; here nothing is ever lent.
    _lender: Lender<()>,
}

impl Readers {
    pub(super) fn add(&self, seat: Seat) -> Reader {
        let attached = Attached {
            reader: seat.reader(),
            _lender: seat.lender(()),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.last += 1;
        let id = known.last;
        known.all.insert(id, attached);
        Reader(id)
    }

    pub(super) fn get(&self, reader: Reader) -> Option<bookdrop_queue::Reader> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.all.get(&reader.0).map(|attached| attached.reader)
    }

    pub(super) fn remove(&self, reader: Reader) -> Option<bookdrop_queue::Reader> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.all.remove(&reader.0).map(|attached| attached.reader)
    }
}
