//! A driver becomes the keeper: it says so at the end of the stream, behind all that it knows of.

use bytes::Bytes;

use super::page::{DriverId, Epoch, Kind, Page};
use super::placing::{Answer, Ask, Bounds, Placed, Placing};

/// A driver that is about to begin an epoch.
///
/// It asks where the stream ends, then for the last epoch, then puts its own behind that end. In this order none is begun over one
/// that was not seen: what comes in between is in its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    driver: DriverId,
    /// The epoch that ends, if there was any.
    former: Option<Epoch>,
    at: u64,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Bounds,
    LastEpoch { end: u64 },
    Placing(Placing),
}

/// What the server is to be asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimAsk<'a> {
    /// How far the stream goes.
    Bounds,
    /// The epoch of the last message.
    LastEpoch,
    /// This, for the message that begins the epoch.
    Of(Ask, &'a Placing),
}

/// What the server said.
#[derive(Clone, Debug)]
pub(crate) enum ClaimAnswer {
    Bounds(Bounds),
    LastEpoch(Option<Epoch>),
    Of(Answer),
    /// Nothing, or not in time.
    Nothing,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The epoch has begun.
    Epoch(Epoch),
    /// Another epoch has begun meanwhile, or the keeper that was taken for dead has written something.
    Beaten,
}

impl Claim {
    /// The claim of a driver that takes the keeper of this epoch for dead, at this time.
    pub(crate) fn new(driver: DriverId, former: Option<Epoch>, at: u64) -> Self {
        Claim {
            driver,
            former,
            at,
            stage: Stage::Bounds,
        }
    }

    pub(crate) fn asks(&self) -> ClaimAsk<'_> {
        match &self.stage {
            Stage::Bounds => ClaimAsk::Bounds,
            Stage::LastEpoch { .. } => ClaimAsk::LastEpoch,
            Stage::Placing(placing) => ClaimAsk::Of(placing.asks(), placing),
        }
    }

    /// What the server said. `None` while it is to be asked for more.
    pub(crate) fn told(&mut self, answer: ClaimAnswer) -> Option<Claimed> {
        match (&mut self.stage, answer) {
            (Stage::Bounds, ClaimAnswer::Bounds(bounds)) => {
                self.stage = Stage::LastEpoch { end: bounds.last };
                None
            }
            (Stage::LastEpoch { end }, ClaimAnswer::LastEpoch(epoch)) => {
                if epoch != self.former {
                    return Some(Claimed::Beaten);
                }
                let end = *end;
                self.stage = Stage::Placing(Placing::new(self.message(), end));
                None
            }
            (Stage::Placing(placing), ClaimAnswer::Of(answer)) => {
                let placed = placing.told(answer)?;
                let sequence = placing.place();
                Some(match placed {
                    Placed::There => Claimed::Epoch(Epoch {
                        sequence,
                        driver: self.driver,
                    }),
                    Placed::Taken(_) | Placed::Purged | Placed::Cut(_) => Claimed::Beaten,
                })
            }
            _ => None,
        }
    }

    fn message(&self) -> Bytes {
        let beginning = Page {
            kind: Kind::Epoch,
            driver: self.driver,
            at: self.at,
            body: Bytes::new(),
        };
        beginning.encode()
    }
}
