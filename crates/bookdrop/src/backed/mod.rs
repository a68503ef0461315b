//! The driver over a [`Backend`]: events are written down as records, and read again.

mod answered;
mod apart;
mod asking;
mod codec;
mod envelope;
mod fetching;
mod publishing;
#[cfg(all(test, feature = "message-pack"))]
mod tests;
mod twin;
mod words;

use std::panic::RefUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bookdrop_backend::{Backend, Error, Outgoing, Receipt, Record, Settled, Settlement};
use bookdrop_queue::clock;
use bytes::Bytes;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use crate::error::SendErrorKind;
use crate::event::Event;
use crate::failure::Failure;
use answered::{Answered, Answering};
pub(crate) use apart::Apart;
pub(crate) use asking::Asked;
pub use codec::Codec;
use envelope::{Envelope, Opened, OpenedWithoutBody};
pub(crate) use fetching::Fetching;
pub(crate) use publishing::Publishing;
pub(crate) use twin::{Pending, Twin};
use words::UNDECODABLE;
pub(crate) use words::{reason, reason_for_backend};

/// What all handles of one driver over a backend share.
pub(crate) struct Backed<T, R> {
    backend: Arc<dyn Twin>,
    codec: Codec,
    coding: Coding<T, R>,
}

/// How the types of one driver are written down and read. Made where it is known that they can be, so that nobody else has
/// to ask for it.
struct Coding<T, R> {
    encode: fn(Codec, &Event<T>) -> Result<Bytes, String>,
    decode: fn(Codec, &[u8]) -> Result<Event<T>, String>,
    encode_answer: fn(Codec, &Result<R, Failure>) -> Result<Bytes, String>,
    decode_answer: fn(Codec, &[u8]) -> Result<Result<R, Failure>, String>,
}

// A panic of foreign code (`Serialize`, `Deserialize`, the backend) leaves nothing of it half changed: nothing of it changes.
impl<T, R> RefUnwindSafe for Backed<T, R> {}

impl<T, R> Backed<T, R> {
    pub(crate) fn new(backend: impl Backend, codec: Codec) -> Arc<Self>
    where
        T: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        Arc::new(Backed {
            backend: Arc::new(backend),
            codec,
            coding: Coding {
                encode: |codec, event| codec.encode(&Envelope(event)),
                decode: |codec, bytes| codec.decode(bytes).map(|Opened(event)| event),
                encode_answer: |codec, answer| codec.encode(&Answering(answer)),
                decode_answer: |codec, bytes| codec.decode(bytes).map(|Answered(answer)| answer),
            },
        })
    }

    /// The backend, for one operation.
    pub(crate) fn backend(&self) -> Arc<dyn Twin> {
        self.backend.clone()
    }

    /// What it can be asked without waiting.
    pub(crate) fn known(&self) -> &dyn Twin {
        &*self.backend
    }

    /// Writes an event down.
    fn encode(&self, event: &Event<T>) -> Result<Record, SendErrorKind> {
        event.validate().map_err(SendErrorKind::Invalid)?;
        let content = (self.coding.encode)(self.codec, event);
        let content = content.map_err(SendErrorKind::Unencodable)?;
        Ok(Record {
            id: event.copy_id(),
            is_id_given: event.given_id().is_some(),
            key: event.key().map(Into::into),
            priority: event.priority(),
            delay: event.delay(),
            time_to_live: event.time_to_live(),
            content,
        })
    }

    /// Writes an event down for a transaction of the user's.
    pub(crate) fn outgoing(&self, event: &Event<T>) -> Result<Outgoing, SendErrorKind> {
        if self.backend.is_closed() {
            return Err(SendErrorKind::Closed);
        }
        let record = self.encode(event)?;
        self.backend
            .outgoing(record)
            .map_err(SendErrorKind::Backend)
    }

    /// Reads an event that was written down, or says why it is none of this driver's.
    pub(crate) fn decode(&self, record: Record) -> Result<Event<T>, String> {
        let event = (self.coding.decode)(self.codec, &record.content)?;
        let event = with_details(event, record);
        event.validate().map_err(|invalid| invalid.to_string())?;
        Ok(event)
    }

    /// What can still be read of an event whose body may be unreadable: at the worst its id.
    pub(crate) fn decode_without_body(&self, record: Record) -> Event<()> {
        let opened = self.codec.decode::<OpenedWithoutBody>(&record.content);
        let event = opened.map(|Opened(event)| event.with_body(()));
        with_details(event.unwrap_or_else(|_| Event::new("")), record)
    }

    /// Writes an answer down, or says why it cannot be.
    pub(crate) fn encode_answer(&self, answer: &Result<R, Failure>) -> Result<Bytes, String> {
        (self.coding.encode_answer)(self.codec, answer)
    }

    /// Reads an answer that was written down.
    fn decode_answer(&self, answer: &[u8]) -> Result<R, Failure> {
        let unreadable = |why| {
            let what = format!("the answer cannot be decoded: {why}");
            Failure::new(what).with_code(UNDECODABLE)
        };
        (self.coding.decode_answer)(self.codec, answer).map_err(unreadable)?
    }

    pub(crate) fn settle(
        &self,
        receipt: Receipt,
        settlement: Settlement,
    ) -> Pending<Result<Settled, Error>> {
        self.backend().settle(receipt, settlement)
    }

    /// Settles, and does not wait for the end of it.
    pub(crate) fn begin_to_settle(&self, receipt: Receipt, settlement: Settlement) {
        self.settle(receipt, settlement).begin();
    }

    /// Whether nobody wants the answer to this request in hand any more.
    pub(crate) fn is_unwanted(&self, receipt: Receipt, deadline: Instant) -> bool {
        clock::now() >= deadline || self.backend().unwanted(receipt).now() == Poll::Ready(())
    }
}

/// An event with what stood beside it in the record.
fn with_details<T>(mut event: Event<T>, record: Record) -> Event<T> {
    event.set_stored_id(record.id.into_string(), record.is_id_given);
    if let Some(key) = record.key {
        event = event.with_key(key.into_string());
    }
    if record.priority > 0 {
        event = event.with_priority(record.priority);
    }
    if let Some(delay) = record.delay {
        event = event.with_delay(delay);
    }
    match record.time_to_live {
        Some(time_to_live) => event.with_time_to_live(time_to_live),
        None => event,
    }
}
