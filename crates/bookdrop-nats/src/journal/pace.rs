//! How much is asked for at once, and how long an answer may take: no more than the way to the server bears.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::ASKS_AGAIN_AFTER;
use crate::error::Trouble;

/// Messages that are asked for at once. However long they are, that is less than the 64 MiB at which a server hangs up.
pub(crate) const MESSAGES_AT_ONCE: usize = 64;
/// Bytes that are asked for at once, as far as those of late tell how long the next ones are. A way over which these take longer than
/// some seconds would hold up the word that the server is there.
const BYTES_AT_ONCE: usize = 4 << 20;
/// An answer may take so long at least, and at most.
const ANSWER: Duration = Duration::from_secs(1);
const LONGEST_ANSWER: Duration = Duration::from_secs(8);
/// An answer may take so many times as long as the one before.
const SLACK: u32 = 4;
/// What messages are taken to weigh falls by this part with each that is shorter.
const FALLS_BY: usize = 16;

/// Has those who ask for messages do so one after the other, as far as it takes.
#[derive(Debug)]
pub(super) struct Turns {
    pace: RefCell<Pace>,
    /// Bytes that are on their way, by what they were taken to weigh.
    asked: Cell<usize>,
    freed: Notify,
}

/// What is known of the way.
#[derive(Debug)]
struct Pace {
    /// Bytes that the next message is taken to weigh.
    weight: usize,
    /// How long its answer may take.
    limit: Duration,
}

impl Turns {
    /// For messages of so many bytes at most.
    pub(super) fn new(longest: usize) -> Self {
        Turns {
            pace: RefCell::new(Pace::new(longest)),
            asked: Cell::new(0),
            freed: Notify::new(),
        }
    }

    /// Asks for a message until a word comes, and is told how long each answer may take.
    pub(super) async fn ask<A: AsRef<[u8]>>(
        &self,
        ask: impl AsyncFn(Duration) -> Result<Option<A>, Trouble>,
    ) -> Result<Option<A>, Trouble> {
        loop {
            let turn = self.turn().await;
            let asked = Instant::now();
            let limit = self.pace.borrow().limit;
            match ask(limit).await {
                Err(Trouble::Lost(_)) => self.pace.borrow_mut().lost(),
                Err(refused) => return Err(refused),
                Ok(answer) => {
                    let length = answer.as_ref().map_or(0, |answer| answer.as_ref().len());
                    self.pace.borrow_mut().answered(length, asked.elapsed());
                    return Ok(answer);
                }
            }
            drop(turn);
            tokio::time::sleep(ASKS_AGAIN_AFTER).await;
        }
    }

    async fn turn(&self) -> Turn<'_> {
        loop {
            let weight = self.pace.borrow().weight;
            let asked = self.asked.get();
            if asked == 0 || asked + weight <= BYTES_AT_ONCE {
                self.asked.set(asked + weight);
                let turns = self;
                return Turn { turns, weight };
            }
            self.freed.notified().await;
        }
    }
}

/// Held by one who asks.
struct Turn<'a> {
    turns: &'a Turns,
    weight: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Turn { turns, weight } = self;
        turns.asked.set(turns.asked.get() - *weight);
        turns.freed.notify_waiters();
    }
}

impl Pace {
    /// As long as nothing is known, messages may be as long as this.
    fn new(longest: usize) -> Self {
        Pace {
            weight: longest.clamp(Pace::LEAST, BYTES_AT_ONCE),
            limit: ANSWER,
        }
    }

    const LEAST: usize = BYTES_AT_ONCE / MESSAGES_AT_ONCE;

    fn answered(&mut self, length: usize, after: Duration) {
        let fallen = self.weight - self.weight / FALLS_BY;
        self.weight = length.max(fallen).clamp(Pace::LEAST, BYTES_AT_ONCE);
        self.limit = (after * SLACK).clamp(ANSWER, LONGEST_ANSWER);
    }

    /// No answer came in time: there may have been too many before it.
    fn lost(&mut self) {
        self.weight = (self.weight * 2).min(BYTES_AT_ONCE);
        self.limit = (self.limit * 2).min(LONGEST_ANSWER);
    }
}

#[cfg(test)]
mod tests {
    use bookdrop_backend::{Error, ErrorKind};

    use super::*;

    const LONGEST: usize = 512 << 10;

    /// How many are asked for at once.
    fn at_once(pace: &Pace) -> usize {
        BYTES_AT_ONCE / pace.weight
    }

    #[test]
    fn long_messages_are_asked_for_a_few_at_a_time_and_short_ones_many() {
        let mut pace = Pace::new(LONGEST);
        assert_eq!(at_once(&pace), 8);
        (0..100).for_each(|_| pace.answered(100, Duration::ZERO));
        assert_eq!(at_once(&pace), MESSAGES_AT_ONCE);
        pace.answered(LONGEST, Duration::ZERO);
        assert_eq!(at_once(&pace), 8);
    }

    #[test]
    fn where_answers_are_late_one_is_asked_for_at_a_time_and_waited_for_longer() {
        let mut pace = Pace::new(LONGEST);
        (0..8).for_each(|_| pace.lost());
        assert_eq!((at_once(&pace), pace.limit), (1, LONGEST_ANSWER));
        pace.answered(LONGEST, Duration::from_millis(1_500));
        assert_eq!(pace.limit, Duration::from_secs(6));
        (0..100).for_each(|_| pace.answered(100, Duration::ZERO));
        assert_eq!((at_once(&pace), pace.limit), (MESSAGES_AT_ONCE, ANSWER));
    }

    #[test]
    fn whoever_finds_no_room_waits_and_what_is_lost_is_asked_for_again() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let turns = Turns::new(LONGEST);
        let (now, most, tries) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let ask = async |_| {
            now.set(now.get() + 1);
            most.set(now.get().max(most.get()));
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            tries.set(tries.get() + 1);
            match tries.get() % 5 {
                0 => Err(Trouble::Lost(Error::new(ErrorKind::Io, "late"))),
                _ => Ok(Some(vec![0; LONGEST])),
            }
        };
        runtime.expect("there is a runtime").block_on(async {
            let all = (0..40).map(|_| turns.ask(ask));
            for answer in futures_util::future::join_all(all).await {
                assert!(answer.is_ok_and(|answer| answer.is_some()));
            }
        });
        assert_eq!((most.get(), tries.get(), turns.asked.get()), (8, 49, 0));
    }
}
