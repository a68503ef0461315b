//! What nobody is shown.

use std::error::Error;
use std::fmt::{Debug, Write};
use std::sync::Once;

use bookdrop::{Codec, Driver, Event, Producer};
use bookdrop_postgres::{Options, Server};
use bookdrop_test_servers::{Proxy, is_left_out, postgres};
use futures_lite::future::block_on;

use crate::database::{Database, url, write};
use crate::server::{Library, PATIENCE, open_at, wait_until};
use crate::user::User;

/// A password, and its parts, of which none may be seen.
const PASSWORD: &str = "sesame0pen";
const PARTS: [&str; 2] = ["sesame", "0pen"];

/// How the user `keyholder` reaches the server that lets nobody in by this name without the password.
fn url_with(password: &str) -> String {
    static GUARDED: Once = Once::new();
    GUARDED.call_once(guard);
    url(postgres(), &format!("keyholder:{password}"), "guarded")
}

fn guard() {
    let database = Database::make(postgres(), "guarded");
    database
        .owner
        .does("SET password_encryption = 'scram-sha-256'");
    database.owner.does(&format!(
        "CREATE ROLE keyholder LOGIN PASSWORD '{PASSWORD}'"
    ));
    database
        .owner
        .does("GRANT CREATE ON DATABASE guarded TO keyholder");
    // Others need no password.
    let rules = "host all keyholder all scram-sha-256\nhost all all all trust\n";
    write(&database.owner, "pg_hba.conf", rules);
    database.owner.does("SELECT pg_reload_conf()");
    let without = url(postgres(), "keyholder", "guarded");
    wait_until("a password is needed", || User::try_at(&without).is_err());
}

/// All that an error shows, and whatever it comes of.
fn all_of(error: &dyn Error) -> String {
    let mut shown = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        writeln!(shown, "{error} {error:#} {error:?} {error:#?}").unwrap();
        next = error.source();
    }
    shown
}

#[track_caller]
fn is_hidden(shown: &str) {
    let seen = PARTS.iter().any(|part| shown.contains(part));
    assert!(!seen, "a part of the password is seen: {shown}");
}

/// Opening it fails, and what is told of it hides the password.
#[track_caller]
fn fails_in_silence(address: &str) -> String {
    let opened = Library::open(address).wait_for(PATIENCE);
    let error = opened.expect("it does not hang").expect_err(address);
    let shown = all_of(&error) + &all_of(&bookdrop::Error::from(error));
    is_hidden(&shown);
    shown
}

#[track_caller]
fn is_debugged_in_silence(shown: &dyn Debug) {
    is_hidden(&format!("{shown:?} {shown:#?}"));
}

#[test]
fn no_password_is_seen_where_the_server_refuses_it() {
    if is_left_out("postgres") {
        return;
    }
    let at = postgres().address().to_string();
    let open = url_with(PASSWORD) + "?queue=library";
    drop(open_at(&open));
    let wrong = fails_in_silence(&open.replace(PASSWORD, "sesame0pen1"));
    assert!(wrong.contains("Denied"), "{wrong}");
    let unknown = fails_in_silence(&open.replace("keyholder", "keyholder%20"));
    assert!(unknown.contains("Denied"), "{unknown}");
    let nowhere = fails_in_silence(&open.replace("/guarded?", "/nowhere?"));
    assert!(nowhere.contains("NotFound"), "{nowhere}");
    let unreachable = fails_in_silence(&open.replace(&at, "nowhere.invalid"));
    assert!(unreachable.contains("Io"), "{unreachable}");
    let known = "could not connect to nowhere.invalid:5432: ";
    assert!(unreachable.contains(known), "{unreachable}");
    let closed = fails_in_silence(&open.replace(&at, "127.0.0.1:1"));
    assert!(closed.contains("Io"), "{closed}");
    let said = "could not connect to 127.0.0.1:1: Connection refused";
    assert!(closed.contains(said), "{closed}");
    let missing = fails_in_silence(&open.replace(&format!(":{PASSWORD}"), ""));
    assert!(missing.contains("Denied"), "{missing}");
    let said = format!("{at} asks for a password; the address has none");
    assert!(missing.contains(&said), "{missing}");
    fails_in_silence(&(open + "&sslmode=require"));
}

#[test]
fn no_password_is_seen_where_the_connection_is_lost() {
    if is_left_out("postgres") {
        return;
    }
    let proxy = Proxy::before(postgres().address());
    let url = proxy.url(&url_with(PASSWORD));
    let library = open_at(&format!("{url}?queue=library&patience=1s"));
    proxy.refuse();
    proxy.cut();
    let mut lost = None;
    wait_until("the driver knows", || {
        lost = library.stats().wait().err();
        lost.is_some()
    });
    is_hidden(&all_of(&lost.unwrap()));
    let event = Event::new("S").with_body(String::new());
    let unsent = Producer::new(&library).send(event).wait().unwrap_err();
    is_hidden(&all_of(&unsent));
    let said = unsent.to_string();
    assert_eq!(said.matches("could not connect to").count(), 1, "{said}");
    is_debugged_in_silence(&library);
}

/// Signs that have a meaning in an address cut a password in two, where nobody has written them with `%`.
#[test]
fn no_password_is_seen_where_the_address_is_wrong() {
    for sign in [
        "@",
        ":",
        "/",
        "?",
        "#",
        "&",
        "%",
        "%zz",
        "=",
        " ",
        "'",
        "?x&",
        "?queue=q&",
    ] {
        let password = PARTS.join(sign);
        for address in [
            format!("postgres://app:{password}@127.0.0.1:1/postgres?queue=library"),
            format!("postgres://app:{password}=x@127.0.0.1:1/postgres?queue=library"),
            format!("postgres://app:1{sign}0pen=x@127.0.0.1:1/postgres?queue=library"),
            format!("postgres://app@127.0.0.1:1/postgres?password={password}&queue=library"),
            format!("postgres://app@127.0.0.1:1/postgres?password={password}&queue=library&port=x"),
            format!("postgres://app:{password}@[127.0.0.1/postgres?queue=library"),
            format!("postgres:app:{password}@127.0.0.1:1/postgres?queue=library"),
        ] {
            fails_in_silence(&address);
        }
        for settings in [
            format!("host=127.0.0.1 user=app password={password} port=x"),
            format!("host=127.0.0.1 user=app password={password}=x"),
            format!("host=127.0.0.1 user=app password='{password} port=x"),
            format!("host=127.0.0.1 user=app password {password}"),
            format!("postgres://app:{password}=x@127.0.0.1:1/postgres?port=x"),
        ] {
            if let Err(error) = settings.parse::<Server>() {
                is_hidden(&all_of(&error));
            }
        }
    }
}

#[test]
fn no_password_is_seen_where_somebody_looks_at_what_is_open() {
    if is_left_out("postgres") {
        return;
    }
    let url = url_with(PASSWORD);
    let server: Server = url.parse().unwrap();
    is_debugged_in_silence(&server);
    let options = Options::default();
    is_debugged_in_silence(&options);
    let opening = bookdrop_postgres::Postgres::open(server, "library", options);
    let library: Library = Driver::with_codec(block_on(opening).unwrap(), Codec::Json);
    is_debugged_in_silence(&library);
    is_debugged_in_silence(
        &Library::open(format!("{url}?queue=library"))
            .wait()
            .unwrap(),
    );
}
