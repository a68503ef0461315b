//! Measures bookdrop's queue in NATS JetStream beside the bare client with a queue by hand, and beside others, on one server
//! and in alternating rounds.
//!
//! Everyone carries the same events under the same load, and every round proves that exactly the events arrived that were sent,
//! or panics. `--help` names the options.
//!
//! It is a library so that peers that cannot be built in this workspace can take part all the same: see `peers`.

#![forbid(unsafe_code)]

pub mod place;
pub mod stream;

mod contenders;

use bookdrop_bench_common::at_server::Benchmark;
use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::at_server::queue;
use bookdrop_bench_common::options::Program;

use crate::place::Place;

/// Who takes part.
pub type Contender = queue::Contender<Place>;

const BENCHMARK: Benchmark = Benchmark {
    program: Program {
        about: "Measures bookdrop's queue in NATS JetStream beside the bare client and others, on one server",
        command: "cargo run --release -p bookdrop-bench-nats",
        rounds: 5,
        further: "",
    },
    engine: "NATS",
    page: "nats",
};

/// Does what the command line asks for, with further contenders who can do a work.
pub fn run(further: fn(Work) -> Vec<Contender>) {
    BENCHMARK.run(|work| {
        let mut all = contenders::of(work);
        all.extend(further(work));
        all
    });
}
