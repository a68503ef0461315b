//! A keeper before anybody has heard that the queue is open.

use std::future::ready;

use bookdrop_backend::{Backend, Progress, Record};
use bookdrop_remote::Hosted;
use bookdrop_test_servers::{Nats, is_left_out};
use futures_util::FutureExt;
use tokio::runtime;
use tokio::task::{LocalSet, yield_now};

use super::*;
use crate::journal::DriverId;
use crate::server::Server;

#[test]
fn a_queue_that_is_open_when_nobody_wants_it_any_more_holds_up_no_end() {
    if is_left_out("nats") {
        return;
    }
    let nats = Nats::start().expect("there is a server");
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("there is one"), async {
        let mut keeper = opening(&nats.url()).await;
        let Stage::Opening(opening) = &mut keeper.stage else {
            panic!("nobody has heard that it is open");
        };
        let opened = opening.await.expect("it does not panic");
        let keeping = opened.expect("it can be opened");
        // It is to be written yet.
        assert_eq!(publish(&keeping).now_or_never(), None);
        let opening = spawn_local(ready(Ok(keeping)));
        while !opening.is_finished() {
            yield_now().await;
        }
        keeper.stage = Stage::Opening(opening);
        keeper.end().await;
    });
}

#[test]
fn what_is_said_before_the_queue_is_open_has_bounds() {
    let kept = |length: usize, count: usize| {
        let mut early = Early::default();
        let packet = Bytes::from(vec![1; length]);
        for _ in 0..count {
            early.push(packet.clone(), Clock::now());
        }
        early.packets.len()
    };
    assert_eq!(kept(1, EARLY_PACKETS), EARLY_PACKETS);
    assert_eq!(kept(1, EARLY_PACKETS + 1), EARLY_PACKETS);
    assert_eq!(kept(EARLY_BYTES / 4, 5), 4);
}

async fn publish(keeping: &Keeping) {
    let record = Record {
        id: "S".into(),
        content: vec![1; 200].into(),
        ..Record::default()
    };
    let queue = keeping.queue();
    let sent = queue.publish(vec![record], Progress::default(), true).await;
    sent.expect("there is room");
}

/// A keeper that has begun to open a queue.
async fn opening(url: &str) -> Keeper {
    let server: Server = url.parse().expect("it is a URL");
    let (link, _) = Link::new(&server).await.expect("it is there");
    let names = Names::new("library").expect("it can be called so");
    let options = Options::default();
    let opened = Journal::open(link.clone(), names.clone(), &options, DriverId([1; 16])).await;
    let journal = opened.expect("it can be opened");
    let clock = journal.clock().await.expect("the server answers");
    let begun = journal.begin(None, 0).await.expect("the server answers");
    let mine = Mine {
        writer: begun.expect("nobody else claims"),
        follows: false,
        clock,
    };
    let keeper = Keeper::new((&link, &names), &journal, mine, &options).await;
    keeper.expect("it can listen")
}
