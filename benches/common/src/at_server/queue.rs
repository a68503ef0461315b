//! What every contender can do, and the server that they do it at.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::measured::Role;

use super::load::{Load, Work};

/// A server of this run's own.
pub trait Place: Sized {
    /// Starts it.
    fn start() -> Result<Self, String>;

    /// Runs everyone's tasks, with a thread for each core.
    fn runtime(&self) -> &Runtime;

    /// Its version, and what it does with what it confirms.
    fn conditions(&self) -> String;

    /// Clears away what a turn left behind there, so that nobody pays for another one's turn.
    fn settle(&self, traces: &[String]);
}

/// Opens a queue of this name for so many tasks, each of which does this work.
pub type Open<P> = fn(&P, &str, Work, usize) -> Box<dyn Queue>;

/// Who takes part.
pub struct Contender<P> {
    /// Its name.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// How its queue is opened.
    pub open: Open<P>,
}

/// A queue on the server that is open.
pub trait Queue {
    /// Puts many in, as quickly as it can.
    fn fill(&mut self, events: Vec<Vec<u8>>);

    /// Carries a load, and says how long that took. Panics unless each event arrived once.
    fn carry(&mut self, load: &Load) -> Duration;

    /// How many events there are, those in hand included; looked up, not kept beside.
    fn count(&mut self) -> u64;

    /// Takes all events out.
    fn clear(&mut self);

    /// Where a turn leaves something behind, as the place names it.
    fn traces(&self) -> Vec<String> {
        Vec::new()
    }
}
