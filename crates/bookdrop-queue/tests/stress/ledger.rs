//! Where everything is written down, and what has to be true of it in the end.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bookdrop_queue::{Cause, Counters};

/// How one copy of an event ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Done, by a consumer of this group.
    Settled(usize),
    LetGo(Cause),
    GivenBack,
    Dead,
    Left(String),
}

/// What the requester heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Reply,
    Failure,
    /// It gave up; whether the event came back.
    GaveUp(bool),
}

#[derive(Debug, Default)]
struct Story {
    /// So many copies were taken in.
    accepted: Option<usize>,
    ends: Vec<End>,
    /// Hand-overs by group.
    handed_over: [u32; 2],
    heard: Vec<Heard>,
    /// Answers that reached the requester, as those who answered were told.
    replies: u32,
}

/// What a round amounted to.
#[derive(Debug, Default)]
pub(crate) struct Total {
    events: u64,
    accepted: u64,
    handed_over: u64,
    requests: u64,
    replies: u64,
    given_up: u64,
}

impl Total {
    pub(crate) fn add(&mut self, other: &Total) {
        self.events += other.events;
        self.accepted += other.accepted;
        self.handed_over += other.handed_over;
        self.requests += other.requests;
        self.replies += other.replies;
        self.given_up += other.given_up;
    }
}

pub(crate) struct Ledger {
    shards: Vec<Mutex<HashMap<u64, Story>>>,
    /// Events that exist, copies included.
    alive: AtomicI64,
    /// Deliveries that were done without an answer.
    acked: AtomicU64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Ledger {
            shards: (0..64).map(|_| Mutex::default()).collect(),
            alive: AtomicI64::new(0),
            acked: AtomicU64::new(0),
        }
    }

    fn note(&self, number: u64, note: impl FnOnce(&mut Story)) {
        let mut shard = self.shards[number as usize % self.shards.len()]
            .lock()
            .unwrap();
        note(shard.entry(number).or_default());
    }

    pub(crate) fn born(&self) {
        self.alive.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn gone(&self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn alive(&self) -> i64 {
        self.alive.load(Ordering::Relaxed)
    }

    pub(crate) fn acked(&self) {
        self.acked.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn accepted(&self, number: u64, copies: usize) {
        self.note(number, |story| {
            assert!(story.accepted.replace(copies).is_none())
        });
    }

    pub(crate) fn handed_over(&self, number: u64, group: usize) {
        self.note(number, |story| story.handed_over[group] += 1);
    }

    pub(crate) fn was_never_handed_over(&self, number: u64) {
        self.note(number, |story| {
            assert_eq!(story.handed_over, [0, 0], "{number}: {story:?}")
        });
    }

    pub(crate) fn end(&self, number: u64, end: End) {
        self.note(number, |story| story.ends.push(end));
    }

    pub(crate) fn heard(&self, number: u64, heard: Heard) {
        self.note(number, |story| story.heard.push(heard));
    }

    pub(crate) fn replied(&self, number: u64) {
        self.note(number, |story| story.replies += 1);
    }

    pub(crate) fn check(&self, counters: &Counters, seed: u64) -> Total {
        let mut total = Total::default();
        let [mut purged, mut displaced, mut dead] = [0; 3];
        // One-way events, and requests: the end of a deadline is counted as given up, the end of a time to live is not.
        let mut expired = [0; 2];
        for shard in &self.shards {
            for (number, story) in &*shard.lock().unwrap() {
                let why = check(story).err();
                assert!(
                    why.is_none(),
                    "seed {seed}, event {number}: {}: {story:?}",
                    why.unwrap()
                );
                for end in &story.ends {
                    match end {
                        End::LetGo(Cause::Purged) => purged += 1,
                        End::LetGo(Cause::Displaced) => displaced += 1,
                        End::LetGo(Cause::DeadLetterDropped) => dead += 1,
                        End::LetGo(Cause::Expired) => {
                            expired[usize::from(!story.heard.is_empty())] += 1;
                        }
                        _ => {}
                    }
                }
                total.events += 1;
                total.accepted += u64::from(story.accepted.is_some_and(|copies| copies > 0));
                total.handed_over += story.handed_over.iter().map(|n| u64::from(*n)).sum::<u64>();
                total.requests += story.heard.len() as u64;
                total.replies += u64::from(story.replies);
                total.given_up += u64::from(matches!(story.heard[..], [Heard::GaveUp(_)]));
            }
        }
        // A request that leaves the line was never in the queue.
        let in_line = total.accepted - counters.sent;
        assert!(
            in_line <= total.requests,
            "seed {seed}: {in_line} were not counted"
        );
        assert_eq!(counters.handed_over, total.handed_over, "seed {seed}");
        assert_eq!(counters.answered, total.replies, "seed {seed}");
        let acked = self.acked.load(Ordering::Relaxed);
        assert_eq!(counters.acked, acked, "seed {seed}");
        let counted = [
            counters.purged,
            counters.dropped_when_full,
            counters.dead_dropped,
        ];
        assert_eq!(counted, [purged, displaced, dead], "seed {seed}");
        let [events, requests] = expired;
        let counted = counters.expired;
        assert!(
            counted >= events && counted <= events + requests,
            "seed {seed}"
        );
        assert!(counters.given_up <= total.requests, "seed {seed}");
        total
    }
}

fn check(story: &Story) -> Result<(), &'static str> {
    let Some(copies) = story.accepted else {
        return Err("nobody said what became of the send");
    };
    if story.ends.len() != copies {
        return Err("each copy ends once");
    }
    let settled = |group| {
        story
            .ends
            .iter()
            .filter(|end| matches!(end, End::Settled(g) if *g == group))
            .count()
    };
    if settled(0) > 1 || settled(1) > 1 {
        return Err("done twice in one group");
    }
    let left = |name| {
        story
            .ends
            .iter()
            .filter(|end| matches!(end, End::Left(n) if n == name))
            .count()
    };
    if left("default") + settled(0) > 1 || left("audit") + settled(1) > 1 {
        return Err("done and left in one group");
    }
    if story.handed_over[0] > 0 && story.heard == [Heard::GaveUp(true)] && settled(0) > 0 {
        return Err("a request was given back and done");
    }
    match story.heard[..] {
        [] => Ok(()),
        [Heard::Reply] if story.replies == 1 => Ok(()),
        [Heard::Failure | Heard::GaveUp(_)] if story.replies == 0 => Ok(()),
        _ => Err("a request has exactly one outcome"),
    }
}
