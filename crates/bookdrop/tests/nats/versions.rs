//! Servers that cannot have a queue, and the oldest that can.

use std::env;
use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use bookdrop::BackendErrorKind;
use bookdrop_test_servers::Nats;

use crate::credentials::fails;
use crate::engine;
use crate::server::load::Load;

/// Stands before a server, for one connection, and says that it has another version.
fn disguised(server: SocketAddr, version: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener.local_addr().expect("it was bound");
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("somebody comes");
        let server = TcpStream::connect(server).expect("it is there");
        let (mut to_server, mut of_client) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || {
            let _ = copy(&mut of_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let mut server = BufReader::new(server);
        let mut info = String::new();
        server.read_line(&mut info).expect("it speaks first");
        let (before, rest) = info
            .split_once(r#""version":""#)
            .expect("it says its version");
        let (_, behind) = rest.split_once('"').expect("it says its version");
        let info = format!(r#"{before}"version":"{version}"{behind}"#);
        client
            .write_all(info.as_bytes())
            .expect("the client is there");
        let _ = copy(&mut server, &mut client);
    });
    address
}

/// In the long form alone: it is fetched for this.
#[test]
fn promises_are_kept_when_the_oldest_server_is_killed() {
    if engine::is_left_out() || env::var_os("BOOKDROP_LONG").is_none() {
        return;
    }
    let mut server = Nats::oldest().unwrap_or_else(|error| panic!("{error}"));
    let load = Load::begin(&server.url(), "load");
    for _ in 0..10 {
        load.go_on(fastrand::usize(10..100));
        server.kill();
        server.restart();
    }
    load.go_on(10);
    println!("{:?}", load.end());
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    if engine::is_left_out() {
        return;
    }
    let old = disguised(engine::shared().address(), "2.9.25");
    let (kind, shown) = fails(&format!("nats://{old}/library"));
    assert_eq!(kind, BackendErrorKind::Unsupported, "{shown}");
    let told = "the server has version 2.9.25; it takes 2.10 or newer";
    assert!(shown.contains(told), "{shown}");
}

#[test]
fn a_server_without_jetstream_is_refused() {
    if engine::is_left_out() {
        return;
    }
    let server = Nats::with_settings("max_connections: 100\n");
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let (kind, shown) = fails(&format!("{}/library", server.url()));
    assert_eq!(kind, BackendErrorKind::Unsupported, "{shown}");
    assert!(shown.contains("JetStream"), "{shown}");
}

#[test]
fn replicas_that_no_cluster_has_are_refused() {
    if engine::is_left_out() {
        return;
    }
    let url = engine::shared().url();
    let (kind, shown) = fails(&engine::address(&url, "replicated", "replicas=3"));
    assert_eq!(kind, BackendErrorKind::Invalid, "{shown}");
    assert!(shown.contains("replicas > 1 not supported"), "{shown}");
}

/// JetStream is there, and this user's account has none of it.
#[test]
fn an_account_without_jetstream_is_refused() {
    if engine::is_left_out() {
        return;
    }
    let settings = "jetstream { sync_interval: always }
        accounts { BARE { users: [ { user: app, password: sesame } ] } }";
    let server = Nats::with_settings(settings).unwrap_or_else(|error| panic!("{error}"));
    let (kind, shown) = fails(&format!("nats://app:sesame@{}/library", server.address()));
    assert_eq!(kind, BackendErrorKind::Unsupported, "{shown}");
    assert!(shown.contains("JetStream"), "{shown}");
}
