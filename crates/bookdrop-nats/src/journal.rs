//! The journal of a queue: a chain of messages in a stream of the server.
//!
//! Each message lies right behind what its writer had read, or not at all. What the server is to be asked next is said by values that ask
//! nothing themselves, and are told what it said. So every history can be played, of which the tests make use.

mod chain;
mod claim;
#[cfg(all(test, unix))]
mod live;
mod pace;
mod page;
pub(crate) mod placing;
mod reading;
mod reserve;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bookdrop_backend::{Error, ErrorKind};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::api::Stream;
use crate::clock::ServerClock;
use crate::error::Trouble;
use crate::link::{ANSWER, Link};
use crate::names::Names;
use crate::options::Options;
use chain::{Chain, Written};
use claim::{Claim, ClaimAnswer, ClaimAsk, Claimed};
use pace::{MESSAGES_AT_ONCE, Turns};
use page::Page;
pub(crate) use page::{DriverId, Epoch, Unreadable};
use placing::{Answer, Ask, Placing};
use reading::{Reading, Seen};
pub(crate) use reserve::ROOM_WHEN_SCARCE;
use reserve::Reserve;

/// What was not answered is asked again after so long.
const ASKS_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Bytes of a message at most, whatever the server takes: what is written at once is to be there soon.
const LONGEST_MESSAGE: usize = 512 << 10;

/// What was found in a stream beside its pages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Messages that cannot be read, or are missing.
    pub(crate) damaged: Vec<u64>,
    /// Messages that take room and say nothing.
    pub(crate) reserve: Vec<u64>,
    /// Bytes of pages.
    pub(crate) bytes: u64,
}

/// The journal of a queue.
#[derive(Clone)]
pub(crate) struct Journal {
    stream: Stream,
    driver: DriverId,
    /// Of all who read.
    turns: Rc<Turns>,
}

