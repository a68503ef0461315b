//! What is damaged on a real disk is told, and costs no more than itself.

#![cfg(unix)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bookdrop_disk::journal::{
    Damage, Error, ErrorKind, Journal, Need, Position, Record, Recovery, Settings,
};
use bookdrop_disk::storage::DiskFolder;
use tempfile::TempDir;

const SEGMENT: u64 = 4096;
const HEADER: u64 = 64;

/// The records that were found, by their text.
type Found = (Vec<String>, Recovery);

fn open(folder: &Path) -> Result<(Journal<DiskFolder>, Found), Error> {
    let mut found = Vec::new();
    let disk = DiskFolder::open(folder).expect("the folder is there");
    let settings = Settings::default().with_segment_bytes(SEGMENT);
    let (journal, recovery) = Journal::open(disk, settings, |record| {
        found.push(String::from_utf8(record.payload.to_vec()).expect("they are texts"));
    })?;
    Ok((journal, (found, recovery)))
}

fn found_in(folder: &TempDir) -> Found {
    open(folder.path()).expect("it opens").1
}

/// Appends each text by a write of its own, and flushes. Tells where they lie.
fn append(journal: &mut Journal<DiskFolder>, texts: &[&str]) -> Vec<Position> {
    let mut positions = Vec::new();
    for text in texts {
        let record = Record {
            kind: 1,
            payload: text.as_bytes(),
        };
        let appended = journal.append([record], Need::TakesRoom, |at| positions.push(at));
        appended.expect("there is room");
        journal.flush().expect("the disk works");
    }
    positions
}

/// A folder with these records in one segment.
fn folder_with(texts: &[&str]) -> (TempDir, Vec<Position>) {
    let folder = TempDir::new().expect("there is room for it");
    let (mut journal, _) = open(folder.path()).expect("an empty folder opens");
    let positions = append(&mut journal, texts);
    (folder, positions)
}

fn path_of(folder: &TempDir, generation: u64) -> PathBuf {
    folder.path().join(format!("journal-{generation:016x}"))
}

fn segment(folder: &TempDir, generation: u64) -> File {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .open(path_of(folder, generation));
    file.expect("it is there")
}

/// Changes a byte.
fn damage(folder: &TempDir, at: Position) {
    let file = segment(folder, at.generation);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at.offset).unwrap();
    file.write_all_at(&[!byte[0]], at.offset).unwrap();
}

#[test]
fn what_was_appended_is_found_after_each_opening() {
    let (folder, _) = folder_with(&["one", "two"]);
    for (times, text) in ["three", "four", "five"].into_iter().enumerate() {
        let (mut journal, (found, recovery)) = open(folder.path()).unwrap();
        assert_eq!(found.len(), 2 + times);
        assert_eq!(recovery.damage, []);
        append(&mut journal, &[text]);
    }
    assert_eq!(found_in(&folder).0, ["one", "two", "three", "four", "five"]);
}

#[test]
fn a_damaged_record_is_told_and_the_others_are_found() {
    let (folder, positions) = folder_with(&["one", "two", "three"]);
    let [_, two, _] = positions[..] else {
        panic!("three were appended");
    };
    damage(
        &folder,
        Position {
            offset: two.offset + 28,
            ..two
        },
    );
    let is_told = |recovery: Recovery| {
        let [Damage::Bytes { file, range }] = recovery.damage.as_slice() else {
            panic!("{:?}", recovery.damage);
        };
        assert_eq!(file, "journal-0000000000000001");
        assert!(range.contains(&two.offset), "{range:?}");
    };

    let (mut journal, (found, recovery)) = open(folder.path()).unwrap();
    assert_eq!(found, ["one", "three"]);
    is_told(recovery);
    assert_eq!(*journal.read(two).unwrap_err().kind(), ErrorKind::NoRecord);

    // Also when it is no longer in the newest segment.
    append(&mut journal, &["four"]);
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "three", "four"]);
    is_told(recovery);
}

