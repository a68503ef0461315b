//! Telling how opening goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bookdrop_backend::Error;

use crate::journal::{self, Position};
use crate::options::{OnProgress, Opening, Options};
use crate::storage::{File, Folder};

/// Opening is quick for so long, and is told about so often afterwards.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// The clock is looked at once in so many records,
const RECORDS: u32 = 1024;
/// or in so many bytes: few records may be long ones.
const BYTES: u64 = 1 << 20;

/// Tells how opening goes on.
pub(crate) struct Progress {
    told: Option<OnProgress>,
    interval: Duration,
    next: Instant,
    records: u32,
    /// Bytes of the segments before each of them, by its generation: they may be of different lengths.
    before: BTreeMap<u64, u64>,
    /// Where the clock was looked at last.
    looked_at: u64,
    /// What was told last.
    last: Option<Opening>,
    of: u64,
}

impl Progress {
    pub(crate) fn new<F: Folder>(folder: &F, options: &Options) -> Result<Self, Error> {
        let mut progress = Progress {
            told: options.on_progress.clone(),
            interval: options.progress_interval,
            next: Instant::now() + options.progress_interval,
            records: 0,
            before: BTreeMap::new(),
            looked_at: 0,
            last: None,
            of: 0,
        };
        if progress.told.is_some() {
            for (generation, length) in lengths_of_segments(folder)? {
                progress.before.insert(generation, progress.of);
                progress.of += length;
            }
        }
        Ok(progress)
    }

    /// One more record was read.
    pub(crate) fn note(&mut self, at: Position) {
        if self.told.is_none() {
            return;
        }
        let before = self.before.get(&at.generation).copied();
        let bytes = before.unwrap_or_default() + at.offset;
        self.records += 1;
        if self.records < RECORDS && bytes.saturating_sub(self.looked_at) < BYTES {
            return;
        }
        self.records = 0;
        self.looked_at = bytes;
        let now = Instant::now();
        if now >= self.next {
            self.next = now + self.interval;
            self.tell(bytes);
        }
    }

    /// All was read. Who was told that it goes on is told that.
    pub(crate) fn end(&mut self) {
        if self.last.is_some_and(|last| last.bytes < last.of) {
            self.tell(self.of);
        }
    }

    fn tell(&mut self, bytes: u64) {
        let opening = Opening {
            bytes: bytes.min(self.of),
            of: self.of,
        };
        self.last = Some(opening);
        if let Some(told) = &self.told {
            told(opening);
        }
    }
}

/// Bytes of each segment, by its generation.
fn lengths_of_segments<F: Folder>(folder: &F) -> Result<BTreeMap<u64, u64>, journal::Error> {
    let names = folder.names();
    let names = names.map_err(|error| journal::Error::io("list the folder", error))?;
    let mut lengths = BTreeMap::new();
    for name in names {
        if let Some(generation) = journal::generation_of(&name) {
            let length = folder.open(&name).and_then(|file| file.length());
            let length =
                length.map_err(|error| journal::Error::io(format!("open {name}"), error))?;
            lengths.insert(generation, length);
        }
    }
    Ok(lengths)
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use bookdrop_backend::{Backend, Progress, Record};
    use bookdrop_queue::park::wait;

    use super::*;
    use crate::Sync;

    /// What is told when a folder is opened with this interval.
    fn told(folder: &Path, interval: Duration) -> Vec<Opening> {
        told_with(options(), folder, interval)
    }

    fn told_with(mut options: Options, folder: &Path, interval: Duration) -> Vec<Opening> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let noted = told.clone();
        options.progress_interval = interval;
        options.on_progress = Some(Arc::new(move |opening| noted.lock().unwrap().push(opening)));
        let opened = bookdrop_disk::open(folder, &options).expect("it can be opened");
        let told = std::mem::take(&mut *told.lock().unwrap());
        drop(opened);
        told
    }

    fn options() -> Options {
        Options {
            segment_bytes: 4 << 20,
            sync: Sync::Never,
            ..Options::default()
        }
    }

    /// A folder with so many events of so many bytes.
    fn filled(events: usize, bytes: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (records, _) = bookdrop_disk::open(folder.path(), &options()).unwrap();
        for number in 0..events {
            let record = Record {
                id: number.to_string().into(),
                content: vec![b'x'; bytes].into(),
                ..Record::default()
            };
            wait(records.publish(vec![record], Progress::default(), true)).unwrap();
        }
        folder
    }

    fn assert_goes_on_to_the_end(told: &[Opening]) {
        assert!(
            told.is_sorted_by(|one, next| one.bytes < next.bytes),
            "{told:?}"
        );
        let last = told.last().expect("something was told");
        assert_eq!(last.bytes, last.of, "{told:?}");
        assert!(told.iter().all(|opening| opening.of == last.of), "{told:?}");
    }

    /// Far fewer than a thousand: each of them takes long.
    #[test]
    fn large_events_are_told_about() {
        let folder = filled(12, 1 << 20);
        let told = told(folder.path(), Duration::ZERO);
        assert!(told.len() > 10, "{told:?}");
        assert_goes_on_to_the_end(&told);
    }

    #[test]
    fn segments_of_different_lengths_are_told_about() {
        let folder = filled(12, 1 << 20);
        for _ in 0..2 {
            let shorter = Options {
                segment_bytes: 3 << 20,
                ..options()
            };
            let told = told_with(shorter, folder.path(), Duration::ZERO);
            assert!(told.len() > 10, "{told:?}");
            assert_goes_on_to_the_end(&told);
        }
    }

    #[test]
    fn what_is_opened_quickly_is_not_told_about() {
        let folder = filled(12, 1 << 20);
        assert_eq!(told(folder.path(), Duration::from_secs(3600)), []);
    }
}
