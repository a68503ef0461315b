//! A process starts a server and ends. What it started has to be gone then.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Says that this process is the one that starts a server.
const PARENT: &str = "BOOKDROP_PARENT_OF_SERVER";

/// What stands before the address of the server.
const SAID: &str = "the server is at ";

/// How long a server may take to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// By `kill -9`.
    Killed,
    /// By itself, without a destructor for its statics.
    Returned,
}

pub(crate) const ENDS: [End; 2] = [End::Killed, End::Returned];

/// Lets the test of this name start a server in a process that ends so, and waits until server and data are gone. Before the end
/// something can be done to the server, whose folder is in the one that is given.
pub(crate) fn check(test: &str, end: End, before: impl FnOnce(&Path)) {
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o711))
        .tempdir()
        .unwrap();
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PARENT, "1")
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    let address = address_in(&mut output);
    TcpStream::connect(address).unwrap();
    before(folder.path());
    finish(&mut parent, end);
    wait_for(|| TcpStream::connect(address).is_err() && is_empty(folder.path()));
}

/// Starts a server where this process was made for it, and goes on until it is told to end.
pub(crate) fn be_parent(start: impl FnOnce() -> SocketAddr) {
    if env::var_os(PARENT).is_none() {
        return;
    }
    // The name of the test stands before it in the same line.
    println!("\n{SAID}{}", start());
    io::read_to_string(io::stdin()).unwrap();
}

fn address_in(output: &mut BufReader<ChildStdout>) -> SocketAddr {
    let lines = output.lines().map(Result::unwrap);
    let said = lines.filter_map(|line| line.strip_prefix(SAID).map(str::to_owned));
    let address = said.take(1).next();
    address.expect("the server started").parse().unwrap()
}

fn finish(parent: &mut Child, end: End) {
    match end {
        End::Killed => parent.kill().unwrap(),
        End::Returned => drop(parent.stdin.take()),
    }
    let status = parent.wait().unwrap();
    assert_eq!(status.success(), end == End::Returned, "{status}");
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

fn wait_for(happens: impl Fn() -> bool) {
    let begun = Instant::now();
    while !happens() {
        assert!(begun.elapsed() < PATIENCE, "it is there for {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
