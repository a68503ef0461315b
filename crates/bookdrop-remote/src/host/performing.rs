//! What a guest asks, done by the backend; and how that ends, told to the guest.

mod telling;

use std::sync::Arc;
use std::time::Instant;

use bookdrop_backend::{
    Backend, Dead, Error, Fetched, NotFetched, NotPublished, Place, Progress, Reader, Receipt,
    Settled, Settlement, Stats, Unanswered, Wait, Why,
};
use bookdrop_records::{HandOver, Until};
use bytes::Bytes;

use super::seat::{Arriving, Leaves};
use super::work::Task;
use super::{Host, Key, Number};
use crate::error::unknown_reader;
use crate::hosted::{Ending, Hosted};
use crate::names::GuestId;
use crate::wire::Rest;
use crate::words::{Ask, Coming, Plain, Seat, What};

/// How a future of the backend ended.
pub(super) enum Done {
    Published(Result<(), NotPublished>),
    Answered(Result<Bytes, Unanswered>),
    Joined(u64, Result<Reader, Error>),
    /// It came with its guest.
    JoinedAgain(u64, Result<Reader, Error>),
    Fetched(Result<Vec<Fetched>, NotFetched>),
    Settled(Settling, Result<Settled, Error>),
    /// Nobody wants the answer any more.
    Unwanted,
    Plain(Result<Answer, Error>),
}

/// What is being settled.
#[derive(Clone, Copy)]
pub(super) struct Settling {
    hand: u64,
    receipt: Receipt,
    /// Whether it is to be answered later.
    owes: bool,
}

/// What comes of a plain question.
pub(super) enum Answer {
    Stats(Option<Stats>),
    Groups(Vec<String>),
    Dead(Vec<Dead>),
    Is(bool),
    Count(usize),
    Done,
}

impl<B: Hosted> Host<B> {
    /// `None` for what no guest says.
    pub(super) fn perform(
        &mut self,
        guest: GuestId,
        ask: Ask,
        mut rest: Rest,
        said: Instant,
        now: Instant,
    ) -> Option<()> {
        let seat = self.seats.get_mut(&guest)?;
        match ask {
            Ask::Come(coming) => self.come(guest, coming, now),
            Ask::Carry { call, record } => {
                let record = record.read(&mut rest)?;
                seat.carry(call, record)?;
            }
            Ask::Call { call, what } => {
                let number = Number::Call(call);
                if !seat.calls.insert(number) {
                    return None;
                }
                self.call(self.key(guest, number)?, what, rest, (said, now))?;
            }
            Ask::Cancel(call) => self.cancel(guest, call),
            Ask::PutBack(hands) => self.put_back(guest, &hands),
            Ask::Leave(reader) => {
                if let Some(reader) = seat.readers.remove(&reader) {
                    self.hosted.queue().leave(reader);
                }
            }
            Ask::Beat => {}
            Ask::Bye => seat.leaves = Some(Leaves::Farewell),
        }
        Some(())
    }

    pub(super) fn key(&self, guest: GuestId, call: Number) -> Option<Key> {
        let session = self.seats.get(&guest)?.session.between().session;
        Some(Key {
            guest,
            session,
            call,
        })
    }

    pub(super) fn begin(&mut self, key: Key, task: Task<Done>, now: Instant) {
        match self.work.begin(key, task) {
            Some(done) => self.told(key, done, now),
            None => self.tell_taken(key, now),
        }
    }

    /// A guest comes, with what it has.
    fn come(&mut self, guest: GuestId, coming: Coming, now: Instant) {
        let Some(seat) = self.seats.get_mut(&guest) else {
            return;
        };
        let (mut hands, mut lost) = (Vec::new(), Vec::new());
        let was_lost = self.ended.get(&guest);
        for (own, name) in coming.held {
            let name = HandOver(name);
            let inherited = seat.inherited.remove(&name).map(|(receipt, _)| receipt);
            match inherited.or_else(|| self.hosted.claim(guest, name)) {
                // It said itself that it has it.
                Some(receipt) => {
                    let is_request = self.hosted.name_of(receipt).is_none();
                    hands.push((own, seat.hold(receipt, 0, is_request)));
                }
                None => {
                    let was_lost = was_lost.is_some_and(|(_, lost)| lost.contains(&name));
                    if was_lost || self.hosted.was_lost(guest, name) {
                        lost.push(own);
                    }
                }
            }
        }
        let unclaimed = std::mem::take(&mut seat.inherited);
        seat.arriving = Some(Arriving {
            joining: coming.readers.len(),
            hands,
            lost,
        });
        for (receipt, was_heard) in unclaimed.into_values() {
            self.take_back(receipt, was_heard);
        }
        self.hosted.settle_claims(guest);
        for (reader, group) in coming.readers {
            let hosted = self.hosted.clone();
            self.errand(guest, now, async move {
                let joined = hosted.queue().join(Place::In(&group)).await;
                Done::JoinedAgain(reader, joined)
            });
        }
        self.welcome(guest, now);
        self.watch_requests(guest, now);
        if coming.ending > Ending::Open {
            self.hosted.end_for(guest, coming.ending);
        }
    }

