//! A PostgreSQL server of one's own.

mod greeting;
mod programs;

use crate::no_server::{NoServer, POSTGRES};
use crate::server::{Engine, Server};
use programs::Programs;
use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::OnceLock;

/// A PostgreSQL server with a port and data of its own, for the user `postgres`, who needs no password. Its drop ends it and
/// removes its data.
///
/// It flushes to disk as it does by default. Nothing of it is left when the test process is gone, however that ended.
#[derive(Debug)]
pub struct Postgres {
    server: Server<Programs>,
}

/// The server that all tests of one process share, started by the first that asks. Nobody can kill it: a test that wants to
/// has to start its own.
///
/// # Panics
///
/// Where there is none to be had; the message says what to install.
pub fn postgres() -> &'static Postgres {
    static SHARED: OnceLock<Result<Postgres, NoServer>> = OnceLock::new();
    match SHARED.get_or_init(Postgres::start) {
        Ok(postgres) => postgres,
        Err(error) => panic!("{error}"),
    }
}

impl Postgres {
    /// Makes a new server and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// Where there is none to be had. The error says what to install.
    pub fn start() -> Result<Postgres, NoServer> {
        let start = || {
            let programs = Programs::find()?;
            let folder = programs.data_folder()?;
            Server::start(programs, folder)
        };
        let server = start().map_err(|why| NoServer::of(&POSTGRES, why))?;
        Ok(Postgres { server })
    }

    /// How clients reach it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Kills it as a crash would, and waits until no process of it is left.
    ///
    /// # Panics
    ///
    /// When its processes are still there after a minute.
    pub fn kill(&mut self) {
        if let Err(why) = self.server.kill() {
            panic!("PostgreSQL cannot be killed: {why}");
        }
    }

    /// Starts it again, at the same port over the same data, and waits until it takes connections. Where it runs, it is killed
    /// before.
    ///
    /// # Panics
    ///
    /// When it takes none after a minute; the message has what its log says.
    pub fn restart(&mut self) {
        if let Err(why) = self.server.restart() {
            panic!("PostgreSQL cannot be started again: {why}");
        }
    }
}

impl Engine for Programs {
    fn words(&self, folder: &Path, port: u16) -> Vec<OsString> {
        let mut words = self.words_of("postgres");
        words.push("-D".into());
        words.push(programs::data(folder).into());
        words.push("-p".into());
        words.push(port.to_string().into());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // Each driver has three, and tests have many drivers at once.
            "max_connections=1000",
            // In its folder, so that it is gone with that even after a crash.
            "dynamic_shared_memory_type=mmap",
        ] {
            words.push("-c".into());
            words.push(setting.into());
        }
        words
    }

    fn greet(&self, stream: &mut TcpStream, folder: &Path) -> io::Result<()> {
        greeting::greet(stream, folder)
    }
}
