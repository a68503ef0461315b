//! What lies behind the end of a segment may look like frames: it takes no longer to open a folder then.
//!
//! Were each of them summed up, these tests would not end: there is one at nearly every place, and each is megabytes long.

#![cfg(unix)]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use bookdrop_disk::journal::{Journal, Need, Position, Record, Recovery, Settings};
use bookdrop_disk::storage::DiskFolder;
use tempfile::TempDir;

const SEGMENT: u64 = 8 << 20;
const MARKER: [u8; 4] = [0xb0, 0x0c, 0xd2, 0x09];
/// Bytes of the head of a frame.
const HEAD: usize = 28;

fn open(folder: &TempDir) -> (Journal<DiskFolder>, Vec<Vec<u8>>, Recovery) {
    let mut found = Vec::new();
    let disk = DiskFolder::open(folder.path()).unwrap();
    let settings = Settings::default().with_segment_bytes(SEGMENT);
    let (journal, recovery) = Journal::open(disk, settings, |record| {
        found.push(record.payload.to_vec());
    })
    .unwrap();
    (journal, found, recovery)
}

/// The length of half of what there is from this offset on.
fn long(offset: u64) -> u32 {
    ((SEGMENT - offset) / 2) as u32
}

/// A head of which all is right, as somebody makes it who knows where it is going to lie.
fn right_head(at: Position) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&MARKER);
    head[4..8].copy_from_slice(&long(at.offset).to_le_bytes());
    head[8..16].copy_from_slice(&2_u64.to_le_bytes());
    head[16..20].copy_from_slice(&1_u32.to_le_bytes());
    let mut covered = at.generation.to_le_bytes().to_vec();
    covered.extend(at.offset.to_le_bytes());
    covered.extend(&head[4..20]);
    head[20..24].copy_from_slice(&crc32fast::hash(&covered).to_le_bytes());
    head
}

/// A folder with one record, behind which this lies at all places.
fn folder_with(behind: impl Fn(Position) -> Vec<u8>) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (mut journal, _, _) = open(&folder);
    let record = Record {
        kind: 1,
        payload: b"one",
    };
    let mut at = Position::default();
    let appended = journal.append([record], Need::TakesRoom, |position| at = position);
    appended.and_then(|_| journal.flush()).unwrap();
    drop(journal);
    at.offset += (HEAD + record.payload.len()).next_multiple_of(8) as u64;
    let mut bytes = Vec::new();
    while at.offset + (bytes.len() + 32) as u64 <= SEGMENT {
        let next = Position {
            offset: at.offset + bytes.len() as u64,
            ..at
        };
        bytes.extend(behind(next));
    }
    let path = folder.path().join("journal-0000000000000001");
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&bytes, at.offset).unwrap();
    folder
}

fn assert_opens(folder: &TempDir) {
    let (_, found, recovery) = open(folder);
    assert_eq!(found, [b"one"]);
    assert_eq!(recovery.damage, []);
}

#[test]
fn markers_with_a_length() {
    assert_opens(&folder_with(|at| {
        [MARKER, long(at.offset).to_le_bytes()].concat()
    }));
}

#[test]
fn heads_that_are_right_without_a_body_that_is() {
    assert_opens(&folder_with(|at| {
        let mut bytes = right_head(at).to_vec();
        bytes.resize(32, 0);
        bytes
    }));
}

/// One that says that it goes on beyond the end of the file.
#[test]
fn a_head_that_is_longer_than_the_file() {
    assert_opens(&folder_with(|at| {
        let mut bytes = vec![0; 32];
        bytes[..4].copy_from_slice(&MARKER);
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes[8..16].copy_from_slice(&at.offset.to_le_bytes());
        bytes
    }));
}