    fn errand(
        &mut self,
        guest: GuestId,
        now: Instant,
        task: impl Future<Output = Done> + Send + 'static,
    ) {
        let Some(seat) = self.seats.get_mut(&guest) else {
            return;
        };
        let number = seat.errand();
        seat.calls.insert(number);
        if let Some(key) = self.key(guest, number) {
            self.begin(key, Box::pin(task), now);
        }
    }

    /// These never got to their consumer.
    fn put_back(&mut self, guest: GuestId, hands: &[u64]) {
        for hand in hands {
            let seat = self.seats.get_mut(&guest);
            if let Some(held) = seat.and_then(|seat| seat.hands.remove(hand)) {
                self.hosted.put_back(held.receipt);
                self.watch_no_more(guest, *hand);
            }
        }
    }

    /// Nobody waits for it any more.
    fn cancel(&mut self, guest: GuestId, call: u64) {
        let Some(key) = self.key(guest, Number::Call(call)) else {
            return;
        };
        self.work.end(key);
        if let Some(seat) = self.seats.get_mut(&guest) {
            seat.calls.remove(&key.call);
            seat.take_carried(call);
            seat.publishing.remove(&call);
        }
    }

    fn call(
        &mut self,
        key: Key,
        what: What,
        mut rest: Rest,
        (said, now): (Instant, Instant),
    ) -> Option<()> {
        let seat = self.seats.get_mut(&key.guest)?;
        let hosted = self.hosted.clone();
        let task: Task<Done> = match what {
            What::Publish { waits } => {
                let Number::Call(call) = key.call else {
                    return None;
                };
                let records = seat.take_carried(call);
                let progress = Progress::default();
                seat.publishing.insert(call, (progress.clone(), None));
                Box::pin(async move {
                    let published = hosted.publish_for(key.guest, records, progress, waits);
                    Done::Published(published.await)
                })
            }
            What::Request {
                record,
                left,
                waits_for_consumer,
            } => {
                let record = record.read(&mut rest)?;
                let deadline = left.since(said);
                if deadline <= now {
                    let late = Unanswered {
                        why: Why::Deadline,
                        was_taken: false,
                    };
                    self.told(key, Done::Answered(Err(late)), now);
                    return Some(());
                }
                Box::pin(async move {
                    let until = Until {
                        deadline,
                        waits_for_consumer,
                    };
                    Done::Answered(hosted.request_for(key.guest, record, until).await)
                })
            }
            What::Join { reader, place } => {
                let place = match place {
                    Seat::In(group) => Ok(group),
                    Seat::Beside(other) => Err(seat.readers.get(&other).copied()),
                };
                Box::pin(async move { Done::Joined(reader, join(hosted.queue(), place).await) })
            }
            What::Fetch { reader, max, waits } => {
                let Some(reader) = seat.readers.get(&reader).copied() else {
                    self.told(key, Done::Fetched(Err(NotFetched::Closed)), now);
                    return Some(());
                };
                let max = usize::try_from(max).unwrap_or(usize::MAX);
                let wait = if waits { Wait::Yes } else { Wait::No };
                Box::pin(async move {
                    Done::Fetched(hosted.fetch_for(key.guest, reader, max, wait).await)
                })
            }
            What::Settle { hand, how } => {
                let how = how.read(&mut rest)?;
                self.settle(key, hand, how)
            }
            What::Plain(plain) => Box::pin(answer(hosted, key.guest, plain)),
        };
        self.begin(key, task, now);
        Some(())
    }

    fn settle(&mut self, key: Key, hand: u64, how: Settlement) -> Task<Done> {
        let seat = self.seats.get_mut(&key.guest);
        let receipt = seat.and_then(|seat| {
            seat.settling.insert(key.call);
            seat.hands.get(&hand).map(|held| held.receipt)
        });
        let hosted = self.hosted.clone();
        let settling = Settling {
            hand,
            receipt: receipt.unwrap_or(Receipt(0)),
            owes: matches!(how, Settlement::Owe),
        };
        Box::pin(async move {
            let settled = match receipt {
                Some(receipt) => hosted.queue().settle(receipt, how).await,
                None => Ok(Settled::TooLate),
            };
            Done::Settled(settling, settled)
        })
    }
}

async fn join(
    queue: &impl Backend,
    place: Result<String, Option<Reader>>,
) -> Result<Reader, Error> {
    match place {
        Ok(group) => queue.join(Place::In(&group)).await,
        Err(Some(other)) => queue.join(Place::Beside(other)).await,
        Err(None) => Err(unknown_reader()),
    }
}

async fn answer<B: Hosted>(hosted: Arc<B>, guest: GuestId, plain: Plain) -> Done {
    let queue = hosted.queue();
    Done::Plain(match plain {
        Plain::Stats(group) => queue.stats(group.as_deref()).await.map(Answer::Stats),
        Plain::Groups => queue.groups().await.map(Answer::Groups),
        Plain::Dead(group, which) => queue.dead(&group, which.into()).await.map(Answer::Dead),
        Plain::RemoveGroup(group) => queue.remove_group(&group).await.map(Answer::Is),
        Plain::Purge => queue.purge().await.map(Answer::Count),
        Plain::Replay(group, which) => queue.replay(&group, which.into()).await.map(Answer::Count),
        Plain::Discard(group, which) => {
            queue.discard(&group, which.into()).await.map(Answer::Count)
        }
        Plain::End(how) => {
            hosted.end_for(guest, how);
            Ok(Answer::Done)
        }
    })
}
