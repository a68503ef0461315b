//! A network that fails on demand.

mod connection;
mod rules;

use connection::Connection;
use rules::Rules;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle, Scope};
use std::time::Duration;

/// How long a server may take to accept a connection; those of this machine do so at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be taken.
const PAUSE: Duration = Duration::from_millis(20);

/// Stands between clients and a server, at a port of its own, and passes on what they say until it is told otherwise. All its
/// connections are closed by its drop.
#[derive(Debug)]
pub struct Proxy {
    server: SocketAddr,
    address: SocketAddr,
    rules: Arc<Rules>,
    thread: Option<JoinHandle<()>>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From clients to the server.
    ToServer,
    /// From the server to clients.
    ToClient,
    /// Either way.
    Both,
}

impl Proxy {
    /// Stands before the server at this address, which need not be there yet.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it was bound");
        let rules = Arc::new(Rules::default());
        let thread = thread::spawn({
            let rules = Arc::clone(&rules);
            move || take_connections(&listener, server, &rules)
        });
        Proxy {
            server,
            address,
            rules,
            thread: Some(thread),
        }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of the server, as one that leads through this proxy.
    ///
    /// # Panics
    ///
    /// When the server's address does not stand in it.
    pub fn url(&self, of_server: &str) -> String {
        let server = self.server.to_string();
        assert!(
            of_server.contains(&server),
            "{of_server} is not of {server}"
        );
        of_server.replacen(&server, &self.address.to_string(), 1)
    }

    /// Closes all connections there are. New ones are accepted.
    pub fn cut(&self) {
        self.rules.cut();
    }

    /// Passes nothing on any more of the connections there are, and tells nobody: as a router does that has forgotten them. New
    /// ones are passed on.
    pub fn forget(&self) {
        self.rules.forget();
    }

    /// Closes new connections at once, from now on; those there are stay.
    pub fn refuse(&self) {
        self.rules.refuse(true);
    }

    /// How many connections were refused so far.
    pub fn refused(&self) -> u64 {
        self.rules.refused()
    }

    /// Takes new connections again.
    pub fn accept(&self) {
        self.rules.refuse(false);
    }

    /// Keeps what goes this way from now on, and that a side has hung up too: the connections stay open, and nobody is told
    /// that the other does not hear.
    pub fn hold(&self, direction: Direction) {
        self.rules.hold(direction);
    }

    /// Passes on what was held, and what comes from now on.
    pub fn release(&self) {
        self.rules.release();
    }

    /// Lets everything that goes this way take so long, until another time is told.
    pub fn delay(&self, direction: Direction, time: Duration) {
        self.rules.delay(direction, time);
    }

    /// Lets no more bytes go this way in a second, whoever sends them, until something else is told.
    pub fn narrow(&self, direction: Direction, width: Option<u32>) {
        self.rules.narrow(direction, width);
    }

    /// Bytes that went this way so far.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.rules.passed(direction)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.rules.close();
        // Whoever accepts has to look.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            // It panics in nothing of ours, and a drop has nobody to tell.
            let _ = thread.join();
        }
    }
}

/// Takes connections until the proxy is closed, and waits until all are over.
fn take_connections(listener: &TcpListener, server: SocketAddr, rules: &Rules) {
    thread::scope(|scope| {
        for client in listener.incoming() {
            if rules.is_closed() {
                return;
            }
            match client {
                Ok(_) if rules.refuses() => {}
                Ok(client) => {
                    // A server that is not there looks to the client like one that hangs up.
                    if let Ok(connection) = connect(client, server) {
                        pass_on(scope, connection, rules);
                    }
                }
                // There are too many files open: some will be closed.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    });
}

fn connect(client: TcpStream, server: SocketAddr) -> io::Result<Connection> {
    let server = TcpStream::connect_timeout(&server, PATIENCE)?;
    // What waits for more to come is a delay that nobody asked for.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok(Connection::between(client, server))
}

/// Two threads for each way: one goes on reading while the other waits, so that a delay does not become a limit.
fn pass_on<'scope>(scope: &'scope Scope<'scope, '_>, connection: Connection, rules: &'scope Rules) {
    let connection = Arc::new(connection);
    if !rules.enter(&connection) {
        return;
    }
    for way in rules::WAYS {
        let (sender, receiver) = connection::line();
        let reading = Arc::clone(&connection);
        scope.spawn(move || reading.read(way, &sender));
        let writing = Arc::clone(&connection);
        scope.spawn(move || writing.write(way, &receiver, rules));
    }
}
