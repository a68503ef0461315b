//! A server that is reached by TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use bookdrop::{BackendErrorKind, Codec, Driver};
use bookdrop_nats::{ConnectOptions, Options, Server};
use bookdrop_test_servers::{Nats, Proxy};
use futures_lite::future::block_on;
use tempfile::TempDir;

use crate::credentials::{fails, is_at_work};
use crate::disguise::disguised;
use crate::engine;
use crate::server::{Library, PATIENCE, open_at, wait_until};

/// A server with a certificate of its own, and the folder with the file `server.pem`, which has that.
fn server_with_tls() -> (Nats, TempDir) {
    let folder = tempfile::tempdir().expect("there is a folder");
    write_certificate(folder.path(), "server");
    (server_that_asks(&folder, ""), folder)
}

/// A server with the certificate in this folder, which asks those who come for something.
fn server_that_asks(folder: &TempDir, what: &str) -> Nats {
    let at = folder.path().display();
    let settings = format!(
        "jetstream {{ sync_interval: always }}
        tls {{ cert_file: \"{at}/server.pem\", key_file: \"{at}/server.key\", {what} }}
        authorization {{ user: app, password: sesame }}"
    );
    Nats::with_settings(&settings).unwrap_or_else(|error| panic!("{error}"))
}

fn write_certificate(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join(format!("{name}.pem")), made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    fs::write(folder.join(format!("{name}.key")), key).unwrap();
}

/// An address of this server, and the certificates in this file.
fn address(server: &str, folder: &TempDir, file: &str) -> String {
    let file = folder.path().join(file);
    format!(
        "tls://app:sesame@{server}/library?tls_ca={}",
        file.display()
    )
}

#[test]
fn a_driver_works_by_tls_and_connects_again_by_tls() {
    if engine::is_left_out() {
        return;
    }
    let (server, folder) = server_with_tls();
    let proxy = Proxy::before(server.address());
    let at = proxy.address().to_string();
    let library = open_at(&address(&at, &folder, "server.pem"));
    is_at_work(&library);
    proxy.cut();
    wait_until("it is connected again", || {
        library.stats().wait().unwrap().reconnects == 1
    });
    is_at_work(&library);
}

/// Options of the client library, which trust the certificate in this file.
fn options(folder: &TempDir) -> ConnectOptions {
    ConnectOptions::with_user_and_password("app".to_owned(), "sesame".to_owned())
        .add_root_certificates(folder.path().join("server.pem"))
}

fn open_by_options(at: SocketAddr, options: ConnectOptions) -> Library {
    let server = Server::with_options(&format!("tls://{at}"), options).unwrap();
    let opening = bookdrop_nats::open(server, "library", Options::default());
    Driver::with_codec(block_on(opening).unwrap(), Codec::Json)
}

#[test]
fn options_of_the_client_may_say_whom_to_trust() {
    if engine::is_left_out() {
        return;
    }
    let (server, folder) = server_with_tls();
    is_at_work(&open_by_options(server.address(), options(&folder)));
}

#[test]
fn who_has_no_certificate_is_not_let_in_where_the_server_asks_for_one() {
    if engine::is_left_out() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder");
    for name in ["server", "client"] {
        write_certificate(folder.path(), name);
    }
    let client = |ending| folder.path().join(format!("client.{ending}"));
    let known = format!("ca_file: {:?}, verify: true", client("pem"));
    let server = server_that_asks(&folder, &known);
    let at = server.address();
    let with_certificate = options(&folder).add_client_certificate(client("pem"), client("key"));
    is_at_work(&open_by_options(at, with_certificate));
    let (kind, shown) = fails(&address(&at.to_string(), &folder, "server.pem"));
    assert_eq!(kind, BackendErrorKind::Io, "{shown}");
}

/// Servers of a cluster tell of each other, without a scheme.
#[test]
fn a_server_that_another_one_tells_of_hears_nothing_but_tls() {
    if engine::is_left_out() {
        return;
    }
    let (server, folder) = server_with_tls();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let known = other.local_addr().unwrap();
    let tells = disguised(server.address(), move |info| {
        info.replacen('{', &format!(r#"{{"connect_urls":["{known}"],"#), 1)
    });
    let proxy = Proxy::before(tells);
    let _library = open_by_options(proxy.address(), options(&folder));
    proxy.refuse();
    proxy.cut();
    other.set_nonblocking(true).unwrap();
    let mut came = None;
    wait_until("it connects to the other one", || {
        came = other.accept().ok();
        came.is_some()
    });
    let (mut stream, _) = came.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let info = "INFO {\"server_id\":\"other\",\"version\":\"2.15.1\",\"max_payload\":1048576}\r\n";
    stream.write_all(info.as_bytes()).unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(first, [0x16], "that is how TLS begins");
}

#[test]
fn a_server_that_is_not_trusted_is_refused() {
    if engine::is_left_out() {
        return;
    }
    let (server, folder) = server_with_tls();
    let at = server.address().to_string();
    let is_refused = |address: &str| {
        let (kind, shown) = fails(address);
        assert_eq!(kind, BackendErrorKind::Io, "{shown}");
        shown
    };
    // The system does not know it, and neither does whoever trusts another one.
    write_certificate(folder.path(), "other");
    let by_system = format!("tls://app:sesame@{at}/library");
    for address in [by_system, address(&at, &folder, "other.pem")] {
        let shown = is_refused(&address);
        assert!(shown.contains("invalid peer certificate"), "{shown}");
    }
    let by_none = is_refused(&address(&at, &folder, "missing.pem"));
    assert!(by_none.contains("missing.pem (`tls_ca`)"), "{by_none}");
    let (kind, by_key) = fails(&address(&at, &folder, "server.key"));
    assert_eq!(kind, BackendErrorKind::Invalid, "{by_key}");
    assert!(
        by_key.contains("there is no certificate in that file"),
        "{by_key}"
    );
}

/// Nothing is sent to it by which others could learn the password.
#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    if engine::is_left_out() {
        return;
    }
    let (_, folder) = server_with_tls();
    let at = engine::shared().address().to_string();
    let by_address = address(&at, &folder, "server.pem");
    for address in [&by_address, &by_address.replace("tls://", "nats://")] {
        let (kind, shown) = fails(address);
        assert_eq!(kind, BackendErrorKind::Unsupported, "{shown}");
        assert!(shown.contains("the server has no TLS"), "{shown}");
    }
}
