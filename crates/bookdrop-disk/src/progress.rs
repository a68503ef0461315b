//! Telling how opening goes on.

use std::time::{Duration, Instant};

use bookdrop_backend::Error;

use crate::journal::{self, Position};
use crate::options::{OnProgress, Opening, Options};
use crate::storage::{File, Folder};

/// Opening is quick for so long, and is told about so often afterwards.
const INTERVAL: Duration = Duration::from_secs(1);
/// The clock is looked at once in so many records.
const RECORDS: u32 = 1024;

/// Tells how opening goes on.
pub(crate) struct Progress {
    told: Option<OnProgress>,
    next: Instant,
    records: u32,
    first_generation: Option<u64>,
    of: u64,
}

impl Progress {
    pub(crate) fn new<F: Folder>(folder: &F, options: &Options) -> Result<Self, Error> {
        let mut progress = Progress {
            told: options.on_progress.clone(),
            next: Instant::now() + INTERVAL,
            records: 0,
            first_generation: None,
            of: 0,
        };
        if progress.told.is_some() {
            let lengths = segments(folder)
                .map_err(|error| Error::from(journal::Error::io("look at the segments", error)))?;
            progress.of = lengths;
        }
        Ok(progress)
    }

    /// One more record was read, in segments of so many bytes.
    pub(crate) fn note(&mut self, at: Position, segment_bytes: u64) {
        let Some(told) = &self.told else {
            return;
        };
        let first = *self.first_generation.get_or_insert(at.generation);
        self.records += 1;
        if self.records < RECORDS {
            return;
        }
        self.records = 0;
        let now = Instant::now();
        if now >= self.next {
            self.next = now + INTERVAL;
            let bytes = (at.generation - first) * segment_bytes + at.offset;
            told(Opening {
                bytes: bytes.min(self.of),
                of: self.of,
            });
        }
    }
}

/// Bytes of all segments.
fn segments<F: Folder>(folder: &F) -> std::io::Result<u64> {
    let mut bytes = 0;
    for name in folder.names()? {
        if journal::is_segment(&name) {
            bytes += folder.open(&name)?.length()?;
        }
    }
    Ok(bytes)
}
