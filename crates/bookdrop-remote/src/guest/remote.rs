//! The backend: each of its futures asks the keeper, and waits for its word.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;

use bookdrop_backend::telling::promise;
use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, ErrorKind, Fetched, Letters, NotFetched,
    NotPublished, Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats,
    Unanswered, Wait, Why,
};
use bytes::Bytes;

use super::commands::{Answer, Call, Command, Count, Parcel, Question};
use super::hands::{Stage, Wanted};
use super::shared::Shared;
use crate::error::{ended, settled_already, too_large};
use crate::hosted::Ending;
use crate::terms::{FOREVER, GREATEST_PARCEL, weight};
use crate::words::{Plain, Seat};

/// A queue whose keeper is another process, as a backend.
///
/// Its futures wait for whoever drives the [`Guest`](crate::Guest) alone, so they can be awaited on any executor. Where the guest was
/// dropped, all of them fail.
pub struct Remote {
    shared: Arc<Shared>,
}

impl Remote {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Remote { shared }
    }

    fn begin(&self, call: Call) -> Waiting<'_> {
        let number = self.shared.number();
        self.shared.send(Command::Begin(number, call));
        Waiting {
            shared: &self.shared,
            number,
            has_ended: false,
        }
    }

    /// Has the keeper do something, and waits for its word. Dropped, it goes on.
    async fn ask(&self, plain: Plain) -> Result<Answer, Error> {
        let (told, word) = promise();
        let mut waiting = self.begin(Call::Plain {
            plain,
            letters: Vec::new(),
            told,
        });
        waiting.has_ended = true;
        word.await.unwrap_or_else(|| Err(ended()))
    }

    /// Where no keeper can be reached, the next one hears of it.
    async fn come_to(&self, how: Ending) {
        self.shared.come_to(how);
        let _ = self.ask(Plain::End(how)).await;
    }

    async fn count(&self, plain: Plain) -> Result<usize, Error> {
        match self.ask(plain).await? {
            Answer::Count(count) => Ok(count),
            _ => Err(unexpected()),
        }
    }

    fn too_large(&self, what: &str, bytes: usize) -> Option<Error> {
        too_large(what, bytes, self.shared.terms.max_event_bytes())
    }

    /// Publishes so much as one call may have, behind so many of the same sender.
    async fn publish_parcel(
        &self,
        records: Vec<Record>,
        (progress, before): (&Progress, usize),
        waits: bool,
    ) -> Result<(), NotPublished> {
        let (told, word) = promise();
        let interest = Interest::default();
        let mut waiting = self.begin(Call::Publish(Parcel {
            records,
            waits,
            count: Count::new(progress.clone(), before, interest.0.clone()),
            told,
        }));
        let published = word.await;
        waiting.has_ended = true;
        published.unwrap_or_else(|| Err(NotPublished::Backend(ended())))
    }

    /// How many of these can be sent at all, and why the next one cannot.
    fn sendable(&self, records: &[Record]) -> (usize, Option<NotPublished>) {
        let refusals = records.iter().enumerate();
        let mut refusals = refusals
            .filter_map(|(at, record)| Some((at, self.too_large("event", record.content.len())?)));
        match refusals.next() {
            Some((at, error)) => (at, Some(NotPublished::Backend(error))),
            None => (records.len(), None),
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.send(Command::Bye);
    }
}

impl Backend for Remote {
    fn capabilities(&self) -> Capabilities {
        self.shared.terms.capabilities
    }

    fn capacity(&self) -> usize {
        self.shared.terms.capacity
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
        let mut before = 0;
        while !records.is_empty() {
            let rest = records.split_off(parcel_of(&records));
            let parcel = std::mem::replace(&mut records, rest);
            let count = parcel.len();
            self.publish_parcel(parcel, (&progress, before), waits)
                .await?;
            before += count;
        }
        refused.map_or(Ok(()), Err)
    }

    fn outgoing(&self, _record: Record) -> Result<Outgoing, Error> {
        let message =
            "there are no transactions here: events are sent within one in PostgreSQL alone";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    async fn request(&self, record: Record, asking: Asking) -> Result<Bytes, Unanswered> {
        let refused = |why| Unanswered {
            why,
            was_taken: false,
        };
        if self.is_closed() {
            return Err(refused(Why::Closed));
        }
        if let Some(error) = self.too_large("event", record.content.len()) {
            return Err(refused(Why::Backend(error)));
        }
        let (told, word) = promise();
        let deadline = Instant::now() + asking.timeout.min(FOREVER);
        // Dropped last: whoever sees by it that nobody waits any more answers behind the word that says so.
        let _own = Owned {
            shared: &self.shared,
            id: self.shared.own().begin(&record, deadline),
        };
        let mut waiting = self.begin(Call::Request(Question {
            record,
            deadline,
            waits_for_consumer: asking.waits_for_consumer,
            told,
        }));
        let answered = word.await;
        waiting.has_ended = true;
        answered.unwrap_or_else(|| {
            Err(Unanswered {
                why: Why::Backend(ended()),
                was_taken: true,
            })
        })
    }

    async fn join(&self, place: Place<'_>) -> Result<Reader, Error> {
        let place = match place {
            Place::In(group) => Seat::In(group.to_owned()),
            Place::Beside(reader) => Seat::Beside(reader.0),
        };
        let (told, word) = promise();
        let mut waiting = self.begin(Call::Join {
            reader: self.shared.number(),
            place,
            told,
        });
        let joined = word.await;
        waiting.has_ended = true;
        let kept = joined.unwrap_or_else(|| Err(ended()))?;
        Ok(kept.take().expect("nobody takes it back"))
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
            let mut waiting = self.begin(Call::Fetch {
                reader,
                max,
                wait,
                got: Vec::new(),
                told,
            });
            let handed = word.await;
            waiting.has_ended = true;
            let handed = handed.unwrap_or_else(|| Err(NotFetched::Backend(ended())));
            // What was offered may have been taken back, since nobody looked for a while.
            if let Some(fetched) = handed?.take() {
                return Ok(fetched);
            }
        }
    }

