//! How what is in hand is settled at the server.

use std::time::Instant;

use futures_util::join;

use super::Player;
use crate::commands::{How, Settling};
use crate::error::Trouble;
use crate::sql::{self, Finished, Parameters};

/// What became of something in hand.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// It was not in hand any more.
    TooLate,
    /// It is done with. Whether a requester still waited.
    Finished {
        was_told: bool,
    },
    Owed,
    /// It came back.
    Returned,
    /// It is a dead letter, and so many others were dropped for it.
    Buried {
        dropped: u64,
    },
    /// It was to come back, and nobody wants it any more.
    Ended {
        is_expired: bool,
    },
}

/// What became of those that went together, by their places among these.
type Part = Result<Vec<(usize, Settlement)>, Trouble>;

impl Player<'_> {
    pub(super) async fn settle_all(&self) -> Vec<Result<Settlement, Trouble>> {
        let settles = &self.round.settles;
        let of = |kind| -> Vec<usize> {
            (0..settles.len())
                .filter(|at| kind_of(&settles[*at]) == kind)
                .collect()
        };
        let [done, told, lazy, returned, buried, owed] = [
            Kind::Done,
            Kind::Tell,
            Kind::Lazy,
            Kind::Return,
            Kind::Bury,
            Kind::Owe,
        ]
        .map(of);
        let parts = join!(
            self.finish(&done, false),
            self.finish(&told, false),
            self.finish(&lazy, true),
            self.return_events(&returned),
            self.bury(&buried),
            self.owe(&owed)
        );
        let mut all: Vec<_> = settles.iter().map(|_| Ok(Settlement::TooLate)).collect();
        let mut put = |places: Vec<usize>, part: Part| match part {
            Ok(settled) => settled
                .into_iter()
                .for_each(|(at, settlement)| all[places[at]] = Ok(settlement)),
            Err(trouble) => places.iter().for_each(|at| all[*at] = Err(trouble.clone())),
        };
        put(done, parts.0);
        put(told, parts.1);
        put(lazy, parts.2);
        put(returned, parts.3);
        put(buried, parts.4);
        put(owed, parts.5);
        all
    }

    async fn finish(&self, places: &[usize], is_lazy: bool) -> Part {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut finished = Finished::default();
        finished.are_requests = places
            .iter()
            .any(|at| self.round.settles[*at].hand.asker.is_some());
        for at in places {
            let settling = &self.round.settles[*at];
            let hand = &settling.hand;
            let is_late = hand
                .asker
                .as_ref()
                .is_none_or(|asker| Instant::now() >= asker.deadline);
            let (outcome, answer) = match &settling.how {
                // A requester of this driver is told here, and the server needs no answer for that.
                How::Answer(answer) => {
                    let is_here = hand.asker.as_ref().is_some_and(|asker| asker.is_here);
                    (Some("answered"), (!is_here).then_some(&answer[..]))
                }
                // One whose deadline has passed is told by that.
                _ => ((!is_late).then_some("unanswered"), None),
            };
            finished.push((hand.number, hand.attempt, hand.has_key), outcome, answer);
        }
        let rows = self
            .database
            .finish(self.driver(), &finished, is_lazy)
            .await?;
        let settled = rows
            .into_iter()
            .map(|(at, was_told)| (at, Settlement::Finished { was_told }));
        Ok(settled.collect())
    }

    async fn return_events(&self, places: &[usize]) -> Part {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, attempts) = self.numbers(places);
        let hows = places.iter().map(|at| &self.round.settles[*at].how);
        let (have_failed, waits): (Vec<_>, Vec<_>) = hows.map(failure_of).unzip();
        let driver = self.driver();
        let rows = self
            .database
            .return_events(
                driver,
                &numbers,
                &attempts,
                &have_failed,
                &waits,
                &self.round.bounds,
            )
            .await?;
        let settled = rows.into_iter().map(|(at, fate, dropped)| {
            let settlement = match &*fate {
                "returned" => Settlement::Returned,
                "buried" => Settlement::Buried { dropped },
                fate => Settlement::Ended {
                    is_expired: fate == "expired",
                },
            };
            (at, settlement)
        });
        Ok(settled.collect())
    }

    async fn bury(&self, places: &[usize]) -> Part {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, attempts) = self.numbers(places);
        let (mut reasons, mut whys) = (Vec::new(), Vec::new());
        for at in places {
            if let How::Bury(reason) = &self.round.settles[*at].how {
                let (word, why) = sql::word_for(reason);
                reasons.push(word);
                whys.push(why.replace('\0', "\u{fffd}"));
            }
        }
        let statement = "SELECT * FROM bookdrop.reject($1, $2, $3, $4, $5, $6)";
        let parameters: Parameters<'_> = &[
            &self.driver(),
            &numbers,
            &attempts,
            &reasons,
            &whys,
            &self.round.bounds.max_dead,
        ];
        let rows = self.database.rarely(statement, parameters).await?;
        let buried = rows.iter().map(|row| {
            let dropped = sql::count(row, 1);
            (sql::place(row), Settlement::Buried { dropped })
        });
        Ok(buried.collect())
    }

    async fn owe(&self, places: &[usize]) -> Part {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, attempts) = self.numbers(places);
        let statement = "SELECT * FROM bookdrop.owe($1, $2, $3)";
        let parameters: Parameters<'_> = &[&self.driver(), &numbers, &attempts];
        let rows = self.database.rarely(statement, parameters).await?;
        let owed = rows.iter().map(|row| (sql::place(row), Settlement::Owed));
        Ok(owed.collect())
    }

    fn numbers(&self, places: &[usize]) -> (Vec<i64>, Vec<i32>) {
        let hands = places.iter().map(|at| &self.round.settles[*at].hand);
        hands.map(|hand| (hand.number, hand.attempt)).unzip()
    }
}

/// Those that go to the server together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It has to last.
    Done,
    /// A requester elsewhere is told, and it has to last: that one goes on with it, and nobody is to do the work again.
    Tell,
    /// It is of use only to a requester that lives.
    Lazy,
    Return,
    Bury,
    Owe,
}

fn kind_of(settling: &Settling) -> Kind {
    match &settling.how {
        How::Done if settling.hand.asker.is_none() => Kind::Done,
        How::Done | How::Answer(_) => match &settling.hand.asker {
            Some(asker) if asker.is_here => Kind::Lazy,
            _ => Kind::Tell,
        },
        How::Fail(_) | How::Release => Kind::Return,
        How::Bury(_) => Kind::Bury,
        How::Owe => Kind::Owe,
    }
}

/// Whether it failed, and how long it waits then, where its consumer says so.
fn failure_of(how: &How) -> (bool, Option<i64>) {
    match how {
        How::Fail(wait) => (true, wait.map(sql::in_nanoseconds)),
        _ => (false, None),
    }
}
