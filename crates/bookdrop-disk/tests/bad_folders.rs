//! Folders that cannot be opened, or not as they were.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bookdrop_backend::{Backend, Error, ErrorKind, Place, Progress, Record, Settlement, Wait};
use bookdrop_disk::journal::{self, Journal, Need, Settings};
use bookdrop_disk::storage::DiskFolder;
use bookdrop_disk::{Options, Records, Report, Sync};
use bookdrop_queue::park::wait;

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = 1 << 16;
    options.sync = Sync::Never;
    options
}

fn open(path: &Path) -> Result<(Records, Report), Error> {
    bookdrop_disk::open(path, &options())
}

fn refused(path: &Path) -> (ErrorKind, String) {
    match open(path) {
        Ok(_) => panic!("it was opened"),
        Err(error) => (error.kind(), error.to_string()),
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_file_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "text").unwrap();
    for path in [path.clone(), path.join("below")] {
        let (kind, message) = refused(&path);
        assert_eq!(kind, ErrorKind::Invalid, "{message}");
    }
    assert_eq!(fs::read_to_string(path).unwrap(), "text");
}

#[test]
fn a_link_to_nowhere_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
    for path in [link.clone(), link.join("below")] {
        let (kind, message) = refused(&path);
        assert_eq!(kind, ErrorKind::Invalid, "{message}");
        assert!(
            message.contains("/link is a link to what is not there"),
            "{message}"
        );
        assert!(message.contains("remove the link"), "{message}");
    }
}

/// Another name does it.
#[test]
fn a_name_that_none_can_have_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x".repeat(300), "with a \0".to_owned()] {
        let (kind, message) = refused(&folder.path().join(name));
        assert_eq!(kind, ErrorKind::Invalid, "{message}");
    }
}

/// It was being seen whether files can be made there.
#[test]
fn a_folder_whose_opening_was_killed_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bookdrop.probe"), "").unwrap();
    for _ in 0..2 {
        drop(open(folder.path()).unwrap());
        let names = names(folder.path());
        assert!(!names.contains(&"bookdrop.probe".to_owned()), "{names:?}");
    }
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "text").unwrap();
    let (kind, message) = refused(folder.path());
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(message.contains("letter.txt"), "{message}");
    assert_eq!(names(folder.path()), ["letter.txt"]);
}

/// It is a folder of the file system's, in each volume of some kinds.
#[test]
fn a_volume_of_its_own_is_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    drop(open(folder.path()).unwrap());
    drop(open(folder.path()).unwrap());
    assert!(folder.path().join("lost+found").is_dir());
}

#[test]
fn nothing_else_is_passed_over() {
    for name in ["lost", "found", "lost+found.txt"] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        fs::write(folder.path().join(name), "").unwrap();
        let (kind, message) = refused(folder.path());
        assert_eq!(kind, ErrorKind::Invalid);
        assert!(message.contains(&format!("such as {name};")), "{message}");
    }
}

/// Whether or not somebody is told how opening goes on.
#[test]
fn a_folder_that_is_called_as_a_segment_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    fs::create_dir(folder.path().join("journal-0000000000000009")).unwrap();
    let mut told = options();
    told.on_progress = Some(Arc::new(|_| ()));
    for options in [options(), told] {
        let error = bookdrop_disk::open(folder.path(), &options).err().unwrap();
        let named = "could not open journal-0000000000000009: ";
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.to_string().contains("move it elsewhere"), "{error}");
    }
}

/// To move it elsewhere does it, whichever file it stands for.
#[test]
fn a_folder_in_place_of_any_file_is_invalid() {
    let in_a_queue = [
        "lock",
        "bookdrop.json",
        "bookdrop.probe",
        "journal-0000000000000001",
        "spare-0000000000000001",
    ];
    let in_a_new_one = ["lock", "bookdrop.json.new", "bookdrop.probe"];
    let all = in_a_queue.map(|name| (name, true)).into_iter();
    for (name, is_queue) in all.chain(in_a_new_one.map(|name| (name, false))) {
        let folder = tempfile::tempdir().unwrap();
        if is_queue {
            filled(folder.path());
        }
        let path = folder.path().join(name);
        let _ = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        let (kind, message) = refused(folder.path());
        assert_eq!(kind, ErrorKind::Invalid, "{message}");
        assert!(message.contains(name), "{message}");
        assert!(message.contains("move it elsewhere"), "{message}");
    }
}