#[test]
fn a_write_that_was_not_finished_is_cut_off() {
    let (folder, positions) = folder_with(&["one", "two"]);
    // The last record was flushed, but no later write says so: to the journal it looks like one that was being written.
    damage(
        &folder,
        Position {
            offset: positions[1].offset + 29,
            ..positions[1]
        },
    );
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one"]);
    assert_eq!(recovery.damage, []);
    assert!(recovery.cut > 0);
    let (mut journal, _) = open(folder.path()).unwrap();
    append(&mut journal, &["three"]);
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "three"]);
    assert_eq!((recovery.damage, recovery.cut), (vec![], 0));
}

#[test]
fn a_damaged_header_costs_no_record() {
    let (folder, _) = folder_with(&["one"]);
    append(&mut open(folder.path()).unwrap().0, &["two"]);
    for generation in [1, 2] {
        damage(
            &folder,
            Position {
                generation,
                offset: 20,
            },
        );
    }
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "two"]);
    let file = |generation| Damage::Header {
        file: format!("journal-{generation:016x}"),
    };
    assert_eq!(recovery.damage, [file(1), file(2)]);
}

/// Each time, and that nothing of it was found.
#[test]
fn a_segment_of_which_nothing_is_left_is_told() {
    for length in [0, 30, HEADER - 1, SEGMENT] {
        let (folder, _) = folder_with(&["one", "two"]);
        // Zeros, or nothing.
        segment(&folder, 1).set_len(0).unwrap();
        segment(&folder, 1).set_len(length).unwrap();
        let file = String::from("journal-0000000000000001");
        let mut lost = vec![Damage::Segment { file: file.clone() }];
        if length > HEADER {
            let range = HEADER..length;
            lost.insert(0, Damage::Bytes { file, range });
        }
        let is_told = |recovery: Recovery| {
            let told = (recovery.damage, recovery.cut);
            assert_eq!(told, (lost.clone(), 0), "{length} bytes are left");
        };
        let (mut journal, (found, recovery)) = open(folder.path()).unwrap();
        assert_eq!(found, [""; 0]);
        is_told(recovery);
        append(&mut journal, &["three"]);
        let (found, recovery) = found_in(&folder);
        assert_eq!(found, ["three"]);
        is_told(recovery);
    }
}

#[test]
fn a_segment_that_is_missing_is_told() {
    let (folder, _) = folder_with(&["one"]);
    for text in ["two", "three"] {
        append(&mut open(folder.path()).unwrap().0, &[text]);
    }
    fs::remove_file(path_of(&folder, 2)).unwrap();
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "three"]);
    let file = String::from("journal-0000000000000002");
    assert_eq!(recovery.damage, [Damage::Missing { file }]);
}

#[test]
fn a_segment_that_has_become_shorter_is_told() {
    let (folder, positions) = folder_with(&["one", "two"]);
    append(&mut open(folder.path()).unwrap().0, &["three"]);
    segment(&folder, 1).set_len(positions[1].offset).unwrap();
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "three"]);
    assert!(
        matches!(recovery.damage.as_slice(), [Damage::Bytes { .. }]),
        "{:?}",
        recovery.damage
    );
}

/// All of it was flushed, and nothing that is there says so.
#[test]
fn the_newest_segment_that_has_become_shorter_is_told_each_time() {
    let (folder, positions) = folder_with(&["one", "two", "three"]);
    let shorter = positions[1].offset + 8;
    segment(&folder, 1).set_len(shorter).unwrap();
    let is_told = |recovery: &Recovery| {
        let file = String::from("journal-0000000000000001");
        let [damage] = recovery.damage.as_slice() else {
            panic!("{recovery:?}");
        };
        let Damage::Bytes { file: told, range } = damage else {
            panic!("{recovery:?}");
        };
        assert_eq!((told, range.end), (&file, SEGMENT));
        assert!(range.contains(&shorter), "{range:?}");
        assert_eq!(recovery.cut, 0, "it may have been confirmed");
    };
    for _ in 0..2 {
        let (found, recovery) = found_in(&folder);
        assert_eq!(found, ["one"]);
        is_told(&recovery);
    }
    let (mut journal, _) = open(folder.path()).unwrap();
    append(&mut journal, &["four"]);
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "four"]);
    is_told(&recovery);
}

