//! What every contender can do.

use std::path::Path;
use std::time::Duration;

use bookdrop_bench_common::measured::Role;

use crate::load::Load;

/// What a send or an ack survives when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// A loss of power.
    Always,
    /// Nothing is flushed: the end of the process at most.
    Never,
}

impl Durability {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Always, Self::Never];

    /// The name in rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Always => "sync always",
            Self::Never => "sync never",
        }
    }
}

/// Opens what lies in a folder, which may be empty.
pub(crate) type Open = fn(&Path, Durability) -> Box<dyn Queue>;

/// Who takes part.
#[derive(Clone, Copy)]
pub(crate) struct Contender {
    /// Its name.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// How its queue is opened.
    pub open: Open,
}

/// A queue on disk that is open.
pub(crate) trait Queue: Send + Sync {
    /// Puts an event in; returns when it is as durable as asked for.
    fn send(&self, event: Vec<u8>);

    /// Puts many in, as quickly as it can.
    fn send_all(&self, events: Vec<Vec<u8>>);

    /// A consumer comes.
    fn consumer(&self) -> Box<dyn Consumer + '_>;

    /// How many events there are, those in hand included; looked up, not kept beside.
    fn count(&self) -> u64;

    /// Takes all events out.
    fn clear(&self);

    /// Carries a load, and says how long that took.
    fn carry(&self, load: &Load) -> Duration;
}

/// One consumer of a queue.
pub(crate) trait Consumer {
    /// Waits for an event, takes it in hand, and says its number.
    fn receive(&mut self) -> u64;

    /// The event in hand is done with; returns when that is as durable as asked for.
    fn ack(&mut self);
}
