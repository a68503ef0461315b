//! Tests of the pure machine, with made-up time.

mod agree;
mod directed;
mod entry;
mod history;
mod random;
mod reference;
mod style;
mod thing;
