//! Tests of the pure machine, with made-up time.

mod agree;
mod asked;
mod bench;
mod directed;
mod entry;
mod hands;
mod history;
mod lane;
mod lending;
mod looks;
mod random;
mod reference;
mod requests;
mod style;
pub(super) mod thing;
mod upkeep;