    async fn settle(&self, receipt: Receipt, how: Settlement) -> Result<Settled, Error> {
        let begun = self.shared.hands().begin(receipt);
        let Some(stage) = begun else {
            return Ok(Settled::TooLate);
        };
        let refused = match &how {
            // The keeper takes it back where nothing is heard of this guest, and says so.
            Settlement::Extend => Some(Ok(Settled::Yes)),
            Settlement::Answer(answer) => self.too_large("answer", answer.len()).map(Err),
            Settlement::Done => None,
            _ => (stage == Stage::Owed).then(|| Err(settled_already())),
        };
        if let Some(refused) = refused {
            self.shared.hands().put(receipt, stage);
            return refused;
        }
        if matches!(how, Settlement::Owe) {
            // From now on it can be answered, also before the keeper has heard of this.
            self.shared.hands().put(receipt, Stage::Owed);
        }
        let (told, word) = promise();
        let mut waiting = self.begin(Call::Settle {
            receipt,
            stage,
            how,
            told,
        });
        waiting.has_ended = true;
        word.await.unwrap_or_else(|| Err(ended()))
    }

    async fn unwanted(&self, receipt: Receipt) {
        let wanted = self.shared.hands().wanted(receipt);
        match wanted {
            Wanted::No => {}
            Wanted::ForEver => std::future::pending().await,
            Wanted::Until(word, gone) => {
                let word = async { word.await.unwrap_or_default() };
                match gone {
                    None => word.await,
                    Some(gone) => either(gone.wait(), word).await,
                }
            }
        }
    }

    fn in_hand(&self) -> usize {
        self.shared.hands().in_hand()
    }

    async fn stats(&self, group: Option<&str>) -> Result<Option<Stats>, Error> {
        let is_all = group.is_none();
        match self.ask(Plain::Stats(group.map(str::to_owned))).await? {
            Answer::Stats(mut stats) => {
                if let Some(all) = stats.as_mut().filter(|_| is_all) {
                    all.reconnects = self.shared.reconnects();
                }
                Ok(stats)
            }
            _ => Err(unexpected()),
        }
    }

    async fn groups(&self) -> Result<Vec<String>, Error> {
        match self.ask(Plain::Groups).await? {
            Answer::Groups(groups) => Ok(groups),
            _ => Err(unexpected()),
        }
    }

    async fn remove_group(&self, group: &str) -> Result<bool, Error> {
        match self.ask(Plain::RemoveGroup(group.to_owned())).await? {
            Answer::Is(removed) => Ok(removed),
            _ => Err(unexpected()),
        }
    }

    async fn purge(&self) -> Result<usize, Error> {
        self.count(Plain::Purge).await
    }

    async fn dead(&self, group: &str, which: Letters) -> Result<Vec<Dead>, Error> {
        match self
            .ask(Plain::Dead(group.to_owned(), which.into()))
            .await?
        {
            Answer::Dead(letters) => Ok(letters),
            _ => Err(unexpected()),
        }
    }

    async fn replay(&self, group: &str, which: Letters) -> Result<usize, Error> {
        self.count(Plain::Replay(group.to_owned(), which.into()))
            .await
    }

    async fn discard(&self, group: &str, which: Letters) -> Result<usize, Error> {
        self.count(Plain::Discard(group.to_owned(), which.into()))
            .await
    }

    async fn close(&self) -> Result<(), Error> {
        self.come_to(Ending::Closed).await;
        Ok(())
    }

    async fn drain(&self) -> Result<(), Error> {
        self.come_to(Ending::Drained).await;
        let (told, word) = promise();
        self.shared.send(Command::Drain(told));
        word.await.ok_or_else(ended)
    }
}

/// How many of these, from the first one on, are one parcel.
fn parcel_of(records: &[Record]) -> usize {
    let mut bytes = 0;
    let fitting = records.iter().take_while(|record| {
        bytes += weight(record);
        bytes <= GREATEST_PARCEL
    });
    fitting.count().max(1)
}

/// A sender's interest in its parcel. Dropped, no more of it is put on its way.
#[derive(Default)]
struct Interest(Arc<Mutex<bool>>);

impl Drop for Interest {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// A request that waits. Dropped, whoever works on it here sees that at once.
struct Owned<'a> {
    shared: &'a Shared,
    id: Option<Box<str>>,
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        let gone = self.id.take().and_then(|id| self.shared.own().end(&id));
        if let Some(gone) = gone {
            gone.tell();
        }
    }
}

/// Ends when one of them does.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Pending => other.as_mut().poll(cx),
        ready => ready,
    })
    .await;
}

/// Somebody who waits. Dropped, it is said that nobody does any more.
struct Waiting<'a> {
    shared: &'a Shared,
    number: u64,
    has_ended: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.send(Command::Cancel(self.number));
        }
    }
}

/// The keeper answered something that was not asked.
fn unexpected() -> Error {
    let message = "the keeper of the queue answered what was not asked; use one version of the library for all drivers of a queue";
    Error::new(ErrorKind::Io, message)
}
