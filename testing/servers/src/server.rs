//! What all servers have in common: a folder, a port, and a process that is started, killed and started again.

use crate::watched::{LOG, Watched};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one connection may take to answer.
const PATIENCE_FOR_ONE: Duration = Duration::from_secs(5);

/// How long to wait between two looks at a server that starts.
const PAUSE: Duration = Duration::from_millis(20);

/// What a server may say at most when it is greeted, in bytes.
pub(crate) const ANSWER: u64 = 64 * 1024;

/// How many ports are tried before it is given up.
pub(crate) const PORTS: usize = 10;

/// What differs from one kind of server to the other.
pub(crate) trait Engine {
    /// The program and the arguments that start it at this port, over the data in this folder.
    fn words(&self, folder: &Path, port: u16) -> Vec<OsString>;

    /// Asks for something that takes a server at work, and that names the folder: where two servers were given the same port,
    /// the other one may answer.
    fn greet(&self, stream: &mut TcpStream, folder: &Path) -> io::Result<()>;
}

/// A server with a port and a folder of its own.
#[derive(Debug)]
pub(crate) struct Server<E> {
    engine: E,
    port: u16,
    process: Watched,
    /// Removed by the watcher, with the process; by this only where there was none.
    folder: TempDir,
}

impl<E: Engine> Server<E> {
    /// Starts a server over the data in a folder, and waits until it answers.
    pub(crate) fn start(engine: E, folder: TempDir) -> Result<Server<E>, String> {
        let mut told = String::new();
        for _ in 0..PORTS {
            let port = free_port().map_err(|error| format!("there is no free port: {error}"))?;
            match run(&engine, folder.path(), port) {
                Ok(process) => {
                    return Ok(Server {
                        engine,
                        port,
                        process,
                        folder,
                    });
                }
                Err(error) if is_port_taken(&error) => told = error,
                Err(error) => return Err(error),
            }
        }
        Err(told)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        address(self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as a crash would, and waits until no process of it is left.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.process.kill()
    }

    /// Starts it again over the same data at the same port, and waits until it answers.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        self.process.kill()?;
        let process = self.run_again()?;
        mem::replace(&mut self.process, process).leave()
    }

    /// While it was gone, a connection elsewhere may have been given its port; that passes.
    fn run_again(&self) -> Result<Watched, String> {
        let begun = Instant::now();
        loop {
            match run(&self.engine, self.folder.path(), self.port) {
                Err(error) if is_port_taken(&error) && begun.elapsed() < PATIENCE => {
                    thread::sleep(PAUSE);
                }
                outcome => return outcome,
            }
        }
    }
}

/// A new folder for the data of a server.
pub(crate) fn folder(kind: &str) -> Result<TempDir, String> {
    tempfile::Builder::new()
        .prefix(&format!("bookdrop-{kind}-"))
        .tempdir()
        .map_err(|error| format!("there is no folder for its data: {error}"))
}

/// What a folder is called, and no other of its kind.
pub(crate) fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Starts a process and waits until it answers. The error is what its log says.
fn run(engine: &impl Engine, folder: &Path, port: u16) -> Result<Watched, String> {
    let mut process = Watched::start(&engine.words(folder, port), folder)
        .map_err(|error| format!("`sh` did not start: {error}"))?;
    let begun = Instant::now();
    loop {
        let Err(error) = answer(engine, folder, port) else {
            return Ok(process);
        };
        let is_over = process.is_over_within(PAUSE);
        if is_over || begun.elapsed() > PATIENCE {
            let ended = if is_over {
                "it ended"
            } else {
                "it did not answer"
            };
            let log = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
            process.leave()?;
            return Err(format!("{ended} ({error}). Its log:\n{log}"));
        }
    }
}

fn answer(engine: &impl Engine, folder: &Path, port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address(port), PATIENCE_FOR_ONE)?;
    stream.set_read_timeout(Some(PATIENCE_FOR_ONE))?;
    stream.set_write_timeout(Some(PATIENCE_FOR_ONE))?;
    engine.greet(&mut stream, folder)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind(address(0))?;
    Ok(listener.local_addr()?.port())
}

/// Whether a server's log says that somebody else has its port.
pub(crate) fn is_port_taken(log: &str) -> bool {
    log.to_lowercase().contains("address already in use")
}
