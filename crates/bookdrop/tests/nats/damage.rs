//! Pages that cannot be read any more.

use bookdrop::{Consumer, Event, Producer};
use serde_json::{Value, json};

use crate::engine;
use crate::keepers::publish;
use crate::server::log;
use crate::server::open;
use crate::user::User;

/// The subjects of the keepers so far, the first of them first.
fn keepers(user: &mut User, stream: &str) -> Vec<String> {
    let question = json!({ "subjects_filter": "bookdrop.*.j.>" });
    let info = user.asks("INFO", stream, &question);
    let subjects = info["state"]["subjects"].as_object();
    let mut subjects: Vec<String> = subjects.expect("there are pages").keys().cloned().collect();
    // The reserve says nothing.
    subjects.retain(|subject| !subject.ends_with(".r"));
    let epoch = |subject: &String| -> u64 {
        let sequence = subject.split('.').nth(3).expect("it names its epoch");
        sequence.parse().expect("it is a sequence")
    };
    subjects.sort_by_key(epoch);
    subjects
}

#[test]
fn what_lay_on_pages_that_are_lost_is_lost_alone_and_told() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let url = engine::shared().url();
    for name in ["A", "B", "C"] {
        let library = open(&url, "torn", "");
        assert_eq!(library.stats().wait().unwrap().damaged, 0);
        let event = Event::new(name).with_body(name.to_owned());
        Producer::new(&library).send(event).wait().unwrap();
    }
    let of_queue = "stream=\"BOOKDROP_torn\"";
    assert_eq!(log::said(of_queue), [""; 0]);
    let mut user = User::at(engine::shared().address());
    let keepers = keepers(&mut user, "BOOKDROP_torn");
    let question = json!({ "filter": keepers[1] });
    let purged = user.asks("PURGE", "BOOKDROP_torn", &question);
    assert_eq!(purged["error"], Value::Null, "{purged}");
    // The second one is told by the first, which keeps the queue.
    let [_keeper, library] = [open(&url, "torn", ""), open(&url, "torn", "")];
    assert!(library.stats().wait().unwrap().damaged > 0);
    let said = log::said(of_queue);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("WARN"), "{said:?}");
    assert!(said[0].contains("missing or damaged"), "{said:?}");
    let mut consumer = Consumer::new(&library);
    for name in ["A", "C"] {
        let delivery = consumer.receive().wait().unwrap();
        assert_eq!(delivery.name(), name);
        delivery.ack().wait().unwrap();
    }
    assert_eq!(library.stats().wait().unwrap().queued, 0);
}

/// No file lacks anything then, so that the files alone tell nothing of it.
#[test]
fn a_last_page_that_cannot_be_read_is_told() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let url = engine::shared().url();
    let event = Event::new("A").with_body("A".to_owned());
    let library = open(&url, "garbled", "");
    Producer::new(&library).send(event).wait().unwrap();
    drop(library);
    let of_queue = "stream=\"BOOKDROP_garbled\"";
    assert_eq!(log::said(of_queue), [""; 0]);
    let mut user = User::at(engine::shared().address());
    let keepers = keepers(&mut user, "BOOKDROP_garbled");
    // So a message of this driver begins, and goes on otherwise.
    publish(keepers.last().unwrap(), "BDJ\u{1}");
    let library = open(&url, "garbled", "");
    assert_eq!(library.stats().wait().unwrap().damaged, 1);
    let said = log::said(of_queue);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("pages=1 "), "{said:?}");
    let delivery = Consumer::new(&library).receive().wait().unwrap();
    assert_eq!(delivery.name(), "A");
    delivery.ack().wait().unwrap();
}
