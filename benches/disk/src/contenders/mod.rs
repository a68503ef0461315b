//! Who takes part, and in which rows.

mod batched;
mod bookdrop;
mod direct;
mod engine;
mod fjall;
mod handoff;
mod raw;
mod redb;
mod sharing;
mod sqlite;

use bookdrop_bench_common::measured::{OURS, Role};

use crate::queue::{Contender, Open};

use batched::Batched;
use direct::Direct;

/// We, as threads.
pub(crate) fn ours() -> Contender {
    contender(OURS, Role::Ours, bookdrop::open)
}

/// We, and whoever else keeps a queue, one operation after the other.
pub(crate) fn queues() -> Vec<Contender> {
    vec![
        ours(),
        contender("sqlite", Role::Peer, Direct::<sqlite::Sqlite>::open),
        contender("redb", Role::Peer, Direct::<redb::Redb>::open),
        contender("fjall", Role::Peer, Direct::<fjall::Fjall>::open),
    ]
}

/// Those of a row with so many threads at work at the same time, each with the best that it can do there.
pub(crate) fn for_threads(threads: usize) -> Vec<Contender> {
    let mut all = queues();
    if threads == 1 {
        all.insert(
            0,
            contender("raw limit, alone", Role::Limit, raw::open_alone),
        );
        return all;
    }
    all.insert(
        0,
        contender("raw limit, shared", Role::Limit, raw::open_shared),
    );
    if threads > 2 {
        all.insert(
            2,
            contender("bookdrop, tasks", Role::Ours, bookdrop::open_for_tasks),
        );
    }
    all.extend([
        contender(
            "sqlite, batched",
            Role::Peer,
            Batched::<sqlite::Sqlite>::open,
        ),
        contender("redb, batched", Role::Peer, Batched::<redb::Redb>::open),
        contender("fjall, batched", Role::Peer, Batched::<fjall::Fjall>::open),
    ]);
    all
}

fn contender(name: &'static str, role: Role, open: Open) -> Contender {
    Contender { name, role, open }
}
