//! A body that is hard to write down.

use serde_core::de::Error as _;
use serde_core::ser::Error as _;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

/// A page, by its number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page(pub(crate) u32);

/// It cannot be written down.
pub(crate) const UNWRITABLE: u32 = 400;
/// It cannot be read again.
pub(crate) const MISSING: u32 = 404;
/// Reading it panics.
pub(crate) const PANICS: u32 = 500;

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            UNWRITABLE => Err(S::Error::custom("page 400 cannot be written")),
            number => serializer.serialize_u32(number),
        }
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            MISSING => Err(D::Error::custom("page 404 is missing")),
            PANICS => panic!("page 500 panics"),
            number => Ok(Page(number)),
        }
    }
}
