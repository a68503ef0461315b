//! What every contender can do.

use std::time::Duration;

use bookdrop_bench_common::measured::Role;

use crate::load::{Load, Work};
use crate::place::Place;

/// Opens a queue of this name for so many tasks, each of which does this work.
pub type Open = fn(&Place, &str, Work, usize) -> Box<dyn Queue>;

/// Who takes part.
#[derive(Clone, Copy)]
pub struct Contender {
    /// Its name.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// How its queue is opened.
    pub open: Open,
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

    /// The tables in which its rows come and go.
    fn tables(&self) -> Vec<String>;
}