#[test]
fn another_codec_or_a_newer_version_is_refused_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let mut other = options();
    other.codec = "msgpack".into();
    let error = bookdrop_disk::open(folder.path(), &other).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("json"), "{error}");

    let label = folder.path().join("bookdrop.json");
    let text = fs::read_to_string(&label).unwrap();
    let newer = text.replace("\"version\":1", "\"version\":2");
    assert_ne!(newer, text);
    fs::write(&label, &newer).unwrap();
    assert_eq!(refused(folder.path()).0, ErrorKind::NewerVersion);
}

#[test]
fn a_queue_whose_label_is_damaged_or_gone_is_told_how_to_write_it() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let label = folder.path().join("bookdrop.json");
    let text = fs::read_to_string(&label).unwrap();
    let refused_with = |what: &str| {
        let before = names(folder.path());
        let (kind, message) = refused(folder.path());
        assert_eq!(kind, ErrorKind::Invalid, "{message}");
        assert!(message.contains(what), "{message}");
        let advice = format!("put a bookdrop.json there that says `{}`", text.trim());
        assert!(message.contains(&advice), "{message}");
        assert_eq!(names(folder.path()), before);
    };
    let without_codec = text.replace("\"codec\"", "\"colour\"");
    for damaged in ["", "{}", "torn", &without_codec] {
        fs::write(&label, damaged).unwrap();
        refused_with("its bookdrop.json is damaged");
    }
    fs::remove_file(&label).unwrap();
    fs::write(folder.path().join("a letter"), "").unwrap();
    refused_with("there is journal-");
    // As in one that was never written to: there are spare files alone.
    for name in names(folder.path()) {
        if name.starts_with("journal-") {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    refused_with("there is spare-");
    fs::write(&label, &text).unwrap();
    open(folder.path()).unwrap();
}

fn record(id: &str) -> Record {
    Record {
        id: id.into(),
        content: format!("the content of {id}").into(),
        ..Record::default()
    }
}

/// Puts three events in, of which the first is acked, and closes.
fn filled(path: &Path) {
    let (records, _) = open(path).unwrap();
    let reader = wait(records.join(Place::In("default"))).unwrap();
    for id in ["one", "two", "three"] {
        wait(records.publish(vec![record(id)], Progress::default(), true)).unwrap();
    }
    let one = wait(records.fetch(reader, 1, Wait::No)).unwrap().remove(0);
    wait(records.settle(one.receipt, Settlement::Done)).unwrap();
    // So that what was written before is known to be flushed.
    drop(records);
    drop(open(path).unwrap());
}

/// Changes a byte of the first place in the journal where this text is.
fn damage(path: &Path, text: &[u8], ahead: usize) {
    for name in names(path) {
        if !name.starts_with("journal") {
            continue;
        }
        let file = path.join(name);
        let mut bytes = fs::read(&file).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|bytes| bytes == text) {
            bytes[at + ahead] ^= 1;
            fs::write(file, bytes).unwrap();
            return;
        }
    }
    panic!("it is nowhere");
}

fn ready(records: &Records) -> Vec<String> {
    let reader = wait(records.join(Place::In("default"))).unwrap();
    let all = wait(records.fetch(reader, 10, Wait::No)).unwrap_or_default();
    all.into_iter().map(|one| one.record.id.into()).collect()
}

#[test]
fn a_damaged_event_is_told_and_all_others_are_there() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    damage(folder.path(), b"the content of two", 3);
    let (records, report) = open(folder.path()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(ready(&records), ["three"]);
    assert_eq!(wait(records.stats(None)).unwrap().unwrap().damaged, 1);
    drop(records);
    drop(open(folder.path()).unwrap());
    let mut aside = names(folder.path());
    aside.retain(|name| name.starts_with("damaged-"));
    assert_eq!(aside.len(), 1);
    let aside = fs::read(folder.path().join(&aside[0])).unwrap();
    let is_it = |bytes: &[u8]| bytes == b"ent of two";
    assert!(
        aside.windows(10).any(is_it),
        "what was damaged is set aside"
    );
}

