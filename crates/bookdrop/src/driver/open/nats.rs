//! A driver in NATS.

use std::time::Duration;

use bookdrop_nats::{Nats, Options, Server, SyncInterval};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::server::Opening;
use super::{codec, limits, server};
use crate::address::{self, Address, set};
use crate::backed::Codec;
use crate::error::{OpenError, OpenErrorKind};

/// Begins to open the queue of an address.
pub(super) fn begin<T, R>(address: Address) -> Result<Opening<Nats, T, R>, OpenError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    let mut given = address.options;
    let (hosts, queue) = place(&address.written_place, &given)?;
    if given.has("queue") {
        let message = "the queue stands behind the server, and is no option: write `nats://host:4222/library`";
        return Err(OpenError::new(
            OpenErrorKind::UnknownOption,
            message.to_owned(),
        ));
    }
    if given.has("sync") {
        let message = "`sync` is an option of `disk`: in NATS the server says when it flushes, by its setting `sync_interval`, and the \
                       option `sync_interval` says what that is";
        return Err(OpenError::new(
            OpenErrorKind::UnknownOption,
            message.to_owned(),
        ));
    }
    let url = format!("{}://{hosts}", address.scheme);
    let mut server: Server = url.parse().map_err(server::wrong_settings)?;
    if let Some(certificates) = given.text("tls_ca")? {
        server = server.trusting(certificates);
    }
    let (options, codec) = options(given)?;
    let opening = async move { bookdrop_nats::open(server, &queue, options).await };
    Ok(Opening::new(opening, codec))
}

/// The servers, with what may be a password, and the name of the queue.
fn place<'a>(written: &'a str, given: &address::Options) -> Result<(&'a str, String), OpenError> {
    let parts = written.strip_prefix("//").and_then(|place| {
        let (hosts, queue) = place.split_once('/')?;
        let is_whole = !hosts.is_empty() && !queue.is_empty() && !queue.contains('/');
        is_whole.then_some((hosts, queue))
    });
    let Some((hosts, queue)) = parts else {
        return Err(OpenError::new(
            OpenErrorKind::InvalidOption,
            wrong_place(written, given).to_owned(),
        ));
    };
    Ok((hosts, address::decoded(queue)?))
}

/// What is wrong with it. Of what is written nothing is said: it may be a part of a password.
fn wrong_place(written: &str, given: &address::Options) -> &'static str {
    let behind = written.strip_prefix("//").and_then(|it| it.split_once('/'));
    match behind.map(|(_, behind)| behind) {
        Some(queue) if queue.contains('/') && queue.contains('@') => {
            "a `/` in a user, password or token has to be written as `%2F`"
        }
        Some(queue) if queue.contains('/') => {
            "there is one `/` too many behind the server: what follows it is the name of the queue alone, as in \
             `nats://host:4222/library`; a `/` in that name has to be written as `%2F`"
        }
        None if given.have_at_sign() => {
            "a `?` in a user, password or token has to be written as `%3F`"
        }
        _ => "a server and a queue are needed: write `nats://host:4222/library`",
    }
}

fn options(mut given: address::Options) -> Result<(Options, Codec), OpenError> {
    let mut options = Options::default();
    limits::take(&mut given, &mut options.limits, &mut options.on_full)?;
    let codec = codec::take(&mut given, &mut options.codec)?;
    let max_event_bytes = given.bytes("max_event_bytes", 1..=Options::GREATEST_EVENT_BYTES)?;
    set(&mut options.max_event_bytes, max_event_bytes);
    let max_bytes = given.bytes("max_bytes", 1..=u64::MAX)?;
    set(&mut options.max_bytes, max_bytes);
    let cache_bytes = given.bytes("cache_bytes", 0..=u64::MAX)?;
    set(&mut options.cache_bytes, cache_bytes);
    let replicas = given.number("replicas", 1..=Options::MOST_REPLICAS)?;
    set(&mut options.replicas, replicas);
    options.sync_interval = sync_interval(&mut given)?;
    let lease = server::lease(&mut given, Options::SHORTEST_LEASE)?;
    set(&mut options.lease, lease);
    set(&mut options.patience, given.duration("patience")?);
    given.end()?;
    Ok((options, codec))
}

/// `always`, or a length of time, as the server has it in its settings.
fn sync_interval(given: &mut address::Options) -> Result<Option<SyncInterval>, OpenError> {
    let Some(text) = given.text("sync_interval")? else {
        return Ok(None);
    };
    match &*text {
        "always" => Ok(Some(SyncInterval::Always)),
        time => match humantime::parse_duration(time) {
            Ok(time) if time > Duration::ZERO => Ok(Some(SyncInterval::Every(time))),
            _ => Err(address::invalid(
                "sync_interval",
                time,
                "`always`, or a length of time above zero, like `2m`, as the server's settings have it",
            )),
        },
    }
}
