//! Who takes part, and in which rows.

mod bookdrop;
mod by_hand;

use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::at_server::queue::Open;
use bookdrop_bench_common::measured::{OURS, Role};

use crate::Contender;
use crate::place::Place;

/// As bookdrop has it, which works on any executor: for each trip to the server two threads are woken.
const APART: &str = "by hand, client on a thread";

/// Those who can do this work, each with the best that it can do there.
pub(crate) fn of(work: Work) -> Vec<Contender> {
    let mut all = vec![contender(OURS, Role::Ours, bookdrop::open)];
    if work == Work::Request {
        let one = contender("bookdrop, one driver", Role::Ours, bookdrop::open_alone);
        all.push(one);
    }
    all.push(contender("by hand", Role::Peer, by_hand::open));
    if work != Work::Request {
        all.push(contender(APART, Role::Peer, by_hand::open_apart));
    }
    all
}

fn contender(name: &'static str, role: Role, open: Open<Place>) -> Contender {
    Contender { name, role, open }
}
