//! How what was done for a guest ended, in words.

use std::time::Instant;

use bookdrop_backend::{Error, Fetched, NotFetched, Progress, Reader, Settled};
use bookdrop_records::HandOver;

use super::{Answer, Done, Settling};
use crate::host::seat::{Arriving, Seat};
use crate::host::{Host, Key, Number};
use crate::hosted::Hosted;
use crate::names::GuestId;
use crate::wire::{Answered, Contents, WrittenDead, WrittenFetched};
use crate::words::{End, Said, Tell, Word};

impl Seat {
    fn tell(&mut self, tell: &Tell, now: Instant) {
        self.session.say(Word::plain(tell), now);
    }

    fn tell_end(&mut self, call: u64, end: End, contents: Contents, now: Instant) {
        let word = Word::new(&Tell::Ended { call, end }, contents);
        self.session.say(word, now);
    }
}

impl<B: Hosted> Host<B> {
    /// Something ended: whoever asked for it is told.
    pub(in crate::host) fn told(&mut self, key: Key, done: Done, now: Instant) {
        let known = self.seats.get_mut(&key.guest);
        let known = known.filter(|seat| seat.session.between().session == key.session);
        let Some(seat) = known else {
            return self.end_without_guest(done);
        };
        seat.calls.remove(&key.call);
        seat.settling.remove(&key.call);
        match (done, key.call) {
            (Done::JoinedAgain(reader, joined), _) => {
                self.joined_again(key.guest, reader, joined, now);
            }
            (Done::Settled(settling, settled), Number::Call(call)) => {
                seat.settled(call, settling, settled, now);
                if !seat.hands.contains_key(&settling.hand) {
                    self.watch_no_more(key.guest, settling.hand);
                }
            }
            (done, Number::Call(call)) => seat.told(&*self.hosted, call, done, now),
            (_, Number::Watch(hand)) => seat.tell(&Tell::Unwanted { hand }, now),
            // Nobody asked.
            (_, Number::Errand(_)) => {}
        }
        self.watch_requests(key.guest, now);
    }

    /// Its guest is gone.
    fn end_without_guest(&self, done: Done) {
        // It was in hand while it was settled, and is still: nobody has it.
        if let Done::Settled(settling, Err(_)) = done {
            self.hosted.lose(settling.receipt);
        }
    }

    fn joined_again(
        &mut self,
        guest: GuestId,
        reader: u64,
        joined: Result<Reader, Error>,
        now: Instant,
    ) {
        let Some(seat) = self.seats.get_mut(&guest) else {
            return;
        };
        if let Ok(joined) = joined {
            seat.readers.insert(reader, joined);
        }
        if let Some(arriving) = &mut seat.arriving {
            arriving.joining -= 1;
        }
        self.welcome(guest, now);
    }

    /// Welcomes a guest, once all its consumers sit again.
    pub(super) fn welcome(&mut self, guest: GuestId, now: Instant) {
        if let Some(seat) = self.seats.get_mut(&guest)
            && let Some(arriving) = seat.arriving.take_if(|arriving| arriving.joining == 0)
        {
            let Arriving { hands, lost, .. } = arriving;
            let lease = u64::try_from(self.terms.lease.as_millis()).unwrap_or(u64::MAX);
            seat.tell(&Tell::Welcome { hands, lost, lease }, now);
        }
    }

    /// A guest is told how many of its records were taken in, where that is news.
    pub(in crate::host) fn tell_taken(&mut self, key: Key, now: Instant) {
        if let Number::Call(call) = key.call
            && let Some(seat) = self.seats.get_mut(&key.guest)
            && seat.session.between().session == key.session
            && let Some((progress, told)) = seat.publishing.get_mut(&call)
        {
            let taken = progress.taken();
            if told.replace(taken) != Some(taken) {
                let count = taken as u64;
                seat.tell(&Tell::Taken { call, count }, now);
            }
        }
    }
}

impl Seat {
    fn told(&mut self, hosted: &impl Hosted, call: u64, done: Done, now: Instant) {
        let mut contents = Contents::default();
        let end = match done {
            Done::Published(published) => {
                let progress: Option<(Progress, _)> = self.publishing.remove(&call);
                let taken = progress.map_or(0, |(progress, _)| progress.taken() as u64);
                End::Published(taken, published.map_err(Into::into))
            }
            Done::Answered(outcome) => End::Answered(Answered::new(outcome, &mut contents)),
            Done::Joined(reader, joined) => {
                let joined = joined.map(|joined| {
                    self.readers.insert(reader, joined);
                });
                End::Joined(joined.map_err(Into::into))
            }
            Done::Fetched(fetched) => {
                let fetched = self.hand_over(hosted, call, fetched, now);
                End::Fetched(fetched.map_err(Into::into))
            }
            Done::Plain(answer) => {
                let said = answer.map(|answer| self.said(call, answer, now));
                End::Plain(said.map_err(Into::into))
            }
            Done::JoinedAgain(..) | Done::Settled(..) | Done::Unwanted => return,
        };
        self.tell_end(call, end, contents, now);
    }

    /// Each record is a word of its own: together they may be larger than any word.
    fn hand_over(
        &mut self,
        hosted: &impl Hosted,
        call: u64,
        fetched: Result<Vec<Fetched>, NotFetched>,
        now: Instant,
    ) -> Result<(), NotFetched> {
        for fetched in fetched? {
            let mut contents = Contents::default();
            let HandOver(name) = self.name_of(hosted, fetched.receipt);
            let hand = self.hold(fetched.receipt, u64::MAX, fetched.deadline.is_some());
            let fetched = WrittenFetched::new(fetched, hand, now, &mut contents);
            let handed = Tell::Handed {
                call,
                fetched,
                name,
            };
            let word = Word::new(&handed, contents);
            let word = self.session.say(word, now);
            if let Some(held) = self.hands.get_mut(&hand) {
                held.word = word;
            }
        }
        Ok(())
    }

    fn settled(
        &mut self,
        call: u64,
        settling: Settling,
        settled: Result<Settled, Error>,
        now: Instant,
    ) {
        let is_over =
            settled.is_ok() && (!settling.owes || matches!(settled, Ok(Settled::TooLate)));
        if is_over {
            self.hands.remove(&settling.hand);
        }
        let end = End::Settled(settled.map(Into::into).map_err(Into::into));
        self.tell_end(call, end, Contents::default(), now);
    }

    fn said(&mut self, call: u64, answer: Answer, now: Instant) -> Said {
        match answer {
            Answer::Stats(stats) => Said::Stats(stats.map(Into::into)),
            Answer::Groups(groups) => Said::Groups(groups),
            Answer::Dead(letters) => {
                for dead in letters {
                    let mut contents = Contents::default();
                    let dead = WrittenDead::new(dead, &mut contents);
                    let word = Word::new(&Tell::Letter { call, dead }, contents);
                    self.session.say(word, now);
                }
                Said::Dead
            }
            Answer::Is(is) => Said::Is(is),
            Answer::Count(count) => Said::Count(count as u64),
            Answer::Done => Said::Done,
        }
    }
}
