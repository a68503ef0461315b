//! The backend: each of its futures asks the driver's thread, and waits for its word.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bookdrop_backend::telling::{Promise, promise};
use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, ErrorKind, Fetched, Letters, NotFetched,
    NotPublished, Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats,
    Unanswered, Wait, Why,
};
use bytes::Bytes;

use crate::commands::{Coming, Command, Deed, How, Look, Parcel, Question, Settling, Waiter};
use crate::error::{ended, has_nul, with_nul};
use crate::hands::Stage;
use crate::opening;
use crate::options::{FOREVER, Options};
use crate::outgoing::outgoing;
use crate::server::Server;
use crate::shared::Shared;

/// Whoever drops the last handle waits so long, at most, until the server knows that the driver goes.
const FAREWELL: Duration = Duration::from_secs(5);

/// A queue in PostgreSQL, for any number of processes.
///
/// It owns one thread with a runtime, and three connections. Its futures wait for that thread alone, so they can be awaited on
/// any executor. What it promises is in `docs/guarantees.md` of the repository.
///
/// Dropped, it waits until the server knows that the driver is gone, for 5 s at most; then what it had in hand is queued again.
///
/// `bookdrop::Driver::with_codec` makes the driver over it:
///
/// ```no_run
/// use bookdrop_postgres::{Options, Postgres, Server};
///
/// # async fn open() -> Result<(), bookdrop_backend::Error> {
/// let server: Server = "postgres://app@db.example/app".parse()?;
/// let backend = Postgres::open(server, "library", Options::default()).await?;
/// // let library: Driver = Driver::with_codec(backend, Codec::Json);
/// # drop(backend);
/// # Ok(()) }
/// ```
pub struct Postgres {
    shared: Arc<Shared>,
    queue: String,
    thread: ThreadId,
}

impl Postgres {
    /// Opens the queue of this name, which is made if it is not there, and with it the schema `bookdrop`.
    ///
    /// # Errors
    /// `Io` where the server cannot be reached, for which it does not wait; `NotFound` where there is no such database;
    /// `Denied` where it does not let this user in, or make the schema; `Invalid` for a queue in another codec; `NewerVersion`
    /// for a schema that a newer version of the library made; `Unsupported` for a server that is too old, or a database that is
    /// not in UTF-8. Nothing of the connection's settings stands in any of them but what the server itself says.
    ///
    /// # Cancel safety
    /// Dropped, nothing stays open. A queue that was made stays.
    pub async fn open(server: Server, queue: &str, options: Options) -> Result<Self, Error> {
        opening::open(server, queue.to_owned(), options).await
    }

    /// The handle on a driver that runs on this thread, and has this queue.
    pub(crate) fn new(shared: Arc<Shared>, queue: String, thread: ThreadId) -> Self {
        Postgres {
            shared,
            queue,
            thread,
        }
    }

    /// Has the driver's thread do something, and waits for its word.
    async fn ask<V>(
        &self,
        command: impl FnOnce(Promise<Result<V, Error>>) -> Command,
    ) -> Result<V, Error> {
        let (told, word) = promise();
        self.shared.send(command(told));
        word.await.unwrap_or_else(|| Err(ended()))
    }

    /// How many of these can be sent at all, and why the next one cannot.
    fn sendable(&self, records: &[Record]) -> (usize, Option<NotPublished>) {
        let refusals = records.iter().map(|record| self.refusal(record));
        match refusals
            .enumerate()
            .find_map(|(at, error)| Some((at, error?)))
        {
            Some((at, error)) => (at, Some(NotPublished::Backend(error))),
            None => (records.len(), None),
        }
    }

    /// Why an event cannot be sent, whatever is queued. One that the server refused would take others with it that go there together.
    fn refusal(&self, record: &Record) -> Option<Error> {
        if let Some(error) = self.too_large("event", record.content.len()) {
            return Some(error);
        }
        let texts = [Some(&record.id), record.key.as_ref()];
        texts
            .into_iter()
            .flatten()
            .any(|text| has_nul(text))
            .then(|| with_nul("an id or a key"))
    }

    fn too_large(&self, what: &str, bytes: usize) -> Option<Error> {
        let most = self.shared.options.max_event_bytes;
        (bytes > most).then(|| {
            let message = format!(
                "the {what} takes {bytes} bytes, and `max_event_bytes` is {most}; make it that at most, or `max_event_bytes` larger"
            );
            Error::new(ErrorKind::TooLarge, message)
        })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (told, word) = mpsc::channel();
        self.shared.send(Command::Bye(told));
        // The thread does not wait for itself.
        if std::thread::current().id() != self.thread {
            let _ = word.recv_timeout(FAREWELL);
        }
    }
}

