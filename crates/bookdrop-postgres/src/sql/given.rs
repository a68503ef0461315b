//! What the functions of the schema are given.

use std::time::Duration;

use bookdrop_backend::{DeadReason, Letters, Record};

/// What is sent, as the function takes it.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub(super) ids: Vec<&'a str>,
    pub(super) are_given: Vec<bool>,
    pub(super) keys: Vec<Option<&'a str>>,
    pub(super) priorities: Vec<i16>,
    pub(super) delays: Vec<Option<i64>>,
    pub(super) times_to_live: Vec<Option<i64>>,
    pub(super) contents: Vec<&'a [u8]>,
    pub(super) are_probes: Vec<bool>,
    pub(super) asks: Vec<Option<i64>>,
    pub(super) timeouts: Vec<Option<i64>>,
    pub(super) are_patient: Vec<Option<bool>>,
    /// Events to be sent without a delay, and with one.
    pub(super) plain: i64,
    pub(super) delayed: i64,
}

impl<'a> Columns<'a> {
    pub(crate) fn push_event(&mut self, record: &'a Record, is_probe: bool) {
        self.push(record, is_probe, None);
        match record.delay {
            _ if is_probe => {}
            None => self.plain += 1,
            Some(_) => self.delayed += 1,
        }
    }

    pub(crate) fn push_request(&mut self, record: &'a Record, asking: Asked) {
        self.push(record, false, Some(asking));
    }

    pub(super) fn have_keys(&self) -> bool {
        self.keys.iter().any(Option::is_some)
    }

    /// Whether anything is among them whose id is compared. That of a request is not.
    pub(super) fn have_ids(&self) -> bool {
        let mut ids = self.are_given.iter().zip(&self.asks);
        ids.any(|(is_given, ask)| *is_given && ask.is_none())
    }

    pub(super) fn have_probes(&self) -> bool {
        self.are_probes.contains(&true)
    }

    pub(super) fn have_asks(&self) -> bool {
        self.asks.iter().any(Option::is_some)
    }

    fn push(&mut self, record: &'a Record, is_probe: bool, asked: Option<Asked>) {
        self.ids.push(&record.id);
        self.are_given.push(record.is_id_given);
        self.keys.push(record.key.as_deref());
        self.priorities.push(record.priority.into());
        self.delays.push(record.delay.map(in_nanoseconds));
        self.times_to_live
            .push(record.time_to_live.map(in_nanoseconds));
        self.contents.push(&record.content);
        self.are_probes.push(is_probe);
        self.asks.push(asked.map(|asked| asked.ask));
        self.timeouts
            .push(asked.map(|asked| in_nanoseconds(asked.time_left)));
        self.are_patient.push(asked.map(|asked| asked.is_patient));
    }
}

/// What belongs to requests alone.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) ask: i64,
    pub(crate) time_left: Duration,
    /// Whether it waits for a consumer to come.
    pub(crate) is_patient: bool,
}

/// Events that are done with.
#[derive(Default)]
pub(crate) struct Finished<'a> {
    pub(super) numbers: Vec<i64>,
    pub(super) attempts: Vec<i32>,
    pub(super) outcomes: Vec<Option<&'static str>>,
    pub(super) answers: Vec<Option<&'a [u8]>>,
    pub(super) have_keys: bool,
    pub(crate) are_requests: bool,
}

impl<'a> Finished<'a> {
    pub(crate) fn push(
        &mut self,
        hand: (i64, i32, bool),
        outcome: Option<&'static str>,
        answer: Option<&'a [u8]>,
    ) {
        let (number, attempt, has_key) = hand;
        self.numbers.push(number);
        self.attempts.push(attempt);
        self.have_keys |= has_key;
        self.outcomes.push(outcome);
        self.answers.push(answer);
    }
}

/// The bounds of the queue, in the server's types.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) capacity: i64,
    pub(crate) max_delayed: i64,
    pub(crate) id_window: i64,
    pub(crate) max_ids: i64,
    pub(crate) drops_oldest: bool,
    pub(crate) max_outbox: i64,
    pub(crate) backoff_first: i64,
    pub(crate) backoff_max: i64,
    pub(crate) max_attempts: i32,
    pub(crate) max_deliveries: i32,
    pub(crate) max_dead: i64,
}

pub(crate) fn in_nanoseconds(span: Duration) -> i64 {
    span.as_nanos().try_into().unwrap_or(i64::MAX)
}

/// Which dead letters: all of them where there is no list.
pub(crate) fn listed(which: &Letters) -> Option<Vec<i64>> {
    match which {
        Letters::All => None,
        Letters::These(ids) => Some(
            ids.iter()
                .filter_map(|id| i64::try_from(*id).ok())
                .collect(),
        ),
    }
}

pub(crate) fn word_for(reason: &DeadReason) -> (&'static str, String) {
    match reason {
        DeadReason::Rejected(why) => ("rejected", why.clone()),
        DeadReason::MaxAttempts => ("max attempts", String::new()),
        DeadReason::MaxDeliveries => ("max deliveries", String::new()),
        DeadReason::Undecodable(why) => ("undecodable", why.clone()),
        other => ("rejected", other.to_string()),
    }
}
