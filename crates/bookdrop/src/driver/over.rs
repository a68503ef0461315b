//! Drivers over a backend.

use bookdrop_backend::Backend;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::Driver;
use crate::backed::{Backed, Codec};
use crate::home::Home;

impl<T, R> Driver<T, R>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    /// A driver that keeps its events elsewhere, as JSON: on disk, or on an engine. With another codec it is made by
    /// [`with_codec`](Driver::with_codec).
    ///
    /// What it does is the same as in memory, as far as the backend [can](Driver::capabilities); only that bodies and replies
    /// are written down and read again, so they are copies, and what is skipped by their `Serialize` is lost.
    ///
    /// An event that cannot be read as one of this driver's type becomes a
    /// [dead letter](crate::DeadReason::Undecodable) when it is about to be received, and holds nobody up.
    pub fn new(backend: impl Backend) -> Self {
        Driver::with_codec(backend, Codec::default())
    }

    /// A driver that keeps its events elsewhere, written down by this codec.
    pub fn with_codec(backend: impl Backend, codec: Codec) -> Self {
        Driver {
            home: Home::Backed(Backed::new(backend, codec)),
        }
    }
}
