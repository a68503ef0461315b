//! Servers that cannot have a queue, and the oldest that can.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bookdrop::BackendErrorKind;
use bookdrop_test_servers::Nats;

use crate::credentials::fails;
use crate::disguise::disguised;
use crate::engine;
use crate::server::load::Load;
use crate::server::{PATIENCE, log, open, wait_until};
use crate::user::User;

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
    let old = disguised(engine::shared().address(), as_too_old);
    let (kind, shown) = fails(&format!("nats://{old}/library"));
    assert_eq!(kind, BackendErrorKind::Unsupported, "{shown}");
    let told = "the server has version 2.9.25; it takes 2.10 or newer";
    assert!(shown.contains(told), "{shown}");
}

/// What a server says first, as one would that is too old.
fn as_too_old(info: &str) -> String {
    let (before, rest) = info
        .split_once(r#""version":""#)
        .expect("it says its version");
    let (_, behind) = rest.split_once('"').expect("it says its version");
    format!(r#"{before}"version":"2.9.25"{behind}"#)
}

#[test]
fn a_server_that_is_too_old_when_it_comes_back_is_warned_of() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let mut server = Nats::start().unwrap_or_else(|error| panic!("{error}"));
    let is_old = Arc::new(AtomicBool::new(false));
    let seen = is_old.clone();
    let at = disguised(server.address(), move |info| {
        match seen.load(Ordering::SeqCst) {
            true => as_too_old(info),
            false => info.to_owned(),
        }
    });
    let _library = open(&format!("nats://{at}"), "set_back", "");
    is_old.store(true, Ordering::SeqCst);
    server.kill();
    server.restart();
    let is_warned_of = || {
        let warnings = log::said("queue=\"set_back\"");
        let told = "the server has version 2.9.25; it takes 2.10 or newer";
        warnings.iter().any(|warning| warning.contains(told))
    };
    wait_until("it is warned of", is_warned_of);
}

/// What is said here is by no driver of any version, but begins as one of a later version would.
#[test]
fn a_driver_of_another_version_is_told_so() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let mut other = User::at(engine::shared().address());
    other.listens("bookdrop.mixed.>");
    let url = engine::shared().url();
    let _keeper = open(&url, "mixed", "");
    let _guest = open(&url, "mixed", "");
    let mut heard = || loop {
        let (subject, what) = other.hears();
        if subject.starts_with("bookdrop.mixed.k.") && !what.is_empty() {
            break (subject, what[0]);
        }
    };
    let (keeper, format) = heard();
    let me = format!("bookdrop.mixed.g.{}", "ab".repeat(16));
    let later = String::from_utf8(vec![format + 1, 0]).expect("it is a small number");
    for answer_to in ["bookdrop.mixed.n", &me, "elsewhere", &me] {
        other.tells(&keeper, answer_to, &later);
    }
    let (begun, mut answers) = (Instant::now(), 0);
    while answers < 2 {
        assert!(begun.elapsed() < PATIENCE, "it is told nothing");
        let (subject, what) = other.hears();
        assert!(subject != "bookdrop.mixed.n", "nothing is said to all");
        if subject == me {
            assert_eq!(what, [format]);
            answers += 1;
        }
    }
    let warnings = || log::said("queue=\"mixed\"");
    let of_versions = || {
        let warnings = warnings().into_iter();
        let of_versions = warnings.filter(|line| line.contains("another version"));
        of_versions.collect::<Vec<_>>()
    };
    wait_until("it is warned of", || !of_versions().is_empty());
    let said = of_versions();
    assert_eq!(said.len(), 1, "it is warned of once: {said:?}");
    let what_to_do = "use one version of the library for all drivers of a queue";
    assert!(said[0].contains(what_to_do), "{said:?}");
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
