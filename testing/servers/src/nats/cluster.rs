//! Several NATS servers that are one cluster.

use super::Nats;
use crate::no_server::{NATS, NoServer};
use crate::server;
use std::thread;

impl Nats {
    /// Makes so many new servers that are one cluster. Each takes connections; who leads them they have yet to find out.
    ///
    /// # Errors
    ///
    /// Where there is none to be had.
    pub fn cluster(servers: usize) -> Result<Vec<Nats>, NoServer> {
        let mut told = String::new();
        for _ in 0..server::PORTS {
            match start(servers) {
                // That of a route: those of clients are looked after where a server is started.
                Err(error) if server::is_port_taken(&error) => told = error,
                started => return started.map_err(|why| NoServer::of(&NATS, why)),
            }
        }
        Err(NoServer::of(&NATS, told))
    }
}

/// They wait for each other, so all of them are started at once.
fn start(servers: usize) -> Result<Vec<Nats>, String> {
    let ports = (0..servers).map(|_| server::free_port());
    let ports: Vec<u16> = ports
        .collect::<Result<_, _>>()
        .map_err(|error| format!("there is no free port: {error}"))?;
    thread::scope(|scope| {
        let settings = ports.iter().map(|port| settings(*port, &ports));
        let starting = settings.map(|settings| scope.spawn(move || Nats::start_with(&settings)));
        let starting: Vec<_> = starting.collect();
        let started = starting.into_iter().map(|started| {
            let died = |_| Err("starting it panicked".to_owned());
            started.join().unwrap_or_else(died)
        });
        // Each is looked at, so that none is left behind.
        let started: Vec<_> = started.collect();
        started.into_iter().collect()
    })
}

/// Those of the server whose routes come to this port, with all of them.
fn settings(port: u16, ports: &[u16]) -> String {
    let routes = ports.iter().map(|port| format!("nats://127.0.0.1:{port}"));
    let routes = routes.collect::<Vec<_>>().join(", ");
    let alone = super::settings();
    format!(
        "{alone}cluster {{ name: bookdrop, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
    )
}
