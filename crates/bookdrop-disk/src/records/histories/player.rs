//! Plays a history.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookdrop_backend::{
    Backend, DeadReason, Error, ErrorKind, Fetched, NotFetched, NotPublished, Place, Progress,
    Reader, Receipt, Record, Settlement, Wait,
};
use bookdrop_queue::Backoff;
use fastrand::Rng;

use super::model::{Found, Model, Sure};
use crate::journal::Need;
use crate::keeper::Keeper;
use crate::kept::Kept;
use crate::lossy_disk::{Disk, Place as Flush};
use crate::options::Options;
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
            88..91 => {
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
        for round in 0..4 {
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
            for group in GROUPS {
                let promise = self.model.of(group, event);
                promise.sent = sent;
                if is_delayed {
                    promise.delayed = Sure::Yes;
                }
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
        if self.in_hand.is_empty() {
            return Ok(());
        }
        let at = self.rng.usize(..self.in_hand.len());
        let (group, event, receipt) = self.in_hand.swap_remove(at);
        let how = match self.rng.u32(..10) {
            0..6 => Settlement::Done,
            6..8 => Settlement::RetryAfter(Duration::ZERO),
            8 => Settlement::RetryAfter(LATER),
            _ => Settlement::Bury(DeadReason::Rejected("torn".into())),
        };
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
        let Done::Well(dead) = self.run(async |queue| queue.dead(group).await) else {
            return Ok(());
        };
        let Some(letter) = self.rng.choice(dead) else {
            return Ok(());
        };
        let (event, id) = (number_of(&letter.record), letter.id);
        if self.rng.bool() {
            let done = self.run(async |queue| queue.take_dead(group, vec![id]).await);
            self.model.of(group, event).gone = sure(&done);
            return self.unless_broken(done);
        }
        let done = self.run(async |queue| queue.replay(group, vec![id]).await);
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

    /// The process is killed, or the power goes.
    fn crash(&mut self) -> Result<(), String> {
        let is_killed = self.rng.bool();
        self.open = None;
        match is_killed {
            true => self.disk.kill(),
            false => self.disk.lose_power(),
        }
        self.reopen(is_killed && !self.is_troubled)
    }

    /// Opens the folder, which may be cut short by further losses of power, and looks at what is found.
    fn reopen(&mut self, mut counts_are_sure: bool) -> Result<(), String> {
        loop {
            if self.rng.u32(..4) == 0 {
                self.disk.light_fuse(self.rng.u32(..40));
            }
            match Kept::read(self.disk.clone(), &self.options(), 7) {
                Ok((queue, keeper, report)) => {
                    if !report.damage.is_empty() {
                        return Err(format!("damage is told: {report:?}"));
                    }
                    // It burns on, or not.
                    let burns = self.rng.bool();
                    if !burns {
                        self.disk.kill();
                    }
                    let folder = Kept::alone(keeper.clone());
                    let records = Records::new(queue, Some(folder));
                    if self.look(records, keeper, counts_are_sure)? {
                        self.is_troubled |= burns;
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Io => {}
                // There is nothing yet, and no room for anything.
                Err(error) if error.kind() == ErrorKind::NoSpace && self.model.is_empty() => {
                    self.disk.set_room(USUAL_ROOM);
                }
                Err(error) => return Err(format!("cannot be opened: {error}")),
            }
            counts_are_sure = false;
            self.open = None;
            self.disk.set_failing_flushes(None);
            match self.rng.bool() {
                true => self.disk.lose_power(),
                false => self.disk.kill(),
            }
        }
    }

    fn options(&mut self) -> Options {
        let mut options = Options {
            segment_bytes: SEGMENT,
            cache_bytes: if self.rng.bool() { 0 } else { 1 << 20 },
            ..Options::default()
        };
        options.limits.max_attempts = u32::MAX;
        options.limits.max_deliveries = u32::MAX;
        // What cannot be read back while the power is gone is ready at once.
        options.limits.backoff = Backoff {
            first: Duration::ZERO,
            max: Duration::ZERO,
        };
        options
    }

    /// Whether it could be looked at: the disk may fail meanwhile.
    fn look(
        &mut self,
        records: Records,
        keeper: Arc<Keeper<Disk>>,
        counts_are_sure: bool,
    ) -> Result<bool, String> {
        self.in_hand.clear();
        self.open = Some(Open {
            records,
            keeper,
            readers: Vec::new(),
        });
        for group in GROUPS {
            let Done::Well(reader) = self.run(async |queue| queue.join(Place::In(group)).await)
            else {
                return Ok(false);
            };
            let Some(found) = self.find(group, reader) else {
                return Ok(false);
            };
            self.model.compare(group, &found, counts_are_sure)?;
            self.open
                .iter_mut()
                .for_each(|open| open.readers.push((group, reader)));
        }
        self.is_troubled = self.is_bad;
        Ok(true)
    }

    /// Takes everything in hand that is ready, and looks at the rest.
    fn find(&mut self, group: &'static str, reader: Reader) -> Option<Found> {
        let mut found = Found::default();
        loop {
            let Done::Well(fetched) = self.fetch_from(reader, 100) else {
                return None;
            };
            if fetched.is_empty() {
                break;
            }
            for fetched in fetched {
                let event = number_of(&fetched.record);
                found.ready.push((event, fetched.attempt));
                self.in_hand.push((group, event, fetched.receipt));
            }
        }
        let looked = self.run(async |queue| {
            let dead = queue.dead(group).await?;
            Ok((dead, queue.stats(Some(group)).await?))
        });
        let Done::Well((dead, Some(stats))) = looked else {
            return None;
        };
        found.dead = dead.iter().map(|dead| number_of(&dead.record)).collect();
        found.delayed = stats.delayed;
        Some(found)
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
