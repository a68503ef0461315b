//! What was damaged is set aside, for whoever wants to look at it: the segment in which it lies is used again one day.

use std::ops::Range;

use crate::journal::Damage;
use crate::storage::{File, Folder};

/// Files that are kept at most.
const FILES: usize = 64;
/// Bytes that are kept of one place at most.
const BYTES: u64 = 1 << 20;

/// Copies what is damaged into files of its own, as far as that can be done.
pub(crate) fn set_aside<F: Folder>(folder: &F, damage: &[Damage]) {
    for damage in damage {
        if let Damage::Bytes { file, range } = damage {
            // It is for people to look at; the queue does not need it.
            let _ = copy(folder, file, range);
        }
    }
}

fn copy<F: Folder>(folder: &F, from: &str, range: &Range<u64>) -> std::io::Result<()> {
    let to = format!("damaged-{from}-{}", range.start);
    let names = folder.names()?;
    let kept = names.iter().filter(|name| name.starts_with("damaged-"));
    if names.contains(&to) || kept.count() >= FILES {
        return Ok(());
    }
    let source = folder.open(from)?;
    // A file may be shorter than it should be.
    let end = range.end.min(range.start + BYTES).min(source.length()?);
    if end <= range.start {
        // Nothing is left of it.
        return Ok(());
    }
    let mut bytes = vec![0; (end - range.start) as usize];
    source.read_at(&mut bytes, range.start)?;
    let copy = folder.create(&to, bytes.len() as u64)?;
    copy.write_at(&bytes, 0)?;
    copy.flush()
}
