//! What a stream can be asked: JetStream's questions are JSON, over messages like all others.

use async_nats::{HeaderMap, Message, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{Code, Trouble};
use crate::journal::placing::Bounds;
use crate::link::Link;
use crate::names::Names;

/// On this sequence a message is put there: it has to be the last one.
const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";
/// What a stream of this driver says of itself.
const FORMAT: &str = "bookdrop.format";

/// A stream, as it is kept by the server.
#[derive(Clone)]
pub(crate) struct Stream {
    link: Link,
    names: Names,
}

/// How a stream is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) replicas: usize,
    /// Without a bound where this is `None`.
    pub(crate) max_bytes: Option<u64>,
}

impl Stream {
    pub(crate) fn new(link: Link, names: Names) -> Self {
        Stream { link, names }
    }

    /// Makes it, unless it is there. One that was made with other settings stays as it is.
    pub(crate) async fn create(&self, settings: Settings) -> Result<(), Trouble> {
        let config = json!({
            "name": self.names.stream(),
            "description": "The journal of a queue of bookdrop. Publish nothing here.",
            "subjects": [self.names.pages(), self.names.epochs()],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_bytes": settings.max_bytes.map_or(json!(-1), |bytes| json!(bytes)),
            "num_replicas": settings.replicas,
            "allow_direct": true,
            "deny_delete": true,
            // Repeated messages are found by their place.
            "duplicate_window": 100_000_000,
            "metadata": { FORMAT: "1" },
        });
        match self.ask("CREATE", &config).await {
            Err(Trouble::Refused(Code::OTHER_STREAM, _)) => Ok(()),
            asked => asked.map(drop),
        }
    }

    /// How far it goes.
    pub(crate) async fn bounds(&self) -> Result<Bounds, Trouble> {
        let info = self.ask("INFO", &json!({})).await?;
        let number = |name| info["state"][name].as_u64();
        match (number("first_seq"), number("last_seq")) {
            // One that was always empty has no first sequence yet.
            (Some(first), Some(last)) => Ok(Bounds {
                first: first.max(1),
                last,
            }),
            _ => Err(Trouble::unexpected("a stream without an end")),
        }
    }

    /// Puts a page, or the beginning of an epoch, right behind this sequence. False where that is not the end.
    pub(crate) async fn put(
        &self,
        subject: String,
        message: Bytes,
        after: u64,
    ) -> Result<bool, Trouble> {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED_LAST, after.to_string());
        let answer = self.link.ask(subject, headers, message).await?;
        match told(&answer) {
            Ok(told) if told["seq"].as_u64() == Some(after + 1) => Ok(true),
            Ok(_) => Err(Trouble::unexpected("another place than the one asked for")),
            Err(Trouble::Refused(Code::WRONG_LAST_SEQUENCE, _)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// The message of this sequence, if it is there. A replica may not have it yet.
    pub(crate) async fn get(&self, sequence: u64) -> Result<Option<Bytes>, Trouble> {
        let subject = format!("$JS.API.DIRECT.GET.{}", self.names.stream());
        let question = json!({ "seq": sequence }).to_string();
        let answer = self
            .link
            .ask(subject, HeaderMap::new(), question.into())
            .await?;
        match answer.status {
            None => Ok(Some(answer.payload)),
            Some(StatusCode::NOT_FOUND) => Ok(None),
            Some(status) => Err(Trouble::unexpected(&status.to_string())),
        }
    }

    /// The sequence of the last message that begins an epoch, as the stream's leader knows it; zero where there is none.
    pub(crate) async fn last_epoch(&self) -> Result<u64, Trouble> {
        let question = json!({ "last_by_subj": self.names.epochs() });
        match self.ask("MSG.GET", &question).await {
            Ok(found) => {
                let sequence = found["message"]["seq"].as_u64();
                sequence.ok_or_else(|| Trouble::unexpected("a message without a sequence"))
            }
            Err(Trouble::Refused(Code::NO_MESSAGE, _)) => Ok(0),
            Err(trouble) => Err(trouble),
        }
    }

    /// Lets go of all messages before this sequence.
    pub(crate) async fn purge_before(&self, sequence: u64) -> Result<(), Trouble> {
        let question = json!({ "seq": sequence });
        self.ask("PURGE", &question).await.map(drop)
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    async fn ask(&self, what: &str, question: &Value) -> Result<Value, Trouble> {
        let subject = format!("$JS.API.STREAM.{what}.{}", self.names.stream());
        let question = question.to_string().into();
        let answer = self.link.ask(subject, HeaderMap::new(), question).await?;
        told(&answer)
    }
}

/// What the server says.
fn told(answer: &Message) -> Result<Value, Trouble> {
    let told: Value = serde_json::from_slice(&answer.payload)
        .map_err(|_| Trouble::unexpected("something that is no JSON"))?;
    let error = &told["error"];
    if error.is_null() {
        return Ok(told);
    }
    let number = |name| error[name].as_u64().unwrap_or(0);
    let description = error["description"].as_str().unwrap_or("nothing");
    let code = Code(number("err_code"));
    Err(Trouble::refused(code, number("code"), description))
}
