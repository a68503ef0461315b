//! What happens because time passes.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use bookdrop_backend::{Unanswered, Wait, Why};

use super::Guest;
use super::commands::Call;
use crate::words::Ask;

/// Who is past the deadline waits so long, at most, for the keeper to say whether a consumer has the request.
const LAST_WORD: Duration = Duration::from_secs(2);
/// So many deadlines are kept beside two for each call that waits. Those of requests that ended are among them.
const SPARE_DEADLINES: usize = 64;

impl Guest {
    pub(super) fn look_at_the_clock(&mut self, now: Instant) {
        self.pass_deadlines(now);
        self.take_offers_back(now);
        if now >= self.quiet_until() {
            self.run_out_of_patience(now);
        }
    }

    /// Until then a keeper may be silent.
    fn quiet_until(&self) -> Instant {
        self.heard_at + self.shared.terms.patience
    }

    fn pass_deadlines(&mut self, now: Instant) {
        if self.deadlines.len() > 2 * self.calls.len() + SPARE_DEADLINES {
            let calls = &self.calls;
            self.deadlines
                .retain(|Reverse((_, number))| calls.contains_key(number));
        }
        while let Some(Reverse((at, number))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            let Some(asked) = self.calls.get(&number) else {
                continue;
            };
            let Call::Request(question) = &asked.call else {
                continue;
            };
            let last_word = question.deadline + LAST_WORD;
            let (is_put, was_taken) = (asked.is_put, asked.was_put);
            // This very guest took it, so nobody else has to say so.
            let mut own = self.shared.own();
            let took_it = own.get(&question.record).is_some_and(|own| own.was_taken);
            drop(own);
            if is_put && !took_it && self.is_here() && now < last_word {
                self.deadlines.push(Reverse((last_word, number)));
                continue;
            }
            self.end_late(number, was_taken);
            if is_put {
                self.say(&Ask::Cancel(number), now);
            }
        }
    }

    /// Its deadline has passed. Whether a consumer has it nobody says any more.
    fn end_late(&mut self, number: u64, was_taken: bool) {
        if let Some(asked) = self.take(number)
            && let Call::Request(question) = asked.call
        {
            let why = Why::Deadline;
            self.tell(question.told, Err(Unanswered { why, was_taken }));
        }
    }

    fn take_offers_back(&mut self, now: Instant) {
        for fetched in self.offers.take_back(now) {
            self.put_back(&fetched, now);
        }
    }

    /// No keeper was heard for too long: whoever has waited as long is told.
    fn run_out_of_patience(&mut self, now: Instant) {
        let patience = self.shared.terms.patience;
        let is_out = |since: Instant| now.saturating_duration_since(since) >= patience;
        let calls = self.calls.iter();
        let out = calls.filter(|(_, asked)| is_out(asked.since) && asked.call.has_patience());
        let out: Vec<_> = out.map(|(number, _)| *number).collect();
        for number in out {
            if let Some(asked) = self.take(number) {
                self.end_out_of_patience(asked);
            }
        }
    }

    pub(super) fn wakes_at(&mut self, now: Instant) -> Option<Instant> {
        let beat = self.said_at + self.shared.terms.beat(self.lease);
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let patience = self.patience_ends(now);
        let teller = self.shared.teller.overtake();
        let session = self.session().map(|session| session.wakes_at());
        let is_heard = session.is_some();
        let all = [
            deadline,
            self.offers.wakes_at(),
            patience,
            teller,
            session.flatten(),
        ];
        let beat = is_heard.then_some(beat);
        all.into_iter().chain([beat]).flatten().min()
    }

    /// When the first one that waits runs out of patience, at the earliest.
    fn patience_ends(&self, now: Instant) -> Option<Instant> {
        let quiet_until = self.quiet_until();
        let mut patient = self
            .calls
            .values()
            .filter(|asked| asked.call.has_patience());
        if quiet_until > now {
            return patient.next().map(|_| quiet_until);
        }
        let since = patient.map(|asked| asked.since).min();
        since.map(|since| since + self.shared.terms.patience)
    }
}

impl Call {
    /// Whether it ends where no keeper is heard for long. Others wait for their deadline, or without an end.
    fn has_patience(&self) -> bool {
        match self {
            Call::Request(_) => false,
            Call::Fetch { wait, .. } => *wait == Wait::No,
            _ => true,
        }
    }
}
