//! A process with a queue on disk is killed, again and again, at random moments under load: nothing that it confirmed is lost,
//! nothing that it acked comes back, and as long as it lives nobody gets an event again that did not fail.
//!
//! `BOOKDROP_LONG=1` kills 500 times. The child is this same program; it writes down what it is about to do and what was confirmed
//! to it, line by line, and what it wrote is held against what the folder holds afterwards.

#![cfg(all(unix, feature = "disk"))]

mod child;
mod folder;
mod promises;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use promises::Promises;

/// The folder, for the child.
const FOLDER: &str = "BOOKDROP_CRASH_FOLDER";
/// What the child's confirmations survive: `always` or `never`.
const SYNC: &str = "BOOKDROP_CRASH_SYNC";
/// Nobody waits longer than this for a child.
const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test of its own: what the child does. It never ends by itself.
#[test]
fn child() {
    if let (Ok(folder), Ok(sync)) = (env::var(FOLDER), env::var(SYNC)) {
        child::run(&folder, &sync);
    }
}

#[test]
fn nothing_confirmed_is_lost_when_the_process_is_killed() {
    let kills = if env::var_os("BOOKDROP_LONG").is_some() {
        500
    } else {
        12
    };
    let folder = tempfile::tempdir().unwrap();
    let mut promises = Promises::default();
    let mut confirmed = Vec::new();
    for run in 0..kills {
        let when = Kill::of_run(run);
        confirmed.push(kill_once(folder.path(), run, when, &mut promises));
        let found = folder::look(folder.path());
        promises.compare(&found).unwrap_or_else(|what| {
            panic!("after run {run}: {what}");
        });
    }
    confirmed.sort_unstable();
    let median = confirmed[confirmed.len() / 2];
    println!(
        "{kills} kills; confirmed operations a run: {} at least, {median} in the median, {} at most",
        confirmed[0],
        confirmed[confirmed.len() - 1]
    );
    assert!(median >= 1_000, "{median} operations are too few");
}

/// When a child is killed.
#[derive(Clone, Copy)]
enum Kill {
    /// So soon after it was started: it may still be opening the folder.
    After(Duration),
    /// When so many operations were confirmed.
    Confirmed(usize),
}

impl Kill {
    fn of_run(run: u64) -> Self {
        match run % 8 {
            7 => Kill::After(Duration::from_micros(fastrand::u64(0..30_000))),
            _ => Kill::Confirmed(fastrand::usize(800..4_000)),
        }
    }
}

/// Starts a child and kills it. Returns how many operations were confirmed.
fn kill_once(folder: &Path, run: u64, when: Kill, promises: &mut Promises) -> usize {
    let sync = if run.is_multiple_of(3) {
        "always"
    } else {
        "never"
    };
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .env(SYNC, sync)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = lines_of(&mut child);
    let mut confirmed = 0;
    let begun = Instant::now();
    loop {
        let limit = match when {
            Kill::After(time) => time.saturating_sub(begun.elapsed()),
            Kill::Confirmed(_) => PATIENCE,
        };
        match lines.recv_timeout(limit) {
            Ok(line) => confirmed += promises.note(&line, run),
            Err(RecvTimeoutError::Timeout) if matches!(when, Kill::After(_)) => break,
            Err(error) => panic!("run {run}: the child says nothing more ({error})"),
        }
        let is_enough = matches!(when, Kill::Confirmed(count) if confirmed >= count);
        if is_enough || promises.violation().is_some() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had written before it was killed.
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        confirmed += promises.note(&line, run);
    }
    confirmed
}

fn lines_of(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
