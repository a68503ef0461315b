//! The file that says what a folder is: there is the whole of it, or none, whenever the power goes.

use std::io::{self, ErrorKind};

use crate::storage::{File, Folder};

/// Says what the folder is.
pub(super) const LABEL: &str = "bookdrop.json";
/// The label while it is being written.
pub(super) const NEW_LABEL: &str = "bookdrop.json.new";

/// So many bytes are read at most: one that is longer is none of ours.
const LONGEST: u64 = 4096;

/// What the label says; `None` if there is none.
pub(super) fn read<F: Folder>(folder: &F) -> io::Result<Option<Vec<u8>>> {
    let file = match folder.open(LABEL) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = vec![0; file.length()?.min(LONGEST) as usize];
    file.read_at(&mut text, 0)?;
    Ok(Some(text))
}

/// Puts a label on a folder that has none.
pub(super) fn put<F: Folder>(folder: &F, text: &str) -> io::Result<()> {
    match folder.remove(NEW_LABEL) {
        // One that ended before it was done had left it. Were its name still to go, it could be what is renamed below.
        Ok(()) => folder.flush()?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = folder.create(NEW_LABEL, text.len() as u64)?;
    file.write_at(text.as_bytes(), 0)?;
    file.flush()?;
    folder.rename(NEW_LABEL, LABEL)?;
    folder.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lossy_disk::{self, Disk, Place};

    const TEXT: &str =
        "what this folder is: long enough to be torn into pieces, of which some survive";

    /// The power goes again and again until there is a label.
    fn play(seed: u64, taken_out: Option<Place>) -> (Disk, Result<(), String>) {
        let disk = Disk::new(seed, 1 << 20, taken_out);
        let looked = |is_put: bool| match read(&disk).expect("there is power") {
            Some(text) if text == TEXT.as_bytes() => Ok(true),
            None if !is_put => Ok(false),
            other => Err(format!("there is {other:?}")),
        };
        let mut steps = 0;
        let found = loop {
            disk.light_fuse(steps);
            steps += 1;
            let put = put(&disk, TEXT);
            disk.lose_power();
            match looked(put.is_ok()) {
                Ok(false) => {}
                found => break found.map(drop),
            }
        };
        (disk, found)
    }

    #[test]
    fn there_is_a_whole_one_or_none() {
        for seed in 0..1_000 {
            let (_, found) = play(seed, None);
            found.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        }
    }

    #[test]
    fn each_flush_is_needed() {
        let flushes = lossy_disk::flushes(0..100, |seed| play(seed, None).0);
        assert_eq!(flushes.len(), 3, "{flushes:#?}");
        for flush in flushes {
            let is_missed = |seed| play(seed, Some(flush)).1.is_err();
            assert!(
                (0..1_000).any(is_missed),
                "nobody misses the flush at {flush}"
            );
        }
    }
}
