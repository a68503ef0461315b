//! Everything that is read from a disk: segments of any bytes, and journals whose records say anything.
//!
//! A folder either is refused, or opens; what is opened can be used, and opens again.

use std::sync::Arc;

use arbitrary::Arbitrary;
use bookdrop_backend::{Backend, Letters, Place, Progress, Record, Settlement, Wait};
use bookdrop_disk::journal::{self, Journal, Need, Settings};
use bookdrop_disk::{Options, Sync};
use bookdrop_queue::park::wait;

use crate::InMemory;

/// What a folder is made of.
#[derive(Arbitrary, Debug)]
pub struct Input {
    /// Files as they are, whose names are numbers.
    raw: Vec<(u8, Vec<u8>)>,
    /// Records of a journal that was written well.
    records: Vec<(u8, Vec<u8>)>,
    /// How these were written, and how it is opened first and then.
    ways: [Way; 3],
    /// Bytes that were changed afterwards.
    damage: Vec<(u8, u16, u8)>,
}

/// How a folder is opened.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Way {
    segments: Segments,
    is_progress_told: bool,
    is_cached: bool,
}

/// The lengths of segments, in the least one.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Segments {
    One = 1,
    Two = 2,
    Three = 3,
    Sixteen = 16,
}

impl Way {
    fn segment_bytes(self) -> u64 {
        journal::LEAST_SEGMENT * self.segments as u64
    }

    fn options(self) -> Options {
        let mut options = Options::default();
        options.segment_bytes = self.segment_bytes();
        options.sync = Sync::Never;
        if self.is_progress_told {
            options.on_progress = Some(Arc::new(|opening| assert!(opening.bytes <= opening.of)));
        }
        if !self.is_cached {
            options.cache_bytes = 0;
        }
        options
    }
}

/// Makes the folder and uses it, twice.
pub fn run(input: &Input) {
    let folder = InMemory::default();
    write(&folder, input);
    for (number, bytes) in input.raw.iter().take(4) {
        let name = match number % 2 {
            0 => format!("journal-{:016x}", number),
            _ => format!("spare-{:016x}", number),
        };
        folder.put(&name, bytes.clone());
    }
    for (file, at, with) in &input.damage {
        folder.damage(*file as usize, *at as usize, *with);
    }
    for way in &input.ways[1..] {
        use_it(&folder, *way);
    }
}

fn write(folder: &InMemory, input: &Input) {
    let settings = Settings::default().with_segment_bytes(input.ways[0].segment_bytes());
    let Ok((mut journal, _)) = Journal::open(folder.clone(), settings, |_| {}) else {
        return;
    };
    for (kind, payload) in &input.records {
        let record = journal::Record {
            kind: u32::from(*kind).max(1),
            payload,
        };
        let _ = journal.append([record], Need::GivesRoom, |_| {});
    }
    let _ = journal.flush();
}

fn use_it(folder: &InMemory, way: Way) {
    let Ok((records, _)) = bookdrop_disk::open_folder(folder.clone(), &way.options()) else {
        return;
    };
    let record = Record {
        id: "one more".into(),
        ..Record::default()
    };
    let _ = wait(records.publish(vec![record], Progress::default(), false));
    let groups = wait(records.groups()).expect("it is in memory");
    for group in groups.iter().map(String::as_str).chain(["default"]) {
        let reader = wait(records.join(Place::In(group))).expect("anybody can join");
        let fetched = wait(records.fetch(reader, 100, Wait::No)).unwrap_or_default();
        for fetched in fetched {
            let _ = wait(records.settle(fetched.receipt, Settlement::Done));
        }
        let _ = wait(records.dead(group, Letters::All));
    }
}
