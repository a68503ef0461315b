//! What a stream can be asked: JetStream's questions are JSON, over messages like all others.

mod checking;

use std::time::{Duration, SystemTime};

use async_nats::{HeaderMap, Message, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{Code, Trouble};
use crate::journal::placing::Bounds;
use crate::journal::{Epoch, Unreadable, unreadable};
use crate::link::Link;
use crate::names::Names;

/// On this sequence a message is put there: it has to be the last one.
const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";
/// What a stream of this driver says of itself.
const FORMAT: &str = "bookdrop.format";
const CODEC: &str = "bookdrop.codec";

/// Bytes that the headers of a message take, and more.
const HEADERS: usize = 1 << 10;

/// A stream, as it is kept by the server.
#[derive(Clone)]
pub(crate) struct Stream {
    link: Link,
    names: Names,
}

/// How a stream is made.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) replicas: usize,
    /// What the contents of events are written in.
    pub(crate) codec: String,
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
            "subjects": self.names.of_stream(),
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "num_replicas": settings.replicas,
            "allow_direct": true,
            "deny_delete": true,
            // Repeated messages are found by their place.
            "duplicate_window": 100_000_000,
            "metadata": { FORMAT: "1", CODEC: settings.codec },
        });
        let told = match self.ask("CREATE", &config).await {
            Err(Trouble::Refused(Code::OTHER_STREAM, _)) => self.ask("INFO", &json!({})).await?,
            created => created?,
        };
        let checked = checking::check(&self.names, &told["config"], &config);
        checked.map_err(|error| Trouble::Refused(Code(0), error))
    }

    /// Bytes of a message that the server takes, at least.
    pub(crate) fn longest_message(&self) -> usize {
        self.link.max_payload().saturating_sub(HEADERS)
    }

    /// What time it is there. The server's clock is the one that all drivers share.
    pub(crate) async fn time(&self) -> Result<SystemTime, Trouble> {
        let info = self.ask("INFO", &json!({})).await?;
        let time = info["ts"].as_str();
        let time = time.and_then(|time| humantime::parse_rfc3339(time).ok());
        time.ok_or_else(|| Trouble::unexpected("a stream without a time"))
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

    /// The message of this sequence, if it is there. A replica may not have it yet. The answer may take so long.
    pub(crate) async fn get(
        &self,
        sequence: u64,
        limit: Duration,
    ) -> Result<Option<Bytes>, Trouble> {
        let subject = format!("$JS.API.DIRECT.GET.{}", self.names.stream());
        let question = json!({ "seq": sequence }).to_string();
        let answer = self
            .link
            .ask_within(limit, subject, HeaderMap::new(), question.into())
            .await?;
        match answer.status {
            None => Ok(Some(answer.payload)),
            Some(StatusCode::NOT_FOUND) => Ok(None),
            Some(status) => Err(Trouble::unexpected(&status.to_string())),
        }
    }

    /// Whether there is a message of this sequence, as the stream's leader knows it.
    pub(crate) async fn has(&self, sequence: u64) -> Result<bool, Trouble> {
        match self.ask("MSG.GET", &json!({ "seq": sequence })).await {
            Ok(_) => Ok(true),
            Err(Trouble::Refused(Code::NO_MESSAGE, _)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// The epoch of which the last message is, as the stream's leader knows it. `None` where there is none.
    pub(crate) async fn last_epoch(&self) -> Result<Option<Epoch>, Trouble> {
        let question = json!({ "last_by_subj": self.names.all() });
        match self.ask("MSG.GET", &question).await {
            Ok(found) => {
                let message = &found["message"];
                let sequence = message["seq"].as_u64().unwrap_or(0);
                let subject = message["subject"].as_str();
                let epoch = subject.and_then(|subject| self.names.epoch_of(subject, sequence));
                epoch.map(Some).ok_or_else(|| {
                    let error = unreadable(sequence, Unreadable::Foreign);
                    Trouble::Refused(Code(0), error)
                })
            }
            Err(Trouble::Refused(Code::NO_MESSAGE, _)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Lets go of all messages before this sequence.
    pub(crate) async fn purge_before(&self, sequence: u64) -> Result<(), Trouble> {
        let question = json!({ "seq": sequence });
        self.ask("PURGE", &question).await.map(drop)
    }

    /// Whether the user may let go of messages: any answer says so. What it asks for cannot be done, and so nothing is let go of.
    pub(crate) async fn may_purge(&self) -> Result<(), Trouble> {
        // Neither an empty question nor the first sequence: for some versions of the server each of these means all messages.
        let question = json!({ "filter": self.names.of_none(), "seq": "none" });
        match self.ask("PURGE", &question).await {
            Err(Trouble::Refused(..)) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Lets go of all that takes room and says nothing.
    pub(crate) async fn purge_reserve(&self) -> Result<(), Trouble> {
        let question = json!({ "filter": self.names.reserves() });
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
