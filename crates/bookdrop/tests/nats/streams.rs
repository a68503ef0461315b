//! Streams that are there already, and cannot be the journal of the queue.

use bookdrop::{BackendErrorKind, Consumer, Event, Producer};
use serde_json::{Value, json};

use crate::credentials::fails;
use crate::engine;
use crate::server::open;
use crate::user::User;

/// Opening it fails, since the stream is not as it has to be. Returns what is shown of it.
#[track_caller]
fn is_refused(queue: &str, options: &str) -> String {
    let address = engine::address(&engine::shared().url(), queue, options);
    let (kind, shown) = fails(&address);
    assert_eq!(kind, BackendErrorKind::Invalid, "{shown}");
    shown
}

/// A queue that was used and is not open, and what its stream is set to.
fn used(user: &mut User, queue: &str) -> (String, Value) {
    let library = open(&engine::shared().url(), queue, "");
    let event = Event::new("S").with_body(String::new());
    Producer::new(&library).send(event).wait().unwrap();
    let stream = format!("BOOKDROP_{queue}");
    let config = user.info(&stream)["config"].clone();
    (stream, config)
}

#[test]
fn a_queue_in_another_codec_says_which() {
    if engine::is_left_out() {
        return;
    }
    used(&mut User::at(engine::shared().address()), "in_json");
    let shown = is_refused("in_json", "codec=msgpack");
    let told = "the events of queue `in_json` are written in `json`, and not in `msgpack`; open it with `codec=json`";
    assert!(shown.contains(told), "{shown}");
}

#[test]
fn a_stream_of_somebody_else_is_left_alone() {
    if engine::is_left_out() {
        return;
    }
    let mut user = User::at(engine::shared().address());
    let theirs = json!({ "name": "BOOKDROP_theirs", "subjects": ["theirs"], "storage": "file" });
    let made = user.asks("CREATE", "BOOKDROP_theirs", &theirs);
    assert_eq!(made["error"], Value::Null, "{made}");
    let shown = is_refused("theirs", "");
    assert!(shown.contains("no queue of bookdrop"), "{shown}");
    assert!(shown.contains("Give the queue another name"), "{shown}");
    assert_eq!(user.info("BOOKDROP_theirs")["config"], made["config"]);
    // One that takes what is said under the names of the queue.
    let greedy = json!({ "name": "GREEDY", "subjects": ["bookdrop.taken.>"], "storage": "file" });
    let made = user.asks("CREATE", "GREEDY", &greedy);
    assert_eq!(made["error"], Value::Null, "{made}");
    let shown = is_refused("taken", "");
    assert!(shown.contains("subjects overlap"), "{shown}");
}

#[test]
fn a_stream_that_was_changed_by_hand_is_refused_until_it_is_as_it_was() {
    if engine::is_left_out() {
        return;
    }
    let mut user = User::at(engine::shared().address());
    let (stream, former) = used(&mut user, "aged");
    let mut changed = former.clone();
    changed["max_age"] = json!(60_000_000_000_u64);
    let told = user.asks("UPDATE", &stream, &changed);
    assert_eq!(told["error"], Value::Null, "{told}");
    let shown = is_refused("aged", "");
    let what_to_do = "`max_age` of the stream BOOKDROP_aged is 60000000000, so that what is confirmed might be lost, or the queue come to \
                      a stop; make it 0 again";
    assert!(shown.contains(what_to_do), "{shown}");
    user.asks("UPDATE", &stream, &former);
    let library = open(&engine::shared().url(), "aged", "");
    let delivery = Consumer::new(&library).receive().wait().unwrap();
    delivery.ack().wait().unwrap();
}

#[test]
fn every_change_that_may_lose_what_is_confirmed_or_stop_the_queue_is_refused_by_name() {
    if engine::is_left_out() {
        return;
    }
    let mut user = User::at(engine::shared().address());
    let elsewhere = json!([{ "name": "ELSEWHERE" }]);
    let transform = json!({ "src": "bookdrop.>", "dest": "elsewhere.>" });
    for (number, (name, value)) in [
        ("max_msgs", json!(1_000_000)),
        ("max_bytes", json!(1_000_000_000)),
        ("max_msgs_per_subject", json!(1_000)),
        ("max_msg_size", json!(1_000_000)),
        ("discard", json!("old")),
        ("allow_direct", json!(false)),
        ("no_ack", json!(true)),
        ("sources", elsewhere),
        ("subject_transform", transform),
        ("deny_purge", json!(true)),
        ("sealed", json!(true)),
    ]
    .into_iter()
    .enumerate()
    {
        let queue = format!("changed_{number}");
        let (stream, mut config) = used(&mut user, &queue);
        config[name] = value;
        let told = user.asks("UPDATE", &stream, &config);
        assert_eq!(told["error"], Value::Null, "{name}: {told}");
        let shown = is_refused(&queue, "");
        let named = format!("`{name}` of the stream {stream} is ");
        assert!(shown.contains(&named), "{name}: {shown}");
    }
}

/// Servers know of that from version 2.12 on.
#[test]
fn a_stream_that_is_confirmed_before_it_is_written_is_refused() {
    if engine::is_left_out() {
        return;
    }
    let mut user = User::at(engine::shared().address());
    let (stream, mut config) = used(&mut user, "unwritten");
    user.asks("DELETE", &stream, &json!({}));
    config["persist_mode"] = json!("async");
    let made = user.asks("CREATE", &stream, &config);
    assert_eq!(made["error"], Value::Null, "{made}");
    if user.version_of_server() < [2, 12] {
        drop(open(&engine::shared().url(), "unwritten", ""));
        return;
    }
    assert_eq!(made["config"]["persist_mode"], "async", "{made}");
    let shown = is_refused("unwritten", "");
    assert!(shown.contains("`persist_mode` of the stream"), "{shown}");
}
