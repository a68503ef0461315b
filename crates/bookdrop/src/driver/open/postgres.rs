//! A driver in PostgreSQL.

use bookdrop_postgres::{Options, Postgres, Server};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::server::Opening;
use super::{codec, limits, server};
use crate::address::{self, Address, set};
use crate::backed::Codec;
use crate::error::{OpenError, OpenErrorKind};

/// The settings of a connection, as the client library and libpq know them. All but these are options of the queue.
const CONNECTION: &[&str] = &[
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "options",
    "application_name",
    "sslmode",
    "sslnegotiation",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Begins to open the queue of an address.
pub(super) fn begin<T, R>(address: Address) -> Result<Opening<Postgres, T, R>, OpenError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    let mut given = address.options;
    let url = connection(&address.written_place, &mut given)?;
    let server: Server = url.parse().map_err(server::wrong_settings)?;
    let queue = queue(&mut given)?;
    if given.has("sync") {
        let message = "`sync` is an option of `disk`: in PostgreSQL the server says when it flushes, by its setting `synchronous_commit`";
        return Err(OpenError::new(
            OpenErrorKind::UnknownOption,
            message.to_owned(),
        ));
    }
    let (options, codec) = options(given)?;
    let opening = async move { Postgres::open(server, &queue, options).await };
    Ok(Opening::new(opening, codec))
}

/// The URL of the connection alone. It may hold a password, so nothing of it is ever shown.
fn connection(place: &str, given: &mut address::Options) -> Result<String, OpenError> {
    if !place.starts_with("//") {
        let message = "a server is needed: write `postgres://user@host/database?queue=library`";
        return Err(OpenError::new(
            OpenErrorKind::InvalidOption,
            message.to_owned(),
        ));
    }
    if has_bare_at(place) {
        let message = "an `@` in a user or password has to be written as `%40`, and a `/` as `%2F`";
        return Err(OpenError::new(
            OpenErrorKind::InvalidOption,
            message.to_owned(),
        ));
    }
    let mut url = format!("postgres:{place}");
    let mut separator = '?';
    for setting in CONNECTION {
        if let Some(value) = given.text(setting)? {
            let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
            url += &format!("{separator}{setting}={value}");
            separator = '&';
        }
    }
    Ok(url)
}

/// The client library takes what follows the first `@` for a server: it would look up a part of a password, or even connect there.
fn has_bare_at(place: &str) -> bool {
    let behind = place.split_once('@').map(|(_, behind)| behind);
    behind.is_some_and(|behind| behind.contains('@'))
        || place[2..]
            .split_once('/')
            .is_some_and(|(_, path)| path.contains('@'))
}

fn queue(given: &mut address::Options) -> Result<String, OpenError> {
    match given.text("queue")? {
        Some(name) if name.is_empty() => Err(address::invalid("queue", &name, "a name")),
        Some(name) => Ok(name),
        None => {
            let message = "a queue is needed: write `postgres://user@host/database?queue=library`";
            Err(OpenError::new(
                OpenErrorKind::InvalidOption,
                message.to_owned(),
            ))
        }
    }
}

fn options(mut given: address::Options) -> Result<(Options, Codec), OpenError> {
    let mut options = Options::default();
    limits::take(&mut given, &mut options.limits, &mut options.on_full)?;
    let codec = codec::take(&mut given, &mut options.codec)?;
    let max_event_bytes = given.bytes("max_event_bytes", 1..=Options::GREATEST_EVENT_BYTES)?;
    set(&mut options.max_event_bytes, max_event_bytes);
    let max_outbox = given.number("max_outbox", 1..=usize::MAX)?;
    set(&mut options.max_outbox, max_outbox);
    let lease = server::lease(&mut given, Options::SHORTEST_LEASE)?;
    set(&mut options.lease, lease);
    set(&mut options.patience, given.duration("patience")?);
    given.end()?;
    Ok((options, codec))
}
