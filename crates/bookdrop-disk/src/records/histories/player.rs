//! Plays a history.

mod reopening;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookdrop_backend::{
    Backend, DeadReason, Error, ErrorKind, Fetched, Letters, NotFetched, NotPublished, Place,
    Progress, Reader, Receipt, Record, Settlement, Wait,
};
use fastrand::Rng;

use super::model::{Model, NOBODY, Sure};
use crate::journal::Need;
use crate::keeper::Keeper;
use crate::lossy_disk::{Disk, Place as Flush};
use crate::records::Records;

/// The least length there is, so that segments change often.
const SEGMENT: u64 = 4096;
const USUAL_ROOM: u64 = 200 * SEGMENT;
const GROUPS: [&str; 2] = ["default", "audit"];
/// It never comes in a test.
const LATER: Duration = Duration::from_secs(100_000);

/// Plays one history of so many operations, without the flush that is taken out, and returns its disk. `Err` says what was found that
/// must not be.
pub(super) fn play(
    seed: u64,
    operations: usize,
    taken_out: Option<Flush>,
) -> (Disk, Result<(), String>) {
    let disk = Disk::new(seed ^ 0xd15c, USUAL_ROOM, taken_out);
    let mut player = Player {
        rng: Rng::with_seed(seed),
        disk: disk.clone(),
        open: None,
        model: Model::default(),
        in_hand: Vec::new(),
        left_over: Vec::new(),
        joined_first: Vec::new(),
        removes_groups: seed % 2 == 1,
        is_bad: false,
        is_troubled: false,
        last_event: 0,
    };
    let found = player.reopen(false).and_then(|()| {
        (0..operations).try_for_each(|operation| {
            let done = player.step();
            done.map_err(|what| format!("seed {seed}, operation {operation}: {what}"))
        })
    });
    (disk, found.and_then(|()| player.crash()))
}

struct Player {
    rng: Rng,
    disk: Disk,
    open: Option<Open>,
    model: Model,
    in_hand: Vec<(&'static str, u64, Receipt)>,
    /// What is in hand for groups that were removed since.
    left_over: Vec<Receipt>,
    /// Groups that were joined when there was none, if that may be lost.
    joined_first: Vec<&'static str>,
    /// Whether groups are removed.
    removes_groups: bool,
    /// Whether the disk is full, or may fail to flush.
    is_bad: bool,
    /// Whether it may have failed since the folder was opened.
    is_troubled: bool,
    last_event: u64,
}

struct Open {
    records: Records,
    keeper: Arc<Keeper<Disk>>,
    readers: Vec<(&'static str, Reader)>,
}

/// What came of an operation.
enum Done<T> {
    Well(T),
    /// It was refused, and may have been done or not.
    Unsure,
    /// The driver is broken.
    Broken,
}

impl Player {
    fn step(&mut self) -> Result<(), String> {
        match self.rng.u32(..100) {
            0..30 => self.send(),
            30..50 => self.fetch(),
            50..75 => self.settle(),
            75..80 => self.tidy(),
            80..83 => self.use_dead(),
            83..85 => self.write(),
            85..87 => self.change_the_disk(),
            87 => self.purge(),
            88 => self.remove_or_join_group(),
            89..91 => {
                self.is_troubled = true;
                self.disk.light_fuse(self.rng.u32(..30));
                Ok(())
            }
            _ => self.crash(),
        }
    }

    /// Waits for an operation, in place of the threads that flush and tidy up.
    fn run<T>(&mut self, work: impl AsyncFnOnce(&Records) -> Result<T, Error>) -> Done<T> {
        let Some(open) = &self.open else {
            return Done::Broken;
        };
        let mut future = pin!(work(&open.records));
        let mut cx = Context::from_waker(Waker::noop());
        for round in 0..8 {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(Ok(value)) => return Done::Well(value),
                Poll::Ready(Err(error)) if is_harmless(error.kind()) => {
                    return Done::Unsure;
                }
                Poll::Ready(Err(_)) => return Done::Broken,
                Poll::Pending if round % 2 == 0 => drop(open.keeper.commit_or_refuse(None)),
                Poll::Pending => open.keeper.tidy_once(true),
            }
        }
        panic!("an operation does not end");
    }

