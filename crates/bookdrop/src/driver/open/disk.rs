//! A driver in a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bookdrop_backend::{Error as BackendError, ErrorKind as BackendErrorKind};
use bookdrop_disk::{Opening as Part, Options, Records, Sync};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::thread::Working;
use super::{OnProgress, limits};
use crate::address::{self, Address};
use crate::backed::Codec;
use crate::driver::Driver;
use crate::error::{OpenError, OpenErrorKind};

/// Events that may be queued where nobody says how many.
const CAPACITY: usize = 100_000;

const CODECS: &[(&str, Codec)] = &[
    ("json", Codec::Json),
    #[cfg(feature = "message-pack")]
    ("msgpack", Codec::MessagePack),
];

/// A folder that is being opened on another thread.
pub(super) struct Opening<T, R> {
    working: Working<Result<Records, BackendError>>,
    codec: Codec,
    make: fn(Records, Codec) -> Driver<T, R>,
}

impl<T, R> Opening<T, R>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    pub(super) fn begin(
        address: Address,
        on_progress: Option<OnProgress>,
    ) -> Result<Self, OpenError> {
        let path = PathBuf::from(&*address.place);
        if address.place.is_empty() {
            let message = "disk needs a folder: write `disk:/var/lib/app/library`".to_owned();
            return Err(OpenError::new(OpenErrorKind::InvalidOption, message));
        }
        let (mut options, codec) = options(address.options)?;
        options.on_progress = on_progress.map(|told| {
            let told = move |part: Part| told(part.bytes as f64 / part.of.max(1) as f64);
            Arc::new(told) as bookdrop_disk::OnProgress
        });
        let working = Working::begin(move || {
            let (records, _) = Records::open(&path, &options)?;
            Ok(records)
        });
        let working = working.map_err(|error| {
            let message = "could not start a thread to open the folder";
            BackendError::with_source(BackendErrorKind::Io, message, error)
        })?;
        Ok(Opening {
            working,
            codec,
            make: Driver::with_codec,
        })
    }
}

impl<T, R> Opening<T, R> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Driver<T, R>, OpenError>> {
        let records = ready!(self.working.poll(cx))?;
        Poll::Ready(Ok((self.make)(records, self.codec)))
    }
}

fn options(mut given: address::Options) -> Result<(Options, Codec), OpenError> {
    let (limits, on_full) = limits::take(&mut given, Some(CAPACITY))?;
    let codec = given.choice("codec", CODECS)?.unwrap_or_default();
    let mut options = Options::default();
    options.limits = limits;
    options.on_full = on_full;
    options.codec = name_of(codec).to_owned();
    options.sync = sync(&mut given)?;
    if let Some(bytes) = given.number("max_bytes", 1)? {
        options.max_bytes = bytes;
    }
    if let Some(bytes) = given.number("max_event_bytes", 1)? {
        options.max_event_bytes = bytes;
    }
    if let Some(bytes) = given.number("cache_bytes", 0)? {
        options.cache_bytes = bytes;
    }
    if let Some(bytes) = given.number("segment_bytes", Options::LEAST_SEGMENT_BYTES)? {
        options.segment_bytes = bytes;
    }
    given.end()?;
    Ok((options, codec))
}

fn name_of(codec: Codec) -> &'static str {
    let mut codecs = CODECS.iter();
    let found = codecs.find(|(_, known)| *known == codec);
    found.map_or("json", |(name, _)| name)
}

/// `always`, `never`, or a length of time.
fn sync(given: &mut address::Options) -> Result<Sync, OpenError> {
    let Some(text) = given.text("sync")? else {
        return Ok(Sync::default());
    };
    match &*text {
        "always" => Ok(Sync::Always),
        "never" => Ok(Sync::Never),
        time => match humantime::parse_duration(time) {
            Ok(time) if time > Duration::ZERO => Ok(Sync::Every(time)),
            _ => Err(address::invalid(
                "sync",
                time,
                "`always`, `never`, or a length of time like `100ms`",
            )),
        },
    }
}
