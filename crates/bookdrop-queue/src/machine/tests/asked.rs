//! What the reference knows of requests whose requester waits.

use std::time::Instant;

use super::entry::Entry;
use super::reference::Reference;
use super::thing::Answer;

/// One of them; its number is the item's.
pub(super) struct Asked {
    pub(super) number: u32,
    pub(super) deadline: Instant,
    pub(super) waits_for_consumer: bool,
    /// Whether somebody else looks at the clock for the requester.
    pub(super) is_watched: bool,
    /// Whether that one has told that the deadline has come.
    pub(super) is_overdue: bool,
    pub(super) answer: Option<Answer>,
    /// Whether its requester is to be woken.
    pub(super) sleeps: bool,
}

impl Reference {
    pub(super) fn call(&self, number: u32) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.number == number)
    }

    pub(super) fn call_mut(&mut self, number: u32) -> Option<&mut Asked> {
        self.asked.iter_mut().find(|asked| asked.number == number)
    }

    pub(super) fn is_awaited(&self, number: u32) -> bool {
        self.call(number).is_some_and(|call| call.answer.is_none())
    }

    pub(super) fn deadline(&self, number: u32) -> Option<Instant> {
        self.call(number).map(|call| call.deadline)
    }

    /// Whether the requester is there and its deadline has come, also if nobody was woken for it yet.
    pub(super) fn is_over(&self, number: u32, now: Instant) -> bool {
        self.call(number).is_some_and(|call| now >= call.deadline)
    }

    /// Whether it is a request whose time is over. (A dead letter that was sent again is none, also while its requester has
    /// not looked yet.)
    pub(super) fn is_unwanted(&self, entry: &Entry, now: Instant) -> bool {
        entry.is_request && self.is_over(entry.number, now)
    }

    /// Only the first answer counts, and only while the requester is there.
    pub(super) fn answer(&mut self, number: u32, answer: Answer) -> bool {
        let is_awaited = self.is_awaited(number);
        if let Some(call) = self.call_mut(number).filter(|_| is_awaited) {
            call.answer = Some(answer);
            self.wake(number);
        }
        is_awaited
    }

    /// The queue itself answers.
    pub(super) fn tell(&mut self, number: u32, answer: Answer) {
        self.told.push((number, answer.clone()));
        self.answer(number, answer);
    }

    /// The requester goes.
    pub(super) fn close(&mut self, number: u32) -> Option<Answer> {
        let at = self.asked.iter().position(|call| call.number == number)?;
        self.asked.remove(at).answer
    }

    /// Each requester is told once that its deadline has come, if it does not look at the clock by itself.
    pub(super) fn note_deadlines(&mut self, now: Instant) {
        let is_news = |call: &&mut Asked| call.is_watched && !call.is_overdue;
        let news = self.asked.iter_mut().filter(is_news);
        let mut overdue = Vec::new();
        for call in news.filter(|call| call.deadline <= now) {
            call.is_overdue = true;
            overdue.push(call.number);
        }
        overdue.into_iter().for_each(|number| self.wake(number));
    }

    /// No later than this the clock has to be looked at.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let watched = self.asked.iter().filter(|call| call.is_watched);
        let ahead = watched.filter(|call| !call.is_overdue);
        ahead.map(|call| call.deadline).min()
    }

    fn wake(&mut self, number: u32) {
        let sleeper = self.call_mut(number);
        let is_asleep = sleeper.map(|call| std::mem::take(&mut call.sleeps));
        self.woken
            .extend(is_asleep.filter(|sleeps| *sleeps).map(|_| number));
    }
}
