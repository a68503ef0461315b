//! A real NATS server is started, killed, started again, and gone with the process that started it.

#![cfg(unix)]

use bookdrop_test_servers::{Nats, is_left_out};
use std::env;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

mod orphans;

/// What happens is waited for so long, at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server says of itself to everybody who connects.
fn info(address: SocketAddr) -> Option<String> {
    let stream = TcpStream::connect(address).ok()?;
    BufReader::new(stream).lines().next()?.ok()
}

#[test]
fn it_takes_connections_until_it_is_killed_and_when_it_is_restarted() {
    if is_left_out("nats") {
        return;
    }
    let mut own = Nats::start().unwrap();
    let address = own.address();
    assert_eq!(own.url(), format!("nats://{address}"));
    let said = info(address).unwrap();
    assert!(said.starts_with("INFO {"), "{said}");
    assert!(said.contains(r#""jetstream":true"#), "{said}");
    if env::var_os("BOOKDROP_NATS_BIN").is_none() {
        assert!(said.contains(r#""version":"2.15.1""#), "{said}");
    }
    for _ in 0..3 {
        own.kill();
        assert_eq!(info(address), None);
        own.restart();
        assert!(info(address).is_some());
    }
    drop(own);
    assert_eq!(info(address), None);
}

#[test]
fn each_has_a_port_of_its_own() {
    if is_left_out("nats") {
        return;
    }
    let (one, other) = (Nats::start().unwrap(), Nats::start().unwrap());
    assert_ne!(one.address(), other.address());
    assert_ne!(info(one.address()), info(other.address()));
}

#[test]
fn one_that_lets_nobody_in_is_at_work_as_well() {
    if is_left_out("nats") {
        return;
    }
    let guarded = Nats::with_settings("authorization { user: app, password: secret }\n").unwrap();
    let said = info(guarded.address()).unwrap();
    assert!(said.contains(r#""auth_required":true"#), "{said}");
    assert!(!said.contains("jetstream"), "{said}");
    assert!(said.contains(&guarded.name()), "{said}");
}

/// Each tells clients of all, when it has found them.
#[test]
fn several_are_one_cluster() {
    if is_left_out("nats") {
        return;
    }
    let mut cluster = Nats::cluster(3).unwrap();
    let knows_all = |one: &Nats| {
        let said = info(one.address()).unwrap_or_default();
        cluster
            .iter()
            .all(|other| said.matches(&other.address().port().to_string()).count() > 0)
    };
    let begun = Instant::now();
    while !cluster.iter().all(knows_all) {
        assert!(begun.elapsed() < PATIENCE, "they do not find each other");
        thread::sleep(Duration::from_millis(20));
    }
    let address = cluster[0].address();
    cluster[0].kill();
    assert_eq!(info(address), None);
    cluster[0].restart();
    assert!(info(address).is_some());
}

#[test]
fn it_goes_with_the_process_that_started_it() {
    if is_left_out("nats") {
        return;
    }
    for end in orphans::ENDS {
        orphans::check("parent", end, |_| ());
    }
}

/// Run by the test above in a process of its own; alone it does nothing.
#[test]
fn parent() {
    static NEVER_DROPPED: OnceLock<Nats> = OnceLock::new();
    orphans::be_parent(|| {
        NEVER_DROPPED
            .get_or_init(|| Nats::start().unwrap())
            .address()
    });
}