impl Backend for Postgres {
    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::default();
        all.groups = true;
        all.keys = true;
        all.priority = true;
        all.delay = true;
        all.time_to_live = true;
        all.duplicate_detection = true;
        all.dead_letters = true;
        all.no_consumer_detection = true;
        all.survives_restart = true;
        all.lease = true;
        all.cross_process = true;
        all.outbox = true;
        all
    }

    fn capacity(&self) -> usize {
        self.shared.options.limits.capacity
    }

    fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    async fn publish(
        &self,
        mut records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> Result<(), NotPublished> {
        if self.is_closed() {
            return Err(NotPublished::Closed);
        }
        let (sendable, refused) = self.sendable(&records);
        records.truncate(sendable);
        if !records.is_empty() {
            let (told, word) = promise();
            let interest = Interest::default();
            self.shared.send(Command::Publish(Parcel {
                records: records.into(),
                progress,
                sure: 0,
                waits,
                was_compared: false,
                since: Instant::now(),
                is_dropped: interest.0.clone(),
                told,
            }));
            word.await
                .unwrap_or_else(|| Err(NotPublished::Backend(ended())))?;
        }
        refused.map_or(Ok(()), Err)
    }

    fn outgoing(&self, record: Record) -> Result<Outgoing, Error> {
        match self.refusal(&record) {
            Some(error) => Err(error),
            None => Ok(outgoing(&self.queue, &record)),
        }
    }

    async fn request(&self, record: Record, asking: Asking) -> Result<Bytes, Unanswered> {
        let refused = |why| Unanswered {
            why,
            was_taken: false,
        };
        if self.is_closed() {
            return Err(refused(Why::Closed));
        }
        if let Some(error) = self.refusal(&record) {
            return Err(refused(Why::Backend(error)));
        }
        let (told, word) = promise();
        let deadline = Instant::now() + asking.timeout.min(FOREVER);
        let ask = self.shared.asks().begin(told, deadline);
        let _waiting = Waiting {
            shared: &self.shared,
            ask,
        };
        self.shared.send(Command::Request(Question {
            ask,
            record,
            deadline,
            waits_for_consumer: asking.waits_for_consumer,
        }));
        word.await.unwrap_or_else(|| {
            Err(Unanswered {
                why: Why::Backend(ended()),
                was_taken: true,
            })
        })
    }

    async fn join(&self, place: Place<'_>) -> Result<Reader, Error> {
        let seat = match place {
            Place::In(group) if has_nul(group) => return Err(with_nul("the name of a group")),
            Place::In(group) => {
                let group = group.to_owned();
                self.ask(|told| Command::Come(Coming { group, told }))
                    .await?
            }
            Place::Beside(reader) => self.ask(|told| Command::Beside(reader, told)).await?,
        };
        Ok(seat.take().expect("nobody takes it back"))
    }

    fn leave(&self, reader: Reader) {
        self.shared.send(Command::Leave(reader));
    }

    async fn fetch(
        &self,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Result<Vec<Fetched>, NotFetched> {
        loop {
            let (told, word) = promise();
            let mut fetching = Fetching {
                shared: &self.shared,
                reader,
                number: self.shared.new_wait(),
                has_ended: false,
            };
            self.shared.send(Command::Fetch(Waiter {
                reader,
                number: fetching.number,
                max,
                wait,
                told,
            }));
            let handed = word
                .await
                .unwrap_or_else(|| Err(NotFetched::Backend(ended())));
            fetching.has_ended = true;
            // What was offered may have been taken back, since nobody looked for a while.
            if let Some(fetched) = handed?.take() {
                return Ok(fetched);
            }
        }
    }

    async fn settle(&self, receipt: Receipt, settlement: Settlement) -> Result<Settled, Error> {
        let hand = self.shared.hands().begin(receipt);
        let Some(hand) = hand else {
            return Ok(Settled::TooLate);
        };
        let stage = hand.stage;
        let put = |result| {
            self.shared.hands().put(receipt, stage);
            result
        };
        let how = match settlement {
            Settlement::Extend => return put(Ok(Settled::Yes)),
            Settlement::Done => How::Done,
            Settlement::Answer(answer) => match self.too_large("answer", answer.len()) {
                Some(error) => return put(Err(error)),
                None => How::Answer(answer),
            },
            _ if stage == Stage::Owed => return put(Err(settled_already())),
            Settlement::Owe => {
                // From now on it can be answered, also before the server has heard of this.
                self.shared.hands().owe(receipt);
                self.shared.look_at_hands();
                How::Owe
            }
            Settlement::Failed => How::Fail(None),
            Settlement::RetryAfter(wait) => How::Fail(Some(wait)),
            Settlement::Release => How::Release,
            Settlement::Bury(reason) => How::Bury(reason),
            other => return put(Err(unsupported(&other))),
        };
        self.ask(|told| {
            Command::Settle(Settling {
                receipt,
                hand,
                how,
                since: Instant::now(),
                lost_at: None,
                told,
            })
        })
        .await
    }

    fn unwanted(&self, receipt: Receipt) -> impl Future<Output = ()> + Send {
        let asker = self
            .shared
            .hands()
            .get(receipt)
            .map(|hand| hand.asker.clone());
        async move {
            match asker {
                // It is settled.
                None => {}
                // Nobody waits for an answer to what is no request, so nobody stops waiting.
                Some(None) => std::future::pending().await,
                Some(Some(asker)) => asker.gone.wait().await,
            }
        }
    }

    fn in_hand(&self) -> usize {
        self.shared.hands().in_hand()
    }

    async fn stats(&self, group: Option<&str>) -> Result<Option<Stats>, Error> {
        if group.is_some_and(has_nul) {
            return Ok(None);
        }
        let group = group.map(str::to_owned);
        self.ask(|told| Command::Look(Look::Stats(group, told)))
            .await
    }

    async fn groups(&self) -> Result<Vec<String>, Error> {
        self.ask(|told| Command::Look(Look::Groups(told))).await
    }

    async fn remove_group(&self, group: &str) -> Result<bool, Error> {
        if has_nul(group) {
            return Ok(false);
        }
        let group = group.to_owned();
        self.ask(|told| Command::Do(Deed::RemoveGroup(group, told)))
            .await
    }

    async fn purge(&self) -> Result<usize, Error> {
        self.ask(|told| Command::Do(Deed::Purge(told))).await
    }

    async fn dead(&self, group: &str, which: Letters) -> Result<Vec<Dead>, Error> {
        if has_nul(group) {
            return Ok(Vec::new());
        }
        let group = group.to_owned();
        self.ask(|told| Command::Look(Look::Dead(group, which, told)))
            .await
    }

    async fn replay(&self, group: &str, which: Letters) -> Result<usize, Error> {
        if self.is_closed() || has_nul(group) {
            return Ok(0);
        }
        let group = group.to_owned();
        self.ask(|told| Command::Do(Deed::Replay(group, which, told)))
            .await
    }

    async fn discard(&self, group: &str, which: Letters) -> Result<usize, Error> {
        if has_nul(group) {
            return Ok(0);
        }
        let group = group.to_owned();
        self.ask(|told| Command::Do(Deed::Discard(group, which, told)))
            .await
    }

    async fn close(&self) -> Result<(), Error> {
        self.shared.close();
        self.ask(Command::Close).await
    }

    async fn drain(&self) -> Result<(), Error> {
        self.shared.close();
        self.shared.drain();
        self.shared.send(Command::Drain);
        self.ask(Command::Close).await?;
        loop {
            let rung = self.shared.empty_handed.notified();
            if self.in_hand() == 0 {
                return Ok(());
            }
            rung.await;
        }
    }
}

/// A sender's interest in its parcel. Dropped, no more of it is put on its way.
#[derive(Default)]
struct Interest(Arc<Mutex<bool>>);

impl Drop for Interest {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// A requester that waits. Dropped, it gives up, unless it has its answer.
struct Waiting<'a> {
    shared: &'a Shared,
    ask: i64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.shared.give_up(self.ask).is_some() {
            self.shared.send(Command::GiveUp(self.ask));
        }
    }
}

/// A consumer that waits. Dropped, it waits no more.
struct Fetching<'a> {
    shared: &'a Shared,
    reader: Reader,
    number: u64,
    has_ended: bool,
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared
                .send(Command::StopFetching(self.reader, self.number));
        }
    }
}

fn settled_already() -> Error {
    let message = "it was settled before, and can only be answered";
    Error::new(ErrorKind::Invalid, message)
}

fn unsupported(how: &Settlement) -> Error {
    let message = format!("it cannot be settled like that: {how:?}");
    Error::new(ErrorKind::Unsupported, message)
}
