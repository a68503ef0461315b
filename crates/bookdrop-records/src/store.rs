//! What a driver brings with it: a ledger of what happens, and a store that makes it survive.

use std::future::Future;
use std::sync::Arc;
use std::task::Context;

use bookdrop_backend::{Error, Record};
use bookdrop_queue::{GroupId, Hand, Note, Room};

use crate::event::Event;
use crate::records::Holder;

/// Hears what happens to the events of a queue, in the order in which it happens.
///
/// All of it may be called under the queue's lock, so it must be quick, and must not call code of the user. What it notes has a number:
/// the first note has number one, and each further one the next. Who has to be sure of something waits at the [`Store`] until the
/// note that says it survives.
pub trait Ledger: Sized + Send + Sync + 'static {
    /// What the ledger knows of an event.
    type Account: Send + Sync;

    /// What it knows of an event that may be about to be sent.
    fn account_of(&self, record: Record) -> Self::Account;

    /// What room there is for an event: see [`Item::room`](bookdrop_queue::Item::room). A request is not asked for.
    fn room(&self, event: &Event<Self>) -> Room;

    /// Something happened to an event: see [`Item::note`](bookdrop_queue::Item::note). Its hand says in which group.
    ///
    /// Of a request nobody is told that it was taken in, since a requester does not survive its process. So what is told of an event that
    /// was not taken in concerns a request, or nothing at all; a request that is buried is an event from then on.
    fn note(&self, event: &Arc<Event<Self>>, hand: &Hand, what: Note<'_>);

    /// What was handed over is in the hand of this one, who may outlive the process. This is told before anybody waits until that
    /// survives.
    fn held(&self, event: &Arc<Event<Self>>, group: GroupId, holder: Holder);

    /// What names an event and a group in which it stands, also in a later process. `None` of a request.
    fn name_of(&self, event: &Event<Self>, group: GroupId) -> Option<[u64; 2]>;

    /// A consumer joined this group. Returns whether that was noted: it is news only once.
    fn joined(&self, group: GroupId, name: &str) -> bool;

    /// This group was removed.
    fn removed(&self, group: GroupId);

    /// The number of the last note.
    fn noted(&self) -> u64;

    /// The last note about an event for which somebody may wait, if there is any. Nobody waits for that of a hand-over.
    fn last_note(&self, event: &Event<Self>) -> Option<u64>;

    /// Why nothing will ever survive any more.
    fn broken(&self) -> Option<Error>;
}

/// Makes survive what its ledger noted.
pub trait Store: Send + Sync + 'static {
    /// Where it is noted.
    type Ledger: Ledger;

    /// Whether it outlives the process.
    const SURVIVES_RESTART: bool;

    /// How many places of it were found damaged.
    fn damaged(&self) -> u64;

    /// Where it is noted.
    fn ledger(&self) -> &Arc<Self::Ledger>;

    /// Why an event cannot be taken in now, whatever is queued; `None` if it can, or has to wait for room.
    fn refusal(&self, event: &Event<Self::Ledger>) -> Option<Error>;

    /// Why a group cannot be made. One that is there is never refused.
    fn refusal_of_group(&self, name: &str) -> Option<Error>;

    /// A consumer joined a group, which was noted if it was news. Nobody waits for that to survive.
    fn joined(&self, is_news: bool);

    /// What was taken is about to be given to its consumer. Ends when it may be: if the process ends from now on, it was handed over.
    /// Dropped, what was taken is put back. Where that are requests alone it is not asked.
    ///
    /// # Errors
    /// It cannot be handed over. It is put back.
    fn handed_over(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ends when what was noted up to this note survives what it is to survive. Dropped, that goes on.
    ///
    /// An error says that it may be lost with the process: it is in the queue all the same.
    fn survive(&self, note: u64) -> impl Future<Output = Result<(), Error>> + Send;

    /// The whole of an event.
    ///
    /// # Errors
    /// It cannot be read back.
    fn read(
        &self,
        event: &Arc<Event<Self::Ledger>>,
    ) -> impl Future<Output = Result<Arc<Record>, Unread>> + Send;

    /// An event waits for room. Wakes its sender when there may be news of that: there is some, or it is in vain. The sender has one
    /// `place` among those that wait, and gives it up by [`stop_watching`](Store::stop_watching).
    ///
    /// Where it is the store that lacks room, and not the queue, it sees to it that some is made. Returns whether it is.
    fn watch(&self, event: &Event<Self::Ledger>, place: &mut Option<u64>, cx: &Context<'_>)
    -> bool;

    /// A sender waits no more.
    fn stop_watching(&self, place: &mut Option<u64>);
}

/// Why a record was not read back.
#[derive(Debug)]
pub enum Unread {
    /// It is gone, or what was read is no record: it never will be one again.
    ForGood(Error),
    /// It may be there still.
    ForNow(Error),
    /// It is there, and this process has no way to it: that says nothing of the event, nor of a delivery.
    OutOfReach(Error),
}

impl From<Unread> for Error {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::ForGood(error) | Unread::ForNow(error) | Unread::OutOfReach(error) => error,
        }
    }
}
