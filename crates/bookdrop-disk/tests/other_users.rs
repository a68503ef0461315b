//! Folders that another user may not write to, or not in part: refused when they are opened, and not at the first send.
//!
//! The superuser may do anything, so where the test is one it asks a child that is nobody.

#![cfg(unix)]

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use bookdrop_backend::{Backend, Place};
use bookdrop_disk::Options;
use bookdrop_queue::park::wait;
use tempfile::TempDir;

/// The folder, for the child.
const FOLDER: &str = "BOOKDROP_FOLDER_OF_NOBODY";
const NOBODY: u32 = 65534;

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = 1 << 16;
    options
}

/// Not a test of its own: what the child does.
#[test]
fn child() {
    if let Ok(folder) = env::var(FOLDER) {
        // Behind what the harness says, on a line of its own.
        match bookdrop_disk::open(folder.as_ref(), &options()) {
            Ok(_) => println!("\n> opened"),
            Err(error) => println!("\n> {:?}: {error}", error.kind()),
        }
    }
}

/// What nobody is told that opens this folder; `None` where there is no way to be nobody.
fn told_to_nobody(folder: &Path) -> Option<String> {
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .current_dir("/");
    if is_above_permissions() {
        child.uid(NOBODY).gid(NOBODY);
    }
    let output = match child.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: the test cannot be run by nobody: {error}");
            return None;
        }
    };
    let output = String::from_utf8(output.stdout).unwrap();
    let told = output.lines().find_map(|line| line.strip_prefix("> "));
    Some(told.unwrap_or_else(|| panic!("{output}")).to_owned())
}

fn is_above_permissions() -> bool {
    let folder = TempDir::new().unwrap();
    set_mode(folder.path(), 0o555);
    fs::write(folder.path().join("probe"), "").is_ok()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Gives it to the user who the child will be.
fn give(path: &Path) {
    if is_above_permissions() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// A queue with a segment and spare files, all of it of the child's user, in a folder that anybody may enter.
fn queue() -> TempDir {
    let above = TempDir::new().unwrap();
    set_mode(above.path(), 0o755);
    let queue = above.path().join("queue");
    let (records, _) = bookdrop_disk::open(&queue, &options()).unwrap();
    wait(records.join(Place::In("default"))).unwrap();
    drop(records);
    for entry in fs::read_dir(&queue).unwrap() {
        give(&entry.unwrap().path());
    }
    give(&queue);
    above
}

#[test]
fn what_belongs_to_them_is_opened() {
    let above = queue();
    let queue = above.path().join("queue");
    assert!(told_to_nobody(&queue).is_none_or(|told| told == "opened"));
}

#[test]
fn a_folder_that_may_not_be_written_to_is_refused() {
    let above = queue();
    let queue = above.path().join("queue");
    set_mode(&queue, 0o555);
    if let Some(told) = told_to_nobody(&queue) {
        assert!(told.starts_with("Denied: the folder /"), "{told}");
        assert!(
            told.contains("/queue: could not make a file in it: "),
            "{told}"
        );
        assert!(told.contains("ermission denied"), "{told}");
        assert!(told.contains("has to be allowed"), "{told}");
    }
    set_mode(&queue, 0o755);
}

#[test]
fn files_that_may_not_be_written_to_are_named() {
    for file in [
        "lock",
        "spare-0000000000000002",
        "bookdrop.json",
        "journal-0000000000000001",
    ] {
        let above = queue();
        let queue = above.path().join("queue");
        set_mode(&queue.join(file), 0o444);
        if let Some(told) = told_to_nobody(&queue) {
            assert!(told.starts_with("Denied: the folder /"), "{told}");
            assert!(told.contains("/queue: could not open"), "{told}");
            assert!(told.contains(file), "{told}");
            assert!(told.contains("ermission denied"), "{told}");
            assert!(told.contains("has to be allowed"), "{told}");
        }
    }
}

/// Its name cannot be flushed then, which is no reason to do without.
#[test]
fn a_folder_is_made_in_one_that_may_be_written_to_and_not_read() {
    let above = TempDir::new().unwrap();
    set_mode(above.path(), 0o755);
    let letter_box = above.path().join("letter box");
    fs::create_dir(&letter_box).unwrap();
    give(&letter_box);
    set_mode(&letter_box, 0o333);
    let told = told_to_nobody(&letter_box.join("queue"));
    set_mode(&letter_box, 0o755);
    assert!(told.is_none_or(|told| told == "opened"));
}
