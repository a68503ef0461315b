//! Servers that say something else of themselves than they are.

use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Stands before a server, for one connection, and changes the line that it says first.
pub(crate) fn disguised(
    server: SocketAddr,
    change: impl FnOnce(&str) -> String + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener.local_addr().expect("it was bound");
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("somebody comes");
        let server = TcpStream::connect(server).expect("it is there");
        let mut to_server = server.try_clone().expect("it is open");
        let mut of_client = client.try_clone().expect("it is open");
        thread::spawn(move || {
            // Either may hang up.
            let _ = copy(&mut of_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let mut server = BufReader::new(server);
        let mut info = String::new();
        server.read_line(&mut info).expect("it speaks first");
        let told = client.write_all(change(&info).as_bytes());
        told.expect("the client is there");
        let _ = copy(&mut server, &mut client);
    });
    address
}
