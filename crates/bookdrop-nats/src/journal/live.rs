//! The journal at a real server, which is killed.

use std::env;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_test_servers::{Nats, is_left_out};
use bytes::Bytes;

use super::{DriverId, Journal, MESSAGES_AT_ONCE, Writer};
use crate::link::Link;
use crate::names::Names;
use crate::options::Options;
use crate::server::Server;

/// How often the server is killed: 50 times where `BOOKDROP_LONG` is set.
fn kills() -> usize {
    match env::var_os("BOOKDROP_LONG") {
        Some(_) => 50,
        None => 3,
    }
}

fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("there is a runtime");
    runtime.block_on(test);
}

/// A server, unless the tests are to do without.
fn server() -> Option<Nats> {
    (!is_left_out("nats")).then(|| Nats::start().expect("there is a server"))
}

/// A server that is full early.
fn small_server(limit: &str) -> Option<Nats> {
    let settings = format!("jetstream {{ sync_interval: always, max_file_store: {limit} }}\n");
    (!is_left_out("nats")).then(|| Nats::with_settings(&settings).expect("there is a server"))
}

async fn journal(url: &str, driver: u8) -> Journal {
    let server: Server = url.parse().expect("it is a URL");
    let (link, _) = Link::new(&server).await.expect("it is there");
    let names = Names::new("the library").expect("it can be called so");
    let options = Options::default();
    let opened = Journal::open(link, names, &options, DriverId([driver; 16])).await;
    opened.expect("it can be opened")
}

/// Becomes the keeper in place of whoever was.
async fn begin(journal: &Journal) -> Writer {
    let former = journal.last_epoch().await.expect("the server answers");
    let begun = journal.begin(former, 0).await.expect("the server answers");
    begun.expect("nobody else claims")
}

async fn write(writer: &mut Writer, page: &str) -> Result<u64, Error> {
    writer.write(Bytes::from(page.to_owned()), 0).await
}

/// What the pages say that lie before the epoch of this keeper.
async fn read(journal: &Journal, writer: &Writer) -> Vec<String> {
    let mut texts = Vec::new();
    let read = journal.read(writer, |_, text| {
        texts.push(String::from_utf8(text.into()).expect("it is text"));
    });
    assert_eq!(read.await.expect("it can be read").damaged, [0; 0]);
    texts
}

#[test]
fn the_next_keeper_reads_what_the_former_one_wrote_and_that_one_writes_no_more() {
    let Some(nats) = server() else { return };
    run(async {
        let (a, b) = (journal(&nats.url(), 1).await, journal(&nats.url(), 2).await);
        let mut first = begin(&a).await;
        for page in ["one", "two"] {
            write(&mut first, page).await.expect("it is the keeper");
        }
        let mut second = begin(&b).await;
        assert_eq!(read(&b, &second).await, ["one", "two"]);
        let refused = write(&mut first, "three").await;
        assert_eq!(refused.expect_err("late").kind(), ErrorKind::InUse);
        write(&mut second, "four").await.expect("it is the keeper");
        let third = begin(&a).await;
        assert_eq!(read(&a, &third).await, ["one", "two", "four"]);
    });
}

#[test]
fn of_two_that_claim_the_same_epoch_one_is_beaten() {
    let Some(nats) = server() else { return };
    run(async {
        let (a, b) = (journal(&nats.url(), 1).await, journal(&nats.url(), 2).await);
        let claimed = async |journal: &Journal| {
            let begun = journal.begin(None, 0).await.expect("the server answers");
            usize::from(begun.is_some())
        };
        let (one, other) = tokio::join!(claimed(&a), claimed(&b));
        assert_eq!(one + other, 1);
    });
}

#[test]
fn one_that_is_taken_for_dead_and_writes_stays_the_keeper() {
    let Some(nats) = server() else { return };
    run(async {
        let (a, b) = (journal(&nats.url(), 1).await, journal(&nats.url(), 2).await);
        let mut first = begin(&a).await;
        let claimed = b.begin(None, 0).await.expect("the server answers");
        assert!(claimed.is_none(), "the epoch before that is not the last");
        write(&mut first, "one").await.expect("it is the keeper");
    });
}

/// Whatever was on its way then, each page that was confirmed lies there once, in order.
#[test]
fn a_server_that_is_killed_again_and_again_loses_and_repeats_nothing() {
    let Some(mut nats) = server() else { return };
    let url = nats.url();
    let (begun, begins) = mpsc::channel();
    let (killed, is_over) = (&mut nats, &AtomicBool::new(false));
    let mut written = Vec::new();
    thread::scope(|threads| {
        threads.spawn(move || {
            begins.recv().expect("it begins");
            for _ in 0..kills() {
                killed.kill();
                killed.restart();
            }
            is_over.store(true, Ordering::SeqCst);
        });
        run(async {
            let mut writer = begin(&journal(&url, 1).await).await;
            while !is_over.load(Ordering::SeqCst) {
                let page = written.len().to_string();
                write(&mut writer, &page).await.expect("it is the keeper");
                written.push(page);
                let _ = begun.send(());
            }
        });
    });
    run(async {
        let next = journal(&url, 2).await;
        let writer = begin(&next).await;
        assert_eq!(read(&next, &writer).await, written);
    });
}

