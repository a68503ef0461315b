//! A server that is reached by TLS.

use std::sync::{Arc, OnceLock};

use bookdrop::{BackendError, BackendErrorKind, Codec, Consumer, Driver, Event, Producer};
use bookdrop_postgres::{Options, Server};
use bookdrop_test_servers::{Postgres, Proxy, is_left_out, postgres};
use futures_lite::future::block_on;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{Database, write};
use crate::server::{Library, wait_until};
use crate::user::User;

/// The certificate of the server, which has TLS from now on for those who ask for it.
fn certificate() -> CertificateDer<'static> {
    static MADE: OnceLock<CertificateDer<'static>> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let owner = User::at(&postgres().url());
        write(&owner, "server.crt", &made.cert.pem());
        write(&owner, "server.key", &made.signing_key.serialize_pem());
        owner.does("ALTER SYSTEM SET ssl = on");
        owner.does("SELECT pg_reload_conf()");
        let certificate: CertificateDer<'static> = made.cert.into();
        wait_until("the server has TLS", || {
            open(&postgres().url(), connector([certificate.clone()])).is_ok()
        });
        certificate
    })
    .clone()
}

/// Trusts these certificates, and nobody else.
fn connector(trusted: impl IntoIterator<Item = CertificateDer<'static>>) -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

fn open(url: &str, connector: MakeRustlsConnect) -> Result<Library, BackendError> {
    let config = format!("{url}?sslmode=require&application_name=secret");
    let server = Server::with_tls(config.parse().unwrap(), connector);
    let opening = bookdrop_postgres::Postgres::open(server, "library", Options::default());
    block_on(opening).map(|backend| Driver::with_codec(backend, Codec::Json))
}

/// Sends, receives and acks.
fn is_at_work(library: &Library) {
    let event = Event::new("S").with_body("hello world".to_owned());
    Producer::new(library).send(event).wait().unwrap();
    let delivery = Consumer::new(library).receive().wait().unwrap();
    assert_eq!(delivery.body(), "hello world");
    delivery.ack().wait().unwrap();
}

#[test]
fn a_driver_works_by_tls_and_connects_again_by_tls() {
    if is_left_out("postgres") {
        return;
    }
    let trusted = [certificate()];
    let database = Database::make(postgres(), "tls");
    let url = database.url.clone();
    let with_tls = |is_with: bool| {
        database.owner.number(&format!(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                WHERE datname = 'tls' AND application_name = 'secret' AND ssl = {is_with}"
        ))
    };
    let proxy = Proxy::before(postgres().address());
    let library = open(&proxy.url(&url), connector(trusted)).unwrap();
    is_at_work(&library);
    assert_eq!((with_tls(true), with_tls(false)), (3, 0));
    proxy.cut();
    wait_until("it is connected again", || {
        library.stats().wait().unwrap().reconnects == 1
    });
    is_at_work(&library);
    wait_until("the former connections are gone", || with_tls(true) == 3);
    assert_eq!(with_tls(false), 0);
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    if is_left_out("postgres") {
        return;
    }
    // Others turn it on at the server of all.
    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let error = open(&server.url(), connector([])).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("turn `ssl` on"), "{error}");
}

#[test]
fn a_server_that_the_connector_does_not_trust_is_refused() {
    if is_left_out("postgres") {
        return;
    }
    certificate();
    let error = open(&postgres().url(), connector([])).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Io, "{error}");
}
