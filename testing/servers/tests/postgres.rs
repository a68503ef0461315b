//! A real PostgreSQL server is started, killed, started again, and gone with the process that started it.

#![cfg(unix)]

use bookdrop_test_servers::{Postgres, is_left_out, postgres};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

mod orphans;

/// The user `postgres`, in version 3.0 of the protocol, with the length before it.
const STARTUP: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0";

/// Whether the server lets somebody in.
fn lets_in(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let mut kind = [0];
    stream.write_all(STARTUP).is_ok() && stream.read_exact(&mut kind).is_ok() && kind == *b"R"
}

#[test]
fn it_takes_connections_until_it_is_killed_and_when_it_is_restarted() {
    if is_left_out("postgres") {
        return;
    }
    let mut own = Postgres::start().unwrap();
    let address = own.address();
    assert_eq!(own.url(), format!("postgres://postgres@{address}/postgres"));
    assert!(lets_in(address));
    for _ in 0..3 {
        own.kill();
        own.kill();
        assert!(!lets_in(address));
        own.restart();
        assert_eq!(own.address(), address);
        assert!(lets_in(address));
    }
    own.restart();
    assert!(lets_in(address));
    drop(own);
    assert!(!lets_in(address));
}

#[test]
fn a_shared_server_is_there_once() {
    if is_left_out("postgres") {
        return;
    }
    assert!(lets_in(postgres().address()));
    assert_eq!(postgres().url(), postgres().url());
}

#[test]
fn it_goes_with_the_process_that_started_it() {
    if is_left_out("postgres") {
        return;
    }
    for end in orphans::ENDS {
        orphans::check("parent", end, |_| ());
    }
}

#[test]
fn a_stopped_server_goes_too() {
    if is_left_out("postgres") {
        return;
    }
    for end in orphans::ENDS {
        orphans::check("parent", end, stop);
    }
}

/// Stops the server in a folder, which then does nothing, not even what signals ask of it.
fn stop(folder: &Path) {
    let server = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let told = fs::read_to_string(server.path().join("data/postmaster.pid")).unwrap();
    let id = told.lines().next().unwrap();
    let stopped = Command::new("kill").args(["-STOP", id]).status();
    assert!(stopped.unwrap().success());
}

/// Run by the tests above in a process of its own; alone it does nothing.
#[test]
fn parent() {
    orphans::be_parent(|| postgres().address());
}
