//! A queue that is kept nowhere else: it is gone when the process ends.

use std::sync::Arc;
use std::task::Context;

use bookdrop_backend::{Error, Record};
use bookdrop_queue::{GroupId, Hand, Note, Room};

use crate::event::Event;
use crate::records::Holder;
use crate::store::{Ledger, Store, Unread};

/// Keeps nothing.
#[derive(Default)]
pub struct InMemory(Arc<Nowhere>);

/// Notes nothing.
#[derive(Default)]
pub struct Nowhere;

impl Ledger for Nowhere {
    type Account = Arc<Record>;

    fn account_of(&self, record: Record) -> Arc<Record> {
        Arc::new(record)
    }

    fn room(&self, _event: &Event<Self>) -> Room {
        Room::Enough
    }

    fn note(&self, _event: &Arc<Event<Self>>, _hand: &Hand, _what: Note<'_>) {}

    fn held(&self, _event: &Arc<Event<Self>>, _group: GroupId, _holder: Holder) {}

    fn name_of(&self, _event: &Event<Self>, _group: GroupId) -> Option<[u64; 2]> {
        None
    }

    fn joined(&self, _group: GroupId, _name: &str) -> bool {
        false
    }

    fn removed(&self, _group: GroupId) {}

    fn noted(&self) -> u64 {
        0
    }

    fn last_note(&self, _event: &Event<Self>) -> Option<u64> {
        None
    }

    fn broken(&self) -> Option<Error> {
        None
    }
}

impl Store for InMemory {
    type Ledger = Nowhere;

    const SURVIVES_RESTART: bool = false;

    fn damaged(&self) -> u64 {
        0
    }

    fn ledger(&self) -> &Arc<Nowhere> {
        &self.0
    }

    fn refusal(&self, _event: &Event<Nowhere>) -> Option<Error> {
        None
    }

    fn refusal_of_group(&self, _name: &str) -> Option<Error> {
        None
    }

    fn joined(&self, _is_news: bool) {}

    async fn handed_over(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn survive(&self, _note: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn read(&self, event: &Arc<Event<Nowhere>>) -> Result<Arc<Record>, Unread> {
        Ok(event.account.clone())
    }

    fn watch(&self, _event: &Event<Nowhere>, _place: &mut Option<u64>, _cx: &Context<'_>) -> bool {
        false
    }

    fn stop_watching(&self, _place: &mut Option<u64>) {}
}
