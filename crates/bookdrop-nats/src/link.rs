//! The connection: a question, and its answer in time.

use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Request};
use bookdrop_backend::{Error, ErrorKind};
use bytes::Bytes;

use crate::error::Trouble;
use crate::server::Server;

/// How long the server has for an answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Servers of earlier versions lose settings of a stream without a word.
const OLDEST_VERSION: [u32; 2] = [2, 10];

/// A connection, which the client library makes again when it is lost.
#[derive(Clone)]
pub(crate) struct Link(Client);

impl Link {
    /// # Errors
    /// The server cannot be reached, or is too old.
    pub(crate) async fn new(server: &Server) -> Result<Self, Error> {
        let client = server.connect().await?;
        let version = client.server_info().version;
        if !is_new_enough(&version) {
            let message = format!("the server has version {version}; it takes 2.10 or newer");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(Link(client))
    }

    /// Asks, and waits for the answer. Where none comes in time, what was asked for may be done, or be done later.
    pub(crate) async fn ask(
        &self,
        subject: String,
        headers: HeaderMap,
        question: Bytes,
    ) -> Result<Message, Trouble> {
        let request = Request::new().headers(headers).payload(question);
        let asked = self.0.send_request(subject, request.timeout(Some(ANSWER)));
        // While the server is away the client takes questions without an end, and then none: that counts as well.
        match tokio::time::timeout(ANSWER, asked).await {
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
