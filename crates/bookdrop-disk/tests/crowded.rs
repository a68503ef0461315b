//! A full disk on which no file can be made or opened for a while: what is noted meanwhile waits, and some of it is written before the
//! rest.

#[path = "support/barred.rs"]
mod barred;
#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
#[allow(dead_code)]
mod support;

use std::collections::BTreeSet;
use std::io;
use std::thread;
use std::time::Duration;

use bookdrop_backend::{
    Backend, DeadReason, Fetched, Letters, NotPublished, Progress, Record, Settlement,
};
use bookdrop_disk::journal::{Journal, Recovered, Settings};
use bookdrop_disk::storage::Folder;
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;
use fastrand::Rng;

use barred::Barred;
use disk::Disk;
use support::{fetch, join};

const SEGMENT: u64 = 4096;
const ROOM: u64 = 40 * SEGMENT;

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.limits.max_dead = usize::MAX;
    options.limits.max_attempts = u32::MAX;
    options.limits.max_deliveries = u32::MAX;
    options
}

fn opened<F>(folder: F, options: &Options) -> Records
where
    F: Folder + Send + std::marker::Sync + 'static,
    F::File: Send + std::marker::Sync + 'static,
{
    let (records, _) = bookdrop_disk::open_folder(folder, options).expect("there is room");
    records
}

/// Sends events of so many bytes of content until there is no room. Returns how many there are.
fn fill(records: &Records, content: usize) -> usize {
    let mut numbers = 0..;
    let refused = numbers.find(|number| {
        let record = Record {
            id: number.to_string().into(),
            content: vec![b'x'; content].into(),
            ..Record::default()
        };
        match wait(records.publish(vec![record], Progress::default(), true)) {
            Ok(()) => false,
            Err(NotPublished::Backend(_)) => true,
            Err(other) => panic!("{other:?}"),
        }
    });
    refused.expect("the disk is full")
}

/// Whether it survives is another matter.
fn settle(records: &Records, fetched: Fetched, how: Settlement) {
    let _ = wait(records.settle(fetched.receipt, how));
}

/// The ids of the dead letters.
fn dead(records: &Records) -> BTreeSet<String> {
    let dead = wait(records.dead("default", Letters::All)).expect("they can be read");
    dead.into_iter()
        .map(|dead| dead.record.id.to_string())
        .collect()
}

/// Whether everything that happened is written.
fn is_all_written(records: &Records) -> bool {
    wait(records.replay("default", Letters::These(Vec::new()))).is_ok()
}

/// They are written down again when it is written that they are dead, and what was noted before is said by notes that wait. Of those in
/// hand any one fails, or dies.
#[test]
fn dead_letters_are_there_when_their_events_were_written_again() {
    for seed in [19, 26] {
        let mut rng = Rng::with_seed(seed);
        let disk = Disk::new(seed, ROOM, None);
        let folder = Barred::new(disk.clone(), io::ErrorKind::Other);
        let records = opened(folder.clone(), &options());
        let reader = join(&records, "default");
        let sent = fill(&records, rng.usize(10..200));
        disk.set_room(0);
        folder.bar(true);
        let mut in_hand = Vec::new();
        for _ in 0..rng.usize(3..6) * sent {
            if in_hand.len() < 300 {
                in_hand.extend(fetch(&records, reader));
                continue;
            }
            let fetched = in_hand.swap_remove(rng.usize(..in_hand.len()));
            let how = match rng.usize(..20) {
                0 => Settlement::Bury(DeadReason::Rejected("no".to_owned())),
                _ => Settlement::RetryAfter(Duration::ZERO),
            };
            settle(&records, fetched, how);
        }
        for fetched in in_hand {
            settle(&records, fetched, Settlement::RetryAfter(Duration::ZERO));
        }
        let before = dead(&records);
        folder.bar(false);
        // Acks make room for all that waits.
        while !is_all_written(&records) {
            if let Some(fetched) = fetch(&records, reader) {
                settle(&records, fetched, Settlement::Done);
            }
            thread::yield_now();
        }
        drop(records);
        assert!(!before.is_empty());
        assert_eq!(dead(&opened(disk, &options())), before, "seed {seed}");
    }
}

/// A dead letter is one too many for the one before it, and that is noted behind it. There may be room for the first of both notes.
#[test]
fn a_settlement_that_is_told_to_be_unwritten_is_unwritten() {
    let mut options = options();
    options.sync = Sync::Never;
    options.limits.max_dead = 1;
    for length in 0..16 {
        let disk = Disk::new(7, ROOM / 4, None);
        let folder = Barred::new(disk.clone(), io::ErrorKind::Other);
        let records = opened(folder.clone(), &options);
        let reader = join(&records, "default");
        fill(&records, 100);
        disk.set_room(0);
        folder.bar(true);
        let told = loop {
            let fetched = fetch(&records, reader).expect("there are enough");
            let reason = DeadReason::Rejected("x".repeat(8 * length));
            let buried = wait(records.settle(fetched.receipt, Settlement::Bury(reason)));
            if buried.is_err() {
                break fetched.record.id.to_string();
            }
        };
        // The process is killed.
        disk.light_fuse(0);
        drop(records);
        disk.kill();
        let dead = dead(&opened(disk, &options));
        assert!(!dead.contains(&told), "{told} was written: {dead:?}");
    }
}

/// How many records were ever written to the journal.
fn appended(disk: Disk) -> u64 {
    let settings = Settings::default().with_segment_bytes(SEGMENT);
    let mut last = 0;
    let note = |found: Recovered<'_>| last = found.sequence;
    Journal::open(disk, settings, note).expect("there is room");
    last
}

/// Of what is said of groups, the last is enough.
#[test]
fn groups_that_come_and_go_do_not_make_what_waits_grow() {
    let rounds = 600;
    let disk = Disk::new(7, ROOM / 4, None);
    let folder = Barred::new(disk.clone(), io::ErrorKind::Other);
    let records = opened(folder.clone(), &options());
    join(&records, "default");
    fill(&records, 100);
    disk.set_room(0);
    folder.bar(true);
    for _ in 0..rounds {
        let reader = join(&records, "comes and goes");
        let _ = wait(records.remove_group("comes and goes"));
        records.leave(reader);
    }
    folder.bar(false);
    disk.set_room(1_000 * SEGMENT);
    while !is_all_written(&records) {
        thread::yield_now();
    }
    drop(records);
    let appended = appended(disk.clone());
    assert!(appended < 2 * rounds, "{appended} records");
    let records = opened(disk, &options());
    assert_eq!(wait(records.groups()).expect("they are known"), ["default"]);
}
