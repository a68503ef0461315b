//! Three servers that are one cluster, of which each has every message.

use std::env;

use bookdrop_test_servers::Nats;

use crate::engine;
use crate::server::load::Load;
use crate::server::wait_until;
use crate::user::User;

/// Which of them leads the stream, as this one knows it.
fn leader(cluster: &[Nats], asked: usize, stream: &str) -> usize {
    let mut user = User::at(cluster[asked].address());
    let mut leader = None;
    wait_until("somebody leads the stream", || {
        let info = user.info(stream);
        let name = info["cluster"]["leader"].as_str();
        leader = cluster.iter().position(|one| name == Some(&one.name()));
        leader.is_some()
    });
    leader.expect("it was found")
}

/// How often the server that leads the stream is killed. Each time the others take some seconds to agree on the next.
fn kills() -> usize {
    match env::var_os("BOOKDROP_LONG") {
        Some(_) => 10,
        None => 1,
    }
}

#[test]
fn promises_are_kept_when_servers_of_a_cluster_are_killed() {
    if engine::is_left_out() {
        return;
    }
    let mut cluster = Nats::cluster(3).unwrap_or_else(|error| panic!("{error}"));
    wait_until("the servers know each other", || {
        cluster
            .iter()
            .all(|one| User::at(one.address()).knows(&cluster))
    });
    // All are connected to this one, which tells them of the others.
    let options = format!("{}&replicas=3", engine::OPTIONS);
    let load = Load::begin_with(&cluster[0].url(), "load", &options);
    load.go_on(10);
    cluster[0].kill();
    load.go_on(10);
    cluster[0].restart();
    for library in [&load.front, &load.back] {
        assert!(library.stats().wait().unwrap().reconnects >= 1);
    }
    let stream = "BOOKDROP_load";
    for kill in 0..kills() {
        load.go_on(fastrand::usize(10..50));
        let leading = leader(&cluster, kill % cluster.len(), stream);
        cluster[leading].kill();
        load.go_on(10);
        cluster[leading].restart();
    }
    load.go_on(10);
    let info = User::at(cluster[0].address()).info(stream);
    assert_eq!(info["config"]["num_replicas"], 3, "{info}");
    println!("{} kills: {:?}", kills() + 1, load.end());
}
