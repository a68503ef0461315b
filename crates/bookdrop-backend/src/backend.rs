//! What an author implements.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::{
    Asking, Capabilities, Dead, Error, Fetched, Letters, Outgoing, Receipt, Record, Settled,
    Settlement, Stats, Unanswered,
};

/// A queue of records that lies elsewhere.
///
/// What the words mean is said in the guide on guarantees of `bookdrop`, and what a backend must do is checked by
/// `bookdrop-conformance`. What it cannot do it declares in its [`Capabilities`], and refuses where it is asked for it with
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
///
/// The methods may be written as `async fn`. There are no default methods: a wrapper that forgets one does not compile.
pub trait Backend: Send + Sync + 'static {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// How many queued events a group holds before senders meet a full queue.
    fn capacity(&self) -> usize;

    /// Whether it was closed.
    fn is_closed(&self) -> bool;

    /// Publishes records to every group, one after the other, up to the first that fails.
    ///
    /// Where there is no room it waits, or is refused if `waits` is false. It counts each record in `progress` when it is taken
    /// in, and ends when all of them are as durable as they are going to be.
    ///
    /// When it fails, `progress` says how many are published for all that, so fewer than there are: what was taken in and
    /// may not last after all is not counted any more (see [`Progress::retreat`]). The first one that is not counted, and all
    /// behind it, are given back to the user.
    ///
    /// Dropped, what was taken in goes on, and no more is taken in; `progress` is right from then on.
    fn publish(
        &self,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> impl Future<Output = Result<(), NotPublished>> + Send;

    /// Writes down how a transaction of the user's sends a record, where there is an [outbox](Capabilities::outbox). Nothing is asked,
    /// and nothing published.
    fn outgoing(&self, record: Record) -> Result<Outgoing, Error>;

    /// Publishes a request to group "default", and waits for the answer.
    ///
    /// Dropped, the request is given up: while it is queued it leaves the queue, and its work is never begun.
    fn request(
        &self,
        record: Record,
        asking: Asking,
    ) -> impl Future<Output = Result<Bytes, Unanswered>> + Send;

    /// A consumer comes. Its group begins with its first one. Dropped, the group may have begun, but nobody came.
    fn join(&self, place: Place<'_>) -> impl Future<Output = Result<Reader, Error>> + Send;

    /// A consumer goes. What it has in hand can still be settled.
    fn leave(&self, reader: Reader);

    /// Hands over what is there, at least one record and at most so many.
    ///
    /// Automatic ack is the driver's affair: it settles what it was handed as [`Done`](Settlement::Done), or a request as
    /// [`Owe`](Settlement::Owe), once it could be decoded.
    ///
    /// Dropped, nothing is handed over.
    fn fetch(
        &self,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> impl Future<Output = Result<Vec<Fetched>, NotFetched>> + Send;

    /// Settles something in hand, and ends when that is as durable as it is going to be. Dropped, it goes on.
    ///
    /// An error says that it was not settled, or that nobody knows: the driver gives the delivery back, and it may be settled
    /// again. If it is not in hand any more, that is [too late](Settled::TooLate).
    fn settle(
        &self,
        receipt: Receipt,
        settlement: Settlement,
    ) -> impl Future<Output = Result<Settled, Error>> + Send;

    /// Ends when nobody wants the answer to a request in hand any more. Dropped, it waits no more.
    fn unwanted(&self, receipt: Receipt) -> impl Future<Output = ()> + Send;

    /// How many events this driver handed over and are not settled.
    fn in_hand(&self) -> usize;

    /// How it stands, or how one group of it stands: `None` if there is none of that name.
    fn stats(
        &self,
        group: Option<&str>,
    ) -> impl Future<Output = Result<Option<Stats>, Error>> + Send;

    /// The groups that a consumer ever joined, the oldest first.
    fn groups(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// Removes a group with all that stands in it. False if there is none. Dropped, it goes on.
    fn remove_group(&self, group: &str) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Lets go of everything that is queued or waits for its time, and says of how much. Dropped, it goes on.
    fn purge(&self) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Dead letters of a group, the oldest first.
    fn dead(
        &self,
        group: &str,
        which: Letters,
    ) -> impl Future<Output = Result<Vec<Dead>, Error>> + Send;

    /// Puts dead letters of a group back into the queue, as if they were new, and says how many of them there were. Where that is
    /// all of them, the oldest is the first. Dropped, it goes on.
    fn replay(
        &self,
        group: &str,
        which: Letters,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Lets go of dead letters of a group for good, and says how many of them there were. Dropped, it goes on. With an error of any
    /// kind but `Unknown` they are there still.
    fn discard(
        &self,
        group: &str,
        which: Letters,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Refuses what is new; what is queued is still handed over, and what is in hand can be settled. Dropped, it goes on.
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Refuses what is new and hands nothing over any more; ends when nothing is in hand. Dropped, it stays like that.
    fn drain(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// How many records of a batch a backend has taken in. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicUsize>);

impl Progress {
    /// One more was taken in.
    pub fn advance(&self) {
        // Relaxed, here and below: nothing else is read by what it says.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many are sure, and no more: the others were taken in, but could not be made to last.
    pub fn retreat(&self, sure: usize) {
        self.0.fetch_min(sure, Ordering::Relaxed);
    }

    /// How many were taken in.
    pub fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where a consumer wants to sit.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// In the group of this name.
    In(&'a str),
    /// In the group of this consumer. If that was removed meanwhile, it is not made again: the new consumer finds its end,
    /// too.
    Beside(Reader),
}

/// Names a consumer that joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reader(pub u64);

/// How long a consumer waits while there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// As long as it is not dropped.
    Yes,
    /// As long as it is not dropped, but it may be left without being polled: what it was woken for is offered to the next one
    /// as well.
    Loosely,
}

/// Records were not published. What was taken in is said by [`Progress`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotPublished {
    /// There was no room, and it was not to wait.
    Full,
    /// The driver was closed.
    Closed,
    /// The backend could not do it.
    Backend(Error),
}

/// Nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotFetched {
    /// There is nothing now, and it was told [not to wait](Wait::No).
    Empty,
    /// The driver was closed, or the group removed, and nothing is left.
    Closed,
    /// The backend can never hand anything over any more.
    Backend(Error),
}
