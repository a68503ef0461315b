//! Servers that say something else of themselves than they are.

use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Stands before a server, and changes the line that it says first.
pub(crate) fn disguised(
    server: SocketAddr,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener.local_addr().expect("it was bound");
    let change = Arc::new(change);
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("somebody comes");
            let change = change.clone();
            thread::spawn(move || pass_on(client, server, &*change));
        }
    });
    address
}

fn pass_on(mut client: TcpStream, server: SocketAddr, change: &dyn Fn(&str) -> String) {
    // It may be away.
    if let Ok(server) = TcpStream::connect(server) {
        let mut to_server = server.try_clone().expect("it is open");
        let mut of_client = client.try_clone().expect("it is open");
        thread::spawn(move || {
            // Either may hang up.
            let _ = copy(&mut of_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let mut server = BufReader::new(server);
        let mut info = String::new();
        if server.read_line(&mut info).is_err() || info.is_empty() {
            return;
        }
        // Either may hang up.
        let _ = client.write_all(change(&info).as_bytes());
        let _ = copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    }
}
