//! Who may send, and what the statement takes.

use bookdrop::{Consumer, Event, Producer};
use bookdrop_test_servers::{is_left_out, postgres};
use tokio_postgres::error::SqlState;

use super::{receive, take};
use crate::server::open;
use crate::user::{User, said};

/// The URL of the server for another user of it.
fn url_of(role: &str) -> String {
    postgres().url().replace("postgres@", &format!("{role}@"))
}

#[test]
fn who_may_only_send_can_do_nothing_else() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_rights", "");
    let mut consumer = Consumer::new(&library);
    let written = super::outgoing(&library, super::event("S"));
    let owner = User::at(&postgres().url());
    owner.does(
        "CREATE ROLE shop LOGIN; CREATE ROLE visitor LOGIN; CREATE SCHEMA AUTHORIZATION shop;
        GRANT USAGE ON SCHEMA bookdrop TO shop, visitor; GRANT EXECUTE ON FUNCTION bookdrop.send TO shop",
    );
    let shop = User::at(&url_of("shop"));
    // No function of its own is called with the rights of the schema's owner.
    shop.does(
        "CREATE FUNCTION shop.decode(text, text) RETURNS bytea LANGUAGE plpgsql AS
            $$BEGIN RAISE 'called by %', current_user; END$$;
        SET search_path = shop, pg_catalog",
    );
    shop.sends(&written);
    assert_eq!(take(&mut consumer), "S");
    for forbidden in [
        "SELECT FROM bookdrop.outbox",
        "DELETE FROM bookdrop.outbox",
        "SELECT FROM bookdrop.event",
        "SELECT bookdrop.wake(1, 0, 'outbox')",
    ] {
        let refused = shop.try_does(forbidden).unwrap_err();
        assert!(said(&refused).contains("permission denied"), "{refused:?}");
    }
    let refused = User::at(&url_of("visitor"))
        .try_sends(&written)
        .unwrap_err();
    assert!(said(&refused).contains("permission denied"), "{refused:?}");
}

#[test]
fn other_programs_send_by_the_statement_alone() {
    if is_left_out("postgres") {
        return;
    }
    let library = open(&postgres().url(), "outbox_by_hand", "");
    let mut consumer = Consumer::new(&library);
    let user = User::at(&postgres().url());
    let ids = user.texts(
        r#"SELECT bookdrop.send(json_build_object('queue', 'outbox_by_hand', 'content',
            encode(convert_to('{"name":"S","headers":{"title":"hello world"},"body":"B"}', 'UTF8'), 'base64'))::text)"#,
    );
    let seen = receive(&mut consumer);
    assert_eq!((seen.name(), &**seen.body()), ("S", "B"));
    assert_eq!(seen.header("title"), Some("hello world"));
    assert_eq!(seen.id(), ids[0], "one that was not given is made");
    seen.ack().wait().unwrap();
    let send = |more: &str| {
        let sql = format!(
            r#"SELECT bookdrop.send('{{"queue":"outbox_by_hand","content":"eyJuYW1lIjoiUyIsImJvZHkiOiJCIn0="{more}}}')"#
        );
        user.try_does(&sql)
    };
    send(r#","id":"A","key":"K","priority":3,"delay":0,"time_to_live":3600000000000"#).unwrap();
    let seen = receive(&mut consumer);
    assert_eq!(
        (seen.id(), seen.key(), seen.priority()),
        ("A", Some("K"), 3)
    );
    seen.ack().wait().unwrap();
    // An id that is in the object is a given one.
    send(r#","id":"A""#).unwrap();
    for (more, why) in [
        (
            r#","priorities":3"#,
            "nobody knows what this is: priorities",
        ),
        (r#","priority":10"#, "`priority` is not from 0 to 9"),
        (r#","priority":-1"#, "`priority` is not from 0 to 9"),
        (r#","delay":-1"#, "less than nothing"),
        (r#","time_to_live":-1"#, "less than nothing"),
        (r#","id":"""#, "`id` has not 1 to 255 bytes"),
        (r#","key":"""#, "`key` has not 1 to 255 bytes"),
        (r#","content":null"#, "no `content`"),
        (r#","queue":null"#, "no `queue`"),
        (r#","queue":"none""#, "has no queue `none`"),
    ] {
        let error = send(more).unwrap_err();
        assert!(said(&error).contains(why), "{more}: {error:?}");
    }
    for parameter in [
        r#"{bad"#,
        r#"[1]"#,
        r#"{"queue":"outbox_by_hand","content":"***"}"#,
        r#"{"queue":"outbox_by_hand","content":"","priority":"x"}"#,
        r#"{"queue":"outbox_by_hand","content":"","delay":1.5}"#,
    ] {
        let sent = user.try_does(&format!("SELECT bookdrop.send('{parameter}')"));
        let error = sent.unwrap_err();
        assert!(said(&error).contains("cannot send this event"), "{error:?}");
        assert_eq!(error.code(), Some(&SqlState::INVALID_PARAMETER_VALUE));
    }
    Producer::new(&library)
        .send(Event::new("last").with_body(String::new()))
        .wait()
        .unwrap();
    assert_eq!(take(&mut consumer), "last");
}
