//! A process that cannot outlive this one.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Where the process writes what happens to it, in its folder.
pub(crate) const LOG: &str = "log";

/// How long a killed process and its children may take to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the server, and ends it when this process asks for it or is gone.
///
/// A destructor would not do: none runs when this process is killed, and none for a static. But whatever happens to this
/// process, its end of the pipe is closed, and `read` returns. That end is nobody else's, since std closes its pipes in every
/// other child; and the server, which reads from `/dev/null`, has neither end. A watcher and its server are a process group
/// of their own, so that what a terminal sends to the tests does not reach them.
///
/// A line is an order to kill the server at once, as a crash would. When the pipe is closed instead, nobody will start the
/// server again: it may end by itself then, since PostgreSQL gives back its shared memory only so, and is killed when it does
/// not. As long as the watcher has not waited for the server, no other process can have its number.
///
/// The folder goes with the server, unless another line says that the next watcher looks after it.
const WATCHER: &str = r#"
log=$1 folder=$2
shift 2
"$@" </dev/null 2>"$log" &
server=$!
# From here on the server alone has what was the standard output, so that it is closed when the server is gone.
exec >&-
# Sent to all of a group when its last parent is gone while one of it is stopped, as a test may have stopped the server.
trap '' HUP
if read -r order; then
    kill -KILL "$server"
    wait "$server"
else
    { sleep 5; kill -KILL "$server"; } &
    late=$!
    kill -QUIT "$server"
    wait "$server"
    kill "$late"
fi
# Children of a server that was killed may be writing for a moment more.
read -r order || rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
"#;

/// A server process under its watcher. Its drop ends it and removes its folder.
#[derive(Debug)]
pub(crate) struct Watched {
    watcher: Child,
    /// Open for as long as the server is to run.
    orders: Option<ChildStdin>,
    is_killed: bool,
    /// Disconnected when the server and all its children are gone. Locked only since a receiver cannot be shared otherwise.
    running: Mutex<Receiver<Infallible>>,
}

impl Watched {
    /// Starts a program with its arguments, in the folder of its data.
    pub(crate) fn start(words: &[OsString], folder: &Path) -> io::Result<Watched> {
        let mut watcher = Command::new("sh")
            .args(["-c", WATCHER, "watcher"])
            .args([folder.join(LOG).as_path(), folder])
            .args(words)
            .current_dir(folder)
            // What the log says is looked at, and so has to be in one language.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let (sender, running) = mpsc::channel();
        if let Some(output) = watcher.stdout.take() {
            thread::spawn(move || wait_for_end(output, &sender));
        }
        Ok(Watched {
            orders: watcher.stdin.take(),
            watcher,
            is_killed: false,
            running: Mutex::new(running),
        })
    }

    /// Kills the server as a crash would, and waits until its children are gone too.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        if !self.is_killed {
            self.is_killed = true;
            self.order();
        }
        if self.is_over_within(PATIENCE) {
            Ok(())
        } else {
            Err(format!(
                "its processes are there {PATIENCE:?} after it was killed"
            ))
        }
    }

    /// Kills the server and leaves its folder to somebody else.
    pub(crate) fn leave(mut self) -> Result<(), String> {
        let killed = self.kill();
        self.order();
        killed
    }

    /// Whether the server and its children are gone, now or before this time has passed.
    pub(crate) fn is_over_within(&mut self, time: Duration) -> bool {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        running.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }

    fn order(&mut self) {
        if let Some(orders) = &mut self.orders {
            // Where the watcher is gone, there is nobody left to obey.
            let _ = orders.write_all(b"\n");
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.watcher.wait();
    }
}

/// Reads to the end of what nobody writes to: it comes when the last process that could write is gone.
fn wait_for_end(mut output: impl io::Read, _running: &Sender<Infallible>) {
    let _ = io::copy(&mut output, &mut io::sink());
}
