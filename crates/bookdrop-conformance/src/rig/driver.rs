//! The driver under test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bookdrop::{
    Capabilities, Consumer, DeadLetter, DeadLetterId, Driver, Event, InvalidGroup, Left, Producer,
    Stats,
};

use super::{NotReceived, RigConsumer, RigProducer, Stuck, finish};
use crate::fault::{Lie, Plan, broken_setup, remade};
use crate::{Book, Condition, Context, Fault, Kind, Outcome, Setup, Violation};

/// A driver under test; clones are handles on the same queue.
#[derive(Clone)]
pub struct RigDriver {
    pub(crate) ctx: Context,
    pub(crate) driver: Driver<Book, Condition>,
    /// All that is made from this driver has it, and lets go of it last.
    setup: Arc<Setup>,
}

/// What a drain reports.
pub struct Drained {
    /// What stayed queued.
    pub left: Vec<Left<Book>>,
    /// How many were still in hand.
    pub unfinished: usize,
}

impl RigDriver {
    pub(crate) fn new(ctx: &Context, setup: Setup) -> Self {
        let setup = broken_setup(ctx.plan(), setup);
        let driver = ctx.build(&setup);
        if ctx.plan().is(Fault::CrossesDrivers) {
            let mut memory = ctx.plan().memory();
            memory.first_driver.get_or_insert_with(|| driver.clone());
        }
        Self {
            ctx: ctx.clone(),
            driver,
            setup: Arc::new(setup),
        }
    }

    /// Drops this handle; what it takes to make the driver again.
    pub(super) fn let_go(self) -> (Context, Arc<Setup>) {
        (self.ctx, self.setup)
    }

    fn plan(&self) -> &Plan {
        self.ctx.plan()
    }

    /// The same driver with every operation awaited.
    pub(crate) fn awaiting(&self) -> Self {
        Self {
            ctx: self.ctx.awaiting(),
            ..self.clone()
        }
    }

    /// The same driver as it is used from an executor of this kind.
    pub(crate) fn used_from(&self, kind: Kind) -> Self {
        let ctx = if kind == Kind::Threads {
            self.ctx.waiting()
        } else {
            self.ctx.awaiting()
        };
        Self {
            ctx,
            ..self.clone()
        }
    }

    /// A producer.
    pub fn producer(&self) -> RigProducer {
        RigProducer::new(self, Producer::new(&self.driver))
    }

    /// A consumer of the default group.
    pub fn consumer(&self) -> RigConsumer {
        if self.plan().fires(Fault::BroadcastsWithinGroup) {
            let group = format!("own-{}", self.ctx.number());
            let consumer =
                Consumer::in_group(&self.driver, &group).expect("a short name is a valid group");
            return RigConsumer::new(self, consumer);
        }
        RigConsumer::new(self, Consumer::new(&self.driver))
    }

    /// A consumer of this group.
    pub fn in_group(&self, group: &str) -> Result<RigConsumer, InvalidGroup> {
        let group = if self.plan().fires(Fault::SharesBetweenGroups) {
            "default"
        } else {
            group
        };
        Ok(RigConsumer::new(
            self,
            Consumer::in_group(&self.driver, group)?,
        ))
    }

    /// What the driver declares.
    pub fn capabilities(&self) -> Capabilities {
        let mut declared = self.driver.capabilities();
        if self.plan().fires(Fault::AcceptsUndeclared) {
            (declared.groups, declared.keys, declared.priority) = (false, false, false);
            (declared.delay, declared.time_to_live) = (false, false);
        }
        if self.plan().fires(Fault::MisdeclaresOutbox) {
            declared.outbox = !declared.outbox;
        }
        declared
    }

    /// The figures of all groups together.
    pub async fn stats(&self) -> Stats {
        let stats = finish!(self.ctx, self.driver.stats());
        self.belied(done(stats))
    }

    /// The figures of one group.
    pub async fn group_stats(&self, group: &str) -> Option<Stats> {
        done(finish!(self.ctx, self.driver.group_stats(group)))
    }

    fn belied(&self, mut stats: Stats) -> Stats {
        let lies = self.plan().memory().lies.clone();
        stats.waiting_requests += lies.get(&Lie::WaitingRequests).copied().unwrap_or(0);
        stats.acked += lies.get(&Lie::Acked).copied().unwrap_or(0) as u64;
        if self.plan().fires(Fault::ExpiresUncounted) {
            stats.expired = 0;
        }
        if self.plan().fires(Fault::CountsNoRefusal) {
            stats.replies_refused = 0;
        }
        stats
    }

