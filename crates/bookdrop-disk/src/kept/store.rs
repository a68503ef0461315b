//! The folder as the store of a queue.

use std::sync::Arc;
use std::task::Context;

use bookdrop_backend::{Error, ErrorKind, Record};
use bookdrop_records::{Ledger as _, Store, Unread};

use super::{Kept, Surviving};
use crate::event::Event;
use crate::ledger::Ledger;

impl Store for Kept {
    type Ledger = Ledger;

    const SURVIVES_RESTART: bool = true;

    fn damaged(&self) -> u64 {
        self.damaged
    }

    fn ledger(&self) -> &Arc<Ledger> {
        self.keep.ledger()
    }

    fn refusal(&self, event: &Event) -> Option<Error> {
        self.keep.refusal(event)
    }

    fn refusal_of_group(&self, name: &str) -> Option<Error> {
        if self.ledger().has_room_for_group(name) {
            return None;
        }
        let message = "there are too many groups for `segment_bytes`; remove some, or open the driver with a larger one, and make the consumer again";
        Some(Error::new(ErrorKind::Invalid, message))
    }

    fn joined(&self, is_news: bool) {
        // It survives the process at once, and a loss of power soon. On a full disk it is written when some space was freed.
        if !self.keep.is_far() {
            self.write();
        }
        if is_news {
            self.ledger().survival.want_flush();
        }
    }

    async fn handed_over(&self) -> Result<(), Error> {
        let noted = self.ledger().noted();
        if self.keep.is_far() {
            return self.survive(noted).await;
        }
        // Where that cannot be written, the count may be too low.
        self.write();
        Ok(())
    }

    fn survive(&self, note: u64) -> impl Future<Output = Result<(), Error>> + Send {
        Surviving::new(&*self.keep, note)
    }

    async fn read(&self, event: &Arc<Event>) -> Result<Arc<Record>, Unread> {
        match (event.account.record(), &self.aside) {
            (Ok(record), _) => Ok(record),
            (Err(_), None) => self.keep.read(event),
            (Err(_), Some(aside)) => aside.read(event.clone()).await,
        }
    }

    fn watch(&self, event: &Event, place: &mut Option<u64>, cx: &Context<'_>) -> bool {
        self.ledger().survival.watch(place, cx);
        self.ledger().ask_for_room(event)
    }

    fn stop_watching(&self, place: &mut Option<u64>) {
        self.ledger().survival.stop_watching(place);
    }
}

impl Kept {
    /// Writes what was noted so far, as far as there is room.
    fn write(&self) {
        let _ = self.keep.write_up_to(self.ledger().noted());
    }
}