    fn send(&mut self) -> Result<(), String> {
        let count = self.rng.u64(1..4);
        let first = self.last_event + 1;
        self.last_event += count;
        let is_delayed = self.rng.u32(..10) == 0;
        let records: Vec<Record> = (first..first + count)
            .map(|event| Record {
                id: event.to_string().into(),
                is_id_given: self.rng.bool(),
                delay: is_delayed.then_some(LATER),
                content: vec![b'x'; self.rng.usize(..300)].into(),
                ..Record::default()
            })
            .collect();
        let progress = Progress::default();
        let counted = progress.clone();
        let done = self.run(
            async |queue| match queue.publish(records, counted, false).await {
                Ok(()) => Ok(true),
                Err(NotPublished::Backend(error)) => Err(error),
                Err(_) => Ok(false),
            },
        );
        for event in first..first + count {
            let is_taken = event < first + progress.taken() as u64;
            let sent = match done {
                Done::Well(_) if is_taken => Sure::Yes,
                Done::Well(_) => Sure::No,
                // Where a flush failed, nobody knows of any of them.
                _ => Sure::Maybe,
            };
            for group in self.groups_that_get_events() {
                let promise = self.model.of(group, event);
                promise.sent = sent;
                if is_delayed {
                    promise.delayed = Sure::Yes;
                }
            }
            if sent == Sure::Yes {
                self.joined_first.clear();
            }
        }
        self.unless_broken(done)
    }

    fn fetch(&mut self) -> Result<(), String> {
        let Some((group, fetched)) = self.fetch_any() else {
            return Ok(());
        };
        match fetched {
            Done::Well(fetched) => self.take_in_hand(group, fetched),
            other => self.unless_broken(other),
        }
    }

    fn fetch_any(&mut self) -> Option<(&'static str, Done<Vec<Fetched>>)> {
        let readers = &self.open.as_ref()?.readers;
        let (group, reader) = *self.rng.choice(readers)?;
        let max = self.rng.usize(1..4);
        Some((group, self.fetch_from(reader, max)))
    }

    fn fetch_from(&mut self, reader: Reader, max: usize) -> Done<Vec<Fetched>> {
        self.run(
            async |queue| match queue.fetch(reader, max, Wait::No).await {
                Ok(fetched) => Ok(fetched),
                Err(NotFetched::Backend(error)) => Err(error),
                Err(_) => Ok(Vec::new()),
            },
        )
    }

    fn take_in_hand(&mut self, group: &'static str, all: Vec<Fetched>) -> Result<(), String> {
        for fetched in all {
            let event = number_of(&fetched.record);
            let promise = self.model.of(group, event);
            if promise.is_in_hand {
                return Err(format!("event {event} of {group} is in hand twice"));
            }
            promise.is_in_hand = true;
            promise.attempts = fetched.attempt;
            self.in_hand.push((group, event, fetched.receipt));
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        if let Some(receipt) = self.left_over.pop() {
            let how = self.any_settlement();
            let done = self.run(async |queue| queue.settle(receipt, how.clone()).await);
            return self.unless_broken(done);
        }
        if self.in_hand.is_empty() {
            return Ok(());
        }
        let at = self.rng.usize(..self.in_hand.len());
        let (group, event, receipt) = self.in_hand.swap_remove(at);
        let how = self.any_settlement();
        let done = self.run(async |queue| queue.settle(receipt, how.clone()).await);
        let sure = sure(&done);
        let promise = self.model.of(group, event);
        promise.is_in_hand = false;
        match how {
            Settlement::Done => promise.gone = sure,
            Settlement::Bury(_) => promise.dead = sure,
            Settlement::RetryAfter(LATER) => promise.delayed = sure,
            _ => {}
        }
        self.unless_broken(done)
    }

    fn any_settlement(&mut self) -> Settlement {
        match self.rng.u32(..11) {
            0..6 => Settlement::Done,
            6..8 => Settlement::RetryAfter(Duration::ZERO),
            8 => Settlement::RetryAfter(LATER),
            9 => Settlement::Release,
            _ => Settlement::Bury(DeadReason::Rejected("torn".into())),
        }
    }

    /// What the thread does that gives space back.
    fn tidy(&mut self) -> Result<(), String> {
        if let Some(open) = &self.open {
            open.keeper.tidy_once(true);
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), String> {
        match self
            .open
            .as_ref()
            .map(|open| open.keeper.write(Need::GivesRoom))
        {
            Some(Err(error)) if error.kind() != ErrorKind::NoSpace => self.crash(),
            _ => Ok(()),
        }
    }

    fn use_dead(&mut self) -> Result<(), String> {
        let group = GROUPS[self.rng.usize(..2)];
        let Done::Well(dead) = self.run(async |queue| queue.dead(group, Letters::All).await) else {
            return Ok(());
        };
        let Some(letter) = self.rng.choice(dead) else {
            return Ok(());
        };
        let (event, id) = (number_of(&letter.record), letter.id);
        let it = Letters::These(vec![id]);
        if self.rng.bool() {
            let done = self.run(async |queue| queue.discard(group, it).await);
            self.model.of(group, event).gone = sure(&done);
            return self.unless_broken(done);
        }
        let done = self.run(async |queue| queue.replay(group, it).await);
        let promise = self.model.of(group, event);
        promise.dead = match sure(&done) {
            Sure::Yes => Sure::No,
            _ => Sure::Maybe,
        };
        promise.attempts = 0;
        self.unless_broken(done)
    }

    fn purge(&mut self) -> Result<(), String> {
        let done = self.run(async |queue| queue.purge().await);
        let sure = sure(&done);
        for promise in self.model.all.values_mut() {
            if !promise.is_in_hand && promise.dead != Sure::Yes {
                let is_certain = promise.dead == Sure::No;
                promise.gone = promise
                    .gone
                    .max(if is_certain { sure } else { Sure::Maybe });
            }
        }
        self.unless_broken(done)
    }

    fn is_there(&self, group: &str) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.readers.iter().any(|(there, _)| *there == group))
    }

