//! Servers that cannot have a queue, and the oldest that can.

use std::env;

use bookdrop::BackendErrorKind;
use bookdrop_test_servers::Nats;

use crate::credentials::fails;
use crate::disguise::disguised;
use crate::engine;
use crate::server::load::Load;

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
    let old = disguised(engine::shared().address(), |info| {
        let (before, rest) = info
            .split_once(r#""version":""#)
            .expect("it says its version");
        let (_, behind) = rest.split_once('"').expect("it says its version");
        format!(r#"{before}"version":"2.9.25"{behind}"#)
    });
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
    let what_to_do = "leave `replicas` out, or use a cluster";
    assert!(shown.contains(what_to_do), "{shown}");
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
