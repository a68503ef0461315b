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
    /// [dead letter](crate::DeadReason::Undecodable) when it is about to be received, and holds nobody up. What that means for a
    /// queue of another type, [`with_codec`](Driver::with_codec) says.
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, OnFull, Producer};
    /// use bookdrop_records::Records;
    /// # let limits = bookdrop_queue::Limits::default();
    ///
    /// let records = Records::in_memory(limits, OnFull::Wait); // any backend
    /// let library: Driver<String> = Driver::new(records);
    /// Producer::new(&library).send(Event::new("S").with_body("hello world".to_owned())).wait()?;
    /// assert_eq!(Consumer::new(&library).receive().wait()?.body(), "hello world");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    ///
    /// What cannot be written down cannot be sent through it:
    ///
    /// ```compile_fail,E0277
    /// # use bookdrop::{Driver, OnFull};
    /// # use bookdrop_records::Records;
    /// # let records = Records::in_memory(bookdrop_queue::Limits::default(), OnFull::Wait);
    /// struct Book; // neither `Serialize` nor `Deserialize`
    /// let library: Driver<Book> = Driver::new(records);
    /// ```
    pub fn new(backend: impl Backend) -> Self {
        Driver::with_codec(backend, Codec::default())
    }

    /// A driver that keeps its events elsewhere, written down by this codec.
    ///
    /// A queue has one type and one codec. Over a queue whose events cannot be read as these, consumers empty it into its dead
    /// letters. Where all of them stay, as on disk, [`replay_all`](crate::DeadLetters::replay_all) puts them back over the former
    /// types; other backends may drop the oldest. So give each type a queue of its own, and mark fields that are added with
    /// `#[serde(default)]`.
    ///
    /// ```
    /// use bookdrop::{Codec, Driver, OnFull};
    /// use bookdrop_records::Records;
    /// # let limits = bookdrop_queue::Limits::default();
    ///
    /// let records = Records::in_memory(limits, OnFull::Wait); // any backend
    /// let library: Driver<String> = Driver::with_codec(records, Codec::MessagePack);
    /// assert!(!library.capabilities().survives_restart);
    /// ```
    pub fn with_codec(backend: impl Backend, codec: Codec) -> Self {
        Driver {
            home: Home::Backed(Backed::new(backend, codec)),
        }
    }
}
