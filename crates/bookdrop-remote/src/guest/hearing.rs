//! What the keeper says, told to those who wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bookdrop_backend::telling::Promise;
use bookdrop_backend::{
    Dead, Error, Fetched, NotFetched, Reader, Receipt, Settled, Settlement, Wait,
};
use bookdrop_records::HandOver;

use super::commands::{Answer, Call, Handed, Kept, receipts};
use super::hands::{Request, Stage};
use super::own::Gone;
use super::{Asked, Guest, Keeper, Sitting};
use crate::wire::Rest;
use crate::words::{self, Ask, End, Said, Seat, Tell};

impl Guest {
    pub(super) fn hear_words(&mut self, now: Instant) {
        while let Some(session) = self.session() {
            let word = session.next_word();
            let heard = match word {
                Ok(None) => return,
                Ok(Some(heard)) => words::read(heard).ok(),
                Err(_) => None,
            };
            let is_understood =
                heard.and_then(|(tell, rest, said)| self.hear(tell, rest, (said, now)));
            if is_understood.is_none() {
                // There is no way on in this session.
                return self.begin_again(now);
            }
        }
    }

    /// `None` for what no keeper says.
    fn hear(&mut self, tell: Tell, mut rest: Rest, (said, now): (Instant, Instant)) -> Option<()> {
        match tell {
            Tell::Welcome { hands, lost, lease } => {
                self.lease = Duration::from_millis(lease);
                self.welcome(&hands, &lost, now);
            }
            Tell::Taken { call, count } => {
                if let Some(Asked {
                    call: Call::Publish(parcel),
                    ..
                }) = self.calls.get_mut(&call)
                {
                    parcel.count.set(usize::try_from(count).ok()?);
                }
            }
            Tell::Handed {
                call,
                fetched,
                name,
            } => {
                let fetched = fetched.read(&mut rest, said)?;
                self.take_in_hand(call, fetched, HandOver(name), now);
            }
            Tell::Unwanted { hand } => self.shared.hands().set_unwanted(hand),
            Tell::Letter { call, dead } => {
                let dead = dead.read(&mut rest)?;
                self.add_letter(call, dead);
            }
            Tell::Ended { call, end } => {
                if let Some(asked) = self.take(call) {
                    // All of it was wanted by nobody: there may be something else.
                    if matches!(end, End::Fetched(Ok(()))) && asked.call.has_got_nothing() {
                        self.begin(call, asked.call, now);
                        return Some(());
                    }
                    self.ended(asked.call, end, rest, now)?;
                }
            }
        }
        Some(())
    }

    fn take_in_hand(&mut self, call: u64, mut fetched: Fetched, name: HandOver, now: Instant) {
        let number = fetched.receipt.0;
        let gone = self.own(&mut fetched, now);
        let is_late = gone.is_some() && fetched.deadline.is_some_and(|deadline| deadline <= now);
        match self.calls.get_mut(&call) {
            Some(Asked {
                call: Call::Fetch { got, .. },
                ..
            }) if !is_late => {
                let mut hands = self.shared.hands();
                let request = fetched.deadline.map(|_| Request::new(gone));
                fetched.receipt = hands.hold(number, name, request);
                got.push(fetched);
            }
            // Nobody waits for it any more, or nobody wants the answer.
            _ => self.say(&Ask::PutBack(vec![number]), now),
        }
    }

    /// Of a request of this very guest it is known when nobody wants its answer any more, and by its own clock.
    fn own(&self, fetched: &mut Fetched, now: Instant) -> Option<Arc<Gone>> {
        fetched.deadline?;
        let mut own = self.shared.own();
        let asking = own.get(&fetched.record)?;
        // One that comes too late for that is put back.
        asking.was_taken |= asking.deadline > now;
        fetched.deadline = Some(asking.deadline);
        Some(asking.gone.clone())
    }

    /// These do not get to their consumer.
    pub(super) fn put_back(&mut self, fetched: &[Fetched], now: Instant) {
        let receipts = receipts(fetched);
        if !receipts.is_empty() {
            self.obey(super::Command::PutBack(receipts), now);
        }
    }

    fn add_letter(&mut self, call: u64, dead: Dead) {
        if let Some(Asked {
            call: Call::Plain { letters, .. },
            ..
        }) = self.calls.get_mut(&call)
        {
            letters.push(dead);
        }
    }

