//! How events become bytes.

use std::cell::Cell;

use bytes::Bytes;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

/// How a driver that keeps its events elsewhere writes them down. All who share a queue have to use the same one.
///
/// What is written by `Serialize` need not be read as the same by `Deserialize`. In both codecs an `Option` in an `Option` is
/// flattened: `Some(None)` is read as `None`.
///
/// ```
/// use bookdrop::Codec;
///
/// assert_eq!(Codec::default(), Codec::Json);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// JSON, which people and other programs can read. It knows no numbers that are not finite (NaN and the infinities are written
    /// as `null`, and then cannot be read as a number: such an event is sent, and becomes a dead letter), and no keys
    /// of maps but texts and numbers.
    #[default]
    Json,
    /// MessagePack, with the names of fields: smaller and faster, and bytes stay bytes. It needs the feature `message-pack`, which
    /// is on by default.
    #[cfg(feature = "message-pack")]
    MessagePack,
}

impl Codec {
    /// Writes something down, or says why it cannot be.
    pub(super) fn encode(self, value: &impl Serialize) -> Result<Bytes, String> {
        let mut scratch = Scratch::take();
        self.encode_into(value, &mut scratch.0)?;
        Ok(Bytes::copy_from_slice(&scratch.0))
    }

    fn encode_into(self, value: &impl Serialize, into: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Codec::Json => serde_json::to_writer(into, value).map_err(|error| error.to_string()),
            #[cfg(feature = "message-pack")]
            Codec::MessagePack => {
                rmp_serde::encode::write_named(into, value).map_err(|error| error.to_string())
            }
        }
    }

    /// Reads what was written down, or says why it cannot be.
    pub(super) fn decode<V: DeserializeOwned>(self, bytes: &[u8]) -> Result<V, String> {
        match self {
            Codec::Json => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
            #[cfg(feature = "message-pack")]
            Codec::MessagePack => rmp_serde::from_slice(bytes).map_err(|error| error.to_string()),
        }
    }
}

/// Bytes that a thread keeps of its scratch at most.
const SCRATCH: usize = 64 << 10;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Room to write something down whose length nobody knows. A thread uses it again, so that what is kept has the length that it needs
/// and nothing grows step by step.
struct Scratch(Vec<u8>);

impl Scratch {
    /// The one of this thread. A `Serialize` that sends events itself finds it taken, and so does the end of a thread.
    fn take() -> Self {
        Scratch(SPARE.try_with(Cell::take).unwrap_or_default())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut used = std::mem::take(&mut self.0);
        used.clear();
        if used.capacity() <= SCRATCH {
            let _ = SPARE.try_with(|spare| spare.set(used));
        }
    }
}
