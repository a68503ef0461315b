//! From one keeper to the next.

use std::time::Instant;

use bookdrop_backend::{Error, NotPublished, Settled};

use super::commands::Call;
use super::line::Line;
use super::{Asked, Farewell, Guest, Keeper};
use crate::error::{not_welcome_yet, unknown};
use crate::packet::Between;
use crate::session::Session;
use crate::words::{Ask, Coming, Word};

impl Guest {
    /// There is no keeper, as far as anybody knows. What it may have done ends as unknown; the rest waits for the next one.
    pub fn keeper_is_gone(&mut self) {
        self.shared.hands().end_requests();
        self.session_is_over();
    }

    /// This is why there is none. Whoever waits for one in vain is told.
    pub fn there_is_none(&mut self, why: Error) {
        self.trouble = Some(why);
    }

    /// Why nobody does what is asked, if that is known.
    pub(super) fn why_there_is_none(&self) -> Option<Error> {
        let is_met = matches!(self.keeper, Keeper::Met(_));
        let trouble = self.trouble.clone();
        trouble.or_else(|| is_met.then(not_welcome_yet))
    }

    /// What may have been done in it ends as unknown; the rest waits for the next one.
    fn session_is_over(&mut self) {
        self.keeper = Keeper::Gone;
        for (number, asked) in std::mem::take(&mut self.calls) {
            if let Some(asked) = self.move_on(asked) {
                self.calls.insert(number, asked);
            }
        }
        self.line = Line::default();
        for (number, asked) in &self.calls {
            self.line.push(*number, &asked.call);
        }
    }

    /// The keeper of this epoch is the one to talk to. Whoever was the keeper before is gone.
    pub fn new_keeper(&mut self, epoch: u64, now: Instant) {
        let former = self.session().map(|session| session.between().epoch);
        match former == Some(epoch) {
            true => self.session_is_over(),
            false => self.keeper_is_gone(),
        }
        self.sessions += 1;
        let between = Between {
            guest: self.id,
            epoch,
            session: self.sessions,
        };
        let mut session = Session::new(between, &self.shared.terms);
        session.say(Word::plain(&Ask::Come(self.coming())), now);
        self.keeper = Keeper::Met(session);
        // Its patience begins with it.
        self.heard_at = now;
    }

    /// The keeper does not know this session any more.
    pub(super) fn begin_again(&mut self, now: Instant) {
        let (Keeper::Met(session) | Keeper::Here(session)) = &self.keeper else {
            return;
        };
        let epoch = session.between().epoch;
        if self.farewell == Farewell::Said {
            self.farewell = Farewell::Done;
            return self.keeper_is_gone();
        }
        self.new_keeper(epoch, now);
    }

    fn coming(&self) -> Coming {
        let sitting = self.readers.iter().filter(|(_, sitting)| !sitting.is_over);
        Coming {
            readers: sitting
                .map(|(reader, sitting)| (*reader, sitting.group.clone()))
                .collect(),
            held: self.shared.hands().named(),
            ending: self.shared.ending(),
        }
    }

    /// What is asked again at the next keeper. Whoever waits for the rest is told.
    fn move_on(&mut self, mut asked: Asked) -> Option<Asked> {
        let is_put = std::mem::take(&mut asked.is_put);
        if !is_put {
            return Some(asked);
        }
        match asked.call {
            Call::Publish(mut parcel) => {
                // What was taken in there and not confirmed may not last.
                parcel.count.set(0);
                self.tell(
                    parcel.told,
                    Err(NotPublished::Backend(unknown(self.trouble.as_ref()))),
                );
                return None;
            }
            Call::Plain { plain, told, .. } if !plain.is_repeatable() => {
                self.tell(told, Err(unknown(self.trouble.as_ref())));
                return None;
            }
            Call::Settle { receipt, told, .. } if self.shared.hands().get(receipt).is_none() => {
                // A request, which ended with its keeper.
                self.tell(told, Err(unknown(self.trouble.as_ref())));
                return None;
            }
            Call::Fetch { ref mut got, .. } => {
                let mut hands = self.shared.hands();
                for fetched in got.drain(..) {
                    hands.end(fetched.receipt);
                }
            }
            Call::Plain {
                ref mut letters, ..
            } => letters.clear(),
            Call::Request(_) | Call::Join { .. } | Call::Settle { .. } => {}
        }
        Some(asked)
    }

    /// The keeper knows what this guest has, and says what of it is in hand still.
    pub(super) fn welcome(&mut self, hands: &[(u64, u64)], lost: &[u64], now: Instant) {
        match std::mem::replace(&mut self.keeper, Keeper::Gone) {
            Keeper::Met(session) => {
                self.trouble = None;
                self.keeper = Keeper::Here(session);
            }
            other => return self.keeper = other,
        }
        let let_go = self.shared.hands().renumber(hands);
        if !let_go.is_empty() {
            self.say(&Ask::PutBack(let_go), now);
        }
        let calls = std::mem::take(&mut self.calls);
        for (number, asked) in calls {
            match asked.call {
                Call::Settle { receipt, told, .. }
                    if self.shared.hands().get(receipt).is_none() =>
                {
                    let end = match asked.was_put && !lost.contains(&receipt.0) {
                        true => Err(unknown(self.trouble.as_ref())),
                        false => Ok(Settled::TooLate),
                    };
                    self.tell(told, end);
                }
                _ => drop(self.calls.insert(number, asked)),
            }
        }
    }
}
