//! What was confirmed to processes that were killed, held against what others find.

use std::collections::HashMap;

use crate::{Outcome, Violation, ensure};

/// What the killed processes said, and what was found after them.
#[derive(Default)]
pub(super) struct Promises {
    books: HashMap<u64, Promise>,
    sent_in_life: u64,
    acked_in_life: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    /// It was about to be done.
    Begun,
    Confirmed,
}

/// What is known of one book.
#[derive(Debug, Default)]
struct Promise {
    sent: Said,
    acked: Said,
    /// The last one that was seen.
    attempt: u32,
    /// Whether somebody got it in this life, and did not fail: nobody gets it again.
    got: bool,
}

impl Promises {
    /// Another process has the queue.
    pub(super) fn begin_life(&mut self) {
        (self.sent_in_life, self.acked_in_life) = (0, 0);
        self.books
            .values_mut()
            .for_each(|promise| promise.got = false);
    }

    /// So many sends were confirmed in this life, and so many acks.
    pub(super) fn confirmed_in_life(&self) -> u64 {
        self.sent_in_life.min(self.acked_in_life)
    }

    /// Notes what the process says.
    pub(super) fn note(&mut self, line: &str) -> Outcome {
        let words = line.split(' ').collect::<Vec<_>>();
        match words[..] {
            ["send", number] => self.book(number)?.sent = Said::Begun,
            ["sent", number] => {
                self.book(number)?.sent = Said::Confirmed;
                self.sent_in_life += 1;
            }
            ["got", number, attempt] => self.got(number.parse()?, attempt.parse()?)?,
            ["fail", number] => self.book(number)?.got = false,
            ["ack", number] => self.book(number)?.acked = Said::Begun,
            ["acked", number] => {
                self.book(number)?.acked = Said::Confirmed;
                self.acked_in_life += 1;
            }
            _ => return Err(Violation::broken(line)),
        }
        Ok(())
    }

    fn book(&mut self, number: &str) -> Outcome<&mut Promise> {
        Ok(self.books.entry(number.parse()?).or_default())
    }

    /// Somebody gets this book.
    pub(super) fn got(&mut self, number: u64, attempt: u32) -> Outcome {
        let promise = self.books.entry(number).or_default();
        ensure!(
            promise.sent != Said::Nothing,
            "book {number} was never sent"
        );
        ensure!(
            promise.acked != Said::Confirmed,
            "book {number} was acked, and came back: {promise:?}"
        );
        ensure!(
            !promise.got,
            "book {number} was handed over twice, and did not fail: {promise:?}"
        );
        ensure!(
            attempt > promise.attempt,
            "book {number} has lost an attempt, it came with {attempt}: {promise:?}"
        );
        // What was only begun was done, or was not.
        *promise = Promise {
            sent: Said::Confirmed,
            acked: Said::Nothing,
            attempt,
            got: true,
        };
        Ok(())
    }

    /// Whether everything was got in this life that has to be there.
    pub(super) fn are_kept(&self) -> Outcome {
        let missing = |promise: &Promise| {
            promise.sent == Said::Confirmed && promise.acked == Said::Nothing && !promise.got
        };
        let lost = self.books.iter().filter(|(_, promise)| missing(promise));
        let lost = lost.collect::<Vec<_>>();
        ensure!(
            lost.is_empty(),
            "{} of {} books are lost, one is {:?}",
            lost.len(),
            self.books.len(),
            lost[0]
        );
        Ok(())
    }
}