#[test]
fn a_journal_that_was_cut_short_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (records, _) = open(folder.path()).unwrap();
    wait(records.join(Place::In("default"))).unwrap();
    for id in ["one", "two", "three"] {
        wait(records.publish(vec![record(id)], Progress::default(), true)).unwrap();
    }
    drop(records);
    let file = folder.path().join("journal-0000000000000001");
    let bytes = fs::read(&file).unwrap();
    let text = b"the content of three";
    let at = bytes.windows(text.len()).position(|bytes| bytes == text);
    fs::write(&file, &bytes[..at.unwrap()]).unwrap();
    let (records, report) = open(folder.path()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(wait(records.stats(None)).unwrap().unwrap().damaged, 1);
    assert_eq!(ready(&records), ["one", "two"]);
}

/// A copy without a byte would be of no use to anybody.
#[test]
fn nothing_is_set_aside_of_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let file = folder.path().join("journal-0000000000000001");
    let file = fs::File::options().write(true).open(file).unwrap();
    file.set_len(64).unwrap();
    let (_, report) = open(folder.path()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let names = names(folder.path());
    assert!(
        names.iter().all(|name| !name.starts_with("damaged-")),
        "{names:?}"
    );
}

/// Its kind is 7, and its 16 bytes are the numbers of event and group.
#[test]
fn a_damaged_ack_means_that_the_event_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    damage_at(&find_frame(folder.path(), 7, 16), 28);
    let (records, report) = open(folder.path()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(ready(&records), ["one", "two", "three"]);
}

/// It is whole, so no checksum tells.
#[test]
fn a_record_that_makes_no_sense_is_told_and_all_others_are_there() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let disk = DiskFolder::open(folder.path()).unwrap();
    let settings = Settings::default().with_segment_bytes(options().segment_bytes);
    let (mut journal, _) = Journal::open(disk, settings, |_| ()).unwrap();
    let record = journal::Record {
        kind: 99,
        payload: b"of no use",
    };
    journal
        .append([record], Need::TakesRoom, |_| ())
        .and_then(|_| journal.flush())
        .unwrap();
    drop(journal);
    let (records, report) = open(folder.path()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(wait(records.stats(None)).unwrap().unwrap().damaged, 1);
    assert_eq!(ready(&records), ["two", "three"]);
    let mut aside = names(folder.path());
    aside.retain(|name| name.starts_with("damaged-"));
    assert_eq!(aside.len(), 1);
}

#[test]
fn where_the_names_of_groups_are_lost_their_events_are_not() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    damage(folder.path(), b"default", 2);
    let (records, report) = open(folder.path()).unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let groups = wait(records.groups()).unwrap();
    assert_eq!(groups, ["recovered-1"]);
    assert_eq!(report.renamed_groups, groups);
    let reader = wait(records.join(Place::In("recovered-1"))).unwrap();
    let all = wait(records.fetch(reader, 10, Wait::No)).unwrap();
    let ids: Vec<&str> = all.iter().map(|one| &*one.record.id).collect();
    assert_eq!(ids, ["two", "three"]);
}

/// Where the first frame of this kind and length begins.
fn find_frame(path: &Path, kind: u32, length: u32) -> (std::path::PathBuf, usize) {
    for name in names(path)
        .iter()
        .filter(|name| name.starts_with("journal"))
    {
        let file = path.join(name);
        let bytes = fs::read(&file).unwrap();
        for at in (64..bytes.len() - 28).step_by(8) {
            let number = |from: usize| {
                u32::from_le_bytes(bytes[at + from..at + from + 4].try_into().unwrap())
            };
            let is_it = bytes[at..at + 4] == [0xb0, 0x0c, 0xd2, 0x09];
            if is_it && number(4) == length && number(16) == kind {
                return (file, at);
            }
        }
    }
    panic!("there is none");
}

fn damage_at((file, at): &(std::path::PathBuf, usize), ahead: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at + ahead] ^= 1;
    fs::write(file, bytes).unwrap();
}