    /// Waits until the figures are as they must become.
    pub async fn stats_until(
        &self,
        what: &str,
        reached: impl Fn(&Stats) -> bool,
    ) -> Outcome<Stats> {
        let started = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            let stats = self.stats().await;
            if reached(&stats) {
                return Ok(stats);
            }
            if started.elapsed() > self.ctx.patience() {
                return Err(Violation::broken(format!(
                    "{what}: not within {:?}: {stats:?}",
                    self.ctx.patience()
                )));
            }
            self.ctx.pause(pause).await;
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// Waits until no event is anywhere in the driver and nobody waits for anything.
    pub async fn until_nothing_is_left(&self) -> Outcome<Stats> {
        let empty = |s: &Stats| s.queued + s.held + s.delayed + s.in_hand == 0;
        let nobody = |s: &Stats| s.waiting_senders + s.waiting_consumers + s.waiting_requests == 0;
        self.stats_until("nothing is left behind", |stats| {
            empty(stats) && nobody(stats)
        })
        .await
    }

    /// The names of the groups.
    pub async fn groups(&self) -> Vec<String> {
        done(finish!(self.ctx, self.driver.groups()))
    }

    /// Removes a group.
    pub async fn remove_group(&self, group: &str) -> bool {
        done(finish!(self.ctx, self.driver.remove_group(group)))
    }

    /// Drops everything that is queued.
    pub async fn purge(&self) -> usize {
        done(finish!(self.ctx, self.driver.purge()))
    }

    /// Closes the driver; an error if that does not end.
    pub async fn close(&self) -> Result<(), NotReceived> {
        if self.plan().fires(Fault::CloseDropsQueued) {
            self.purge().await;
        }
        let closes = {
            let mut memory = self.plan().memory();
            memory.closes += 1;
            memory.closes
        };
        if closes > 1 && self.plan().fires(Fault::SecondCloseHangs) {
            return Err(NotReceived::Stuck);
        }
        let closed = finish!(self.ctx, self.driver.close()).map_err(|Stuck| NotReceived::Stuck)?;
        closed.unwrap_or_else(|error| panic!("{FAILED}: {error}"));
        Ok(())
    }

    /// Drains the driver; an error if that does not end.
    pub async fn drain(&self, grace: Duration) -> Result<Drained, NotReceived> {
        if self.plan().fires(Fault::DrainHandsOut) {
            self.close().await?;
            while self.stats().await.queued > 0 {
                self.ctx.pause(Duration::from_millis(1)).await;
            }
        }
        let grace = if self.plan().fires(Fault::DrainCutsShort) {
            Duration::ZERO
        } else {
            grace
        };
        let report =
            finish!(self.ctx, self.driver.drain(grace)).map_err(|Stuck| NotReceived::Stuck)?;
        let report = report.unwrap_or_else(|error| panic!("{FAILED}: {error}"));
        let mut drained = Drained {
            left: report.left,
            unfinished: report.unfinished,
        };
        if self.plan().fires(Fault::DrainLosesQueued) {
            drained.left.clear();
        }
        if self.plan().fires(Fault::DrainSpendsAttempts) {
            drained.left.iter_mut().for_each(|left| left.attempts += 1);
        }
        Ok(drained)
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.driver.is_closed()
    }

    /// The dead letters of a group.
    pub async fn dead_letters(&self, group: &str) -> Vec<DeadLetter> {
        if self.plan().fires(Fault::LosesDeadLetters) {
            return Vec::new();
        }
        let list = finish!(self.ctx, self.driver.dead_letters().of_group(group).list());
        let mut list = done(list);
        for letter in &mut list {
            if self.plan().fires(Fault::LosesDeadReason) {
                letter.reason = bookdrop::DeadReason::Rejected(String::new());
            }
            if self.plan().fires(Fault::ForgetsDeadCount) {
                letter.attempts = 0;
            }
        }
        list
    }

    /// Sends a dead letter of the default group again.
    pub async fn replay(&self, id: DeadLetterId) -> bool {
        if self.plan().fires(Fault::ReplayLoses) {
            return self.discard(id).await;
        }
        done(finish!(self.ctx, self.driver.dead_letters().replay(id)))
    }

    /// Sends all dead letters of the default group again.
    pub async fn replay_all(&self) -> usize {
        done(finish!(self.ctx, self.driver.dead_letters().replay_all()))
    }

    /// Drops a dead letter of the default group.
    pub async fn discard(&self, id: DeadLetterId) -> bool {
        if self.plan().fires(Fault::DiscardKeeps) {
            return true;
        }
        done(finish!(self.ctx, self.driver.dead_letters().discard(id)))
    }

    /// Drops all dead letters of the default group.
    pub async fn discard_all(&self) -> usize {
        done(finish!(self.ctx, self.driver.dead_letters().discard_all()))
    }

    /// Takes a dead letter of the default group out.
    pub async fn take(&self, id: DeadLetterId) -> Option<Event<Book>> {
        let taken = done(finish!(self.ctx, self.driver.dead_letters().take(id)))?;
        if self.plan().fires(Fault::DamagesDeadContent) {
            return Some(remade(&taken, |parts| parts.body.text.push('?')));
        }
        Some(taken)
    }
}

/// What an operation of the driver itself gave; nothing, if it is stuck.
fn done<V: Default>(ended: Result<Result<V, bookdrop::Error>, Stuck>) -> V {
    match ended {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => panic!("{FAILED}: {error}"),
        Err(Stuck) => V::default(),
    }
}

const FAILED: &str = "the driver could not do what is asked of it";
