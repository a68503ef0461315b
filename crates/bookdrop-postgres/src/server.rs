//! The server, and the way to it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Socket};

use crate::error::{Trouble, not_connected};

/// How long it takes to connect, at most, where the configuration does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The port where the configuration does not say.
const DEFAULT_PORT: u16 = 5432;
/// A connection on which the other end has acknowledged nothing for so long is taken for dead, where the configuration does not say.
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// What the client library says of a setting that it knows. All else that it says may show a part of a password that was cut in two.
const NAMES_AN_OPTION: &str = "invalid value for option";
/// What is said instead.
const UNREADABLE: &str = "they can be read neither as a URL, where what is no letter and no digit in a password is written with \
                          `%`, nor as settings like `host=db.example user=app` that the client library knows";
/// The client library does not know `verify-ca` and `verify-full`: what a certificate has to be is the affair of the connector.
const SSLMODE: &str = "`sslmode`";
/// What helps there.
const BY_CONNECTOR: &str = "open the driver with `bookdrop_postgres::Server::with_tls`, and a connector of your choice, which checks the \
                            certificate";

/// A server of PostgreSQL, version 13 or newer, and how it is connected to: the client library's own configuration and TLS.
///
/// Where the configuration does not say, connecting takes 5 s at most for each address, a connection on which the other end has
/// acknowledged nothing for 10 s is taken for dead where the system can tell, and the application is called `bookdrop`. Whatever
/// it says, a driver that is not connected after 15 s gives that try up. It is made once, and used for each connection that is
/// made.
///
/// ```
/// use bookdrop_postgres::Server;
///
/// let by_url: Server = "postgres://app@db.example/app".parse()?;
/// let by_settings: Server = "host=db.example user=app dbname=app".parse()?;
/// // It needs a connector.
/// assert!("postgres://app@db.example/app?sslmode=require".parse::<Server>().is_err());
/// # Ok::<(), bookdrop_backend::Error>(())
/// ```
#[derive(Clone)]
pub struct Server(Arc<dyn Connect>);

/// What the server says without being asked.
pub(crate) type Notes = UnboundedSender<String>;

/// A client, and what has to run for it.
pub(crate) type Connected = (Client, Pin<Box<dyn Future<Output = ()> + Send>>);

type Connecting = Pin<Box<dyn Future<Output = Result<Connected, tokio_postgres::Error>> + Send>>;

trait Connect: Send + Sync {
    fn connect(&self, notes: Notes) -> Connecting;

    fn config(&self) -> &Config;
}

impl Server {
    /// A server that is reached without TLS.
    ///
    /// # Errors
    /// `Invalid` where the configuration requires TLS.
    pub fn new(config: Config) -> Result<Self, Error> {
        if config.get_ssl_mode() == SslMode::Require {
            let message = format!("`sslmode=require` needs TLS: {BY_CONNECTOR}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Server::with_tls(config, NoTls))
    }

    /// A server that is reached with this connector, as the configuration's `sslmode` says: with `require` by TLS alone, with
    /// `prefer`, which is the default, without TLS if the server has none. Connectors are in crates of their own, such as
    /// `tokio-postgres-rustls`.
    ///
    /// ```
    /// use bookdrop_postgres::Server;
    /// use tokio_postgres::{Config, NoTls};
    ///
    /// let config: Config = "postgres://app@db.example/app".parse()?;
    /// let server = Server::with_tls(config, NoTls); // a connector of your choice stands here
    /// # Ok::<(), tokio_postgres::Error>(())
    /// ```
    pub fn with_tls<C>(config: Config, connector: C) -> Self
    where
        C: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        C::TlsConnect: Send,
        C::Stream: Send,
        <C::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let config = with_bounds(config);
        Server(Arc::new(Connector { config, connector }))
    }

    pub(crate) async fn connect(&self, notes: Notes) -> Result<Connected, Trouble> {
        let connected = self.0.connect(notes).await;
        connected.map_err(|error| not_connected(&self.hosts(), error))
    }

    /// Where it is, for an error.
    pub(crate) fn hosts(&self) -> String {
        hosts(self.0.config())
    }
}

/// Reads a URL, or a string of settings, as the client library does. What is refused may hold a password, and is not shown.
impl FromStr for Server {
    type Err = Error;

    fn from_str(settings: &str) -> Result<Self, Error> {
        let config = settings.parse().map_err(|error: tokio_postgres::Error| {
            let reason = std::error::Error::source(&error).map(|source| source.to_string());
            let shown = reason.filter(|reason| reason.starts_with(NAMES_AN_OPTION));
            let shown = shown.as_deref().unwrap_or(UNREADABLE);
            let mut message = format!("the settings of the connection are wrong: {shown}");
            if shown.contains(SSLMODE) {
                message += &format!("; for TLS, {BY_CONNECTOR}");
            }
            Error::new(ErrorKind::Invalid, message)
        })?;
        Server::new(config)
    }
}

/// It may hold a password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// Where the server is, as it was written. Where an `@` in a password was not written with `%`, what is taken for the hosts begins
/// with a part of that; where a `/` was not, the database ends with one.
fn hosts(config: &Config) -> String {
    let names = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let mut names: Vec<_> = names.collect();
    if names.is_empty() {
        names.extend(config.get_hostaddrs().iter().map(ToString::to_string));
    }
    let database = config.get_dbname().unwrap_or_default();
    if names.iter().any(|name| name.contains('@')) || database.contains('@') {
        return "the server".to_owned();
    }
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or(ports.first()).unwrap_or(&DEFAULT_PORT);
    let places = names.iter().enumerate();
    let places: Vec<_> = places
        .map(|(at, name)| format!("{name}:{}", port(at)))
        .collect();
    places.join(",")
}

/// Nothing waits for ever for an end that does not answer.
fn with_bounds(mut config: Config) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(DEAD_AFTER);
        config.keepalives_idle(DEAD_AFTER);
    }
    if config.get_application_name().is_none() {
        config.application_name("bookdrop");
    }
    config
}

struct Connector<C> {
    config: Config,
    connector: C,
}

impl<C> Connect for Connector<C>
where
    C: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    C::TlsConnect: Send,
    C::Stream: Send,
    <C::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, notes: Notes) -> Connecting {
        let (config, connector) = (self.config.clone(), self.connector.clone());
        Box::pin(async move {
            let (client, mut connection) = config.connect(connector).await?;
            let running = async move {
                // At its end, however that comes, the client says so to whoever uses it.
                while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                    if let AsyncMessage::Notification(note) = message {
                        let _ = notes.send(note.payload().to_owned());
                    }
                }
            };
            Ok((
                client,
                Box::pin(running) as Pin<Box<dyn Future<Output = ()> + Send>>,
            ))
        })
    }

    fn config(&self) -> &Config {
        &self.config
    }
}
