//! Calls, said to the keeper.

use std::time::Instant;

use bookdrop_backend::{NotFetched, Receipt, Settled, Wait};

use super::commands::{Call, Parcel};
use super::{Asked, Guest, Keeper};
use crate::wire::{Contents, How, Left, WrittenRecord};
use crate::words::{Ask, Plain, Seat, What, Word};
use std::cmp::Reverse;

/// What can be said of a call.
enum Said {
    Words(Vec<Word>),
    /// It ends here, with nothing said.
    Nothing,
}

impl Guest {
    pub(super) fn begin(&mut self, number: u64, call: Call, now: Instant) {
        if let Call::Request(question) = &call {
            self.deadlines.push(Reverse((question.deadline, number)));
        }
        let asked = Asked {
            call,
            since: now,
            is_put: false,
            was_put: false,
        };
        self.line.push(number, &asked.call);
        self.calls.insert(number, asked);
    }

    /// Says what waits, as long as there is room.
    pub(super) fn say_calls(&mut self, now: Instant) {
        while let Keeper::Here(session) = &self.keeper
            && session.has_room()
            && let Some(number) = self.line.pop()
        {
            // It may have been given up.
            let Some(mut asked) = self.calls.remove(&number) else {
                continue;
            };
            let Said::Words(words) = self.words(number, &mut asked.call, now) else {
                self.end_unsaid(asked.call);
                continue;
            };
            self.line.put(&asked.call);
            asked.is_put = true;
            asked.was_put = true;
            self.calls.insert(number, asked);
            if let Some(session) = self.session() {
                for word in words {
                    session.say(word, now);
                }
            }
        }
    }

    fn words(&self, call: u64, what: &mut Call, now: Instant) -> Said {
        let mut contents = Contents::default();
        let what = match what {
            Call::Publish(parcel) => return publish(call, parcel),
            Call::Request(question) => What::Request {
                record: WrittenRecord::new(question.record.clone(), &mut contents),
                left: Left::until(question.deadline, now),
                waits_for_consumer: question.waits_for_consumer,
            },
            Call::Join { reader, place, .. } => {
                // The keeper may have never heard of one whose group was removed.
                if let Seat::Beside(other) = place
                    && self.readers.get(other).is_some_and(|other| other.is_over)
                {
                    return Said::Nothing;
                }
                What::Join {
                    reader: *reader,
                    place: place.clone(),
                }
            }
            Call::Fetch {
                reader, max, wait, ..
            } => {
                let sits = self.readers.get(&reader.0);
                if sits.is_none_or(|sitting| sitting.is_over) {
                    return Said::Nothing;
                }
                What::Fetch {
                    reader: reader.0,
                    max: *max as u64,
                    waits: *wait != Wait::No,
                }
            }
            Call::Settle { receipt, how, .. } => {
                let how = How::new(how.clone(), &mut contents);
                match (self.number_of(*receipt), how) {
                    (Some(hand), Some(how)) => What::Settle { hand, how },
                    _ => return Said::Nothing,
                }
            }
            Call::Plain { plain, .. } => What::Plain(Plain::clone(plain)),
        };
        Said::Words(vec![Word::new(&Ask::Call { call, what }, contents)])
    }

    fn number_of(&self, receipt: Receipt) -> Option<u64> {
        self.shared.hands().get(receipt).map(|hand| hand.number)
    }

    /// What it is about is not here any more.
    fn end_unsaid(&mut self, call: Call) {
        match call {
            Call::Fetch { told, .. } => self.tell(told, Err(NotFetched::Closed)),
            Call::Settle { told, .. } => self.tell(told, Ok(Settled::TooLate)),
            Call::Join {
                reader,
                place,
                told,
            } => self.joined((reader, place), Ok(()), told),
            // Its sender has lost interest, or it can always be said.
            Call::Publish(_) | Call::Request(_) | Call::Plain { .. } => {}
        }
    }

    /// Nobody waits for it any more.
    pub(super) fn cancel(&mut self, number: u64, now: Instant) {
        let Some(asked) = self.take(number) else {
            return;
        };
        if asked.is_put {
            self.say(&Ask::Cancel(number), now);
        }
        match asked.call {
            // It may have joined meanwhile.
            Call::Join { reader, .. } if asked.is_put => self.say(&Ask::Leave(reader), now),
            Call::Fetch { got, .. } => self.put_back(&got, now),
            _ => {}
        }
    }
}

/// Each record is a word of its own: together they may be larger than any word.
fn publish(call: u64, parcel: &mut Parcel) -> Said {
    let records = std::mem::take(&mut parcel.records);
    // Those that are on their way may be taken in.
    if !parcel.count.set(records.len()) {
        return Said::Nothing;
    }
    let mut words: Vec<_> = records
        .into_iter()
        .map(|record| {
            let mut contents = Contents::default();
            let record = WrittenRecord::new(record, &mut contents);
            Word::new(&Ask::Carry { call, record }, contents)
        })
        .collect();
    let what = What::Publish {
        waits: parcel.waits,
    };
    words.push(Word::plain(&Ask::Call { call, what }));
    Said::Words(words)
}
