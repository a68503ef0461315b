//! The example `library`, whose A and B are two processes.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::{env, thread};

use super::PATIENCE;
use crate::engine;

const WHAT_A_SAYS: [&str; 6] = [
    "A | puts book S into the library",
    "A | asks for the state of book S",
    "A | hears: \"as good as new\"",
    "A | asks for the state of book S",
    "A | hears: the request got no reply: the work failed: page 7 is torn (torn)",
    "A | says that it is closing time",
];
const WHAT_B_SAYS: [&str; 5] = [
    "B | is there",
    "B | picks up hello world",
    "B | checks S",
    "B | checks S",
    "B | goes home",
];

/// A process that plays a part.
struct Player {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Player {
    fn start(queue: &str, part: &str) -> Self {
        let address = engine::address(&engine::shared().url(), queue, "");
        let mut child = example()
            .args([&address, part])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            let said = output.lines().map_while(Result::ok);
            // What it does not say in its part are headings.
            let spoken = said.filter(|said| said.contains(" | "));
            for said in spoken {
                if line.send(said.trim().to_owned()).is_err() {
                    break;
                }
            }
        });
        Player {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits until it says this.
    fn hear(&mut self, awaited: &str) {
        while self.said.last().is_none_or(|said| said != awaited) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.said
                .push(line.unwrap_or_else(|error| panic!("{error} after {:?}", self.said)));
        }
    }

    /// Waits until it has ended well, and says what it said.
    fn end(mut self, last: &str) -> Vec<String> {
        self.hear(last);
        let status = self.child.wait().expect("it can be waited for");
        assert!(status.success(), "{status} after {:?}", self.said);
        self.said.extend(self.lines.iter());
        std::mem::take(&mut self.said)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example as it is now: cargo does not build it where one test target alone is asked for.
fn example() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let this = env::current_exe().expect("this program has a path");
        let profile = this.parent().and_then(Path::parent);
        let profile = profile.expect("it is in a folder of cargo");
        let target = profile
            .parent()
            .expect("cargo has a folder for each profile");
        let name = profile.file_name().expect("it has the name of the profile");
        let is_dev = name == "debug";
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--features",
                engine::NAME,
                "--example",
                "library",
            ])
            .arg("--profile")
            .arg(if is_dev { OsStr::new("dev") } else { name })
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo is there");
        assert!(status.success(), "the example cannot be built: {status}");
        profile.join("examples/library")
    });
    Command::new(built)
}

fn play_to_the_end(a: Player, b: Player) {
    assert_eq!(a.end("A | says that it is closing time"), WHAT_A_SAYS);
    assert_eq!(b.end("B | goes home"), WHAT_B_SAYS);
}

#[test]
fn a_and_b_meet_where_b_is_there_first() {
    if engine::is_left_out() {
        return;
    }
    let mut b = Player::start("story_b_first", "b");
    b.hear("B | is there");
    let a = Player::start("story_b_first", "a");
    play_to_the_end(a, b);
}

#[test]
fn a_and_b_meet_where_a_is_there_first() {
    if engine::is_left_out() {
        return;
    }
    let mut a = Player::start("story_a_first", "a");
    a.hear("A | asks for the state of book S");
    let b = Player::start("story_a_first", "b");
    play_to_the_end(a, b);
}

#[test]
fn a_part_is_refused_where_nobody_shares_the_queue() {
    for address in ["memory:?capacity=100", "disk:./library"] {
        let refused = example().args([address, "a"]).output();
        let refused = refused.expect("the example starts");
        assert_eq!(refused.status.code(), Some(2));
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(told.contains("belongs to one process"), "{told}");
    }
}