    /// A call ended, and whoever waits for it is told.
    fn ended(&mut self, call: Call, end: End, mut rest: Rest, now: Instant) -> Option<()> {
        match (call, end) {
            (Call::Publish(mut parcel), End::Published(taken, published)) => {
                if published.is_err() {
                    parcel.count.set(usize::try_from(taken).ok()?);
                }
                self.tell(parcel.told, published.map_err(Into::into));
            }
            (Call::Request(question), End::Answered(answered)) => {
                let outcome = answered.read(&mut rest)?;
                self.tell(question.told, outcome);
            }
            (
                Call::Join {
                    reader,
                    place,
                    told,
                },
                End::Joined(joined),
            ) => self.joined((reader, place), joined.map_err(Into::into), told),
            (
                Call::Fetch {
                    reader,
                    wait,
                    got,
                    told,
                    ..
                },
                End::Fetched(fetched),
            ) => {
                let fetched = fetched.map(|()| got).map_err(Into::into);
                self.fetched((reader, wait), fetched, told, now);
            }
            (
                Call::Settle {
                    receipt,
                    stage,
                    how,
                    told,
                },
                End::Settled(settled),
            ) => {
                let settled = settled.map(Into::into).map_err(Into::into);
                self.settled((receipt, stage), &how, settled, told);
            }
            (Call::Plain { letters, told, .. }, End::Plain(said)) => {
                let answer = said.map(|said| answer(said, letters));
                self.tell(told, answer.map_err(Into::into));
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn joined(
        &mut self,
        (reader, place): (u64, Seat),
        joined: Result<(), Error>,
        told: Promise<Result<Kept, Error>>,
    ) {
        let kept = joined.map(|()| {
            let (group, is_over) = match place {
                Seat::In(group) => (group, false),
                Seat::Beside(other) => {
                    let other = self.readers.get(&other);
                    let other = other.map(|other| (other.group.clone(), other.is_over));
                    other.unwrap_or_default()
                }
            };
            self.readers.insert(reader, Sitting { group, is_over });
            Kept::new(&self.shared, Reader(reader))
        });
        self.tell(told, kept);
    }

    fn fetched(
        &mut self,
        (reader, wait): (Reader, Wait),
        fetched: Result<Vec<Fetched>, NotFetched>,
        told: Promise<Result<Handed, NotFetched>>,
        now: Instant,
    ) {
        let is_over = matches!(fetched, Err(NotFetched::Closed)) && !self.shared.is_closed();
        if is_over && let Some(sitting) = self.readers.get_mut(&reader.0) {
            sitting.is_over = true;
        }
        let handed = fetched.map(|fetched| {
            let handed = Handed::new(&self.shared, fetched);
            if wait == Wait::Loosely {
                self.offers.note(&handed, now);
            }
            handed
        });
        self.tell(told, handed);
    }

    pub(super) fn settled(
        &mut self,
        (receipt, stage): (Receipt, Stage),
        how: &Settlement,
        settled: Result<Settled, Error>,
        told: Promise<Result<Settled, Error>>,
    ) {
        let owes = matches!(how, Settlement::Owe);
        {
            let mut hands = self.shared.hands();
            let stands = hands.get(receipt).map(|hand| hand.stage);
            match &settled {
                Ok(Settled::TooLate) => drop(hands.end(receipt)),
                Ok(_) if !owes => drop(hands.end(receipt)),
                // Somebody may answer already.
                Err(_) if !owes || stands == Some(Stage::Owed) => hands.put(receipt, stage),
                _ => {}
            }
        }
        self.tell(told, settled);
    }

    /// Tells whoever waits, if anybody does. What nobody takes is dropped there.
    pub(super) fn tell<V: Send + 'static>(&self, told: Promise<V>, value: V) {
        self.shared.teller.send(told, value);
    }

    pub(super) fn is_here(&self) -> bool {
        matches!(self.keeper, Keeper::Here(_))
    }
}

fn answer(said: Said, letters: Vec<Dead>) -> Answer {
    match said {
        Said::Stats(stats) => Answer::Stats(stats.map(Into::into)),
        Said::Groups(groups) => Answer::Groups(groups),
        Said::Dead => Answer::Dead(letters),
        Said::Is(is) => Answer::Is(is),
        Said::Count(count) => Answer::Count(usize::try_from(count).unwrap_or(usize::MAX)),
        Said::Done => Answer::Done,
    }
}
