//! What an event carries beside its body.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::id::Id;

/// Everything of an event that does not depend on the type of its body.
#[derive(Clone)]
pub(super) struct Meta {
    pub(super) name: Cow<'static, str>,
    pub(super) headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(super) values: Vec<(Cow<'static, str>, Value)>,
    pub(super) id: Id,
    pub(super) key: Option<Cow<'static, str>>,
    pub(super) priority: u8,
    pub(super) delay: Option<Duration>,
    pub(super) time_to_live: Option<Duration>,
}

impl Meta {
    pub(super) fn new(name: Cow<'static, str>) -> Self {
        Meta {
            name,
            headers: Vec::new(),
            values: Vec::new(),
            id: Id::default(),
            key: None,
            priority: 0,
            delay: None,
            time_to_live: None,
        }
    }
}

/// Sets an entry. A search through a few beats a map: most events have one to five.
pub(super) fn set<V>(entries: &mut Vec<(Cow<'static, str>, V)>, name: Cow<'static, str>, value: V) {
    match entries.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => *old = value,
        None => entries.push((name, value)),
    }
}

pub(super) fn get<'a, V>(entries: &'a [(Cow<'static, str>, V)], name: &str) -> Option<&'a V> {
    entries
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}
