//! What an answer is written down as: an object with one entry, `reply` or `failure`.

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_core::ser::SerializeMap;
use serde_core::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::failure::Failure;

const REPLY: &str = "reply";
const FAILURE: &str = "failure";

/// An answer, to be written down.
pub(super) struct Answering<'a, R>(pub(super) &'a Result<R, Failure>);

impl<R: Serialize> Serialize for Answering<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            Ok(reply) => map.serialize_entry(REPLY, reply)?,
            Err(failure) => map.serialize_entry(FAILURE, &parts(failure))?,
        }
        map.end()
    }
}

fn parts(failure: &Failure) -> Map<String, Value> {
    let mut parts = Map::new();
    parts.insert("message".into(), failure.message().into());
    if let Some(code) = failure.code() {
        parts.insert("code".into(), code.into());
    }
    if let Some(details) = failure.details() {
        parts.insert("details".into(), details.clone());
    }
    parts
}

fn failure(mut parts: Map<String, Value>) -> Option<Failure> {
    let Value::String(message) = parts.remove("message")? else {
        return None;
    };
    let mut failure = Failure::new(message);
    if let Some(Value::String(code)) = parts.remove("code") {
        failure = failure.with_code(code);
    }
    Some(match parts.remove("details") {
        Some(details) => failure.with_details(details),
        None => failure,
    })
}

/// An answer that was written down.
pub(super) struct Answered<R>(pub(super) Result<R, Failure>);

impl<'de, R: Deserialize<'de>> Deserialize<'de> for Answered<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading(PhantomData))
    }
}

struct Reading<R>(PhantomData<fn() -> R>);

impl<'de, R: Deserialize<'de>> Visitor<'de> for Reading<R> {
    type Value = Answered<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer: an object with a reply or a failure")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answered<R>, A::Error> {
        let answer = match map.next_key::<String>()?.as_deref() {
            Some(REPLY) => Ok(map.next_value()?),
            Some(FAILURE) => {
                let parts = map.next_value()?;
                Err(failure(parts).ok_or_else(|| A::Error::missing_field("message"))?)
            }
            _ => return Err(A::Error::custom("neither a reply nor a failure")),
        };
        Ok(Answered(answer))
    }
}