impl Journal {
    /// The journal of this driver. Makes the stream of the queue if it is not there.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(crate) async fn open(
        link: Link,
        names: Names,
        options: &Options,
        driver: DriverId,
    ) -> Result<Self, Error> {
        let stream = Stream::new(link, names);
        let created = again_for(options.patience, || stream.create(options.of_stream())).await;
        created.map_err(Trouble::into_error)?;
        Ok(Journal {
            turns: Rc::new(Turns::new(longest_message(&stream))),
            stream,
            driver,
        })
    }

    /// Ends when it is known that the user may let go of pages. Where not, the server says so beside.
    ///
    /// # Errors
    /// Whatever the server or the way to it says.
    pub(crate) async fn may_purge(&self, patience: Duration) -> Result<(), Error> {
        let asked = again_for(patience, || self.stream.may_purge()).await;
        asked.map_err(Trouble::into_error)
    }

    /// Bytes that a page may have.
    pub(crate) fn longest_page(&self) -> usize {
        longest_message(&self.stream).saturating_sub(Page::BESIDE)
    }

    /// The server's clock.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn clock(&self) -> Result<ServerClock, Error> {
        loop {
            let asked = Instant::now();
            let told = self.stream.time().await;
            match told {
                Ok(said) => return Ok(ServerClock::new(asked, Instant::now(), said)),
                Err(Trouble::Lost(_)) => tokio::time::sleep(ASKS_AGAIN_AFTER).await,
                Err(trouble) => return Err(trouble.into_error()),
            }
        }
    }

    /// The last epoch, if there was any.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn last_epoch(&self) -> Result<Option<Epoch>, Error> {
        let last = again(|| self.stream.last_epoch()).await;
        last.map_err(Trouble::into_error)
    }

    /// Begins an epoch, in place of this one, at this time in milliseconds since 1970. `None` where another one has begun meanwhile,
    /// or the keeper of that one has written something.
    ///
    /// From then on nobody else writes, so what lies before it is all that there is. Where the server has no room, what the former keeper
    /// kept in reserve is let go of.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn begin(
        &self,
        former: Option<Epoch>,
        at: u64,
    ) -> Result<Option<Writer>, Error> {
        let mut claim = Claim::new(self.driver, former, at);
        let mut is_scarce = false;
        loop {
            let answer = match self.answer_to_claim(claim.asks()).await {
                Err(error) if error.kind() == ErrorKind::NoSpace && !is_scarce => {
                    is_scarce = true;
                    let purged = again(|| self.stream.purge_reserve()).await;
                    purged.map_err(Trouble::into_error)?;
                    continue;
                }
                answer => answer?,
            };
            match claim.told(answer) {
                None => {}
                Some(Claimed::Beaten) => return Ok(None),
                Some(Claimed::Epoch(epoch)) => {
                    return Ok(Some(Writer {
                        stream: self.stream.clone(),
                        epoch,
                        chain: Chain::new(epoch),
                        reserve: Reserve::new(is_scarce),
                    }));
                }
            }
        }
    }

    async fn answer_to_claim(&self, ask: ClaimAsk<'_>) -> Result<ClaimAnswer, Error> {
        let answer = match ask {
            ClaimAsk::Bounds => self.stream.bounds().await.map(ClaimAnswer::Bounds),
            ClaimAsk::LastEpoch => self.stream.last_epoch().await.map(ClaimAnswer::LastEpoch),
            ClaimAsk::Of(ask, placing) => {
                let subject = self.stream.names().beginning(self.driver);
                let answer = answer(&self.stream, subject, ask, placing).await?;
                return Ok(ClaimAnswer::Of(answer));
            }
        };
        or_nothing(answer, ClaimAnswer::Nothing).await
    }

    /// Reads what lies before the epoch of this keeper: hands every page over with its sequence, in their order. Returns what else was
    /// found.
    ///
    /// # Errors
    /// Whatever the server says; `NewerVersion` where a newer version wrote it, and `Invalid` where somebody else did.
    pub(crate) async fn read(
        &self,
        up_to: &Writer,
        page: impl FnMut(u64, Bytes),
    ) -> Result<Found, Error> {
        let first = self.first().await?;
        let mut found = self.read_all(first..=up_to.epoch.sequence, page).await?;
        if !found.damaged.is_empty() {
            // What the former keeper let go of meanwhile is needed by nobody.
            let first = self.first().await?;
            found.damaged.retain(|sequence| *sequence >= first);
        }
        Ok(found)
    }

    /// Where the stream begins.
    async fn first(&self) -> Result<u64, Error> {
        let bounds = again(|| self.stream.bounds()).await;
        Ok(bounds.map_err(Trouble::into_error)?.first)
    }

    async fn read_all(
        &self,
        sequences: RangeInclusive<u64>,
        mut page: impl FnMut(u64, Bytes),
    ) -> Result<Found, Error> {
        let get = async |sequence| {
            let message = self.get(sequence).await;
            message.map(|message| (sequence, message))
        };
        let mut messages = stream::iter(sequences).map(get).buffered(MESSAGES_AT_ONCE);
        let (mut reading, mut found) = (Reading::default(), Found::default());
        while let Some(message) = messages.next().await {
            let (sequence, message) = message?;
            match reading.see(sequence, message.as_ref()) {
                Ok(Seen::Page(body)) => {
                    found.bytes += body.len() as u64;
                    page(sequence, body);
                }
                Ok(Seen::Reserve) => found.reserve.push(sequence),
                Ok(Seen::Nothing) => {}
                Err(Unreadable::Damaged) => found.damaged.push(sequence),
                Err(other) => return Err(unreadable(sequence, other)),
            }
        }
        found.damaged.append(&mut reading.into_lost());
        Ok(found)
    }

    /// What these pages say, in their order; `None` of one that is gone, or cannot be read. The server is asked until it answers.
    ///
    /// # Errors
    /// Whatever the server says.
    pub(crate) async fn pages(&self, sequences: Vec<u64>) -> Result<Vec<Option<Bytes>>, Error> {
        let pages = stream::iter(sequences).map(|sequence| self.page(sequence));
        pages.buffered(MESSAGES_AT_ONCE).try_collect().await
    }

    async fn page(&self, sequence: u64) -> Result<Option<Bytes>, Error> {
        let message = self.get(sequence).await?;
        let page = message.and_then(|message| Page::decode(&message).ok());
        Ok(page.map(|page| page.body))
    }

    /// A message that all replicas have, or will have soon; `None` where it is gone.
    async fn get(&self, sequence: u64) -> Result<Option<Bytes>, Error> {
        loop {
            let get = async |limit| self.stream.get(sequence, limit).await;
            let got = self.turns.ask(get).await;
            if let Some(message) = got.map_err(Trouble::into_error)? {
                return Ok(Some(message));
            }
            // It is behind the end for a replica that lags.
            let is_there = again(|| self.stream.has(sequence)).await;
            if !is_there.map_err(Trouble::into_error)? {
                return Ok(None);
            }
            tokio::time::sleep(ASKS_AGAIN_AFTER).await;
        }
    }
}

/// The keeper's end of a journal.
pub(crate) struct Writer {
    stream: Stream,
    epoch: Epoch,
    chain: Chain,
    reserve: Reserve,
}

impl Writer {
    /// When it became the keeper.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Writes a page that says this, at this time in milliseconds since 1970. Ends when the server has confirmed it, with its sequence.
    /// As long as it cannot be reached it is asked again.
    ///
    /// Dropped, it goes on: the next one that is written waits for it first.
    ///
    /// # Errors
    /// `InUse`, where another driver is the keeper by now; `NoSpace`, where there is no room; `Broken`, where somebody else published
    /// into the stream, or its end was lost; and whatever else the server says.
    pub(crate) async fn write(&mut self, body: Bytes, at: u64) -> Result<u64, Error> {
        if self.chain.is_busy() {
            self.go_on().await?;
        }
        self.reserve.note_written(body.len());
        self.chain.write(body, at);
        self.go_on().await
    }

