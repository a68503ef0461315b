//! What an event is written down as: one object with `name`, `headers`, `values` and `body`.
//!
//! What the queue has to know (id, key, priority, delay, time to live) stands in the record beside it.

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::value::UnitDeserializer;
use serde_core::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_core::ser::SerializeMap;
use serde_core::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::event::Event;
use crate::limits::{MAX_HEADERS, MAX_VALUES};

const NAME: &str = "name";
const HEADERS: &str = "headers";
const VALUES: &str = "values";
const BODY: &str = "body";

/// An event, to be written down.
pub(super) struct Envelope<'a, T>(pub(super) &'a Event<T>);

impl<T: Serialize> Serialize for Envelope<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let headers = event.headers().count();
        let values = event.values().count();
        let parts = 2 + usize::from(headers > 0) + usize::from(values > 0);
        let mut map = serializer.serialize_map(Some(parts))?;
        map.serialize_entry(NAME, event.name())?;
        if headers > 0 {
            let entries = || event.headers();
            map.serialize_entry(HEADERS, &Entries(headers, entries))?;
        }
        if values > 0 {
            let entries = || event.values();
            map.serialize_entry(VALUES, &Entries(values, entries))?;
        }
        map.serialize_entry(BODY, event.body())?;
        map.end()
    }
}

/// So many entries of an object, in order.
struct Entries<F>(usize, F);

impl<'a, F, I, V> Serialize for Entries<F>
where
    F: Fn() -> I,
    I: Iterator<Item = (&'a str, V)>,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Entries(count, entries) = self;
        let mut map = serializer.serialize_map(Some(*count))?;
        for (name, value) in entries() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

/// An event that was written down. What it does not know it does not look at.
pub(super) struct Opened<T>(pub(super) Event<T>);

/// An event that was written down, without its body.
pub(super) type OpenedWithoutBody = Opened<IgnoredAny>;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Opened<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Opening(PhantomData))
    }
}

struct Opening<T>(PhantomData<fn() -> T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Opening<T> {
    type Value = Opened<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: an object with a name, headers, values and a body")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Opened<T>, A::Error> {
        let mut event = Event::new("");
        let (mut has_name, mut body) = (false, None);
        while let Some(part) = map.next_key()? {
            match part {
                Part::Name => {
                    event.set_name(map.next_value::<String>()?);
                    has_name = true;
                }
                Part::Headers => map.next_value_seed(Headers(&mut event))?,
                Part::Values => map.next_value_seed(Values(&mut event))?,
                Part::Body => body = Some(map.next_value()?),
                Part::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if !has_name {
            return Err(A::Error::missing_field(NAME));
        }
        // Other programs may leave a body out that says nothing.
        let none = |_: A::Error| A::Error::missing_field(BODY);
        let body = match body {
            Some(body) => body,
            None => T::deserialize(UnitDeserializer::new()).map_err(none)?,
        };
        Ok(Opened(event.with_body(body)))
    }
}

/// What an entry of the object is.
enum Part {
    Name,
    Headers,
    Values,
    Body,
    Other,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl Visitor<'_> for Parts {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a part of an event")
            }

            fn visit_str<E>(self, name: &str) -> Result<Part, E> {
                Ok(match name {
                    NAME => Part::Name,
                    HEADERS => Part::Headers,
                    VALUES => Part::Values,
                    BODY => Part::Body,
                    _ => Part::Other,
                })
            }
        }

        deserializer.deserialize_identifier(Parts)
    }
}

/// Puts entries of an object into an event as they come, so that nothing is collected before.
macro_rules! seed {
    ($name:ident, $entry:ty, $set:ident, $max:ident, $what:literal) => {
        struct $name<'a>(&'a mut Event);

        impl<'de> DeserializeSeed<'de> for $name<'_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_map(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("an object of ", $what))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let mut count = 0;
                while let Some((name, value)) = map.next_entry::<String, $entry>()? {
                    count += 1;
                    if count > $max {
                        let why = format!("there are more than {} {}", $max, $what);
                        return Err(A::Error::custom(why));
                    }
                    self.0.$set(name, value);
                }
                Ok(())
            }
        }
    };
}

seed!(Headers, String, set_header, MAX_HEADERS, "headers");
seed!(Values, Value, set_value, MAX_VALUES, "values");
