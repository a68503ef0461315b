//! The server, and the way to it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use bookdrop_backend::{Error, ErrorKind};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep, timeout};

use crate::link::LOOKS_AGAIN_AFTER;

/// How long it takes to connect, at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server of which nothing was heard for twice this long is taken for lost.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How a certificate begins in a file.
const BEGINS: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// What helps where the file that is to have certificates has none.
const NO_CERTIFICATE: &str = "; there is no certificate in that file: it takes one in PEM";
/// What helps where the server answers otherwise than by TLS.
const NO_TLS: &str =
    "; the server has no TLS: give it a certificate, or write `nats://` and leave `tls_ca` out";
/// What helps where nothing came that a server of NATS says.
const NO_NATS: &str = "; nothing there speaks as a server of NATS does: look at host and port";
/// How long the client waits before it connects again: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A server of NATS, or a cluster of them, and how it is connected to.
///
/// ```
/// use bookdrop_nats::Server;
///
/// let one: Server = "nats://app:secret@nats.example:4222".parse()?;
/// let cluster: Server = "tls://a.nats.example,b.nats.example".parse()?;
/// // No secret is shown.
/// assert_eq!(format!("{one:?}"), r#"Server("nats.example:4222")"#);
/// # Ok::<(), bookdrop_backend::Error>(())
/// ```
#[derive(Clone)]
pub struct Server {
    addresses: Vec<ServerAddr>,
    options: ConnectOptions,
    /// The hosts, as they were written.
    hosts: String,
    /// Whose certificates are trusted in place of the system's, where the URL says it.
    trusted: Option<PathBuf>,
}

impl Server {
    /// A server that is reached by these options of the client library: with credentials, certificates or a configuration of TLS.
    /// How it connects again, how often it asks whether the server is there and who hears of that is the driver's affair, whatever
    /// they say. The URL may not hold a user then.
    ///
    /// For files with credentials, and for nkeys, depend on `async-nats` in the version of this crate, with its feature `nkeys`. A
    /// program with two providers of cryptography for `rustls` has to install one as its default, or say which by a configuration of
    /// TLS.
    ///
    /// ```
    /// use bookdrop_nats::{ConnectOptions, Server};
    ///
    /// let options = ConnectOptions::with_token("secret".to_owned())
    ///     .add_client_certificate("client.pem".into(), "client.key".into());
    /// let server = Server::with_options("tls://nats.example", options)?;
    /// # Ok::<(), bookdrop_backend::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid`, where the URL is none.
    pub fn with_options(url: &str, options: ConnectOptions) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        let is_known = matches!(scheme, "nats" | "tls");
        let hosts = rest.trim_end_matches('/');
        if !is_known || hosts.is_empty() || hosts.contains(['@', '/', '?', '#']) {
            return Err(wrong_url());
        }
        // Those that a cluster tells of have no scheme.
        let options = match scheme {
            "tls" => options.require_tls(true),
            _ => options,
        };
        let addresses = hosts.split(',');
        let addresses = addresses.map(|host| format!("{scheme}://{host}").parse());
        Ok(Server {
            addresses: addresses
                .collect::<Result<_, _>>()
                .map_err(|_| wrong_url())?,
            options,
            hosts: hosts.to_owned(),
            trusted: None,
        })
    }

    pub(crate) fn hosts(&self) -> &str {
        &self.hosts
    }

    /// The same server, by TLS alone, where its certificate has to come from one in this file (PEM). Those of the system are not trusted
    /// then. It is read whenever the driver connects.
    ///
    /// Options that say themselves what is trusted, in [`with_options`](Server::with_options), count as well: with
    /// [`add_root_certificates`](ConnectOptions::add_root_certificates) both are trusted, and with
    /// [`tls_client_config`](ConnectOptions::tls_client_config) this file is not read.
    pub fn trusting(self, certificates: impl Into<PathBuf>) -> Self {
        let certificates = certificates.into();
        let options = self.options.require_tls(true);
        Server {
            options: options.add_root_certificates(certificates.clone()),
            trusted: Some(certificates),
            ..self
        }
    }

    /// Connects. What happens to the connection later is told there.
    pub(crate) async fn connect(&self, events: UnboundedSender<Event>) -> Result<Client, Error> {
        let options = self.options.clone().name("bookdrop");
        let options = options
            .event_callback(move |event| {
                // Whoever listens no more is gone.
                let _ = events.send(event);
                std::future::ready(())
            })
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_after);
        let connecting = options.connect(&self.addresses);
        let client = connecting.await;
        let client = client.map_err(|error| self.not_connected(&error))?;
        match timeout(CONNECT_TIMEOUT, is_greeted(&client)).await {
            Ok(()) => Ok(client),
            Err(_) => {
                let hosts = &self.hosts;
                let message = format!("could not connect to {hosts} within {CONNECT_TIMEOUT:?}");
                Err(Error::new(ErrorKind::Io, message))
            }
        }
    }

    /// Says all of it: what an error came of is not shown by everybody who shows the error.
    fn not_connected(&self, error: &ConnectError) -> Error {
        let (kind, advice) = match error.kind() {
            _ if self.trusts_nobody() => (ErrorKind::Invalid, NO_CERTIFICATE),
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                let advice = "; the user, password or token is wrong or missing";
                (ErrorKind::Denied, advice)
            }
            ConnectErrorKind::ServerParse => (ErrorKind::Invalid, ""),
            _ if is_without_tls(error) => (ErrorKind::Unsupported, NO_TLS),
            _ if is_of_another_server(error) => (ErrorKind::Io, NO_NATS),
            _ => (ErrorKind::Io, ""),
        };
        let error = match error.kind() {
            // What it comes of is called the same.
            kind @ ConnectErrorKind::AuthorizationViolation => kind.to_string(),
            _ => error.to_string(),
        };
        let hosts = &self.hosts;
        let message = match &self.trusted {
            None => format!("could not connect to {hosts}: {error}{advice}"),
            Some(trusted) => {
                let trusted = trusted.display();
                format!(
                    "could not connect to {hosts} with the certificates in {trusted} (`tls_ca`): {error}{advice}"
                )
            }
        };
        Error::new(kind, message)
    }

    /// Whether the file that can be read has no certificate. The client library takes it all the same.
    fn trusts_nobody(&self) -> bool {
        let read = self.trusted.as_ref().map(std::fs::read);
        read.and_then(Result::ok)
            .is_some_and(|it| !it.windows(BEGINS.len()).any(|part| part == BEGINS))
    }
}

