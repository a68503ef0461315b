//! Two processes that want the same folder. The second one is a child: this same program.

#![cfg(unix)]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_disk::{Options, Records};

/// The folder, for the child.
const FOLDER: &str = "BOOKDROP_FOLDER_OF_TWO";

fn open(folder: &Path) -> Result<Records, Error> {
    let mut options = Options::default();
    options.segment_bytes = 1 << 16;
    bookdrop_disk::open(folder, &options).map(|(records, _)| records)
}

/// Not a test of its own: what the child does. It has the folder until its input ends.
#[test]
fn child() {
    if let Ok(folder) = env::var(FOLDER) {
        let opened = open(folder.as_ref());
        // Behind what the harness says, on a line of its own.
        match &opened {
            Ok(_) => println!("\n> opened"),
            Err(error) => println!("\n> {:?}: {error}", error.kind()),
        }
        io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    }
}

fn elsewhere(folder: &Path) -> Command {
    child_of(Command::new(env::current_exe().unwrap()), folder)
}

fn child_of(mut program: Command, folder: &Path) -> Command {
    program.args(["--exact", "child", "--nocapture"]);
    program.env(FOLDER, folder);
    program
}

/// What another process is told that opens this folder.
fn told_elsewhere(folder: &Path) -> String {
    told_by(elsewhere(folder))
}

fn told_by(mut child: Command) -> String {
    let output = child.stdin(Stdio::null()).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    let told = output.lines().find_map(|line| line.strip_prefix("> "));
    told.unwrap_or_else(|| panic!("{output}")).to_owned()
}

#[test]
fn the_second_process_is_told_who_has_it_and_gets_it_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let process = format!("process {}", std::process::id());
    let signed = fs::read_to_string(folder.path().join("lock")).unwrap();
    assert_eq!(signed, format!("{process}\n"));
    let told = told_elsewhere(folder.path());
    let holder = format!("{process} has it open");
    assert!(told.starts_with("InUse: "), "{told}");
    assert!(told.contains(&holder), "{told}");
    drop(first);
    assert_eq!(told_elsewhere(folder.path()), "opened");
    open(folder.path()).unwrap();
}

/// As in two containers, each of which counts its processes by itself.
#[test]
fn another_process_of_the_same_number_is_not_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = elsewhere(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "> opened"));
    let own = format!("process {}", std::process::id());
    fs::write(folder.path().join("lock"), &own).unwrap();
    let error = open(folder.path()).err().expect("it is in use");
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(!error.to_string().contains("this process"), "{error}");
    let another = format!("another {own} has it open");
    assert!(error.to_string().contains(&another), "{error}");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    open(folder.path()).unwrap();
}

#[test]
fn this_process_is_told_that_it_has_it_by_whatever_path() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    // It is not the file that decides.
    fs::write(folder.path().join("lock"), "process 7").unwrap();
    let link = folder.path().with_extension("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for path in [folder.path(), &link] {
        let error = open(path).err().expect("it is in use");
        assert_eq!(error.kind(), ErrorKind::InUse);
        assert!(
            error.to_string().contains("this process has it open"),
            "{error}"
        );
    }
    fs::remove_file(&link).unwrap();
    drop(first);
    open(folder.path()).unwrap();
}

/// It looks as if it were left over, and somebody has removed it. Two would write to one journal.
#[test]
fn this_process_has_a_folder_once_whatever_became_of_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("lock");
    let first = open(folder.path()).unwrap();
    fs::remove_file(&lock).unwrap();
    let error = open(folder.path()).err().expect("it is in use");
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(
        error.to_string().ends_with("this process has it open"),
        "{error}"
    );
    assert!(!lock.exists(), "who is refused leaves nothing there");
    drop(first);
    open(folder.path()).unwrap();
}

/// It may not make files that are long enough.
#[test]
fn a_folder_that_was_not_opened_for_the_first_time_may_have_another_codec() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]);
    shell.arg(env::current_exe().unwrap());
    let told = told_by(child_of(shell, folder.path()));
    assert!(told.contains("could not create spare-"), "{told}");
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["lock"]);
    let mut options = Options::default();
    options.segment_bytes = 1 << 16;
    options.codec = "msgpack".into();
    bookdrop_disk::open(folder.path(), &options).unwrap();
}
