//! The benchmark of the queue in NATS JetStream, with the frameworks among the peers.

#![forbid(unsafe_code)]

mod ruststream;

use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::measured::Role;
use bookdrop_bench_nats::Contender;

fn main() {
    bookdrop_bench_nats::run(contenders);
}

fn contenders(work: Work) -> Vec<Contender> {
    match work {
        Work::Send | Work::Receive | Work::AllThree => vec![Contender {
            name: "ruststream",
            role: Role::Peer,
            open: ruststream::open,
        }],
        Work::Request => Vec::new(),
    }
}
