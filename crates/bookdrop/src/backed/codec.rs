//! How events become bytes.

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

/// How a driver that keeps its events elsewhere writes them down. All who share a queue have to use the same one.
///
/// ```
/// use bookdrop::Codec;
///
/// assert_eq!(Codec::default(), Codec::Json);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// JSON, which people and other programs can read. It knows no numbers that are not finite (an `f64::NAN` is written as
    /// `null`, and then cannot be read as a number), and no keys of maps but texts and numbers.
    #[default]
    Json,
    /// MessagePack, with the names of fields: smaller and faster, and bytes stay bytes. It needs the feature `message-pack`, which
    /// is on by default.
    #[cfg(feature = "message-pack")]
    MessagePack,
}

impl Codec {
    /// Writes something down, or says why it cannot be.
    pub(super) fn encode(self, value: &impl Serialize) -> Result<Vec<u8>, String> {
        match self {
            Codec::Json => serde_json::to_vec(value).map_err(|error| error.to_string()),
            #[cfg(feature = "message-pack")]
            Codec::MessagePack => rmp_serde::to_vec_named(value).map_err(|error| error.to_string()),
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
