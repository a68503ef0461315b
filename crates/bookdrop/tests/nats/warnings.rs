//! What opening a queue warns of.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use bookdrop::{Driver, OpenErrorKind};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber};

use crate::engine;
use crate::server::open;

/// Keeps all that this library is told to have said.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        of.target() == "bookdrop"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {field}={value:?}");
    }
}

/// What is said while queues are opened with these options.
fn said(queue: &str, options: &[&str]) -> Vec<String> {
    let log = Log::default();
    subscriber::with_default(log.clone(), || {
        for options in options {
            open(&engine::shared().url(), queue, options);
        }
    });
    std::mem::take(&mut *log.0.lock().unwrap())
}

#[test]
fn each_driver_warns_that_the_server_may_not_flush() {
    if engine::is_left_out() {
        return;
    }
    let said = said("unflushed", &["", "replicas=1"]);
    assert_eq!(said.len(), 2, "{said:?}");
    for warning in said {
        for part in [
            "WARN",
            "queue=\"unflushed\"",
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
    let options = ["sync_interval=always", "sync_interval=2m"];
    assert_eq!(said("flushed", &options), [""; 0]);
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