/// What is refused may hold a password, and is not shown.
impl FromStr for Server {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        if rest.matches('@').count() > 1 {
            let message = "an `@` in a user, password or token has to be written as `%40`; in front of the servers of a cluster they \
                           stand once";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let (user, hosts) = match rest.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, rest),
        };
        let options = match user.map(|user| user.split_once(':').ok_or(user)) {
            None => ConnectOptions::new(),
            Some(Ok((user, password))) => {
                ConnectOptions::with_user_and_password(decoded(user)?, decoded(password)?)
            }
            Some(Err(token)) => ConnectOptions::with_token(decoded(token)?),
        };
        Server::with_options(&format!("{scheme}://{hosts}"), options)
    }
}

/// Ends when the server has said what it is. A client that was told to go on trying (`retry_on_initial_connect`) is there before that.
async fn is_greeted(client: &Client) {
    while client.try_server_info().is_none() {
        sleep(LOOKS_AGAIN_AFTER).await;
    }
}

/// The options may hold a password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.hosts).finish()
    }
}

/// Whether what came in answer to the beginning of TLS was no TLS.
fn is_without_tls(error: &ConnectError) -> bool {
    error.to_string().contains("InvalidContentType")
}

/// Whether what came was said by no server of NATS, which says at once what it is, or whether nothing came.
fn is_of_another_server(error: &ConnectError) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<io::Error>());
    error.kind() == ConnectErrorKind::TimedOut
        || source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidInput)
}

fn decoded(text: &str) -> Result<String, Error> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| wrong_url())
}

fn wrong_url() -> Error {
    let message = "the URL of the server is wrong; write `nats://host:4222`, `nats://user:password@host`, or `tls://one,two` for a \
                   cluster; what is no letter and no digit in a password is written with `%`, as in `%2F` for `/`";
    Error::new(ErrorKind::Invalid, message)
}

/// Doubling, so that a server that comes back soon is found soon.
fn reconnect_after(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(doublings))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_refused_and_not_shown() {
        for url in [
            "",
            "nats://",
            "http://secret",
            "nats://host/secret",
            "nats://user:%ff@host",
            "nats://host:secret",
        ] {
            let refused = url.parse::<Server>().expect_err(url);
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{url}");
            assert!(!format!("{refused:?} {refused}").contains("secret"));
        }
    }

    #[test]
    fn all_servers_of_a_cluster_are_known() {
        let server: Server = "tls://token@a,b:1/".parse().expect("it is a URL");
        let ports = server.addresses.iter().map(|one| (one.host(), one.port()));
        assert_eq!(ports.collect::<Vec<_>>(), [("a", 4222), ("b", 1)]);
        assert!(server.addresses.iter().all(|one| !one.has_user_pass()));
    }

    #[test]
    fn the_way_back_is_tried_more_and_more_seldom() {
        let waits = [1, 2, 3, 100].map(|attempts| reconnect_after(attempts).as_millis());
        assert_eq!(waits, [20, 40, 80, 2_000]);
    }
}
