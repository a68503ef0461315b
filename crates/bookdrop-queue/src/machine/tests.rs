//! Tests of the pure machine, with made-up time.

mod directed;
mod random;
mod reference;
mod thing;
