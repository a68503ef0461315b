//! Another process: this same program, started once more, which does what it is told, line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::{env, thread};

use super::PATIENCE;
use super::orders;

/// The address of the queue, for the other process.
const ADDRESS: &str = "BOOKDROP_SERVER_ADDRESS";
/// What it says begins with this; the rest is the test harness's.
const MARK: &str = "> ";

/// Another process that has the queue open. It ends with this, at the latest.
pub(crate) struct Other {
    child: Child,
    orders: ChildStdin,
    words: Receiver<String>,
}

/// Not a test of its own: what the other process does.
#[test]
fn process() {
    if let Ok(address) = env::var(ADDRESS) {
        orders::obey(&address);
    }
}

/// Says something to the one who started this process.
pub(crate) fn say(word: &str) {
    let line = format!("{MARK}{word}\n");
    let written = std::io::stdout().lock().write_all(line.as_bytes());
    if written.is_err() {
        // Nobody is there any more.
        std::process::exit(0);
    }
}

impl Other {
    /// Starts one that has the queue of this address open.
    pub(crate) fn start(address: &str) -> Self {
        Other::start_by(&[], address)
    }

    /// Starts one by a program that starts programs.
    pub(crate) fn start_by(starter: &[&str], address: &str) -> Self {
        let this = env::current_exe().unwrap();
        let mut command = match starter {
            [] => Command::new(this),
            [starter, words @ ..] => {
                let mut command = Command::new(starter);
                command.args(words).arg(this);
                command
            }
        };
        let mut child = command
            .args(["--exact", "server::other::process", "--nocapture"])
            .env(ADDRESS, address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let words = words_of(&mut child);
        let other = Other {
            child,
            orders,
            words,
        };
        assert_eq!(other.hear(), "ready");
        other
    }

    /// Tells it to do something, and waits for its word.
    pub(crate) fn does(&mut self, order: &str) -> String {
        self.begins(order);
        self.hear()
    }

    /// Tells it to do something. What came of it is heard later.
    pub(crate) fn begins(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the other process lives");
    }

    /// What came of what it was told.
    pub(crate) fn hear(&self) -> String {
        let word = self.words.recv_timeout(PATIENCE);
        word.unwrap_or_else(|error| panic!("the other process says nothing more ({error})"))
    }

    /// Stops it, as a machine that is suspended, until it goes on.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &process]).status();
        assert!(status.expect("there is a `kill`").success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ends(mut self) {
        self.child.wait().unwrap();
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn words_of(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let word = line.strip_prefix(MARK).map(str::to_owned);
            if word.is_some_and(|word| sender.send(word).is_err()) {
                break;
            }
        }
    });
    receiver
}
