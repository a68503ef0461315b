//! The benchmark of the queue in PostgreSQL, with the peers that are made on `sqlx`.

#![forbid(unsafe_code)]

mod apalis;
mod load;
mod ruststream;

use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::at_server::queue::Open;
use bookdrop_bench_common::measured::Role;
use bookdrop_bench_postgres::Contender;
use bookdrop_bench_postgres::place::Place;

fn main() {
    bookdrop_bench_postgres::run(contenders);
}

fn contenders(work: Work) -> Vec<Contender> {
    match work {
        Work::Send | Work::Receive => vec![
            contender("apalis", apalis::open),
            contender("ruststream", ruststream::open),
        ],
        Work::AllThree | Work::Request => Vec::new(),
    }
}

fn contender(name: &'static str, open: Open<Place>) -> Contender {
    Contender {
        name,
        role: Role::Peer,
        open,
    }
}
