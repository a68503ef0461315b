//! What a folder holds.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bookdrop_backend::{Backend, Fetched, Letters, NotFetched, Place, Settlement, Wait};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use crate::child::{GROUPS, SEGMENT};

/// What is found of one group.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) group: &'static str,
    /// What is handed over, with its attempt.
    pub(crate) ready: Vec<(String, u32)>,
    /// What is dead, with its reason.
    pub(crate) dead: Vec<(String, String)>,
}

/// Looks at a copy, so that the next process finds the folder as the last one left it.
pub(crate) fn look(folder: &Path) -> Vec<Found> {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    if !copy.path().join("bookdrop.json").exists() {
        // It was killed before it had made the queue.
        return Vec::new();
    }
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.sync = bookdrop_disk::Sync::Never;
    options.limits.max_deliveries = u32::MAX;
    options.limits.max_dead = usize::MAX;
    let (records, report) = bookdrop_disk::open(copy.path(), &options).expect("it can be opened");
    assert!(report.damage.is_empty(), "{report:?}");
    GROUPS.map(|group| look_at(&records, group)).into()
}

/// Takes out everything that is there, and waits for what waits for its time.
fn look_at(records: &Records, group: &'static str) -> Found {
    let reader = wait(records.join(Place::In(group))).expect("anybody can join");
    let mut ready = Vec::new();
    loop {
        match wait(records.fetch(reader, 1000, Wait::No)) {
            Ok(all) => ready.extend(all.into_iter().map(|fetched| taken_out(records, fetched))),
            Err(NotFetched::Empty) => {
                let stats = wait(records.stats(Some(group)))
                    .unwrap()
                    .expect("it is there");
                if stats.queued + stats.delayed == 0 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let dead = wait(records.dead(group, Letters::All)).expect("they can be read");
    let dead = dead.into_iter();
    Found {
        group,
        ready,
        dead: dead
            .map(|dead| (name_in(&dead.record.content), dead.reason.to_string()))
            .collect(),
    }
}

fn taken_out(records: &Records, fetched: Fetched) -> (String, u32) {
    let found = (name_in(&fetched.record.content), fetched.attempt);
    wait(records.settle(fetched.receipt, Settlement::Done)).expect("it is in hand");
    found
}

fn name_in(content: &[u8]) -> String {
    let content: serde_json::Value = serde_json::from_slice(content).expect("it is JSON");
    content["name"].as_str().expect("it has a name").to_owned()
}