    /// Goes on with a page that is on its way still, since writing it was dropped, or there was no room for it.
    ///
    /// # Errors
    /// As of [`write`](Writer::write).
    ///
    /// # Panics
    /// If there is none.
    pub(crate) async fn go_on(&mut self) -> Result<u64, Error> {
        let names = self.stream.names();
        let subject = match self.chain.is_reserve() {
            true => names.reserve(self.epoch),
            false => names.pages(self.epoch),
        };
        while let Some((ask, placing)) = self.chain.asks() {
            let answer = answer(&self.stream, subject.clone(), ask, placing).await?;
            if let Some(written) = self.chain.told(answer) {
                return told(written);
            }
        }
        panic!("no page is on its way")
    }

    /// Lets go of all that lies before this sequence.
    ///
    /// # Errors
    /// Whatever the server says. It may be done all the same.
    pub(crate) async fn purge_before(&mut self, sequence: u64) -> Result<(), Error> {
        let purged = self.purging(sequence).await;
        self.note_purge(sequence);
        purged
    }

    /// The same beside what is written. This is told of it by [`note_purge`](Writer::note_purge) when it has ended.
    pub(crate) fn purging(&self, before: u64) -> impl Future<Output = Result<(), Error>> + use<> {
        let stream = self.stream.clone();
        async move {
            let purged = stream.purge_before(before).await;
            purged.map_err(Trouble::into_error)
        }
    }

    /// What lies before this sequence was let go of, or may have been.
    pub(crate) fn note_purge(&mut self, before: u64) {
        self.reserve.note_purge(before);
    }
}

fn longest_message(stream: &Stream) -> usize {
    stream.longest_message().min(LONGEST_MESSAGE)
}

/// What the server says to this.
async fn answer(
    stream: &Stream,
    subject: String,
    ask: Ask,
    placing: &Placing,
) -> Result<Answer, Error> {
    let answer = match ask {
        Ask::Put => {
            let message = placing.message().clone();
            let put = stream.put(subject, message, placing.after()).await;
            put.map(|is_put| match is_put {
                true => Answer::Put,
                false => Answer::NotTheEnd,
            })
        }
        Ask::Look => stream.get(placing.place(), ANSWER).await.map(Answer::Found),
        Ask::Bounds => stream.bounds().await.map(Answer::Bounds),
    };
    or_nothing(answer, Answer::Nothing).await
}

/// Where no word came, that is said after a pause.
async fn or_nothing<A>(answer: Result<A, Trouble>, nothing: A) -> Result<A, Error> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(Trouble::Lost(_)) => {
            tokio::time::sleep(ASKS_AGAIN_AFTER).await;
            Ok(nothing)
        }
        Err(Trouble::Refused(_, error)) => Err(error),
    }
}

/// Asks until a word comes, or so much time is over. What is asked may be done several times.
async fn again_for<A>(
    patience: Duration,
    ask: impl AsyncFn() -> Result<A, Trouble>,
) -> Result<A, Trouble> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(Trouble::Lost(_)) if begun.elapsed() < patience => {
                tokio::time::sleep(ASKS_AGAIN_AFTER).await;
            }
            answer => return answer,
        }
    }
}

/// Asks until a word comes. What is asked may be done several times.
async fn again<A>(ask: impl AsyncFn() -> Result<A, Trouble>) -> Result<A, Trouble> {
    again_for(Duration::MAX, ask).await
}

fn told(written: Written) -> Result<u64, Error> {
    match written {
        Written::At(sequence) => Ok(sequence),
        Written::Replaced => {
            let message = "another driver is the keeper of the queue by now";
            Err(Error::new(ErrorKind::InUse, message))
        }
        Written::Broken(sequence, why) => Err(unreadable(sequence, why)),
        Written::Cut(last) => {
            let message = format!(
                "the server lost what it had confirmed: the stream ends with message {last}"
            );
            Err(Error::new(ErrorKind::Broken, message))
        }
    }
}

/// What is said of a message that is in the way.
pub(crate) fn unreadable(sequence: u64, why: Unreadable) -> Error {
    let (kind, what) = match why {
        Unreadable::Foreign => (
            ErrorKind::Invalid,
            "was not published by a driver of bookdrop".to_owned(),
        ),
        Unreadable::Newer(format) => (
            ErrorKind::NewerVersion,
            format!("has format {format}, which a newer version wrote"),
        ),
        Unreadable::Damaged => (ErrorKind::Broken, "is damaged".to_owned()),
    };
    Error::new(kind, format!("message {sequence} of the stream {what}"))
}
