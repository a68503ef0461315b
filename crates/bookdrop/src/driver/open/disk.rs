//! A driver in a folder.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bookdrop_backend::{Error as BackendError, ErrorKind as BackendErrorKind};
use bookdrop_disk::journal;
use bookdrop_disk::{Opening as Part, Options, Records, Sync};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::thread::Working;
use super::{Damage, OnDamage, OnProgress, codec, limits};
use crate::address::{self, Address, set};
use crate::backed::Codec;
use crate::driver::Driver;
use crate::error::{OpenError, OpenErrorKind};

/// Events that may be queued where nobody says how many.
const CAPACITY: usize = 100_000;

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
        on_damage: Option<OnDamage>,
    ) -> Result<Self, OpenError> {
        let path = folder(&address.place)?;
        let (mut options, codec) = options(address.options)?;
        options.on_progress = on_progress.map(|told| {
            let told = move |part: Part| told(part.bytes as f64 / part.of.max(1) as f64);
            Arc::new(told) as bookdrop_disk::OnProgress
        });
        let working = Working::begin(move || {
            let (records, report) = bookdrop_disk::open(&path, &options)?;
            if let Some(told) = on_damage.filter(|_| !report.damage.is_empty()) {
                let damage = report.damage.into_iter();
                let damage = damage.map(|found| damage_in(&path, found));
                let renamed = report.renamed_groups.iter();
                told(
                    damage
                        .chain(renamed.map(|name| renamed_in(&path, name)))
                        .collect(),
                );
            }
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

/// What was found in this folder.
fn damage_in(folder: &Path, found: journal::Damage) -> Damage {
    use journal::Damage::{Bytes, Header, Missing, Segment};
    let (file, bytes, meaning) = match found {
        Bytes { file, range } => {
            let meaning = "they cannot be read, and what was written there is lost";
            (file, Some(range), meaning)
        }
        Header { file } => {
            let meaning = "its header cannot be read; what stands behind that was found";
            (file, None, meaning)
        }
        Segment { file } => {
            let meaning = "neither its header nor anything behind that can be read, and all that stood in it is lost";
            (file, None, meaning)
        }
        Missing { file } => {
            let meaning = "it is missing, and all that stood in it is lost; if this folder is a copy, copy the whole of it once more";
            (file, None, meaning)
        }
        // The backend knows another kind by now. Better to say less of it than not to open the folder.
        _ => (String::new(), None, "something in it is lost"),
    };
    // What a copy is called is part of the format.
    let name_of_copy = |bytes: &Range<u64>| format!("damaged-{file}-{}", bytes.start);
    let copy = bytes
        .as_ref()
        .map(|bytes| folder.join(name_of_copy(bytes)))
        .filter(|copy| copy.is_file());
    Damage {
        file: folder.join(file),
        bytes,
        copy,
        meaning: meaning.into(),
    }
}

/// The name of a group was lost in this folder, and this is its new one.
fn renamed_in(folder: &Path, name: &str) -> Damage {
    let meaning = format!(
        "the name of a group is lost, and it is called `{name}` now; it gets all that is sent, so consume what stands in it by that \
         name, or remove it"
    );
    Damage {
        file: folder.to_owned(),
        bytes: None,
        copy: None,
        meaning: meaning.into(),
    }
}

/// The folder that is meant. What is refused may hold a secret, if it was meant for something else, and is not shown.
fn folder(place: &[u8]) -> Result<PathBuf, OpenError> {
    let refused = |message: &str| {
        let kind = OpenErrorKind::InvalidOption;
        Err(OpenError::new(kind, message.to_owned()))
    };
    let path_of = |bytes| PathBuf::from(OsStr::from_bytes(bytes));
    match place.strip_prefix(b"//") {
        // As the URL of a file is written, whose host is empty.
        Some(path) if path.starts_with(b"/") => return Ok(path_of(path)),
        Some(_) => {
            return refused(
                "no host stands in front of a folder: write `disk:/var/lib/app/library`, or `disk:library` for one in the \
                 current folder",
            );
        }
        None => {}
    }
    if place.is_empty() {
        return refused("disk needs a folder: write `disk:/var/lib/app/library`");
    }
    if place == b"~" || place.starts_with(b"~/") {
        return refused(
            "`~` is not expanded: write the whole path, as in `disk:/home/me/library`, or `./~` for a folder of that name",
        );
    }
    Ok(path_of(place))
}

fn options(mut given: address::Options) -> Result<(Options, Codec), OpenError> {
    let mut options = Options::default();
    options.limits.capacity = CAPACITY;
    limits::take(&mut given, &mut options.limits, &mut options.on_full)?;
    let codec = codec::take(&mut given, &mut options.codec)?;
    options.sync = sync(&mut given)?;
    let max_bytes = given.bytes("max_bytes", 1..=u64::MAX)?;
    set(&mut options.max_bytes, max_bytes);
    let cache_bytes = given.bytes("cache_bytes", 0..=u64::MAX)?;
    set(&mut options.cache_bytes, cache_bytes);
    let lengths = Options::LEAST_SEGMENT_BYTES..=Options::GREATEST_SEGMENT_BYTES;
    let segment_bytes = given.bytes("segment_bytes", lengths)?;
    set(&mut options.segment_bytes, segment_bytes);
    if let Some(bytes) = given.bytes("max_event_bytes", 1..=usize::MAX)? {
        options.max_event_bytes = within_segment(bytes, options.segment_bytes)?;
    }
    given.end()?;
    Ok((options, codec))
}

/// What is given for one event has to fit. Where nothing is given, it is less than the default in small segments.
fn within_segment(bytes: usize, segment: u64) -> Result<usize, OpenError> {
    let most = segment / 2;
    if bytes as u64 > most {
        let expected =
            format!("{most} at most, which is half of `segment_bytes`, or `segment_bytes` larger");
        return Err(address::invalid(
            "max_event_bytes",
            &bytes.to_string(),
            expected,
        ));
    }
    Ok(bytes)
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
                "`always`, `never`, or a length of time above zero, like `100ms`",
            )),
        },
    }
}
