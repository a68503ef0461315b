//! What tests do with records, one at a time.

use bookdrop_backend::{Backend, Fetched, NotFetched, Place, Reader, Settlement, Wait};
use bookdrop_disk::Records;
use bookdrop_queue::park::wait;

pub(crate) fn join(records: &Records, group: &str) -> Reader {
    wait(records.join(Place::In(group))).expect("anybody can join")
}

pub(crate) fn fetch(records: &Records, reader: Reader) -> Option<Fetched> {
    match wait(records.fetch(reader, 1, Wait::No)) {
        Ok(mut fetched) => fetched.pop(),
        Err(NotFetched::Empty) => None,
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) fn settle(records: &Records, fetched: Fetched, how: Settlement) {
    wait(records.settle(fetched.receipt, how)).expect("it is in hand");
}
