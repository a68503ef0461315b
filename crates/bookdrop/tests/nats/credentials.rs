//! Servers that let in whom they know, and what nobody is shown.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use bookdrop::{BackendErrorKind, Codec, Consumer, Driver, Event, OpenErrorKind, Producer};
use bookdrop_nats::{ConnectOptions, Options, Server};
use bookdrop_test_servers::Nats;
use futures_lite::future::block_on;

use crate::engine;
use crate::server::{Library, PATIENCE, open_at, wait_until};

/// What is never shown, and how it is written in an address.
const SECRET: &str = "open:sesame/@";
const WRITTEN: &str = "open%3Asesame%2F%40";

fn server(authorization: &str) -> Nats {
    let settings =
        format!("jetstream {{ sync_interval: always }}\nauthorization {{ {authorization} }}\n");
    Nats::with_settings(&settings).unwrap_or_else(|error| panic!("{error}"))
}

/// Sends, receives and acks.
pub(crate) fn is_at_work(library: &Library) {
    let event = Event::new("S").with_body("hello world".to_owned());
    Producer::new(library).send(event).wait().unwrap();
    let delivery = Consumer::new(library).receive().wait().unwrap();
    assert_eq!(delivery.body(), "hello world");
    delivery.ack().wait().unwrap();
}

/// Opening it fails. Returns how, and all that is shown of it, with whatever it comes of, which hides the secret.
#[track_caller]
pub(crate) fn fails(address: &str) -> (BackendErrorKind, String) {
    let opened = Library::open(address).wait_for(PATIENCE);
    let error = opened.expect("it does not hang").expect_err("it fails");
    let OpenErrorKind::Backend(backend) = error.kind() else {
        panic!("{error}");
    };
    let kind = backend.kind();
    let mut shown = String::new();
    let mut next: Option<&dyn Error> = Some(&error);
    while let Some(error) = next {
        writeln!(shown, "{error} {error:#} {error:?} {error:#?}").unwrap();
        next = error.source();
    }
    assert!(!shown.contains("sesame"), "it is seen: {shown}");
    (kind, shown)
}

#[test]
fn a_user_is_let_in_by_the_password_alone() {
    if engine::is_left_out() {
        return;
    }
    let server = server(&format!("user: app, password: \"{SECRET}\""));
    let at = server.address();
    let library = open_at(&format!("nats://app:{WRITTEN}@{at}/library"));
    is_at_work(&library);
    let shown = format!("{library:?} {library:#?}");
    assert!(!shown.contains("sesame"), "it is seen: {shown}");
    for wrong in ["app:sesame@", "guest:sesame@", "sesame@", ""] {
        let (kind, shown) = fails(&format!("nats://{wrong}{at}/library"));
        assert_eq!(kind, BackendErrorKind::Denied, "{shown}");
        assert!(shown.contains("authorization violation"), "{shown}");
    }
}

/// A program that ends in the error shows nothing of what it came of.
#[test]
fn the_error_alone_says_why_it_could_not_connect() {
    if engine::is_left_out() {
        return;
    }
    let server = server(&format!("user: app, password: \"{SECRET}\""));
    let at = server.address().to_string();
    for (hosts, why) in [
        ("127.0.0.1:1", "onnection refused"),
        ("nowhere.invalid", "DNS error"),
        (
            &at,
            "authorization violation; the user, password or token is wrong or missing",
        ),
    ] {
        let address = format!("nats://app:sesame@{hosts}/library");
        let opened = Library::open(address).wait_for(PATIENCE);
        let error = bookdrop::Error::from(opened.expect("it does not hang").unwrap_err());
        let said = error.to_string();
        let known = format!("could not connect to {hosts}: ");
        assert!(said.contains(&known) && said.contains(why), "{said}");
        assert!(error.source().is_none(), "nothing is said twice");
        assert!(said.matches(why).count() == 1, "{said}");
        assert!(
            said.matches("authorization violation").count() <= 1,
            "{said}"
        );
    }
}

/// One that says nothing first, as a server of PostgreSQL, and one that says something else.
#[test]
fn a_server_of_another_kind_is_named_with_what_to_look_at() {
    for greeting in ["", "SSH-2.0-OpenSSH_9.6\r\n"] {
        let other = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = other.local_addr().unwrap();
        let speaking = thread::spawn(move || {
            let (mut client, _) = other.accept().expect("somebody comes");
            client.write_all(greeting.as_bytes()).unwrap();
            // Until it hangs up.
            let _ = client.read(&mut [0]);
        });
        let (kind, shown) = fails(&format!("nats://{address}/library"));
        speaking.join().expect("it is heard");
        assert_eq!(kind, BackendErrorKind::Io, "{shown}");
        let known = "nothing there speaks as a server of NATS does: look at host and port";
        assert!(shown.contains(known), "{shown}");
    }
}

#[test]
fn whoever_has_the_token_is_let_in() {
    if engine::is_left_out() {
        return;
    }
    let server = server(&format!("token: \"{SECRET}\""));
    let at = server.address();
    is_at_work(&open_at(&format!("nats://{WRITTEN}@{at}/library")));
    for wrong in ["sesame@", ""] {
        let (kind, shown) = fails(&format!("nats://{wrong}{at}/library"));
        assert_eq!(kind, BackendErrorKind::Denied, "{shown}");
    }
}

#[test]
fn a_client_that_goes_on_trying_is_not_waited_for_for_ever() {
    let options = ConnectOptions::new().retry_on_initial_connect();
    // Nobody listens there.
    let server = Server::with_options("nats://127.0.0.1:1", options).unwrap();
    let opening = bookdrop_nats::open(server, "library", Options::default());
    let error = block_on(opening).err().expect("nobody is there");
    assert_eq!(error.kind(), BackendErrorKind::Io, "{error}");
    assert!(
        error.to_string().contains("could not connect to"),
        "{error}"
    );
}

#[test]
fn options_of_the_client_may_hold_the_credentials() {
    if engine::is_left_out() {
        return;
    }
    let mut server = server(&format!("user: app, password: \"{SECRET}\""));
    let options = ConnectOptions::with_user_and_password("app".to_owned(), SECRET.to_owned());
    let of_user = Server::with_options(&server.url(), options).unwrap();
    assert!(!format!("{of_user:?} {of_user:#?}").contains("sesame"));
    let opening = bookdrop_nats::open(of_user, "library", Options::default());
    let library: Library = Driver::with_codec(block_on(opening).unwrap(), Codec::Json);
    is_at_work(&library);
    server.kill();
    server.restart();
    wait_until("it is let in again", || {
        library.stats().wait().unwrap().reconnects == 1
    });
    is_at_work(&library);
}
