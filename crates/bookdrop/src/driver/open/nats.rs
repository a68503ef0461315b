//! A driver in NATS.

use std::time::Duration;

use bookdrop_nats::{Nats, Options, Server, SyncInterval};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::server::Opening;
use super::{codec, limits};
use crate::address::{self, Address};
use crate::backed::Codec;
use crate::error::{OpenError, OpenErrorKind};

/// Begins to open the queue of an address.
pub(super) fn begin<T, R>(address: Address) -> Result<Opening<Nats, T, R>, OpenError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    let (hosts, queue) = place(&address.written_place)?;
    let mut given = address.options;
    let mut server: Server = format!("{}://{hosts}", address.scheme).parse()?;
    if let Some(certificates) = given.text("tls_ca")? {
        server = server.trusting(certificates);
    }
    let (options, codec) = options(given)?;
    let opening = async move { bookdrop_nats::open(server, &queue, options).await };
    Ok(Opening::new(opening, codec))
}

/// The servers, with what may be a password, and the name of the queue.
fn place(written: &str) -> Result<(&str, String), OpenError> {
    let parts = written.strip_prefix("//").and_then(|place| {
        let (hosts, queue) = place.split_once('/')?;
        let is_whole = !hosts.is_empty() && !queue.is_empty() && !queue.contains('/');
        is_whole.then_some((hosts, queue))
    });
    let Some((hosts, queue)) = parts else {
        let message = "a server and a queue are needed: write `nats://host:4222/library`";
        return Err(OpenError::new(
            OpenErrorKind::InvalidOption,
            message.to_owned(),
        ));
    };
    Ok((hosts, address::decoded(queue)?))
}

fn options(mut given: address::Options) -> Result<(Options, Codec), OpenError> {
    let mut options = Options::default();
    let (capacity, mut limits, on_full) = limits::take(&mut given)?;
    limits.capacity = capacity.unwrap_or(options.limits.capacity);
    let codec = codec::take(&mut given)?;
    options.limits = limits;
    options.on_full = on_full;
    options.codec = codec::name_of(codec).to_owned();
    if let Some(bytes) = given.bytes("max_event_bytes", 1..=Options::GREATEST_EVENT_BYTES)? {
        options.max_event_bytes = bytes;
    }
    if let Some(bytes) = given.bytes("max_bytes", 1..=u64::MAX)? {
        options.max_bytes = bytes;
    }
    if let Some(bytes) = given.bytes("cache_bytes", 0..=u64::MAX)? {
        options.cache_bytes = bytes;
    }
    if let Some(replicas) = given.number("replicas", 1..=Options::MOST_REPLICAS)? {
        options.replicas = replicas;
    }
    options.sync_interval = sync_interval(&mut given)?;
    if let Some(lease) = given.duration("lease")? {
        if lease < Options::SHORTEST_LEASE {
            let expected = format!("at least {:?}", Options::SHORTEST_LEASE);
            return Err(address::invalid("lease", &format!("{lease:?}"), expected));
        }
        options.lease = lease;
    }
    if let Some(patience) = given.duration("patience")? {
        options.patience = patience;
    }
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