#[test]
fn what_is_missing_behind_the_end_of_a_segment_is_no_loss() {
    let (folder, _) = folder_with(&["one"]);
    append(&mut open(folder.path()).unwrap().0, &["two"]);
    segment(&folder, 1).set_len(SEGMENT - 8).unwrap();
    let (found, recovery) = found_in(&folder);
    assert_eq!(found, ["one", "two"]);
    assert_eq!(recovery.damage, []);
}

#[test]
fn a_newer_version_is_refused() {
    let (folder, _) = folder_with(&["one"]);
    let file = segment(&folder, 1);
    let mut header = [0; HEADER as usize];
    file.read_exact_at(&mut header, 0).unwrap();
    header[8] = 2;
    let checksum = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&checksum.to_le_bytes());
    file.write_all_at(&header, 0).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "journal-0000000000000001 has version 2 of the format, which is newer than this library; use a newer one"
    );
}

#[test]
fn other_files_are_left_alone() {
    let (folder, _) = folder_with(&["one"]);
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    assert_eq!(found_in(&folder).0, ["one"]);
    assert_eq!(fs::read(notes).unwrap(), b"mine");
}

#[test]
fn segments_are_freed_from_the_first_on_and_used_again() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    let text = "x".repeat(900);
    for _ in 0..200 {
        append(&mut journal, &[&text]);
        let newest = journal.generations().last().unwrap();
        journal.free_before(newest).unwrap();
        assert_eq!(journal.generations().count(), 1);
        assert!(journal.written() <= SEGMENT, "it is one segment at most");
        assert!(
            fs::read_dir(folder.path()).unwrap().count() <= 5,
            "one segment and four spares"
        );
    }
    drop(journal);
    assert!(found_in(&folder).0.len() <= 4);
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_longest_is_not() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    let limit = journal.longest_record();
    let longest = "x".repeat(limit);
    let too_long = "x".repeat(limit + 1);
    let record = Record {
        kind: 1,
        payload: too_long.as_bytes(),
    };
    let error = journal
        .append([record], Need::TakesRoom, |_| ())
        .unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::TooLong {
            length: limit + 1,
            limit
        }
    );
    append(&mut journal, &["one", &longest, "two"]);
    drop(journal);
    assert_eq!(found_in(&folder).0, ["one", &longest, "two"]);
}

#[test]
fn a_batch_may_be_longer_than_a_segment() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    let texts: Vec<String> = (0..100).map(|n| format!("{n:0200}")).collect();
    let records: Vec<Record<'_>> = texts
        .iter()
        .map(|text| Record {
            kind: 1,
            payload: text.as_bytes(),
        })
        .collect();
    let mut positions = Vec::new();
    journal
        .append(records.iter().copied(), Need::TakesRoom, |at| {
            positions.push(at)
        })
        .unwrap();
    assert!(positions.is_sorted());
    for (position, text) in positions.iter().zip(&texts) {
        assert_eq!(
            journal.read(*position).unwrap(),
            (1, text.clone().into_bytes())
        );
    }
    drop(journal);
    assert_eq!(found_in(&folder).0, texts);
}

/// As where two processes have the folder open, since somebody has removed its lock.
#[test]
fn a_segment_that_another_journal_has_begun_is_not_written_over() {
    let folder = TempDir::new().unwrap();
    let (mut ours, _) = open(folder.path()).unwrap();
    append(&mut ours, &["ours"]);
    let (mut theirs, _) = open(folder.path()).unwrap();
    append(&mut theirs, &["theirs"]);
    let longest = "x".repeat(ours.longest_record());
    let record = Record {
        kind: 1,
        payload: longest.as_bytes(),
    };
    let appended = ours.append([record], Need::TakesRoom, |_| ());
    let error = appended.expect_err("it would be a segment of the same name");
    let doing = String::from("make journal-0000000000000002");
    assert_eq!(*error.kind(), ErrorKind::Io { doing });
    assert!(ours.is_poisoned());
    assert_eq!(found_in(&folder).0, ["ours", "theirs"]);
}