#[test]
fn what_was_purged_is_not_missed() {
    let Some(nats) = server() else { return };
    run(async {
        let journal = journal(&nats.url(), 1).await;
        let mut writer = begin(&journal).await;
        write(&mut writer, "one").await.expect("it is the keeper");
        let second = write(&mut writer, "two").await.expect("it is the keeper");
        writer.purge_before(second).await.expect("it can be purged");
        write(&mut writer, "three").await.expect("it is the keeper");
        let next = begin(&journal).await;
        assert_eq!(read(&journal, &next).await, ["two", "three"]);
    });
}

#[test]
fn asking_whether_pages_may_be_let_go_of_lets_go_of_none() {
    let Some(nats) = server() else { return };
    run(async {
        let journal = journal(&nats.url(), 1).await;
        let mut writer = begin(&journal).await;
        write(&mut writer, "one").await.expect("it is the keeper");
        let before = journal.stream.bounds().await.expect("it answers");
        let patience = Options::default().patience;
        let may_purge = journal.may_purge(patience).await;
        may_purge.expect("everybody may");
        let after = journal.stream.bounds().await.expect("it answers");
        assert_eq!((after.first, after.last), (before.first, before.last));
        let next = begin(&journal).await;
        assert_eq!(read(&journal, &next).await, ["one"]);
    });
}

#[test]
fn what_is_purged_while_it_is_read_is_not_missed() {
    let Some(nats) = server() else { return };
    let url = &nats.url();
    // The first one is handed over before the last ones are asked for.
    let pages = 3 * MESSAGES_AT_ONCE;
    run(async {
        let journal = journal(url, 1).await;
        let mut former = begin(&journal).await;
        let mut last = 0;
        for page in 0..pages {
            let written = write(&mut former, &page.to_string()).await;
            last = written.expect("it is the keeper");
        }
        let next = begin(&journal).await;
        let mut found = Vec::new();
        let read = journal.read(&next, |sequence, _| {
            if found.is_empty() {
                purge_elsewhere(url, last);
            }
            found.push(sequence);
        });
        assert_eq!(read.await.expect("it can be read").damaged, [0; 0]);
        assert!(found.len() < pages, "it is purged meanwhile");
        assert_eq!(found.last(), Some(&last));
    });
}

/// Another process lets go of all before this sequence, and this thread waits for it.
fn purge_elsewhere(url: &str, before: u64) {
    thread::scope(|threads| {
        threads.spawn(|| {
            run(async {
                let purged = journal(url, 2).await.stream.purge_before(before).await;
                purged.expect("the server answers");
            });
        });
    });
}

/// Writes until there is no room. Returns where the pages lie.
async fn fill(writer: &mut Writer) -> Vec<u64> {
    let page = "x".repeat(100 << 10);
    let mut pages = Vec::new();
    loop {
        match write(writer, &page).await {
            Ok(sequence) => pages.push(sequence),
            Err(full) => {
                assert_eq!(full.kind(), ErrorKind::NoSpace);
                return pages;
            }
        }
    }
}

#[test]
fn a_full_stream_is_told_and_goes_on_when_there_is_room() {
    let Some(nats) = small_server("1MB") else {
        return;
    };
    run(async {
        let journal = journal(&nats.url(), 1).await;
        let mut writer = begin(&journal).await;
        let pages = fill(&mut writer).await;
        let last = pages[pages.len() - 1];
        writer.purge_before(last).await.expect("it can be purged");
        write(&mut writer, "behind").await.expect("there is room");
        let next = begin(&journal).await;
        let texts = read(&journal, &next).await;
        assert_eq!(texts.last().map(|text| &**text), Some("behind"));
        let count = texts.len();
        assert_eq!(count, 3, "the page that found no room is written first");
    });
}

#[test]
fn a_full_server_has_room_for_the_next_keeper_where_the_former_one_kept_a_reserve() {
    let Some(nats) = small_server("2MB") else {
        return;
    };
    run(async {
        let journal = journal(&nats.url(), 1).await;
        let mut writer = begin(&journal).await;
        assert!(writer.lacks_reserve());
        writer.add_to_reserve(0).await.expect("there is room");
        let pages = fill(&mut writer).await;
        let mut next = begin(&journal).await;
        assert!(next.is_scarce());
        write(&mut next, "one").await.expect("there is room");
        // The purge of the reserve is no damage.
        assert_eq!(read(&journal, &next).await.len(), pages.len());
        next.restore_reserve(0).await.expect("the server answers");
        assert!(next.is_scarce(), "there is no room for it");
        write(&mut next, "two")
            .await
            .expect("it was let go of again");
    });
}
