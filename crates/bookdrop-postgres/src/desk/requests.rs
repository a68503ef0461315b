//! Requests, their deadlines and their ends.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use bookdrop_backend::{Error, Unanswered, Why};
use bytes::Bytes;

use super::Desk;
use crate::asks::{Outcome, Standing};
use crate::commands::Question;
use crate::error::unknown;
use crate::round::Told;
use crate::shipping::Goods;
use crate::sql;

/// Who is past the deadline waits so long, at most, for the server to say whether a consumer has the request.
const LAST_WORD: Duration = Duration::from_secs(2);
/// A request that is on its way when its deadline passes is looked after once more so soon.
const ARRIVES_SOON: Duration = Duration::from_millis(5);
/// So many deadlines are kept beside two for each request that waits. Those of requests that ended are among them.
const SPARE_DEADLINES: usize = 64;

impl Desk {
    pub(super) fn ask(&mut self, question: Question) {
        if self.shared.is_closed() {
            self.end_request(question.ask, Err(unanswered(Why::Closed, false)));
            return;
        }
        if self.shared.asks().contains(question.ask) {
            self.note_deadline(question.deadline, question.ask);
            self.line.push(Goods::Question(question));
        }
    }

    /// One that ended leaves its deadline behind, until that passes or there are too many of them.
    fn note_deadline(&mut self, deadline: Instant, ask: i64) {
        self.deadlines.push(Reverse((deadline, ask)));
        let asks = self.shared.asks();
        if self.deadlines.len() > 2 * asks.len() + SPARE_DEADLINES {
            self.deadlines
                .retain(|Reverse((_, ask))| asks.contains(*ask));
        }
    }

    /// A requester is told how its request ended. False if nobody waited any more.
    pub(super) fn end_request(&mut self, ask: i64, outcome: Outcome) -> bool {
        let ended = self.shared.asks().end(ask);
        let was_awaited = ended.is_some();
        if let Some(ask) = ended {
            self.tell(ask.told, outcome);
        }
        was_awaited
    }

    pub(super) fn tell_unknown(&mut self, ask: i64) {
        let message = "the server does not know the request any more";
        let error = unknown(Error::new(bookdrop_backend::ErrorKind::Io, message));
        self.end_request(ask, Err(unanswered(Why::Backend(error), true)));
    }

    pub(super) fn hear_outcome(&mut self, told: Told) {
        let outcome = outcome(told.outcome, told.explanation, told.was_taken, told.answer);
        self.end_request(told.ask, outcome);
    }

    /// Nobody waits any more for the answer to this request in hand. It is told again when what is on its way has landed.
    pub(super) fn set_gone(&mut self, number: i64, attempt: i32) {
        let gone: Vec<_> = {
            let hands = self.shared.hands();
            let these = hands
                .askers()
                .filter(|(hand, _)| (hand.number, hand.attempt) == (number, attempt));
            these.map(|(_, asker)| asker.gone.clone()).collect()
        };
        if gone.is_empty() && self.working.is_some() {
            self.unwanted.push((number, attempt));
        }
        for gone in gone {
            self.shared.teller.tell(move || gone.set());
        }
    }

    /// Ends requests whose time is up.
    pub(super) fn pass_deadlines(&mut self, now: Instant) {
        while let Some(Reverse((_, ask))) = self
            .deadlines
            .peek()
            .copied()
            .filter(|Reverse((at, _))| *at <= now)
        {
            self.deadlines.pop();
            let found = self
                .shared
                .asks()
                .get(ask)
                .map(|ask| (ask.deadline, ask.standing));
            let Some((deadline, standing)) = found else {
                continue;
            };
            let is_hopeless = now >= deadline + LAST_WORD || !self.link.is_up();
            match standing {
                Standing::InLine => {
                    self.line.remove(ask);
                    self.give_up(ask, false);
                }
                // Whether a consumer has it nobody can say now.
                _ if is_hopeless => {
                    self.give_ups.push(ask);
                    self.give_up(ask, true);
                }
                Standing::OnItsWay => self.deadlines.push(Reverse((now + ARRIVES_SOON, ask))),
                Standing::Published => {
                    self.give_ups.push(ask);
                    self.reads_told = true;
                    self.deadlines.push(Reverse((deadline + LAST_WORD, ask)));
                }
            }
        }
    }

    /// Its deadline has passed.
    pub(super) fn give_up(&mut self, ask: i64, was_taken: bool) {
        if let Some(ask) = self.shared.give_up(ask) {
            self.tell(ask.told, Err(unanswered(Why::Deadline, was_taken)));
        }
    }

    /// What the server says of requests that were given up.
    pub(super) fn land_give_ups(&mut self, asked: &[i64], said: Vec<(i64, bool)>) {
        for ask in asked {
            let is_over = self
                .shared
                .asks()
                .get(*ask)
                .is_some_and(|ask| ask.deadline <= Instant::now());
            if is_over {
                // One that it does not know any more was taken, and is being answered.
                let was_taken = said
                    .iter()
                    .find(|(said, _)| said == ask)
                    .is_none_or(|(_, was_taken)| *was_taken);
                self.give_up(*ask, was_taken);
            }
        }
    }
}

pub(super) fn unanswered(why: Why, was_taken: bool) -> Unanswered {
    Unanswered { why, was_taken }
}

/// How a request ended, by the server's word for it.
fn outcome(word: String, why: String, was_taken: bool, answer: Option<Vec<u8>>) -> Outcome {
    let why = match (&*word, answer) {
        ("answered", Some(answer)) => return Ok(Bytes::from(answer)),
        ("deadline", _) => Why::Deadline,
        ("no consumer", _) => Why::NoConsumer,
        ("closed", _) => Why::Closed,
        ("full", _) => Why::Full,
        ("purged", _) => Why::Purged,
        ("retry too late", _) => Why::RetryTooLate,
        (word, _) => sql::reason_of(word, why).map_or(Why::Unanswered, Why::Buried),
    };
    Err(unanswered(why, was_taken))
}
