//! The connection: a question, and its answer in time.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Event, HeaderMap, Message, Request, RequestErrorKind, Subscriber};
use bookdrop_backend::{Error, ErrorKind};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::unconstrained;

use crate::error::Trouble;
use crate::server::Server;

/// How long the server has for an answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(1);
/// Whoever waits for a connection looks again after so long.
pub(crate) const LOOKS_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// Servers of earlier versions lose settings of a stream without a word.
const OLDEST_VERSION: [u32; 2] = [2, 10];

/// What happens to a connection.
pub(crate) type Events = UnboundedReceiver<Event>;

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Answered,
    /// Nobody listens there.
    Nobody,
    /// No word came, of nobody.
    Silence,
}

/// A connection, which the client library makes again when it is lost.
#[derive(Clone)]
pub(crate) struct Link(Client);

impl Link {
    /// # Errors
    /// The server cannot be reached, or is too old.
    pub(crate) async fn new(server: &Server) -> Result<(Self, Events), Error> {
        let (told, events) = unbounded_channel();
        let client = server.connect(told).await?;
        let link = Link(client);
        match link.too_old() {
            Some(error) => Err(error),
            None => Ok((link, events)),
        }
    }

    /// Why the server that this is connected to cannot have a queue, if it is too old for that.
    pub(crate) fn too_old(&self) -> Option<Error> {
        let version = self.0.server_info().version;
        (!is_new_enough(&version)).then(|| {
            let message = format!("the server has version {version}; it takes 2.10 or newer");
            Error::new(ErrorKind::Unsupported, message)
        })
    }

    /// Hears what is said there from now on.
    pub(crate) async fn hear(&self, subject: String) -> Result<Subscriber, Error> {
        let heard = self.0.subscribe(subject).await;
        heard.map_err(|error| {
            Error::with_source(ErrorKind::Io, "could not listen at the server", error)
        })
    }

    /// Says something to whoever hears it. Where nobody listens there, the server says so to `from`. It may get lost, and does so while
    /// the server is away.
    pub(crate) fn say(&self, to: String, from: String, what: Bytes) {
        if !self.is_connected() {
            return;
        }
        // Where the client has no room for it now, it is lost; but not where this task has done much since it had its turn.
        let said = self.0.publish_with_reply(to, from, what);
        drop(unconstrained(said).now_or_never());
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.0.connection_state() == State::Connected
    }

    /// Ends when there is a connection.
    pub(crate) async fn is_there(&self) {
        while !self.is_connected() {
            tokio::time::sleep(LOOKS_AGAIN_AFTER).await;
        }
    }

    /// Asks whether anybody is there, who answers at once.
    pub(crate) async fn calls(&self, subject: String) -> Called {
        let request = Request::new().timeout(Some(ANSWER));
        let asked = self.0.send_request(subject, request);
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(_)) => Called::Answered,
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => Called::Nobody,
            _ => Called::Silence,
        }
    }

    /// Has all that was said go to the server.
    pub(crate) async fn flush(&self) {
        let _ = tokio::time::timeout(ANSWER, self.0.flush()).await;
    }

    /// Whether the server that this is connected to has JetStream.
    pub(crate) fn is_with_jetstream(&self) -> bool {
        self.0.server_info().jetstream
    }

    /// Bytes of a message with its headers that the server takes.
    pub(crate) fn max_payload(&self) -> usize {
        self.0.server_info().max_payload
    }

    /// Asks, and waits for the answer. Where none comes in time, what was asked for may be done, or be done later.
    pub(crate) async fn ask(
        &self,
        subject: String,
        headers: HeaderMap,
        question: Bytes,
    ) -> Result<Message, Trouble> {
        self.ask_within(ANSWER, subject, headers, question).await
    }

    /// The same where the answer may take so long.
    pub(crate) async fn ask_within(
        &self,
        limit: Duration,
        subject: String,
        headers: HeaderMap,
        question: Bytes,
    ) -> Result<Message, Trouble> {
        let request = Request::new().headers(headers).payload(question);
        let asked = self.0.send_request(subject, request.timeout(Some(limit)));
        // While the server is away the client takes questions without an end, and then none: that counts as well.
        match tokio::time::timeout(limit, asked).await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                let message = "the server did not answer in time";
                Err(Trouble::Lost(Error::new(ErrorKind::Io, message)))
            }
        }
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|part| part.parse().ok());
    let version = [parts.next().unwrap_or(0), parts.next().unwrap_or(0)];
    version >= OLDEST_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(["2.10.0", "2.15.1", "3.0.0-beta"].map(is_new_enough) == [true; 3]);
        assert!(["2.9.25", "1.11.0", "", "x"].map(is_new_enough) == [false; 4]);
    }
}