    fn groups_that_get_events(&self) -> Vec<&'static str> {
        let there = GROUPS.into_iter().filter(|group| self.is_there(group));
        let there: Vec<_> = there.collect();
        match there.is_empty() {
            true => vec![NOBODY],
            false => there,
        }
    }

    fn remove_or_join_group(&mut self) -> Result<(), String> {
        let group = GROUPS[self.rng.usize(..2)];
        match self.is_there(group) {
            false => {
                let joined = self.join(group);
                self.unless_broken(joined)
            }
            true if self.removes_groups => self.remove_group(group),
            true => Ok(()),
        }
    }

    fn join(&mut self, group: &'static str) -> Done<Reader> {
        let there = self.run(async |queue| queue.groups().await);
        let is_first = matches!(there, Done::Well(there) if there.is_empty());
        let joined = self.run(async |queue| queue.join(Place::In(group)).await);
        if let (Some(open), Done::Well(reader)) = (&mut self.open, &joined) {
            open.readers.push((group, *reader));
            if is_first {
                self.model.hand_on(NOBODY, group);
                self.joined_first.push(group);
            }
        }
        joined
    }

    fn remove_group(&mut self, group: &'static str) -> Result<(), String> {
        let done = self.run(async |queue| queue.remove_group(group).await);
        if let Some(open) = &mut self.open {
            open.readers.retain(|(there, _)| *there != group);
        }
        let left_over = self.in_hand.extract_if(.., |(of, ..)| *of == group);
        self.left_over
            .extend(left_over.map(|(.., receipt)| receipt));
        self.model.removed(group, sure(&done));
        if sure(&done) == Sure::Yes {
            self.joined_first.clear();
        }
        self.unless_broken(done)
    }

    fn change_the_disk(&mut self) -> Result<(), String> {
        let is_full = self.rng.bool();
        self.disk.set_room(if is_full { 0 } else { USUAL_ROOM });
        let one_of = self.rng.bool().then_some(20);
        self.disk.set_failing_flushes(one_of);
        self.is_bad = is_full || one_of.is_some();
        self.is_troubled |= self.is_bad;
        Ok(())
    }

    fn unless_broken<T>(&mut self, done: Done<T>) -> Result<(), String> {
        match done {
            Done::Broken => self.crash(),
            _ => Ok(()),
        }
    }
}

/// The driver goes on.
fn is_harmless(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NoSpace | ErrorKind::Unknown)
}

fn sure<T>(done: &Done<T>) -> Sure {
    match done {
        Done::Well(_) => Sure::Yes,
        _ => Sure::Maybe,
    }
}

fn number_of(record: &Record) -> u64 {
    record.id.parse().expect("ids are numbers here")
}
