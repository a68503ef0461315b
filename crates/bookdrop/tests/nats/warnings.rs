//! What opening a queue warns of.

use bookdrop::{Driver, OpenErrorKind};

use crate::engine;
use crate::server::log;
use crate::server::open;

#[test]
fn each_driver_warns_that_the_server_may_not_flush() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let url = engine::shared().url();
    drop(["", "replicas=1"].map(|options| open(&url, "unflushed", options)));
    let said = log::said("queue=\"unflushed\"");
    assert_eq!(said.len(), 2, "{said:?}");
    for warning in said {
        for part in [
            "WARN",
            "may be lost",
            "`sync_interval: always`",
            "`sync_interval=always`",
            "`sync_interval=2m`",
        ] {
            assert!(warning.contains(part), "{part} is missing: {warning}");
        }
    }
}

#[test]
fn whoever_says_how_the_server_flushes_is_not_warned() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let url = engine::shared().url();
    let options = ["sync_interval=always", "sync_interval=2m"];
    drop(options.map(|options| open(&url, "flushed", options)));
    assert_eq!(log::said("queue=\"flushed\""), [""; 0]);
}

#[test]
fn what_no_server_can_be_told_is_refused() {
    for value in ["sometimes", "never", "0s", "2"] {
        let address = format!("nats://127.0.0.1:1/library?sync_interval={value}");
        let refused = Driver::<String>::open(address).wait().expect_err(value);
        assert_eq!(refused.kind(), &OpenErrorKind::InvalidOption, "{refused}");
        let told = format!("`sync_interval` is `{value}`; make it `always`, or a length");
        assert!(refused.to_string().contains(&told), "{refused}");
    }
}
