//! What a keeper has: a queue, and what hosting needs beside it.

use std::future::Future;

use bookdrop_backend::{
    Backend, Fetched, NotFetched, NotPublished, Progress, Reader, Receipt, Record, Unanswered, Wait,
};
use bookdrop_records::{HandOver, Until};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::names::GuestId;

/// How a guest ends, before it is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ending {
    /// Not at all: it sends and receives.
    #[default]
    Open,
    /// It sends nothing more, and receives what is queued.
    Closed,
    /// Neither.
    Drained,
}

/// A queue that has guests.
pub trait Hosted: Send + Sync + 'static {
    /// Its backend.
    type Queue: Backend;

    /// What is done in the same way for every guest, this does.
    fn queue(&self) -> &Self::Queue;

    /// As [`fetch`](Backend::fetch), for this guest. What is handed over is noted as its own, so that it can be
    /// [claimed](Hosted::claim) at another keeper.
    fn fetch_for(
        &self,
        guest: GuestId,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> impl Future<Output = Result<Vec<Fetched>, NotFetched>> + Send;

    /// As [`publish`](Backend::publish), for this guest: once that is [closed](Hosted::end_for) it stands in line no more.
    fn publish_for(
        &self,
        guest: GuestId,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> impl Future<Output = Result<(), NotPublished>> + Send;

    /// As [`request`](Backend::request), for this guest: once that is [closed](Hosted::end_for) it ends if no consumer has it.
    fn request_for(
        &self,
        guest: GuestId,
        record: Record,
        until: Until,
    ) -> impl Future<Output = Result<Bytes, Unanswered>> + Send;

    /// This guest alone comes to its end; others go on to send and to receive. Once it is closed its consumers get what is queued, and
    /// then find the end; once it is drained they find it at once. What failed and waits out the queue's own pause is ready.
    fn end_for(&self, guest: GuestId, how: Ending);

    /// This guest is gone.
    fn forget(&self, guest: GuestId);

    /// What the hand-over with this receipt is called at every keeper. A request has no such name: it ends with its keeper.
    fn name_of(&self, receipt: Receipt) -> Option<HandOver>;

    /// What this guest had in hand when the former keeper ended, if it is noted as its own. It stays in hand.
    fn claim(&self, guest: GuestId, hand: HandOver) -> Option<Receipt>;

    /// Whether that was taken from this guest before it came to this keeper, since nothing was heard of it for too long.
    fn was_lost(&self, guest: GuestId, hand: HandOver) -> bool;

    /// The guest has claimed what it has. What else is noted as its own never got there: it goes back as if it had never been handed
    /// over.
    fn settle_claims(&self, guest: GuestId);

    /// What is in hand never got to its consumer: it comes back, and neither a hand-over nor a failure is counted.
    fn put_back(&self, receipt: Receipt);

    /// Whoever had it in hand is gone: it comes back. The hand-over stays counted, and no failure is.
    fn lose(&self, receipt: Receipt);
}
