//! Who takes part, and in which rows.

mod bookdrop;
mod by_hand;
mod core;

use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::at_server::queue::Open;
use bookdrop_bench_common::measured::{OURS, Role};

use crate::Contender;
use crate::place::Place;

/// As bookdrop has it, which works on any executor: for each trip to the server two threads are woken.
const APART: &str = "by hand, client on a thread";

/// Those who can do this work, each with the best that it can do there.
pub(crate) fn of(work: Work) -> Vec<Contender> {
    let mut all = vec![
        contender(OURS, Role::Ours, bookdrop::open),
        contender("bookdrop, as guests", Role::Ours, bookdrop::open_guests),
        contender("by hand", Role::Peer, by_hand::open),
    ];
    all.push(match work {
        Work::Request => contender("by hand, core NATS", Role::Peer, core::open),
        _ => contender(APART, Role::Peer, by_hand::open_apart),
    });
    all
}

fn contender(name: &'static str, role: Role, open: Open<Place>) -> Contender {
    Contender { name, role, open }
}
