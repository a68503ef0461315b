//! The workloads, as rows of cells that can be run in any order.

/// Calls a generic function for the kind that is known as data only.
macro_rules! for_kind {
    ($kind:expr, $($module:ident)::+ ($queue:ident) ($($argument:expr),*)) => {
        match $kind {
            Which::Ev => $($module)::+::<Ev, $queue>($($argument),*),
            Which::EvBody => $($module)::+::<EvBody, $queue>($($argument),*),
            Which::Plain => $($module)::+::<Plain, $queue>($($argument),*),
            Which::Bare => $($module)::+::<Bare, $queue>($($argument),*),
        }
    };
}

mod backlog;
mod cooperation;
mod cost;
mod fairness;
mod fan_out;
mod handlers;
mod one_way;
mod one_way_threads;
mod request;
mod request_threads;
mod waiters;

pub(crate) use handlers::{AnyAnswering, AnyHandling};

use std::marker::PhantomData;
use std::time::Duration;

use tokio::runtime::Runtime;

use self::cooperation::{Busy, GROUP as COOPERATION, Other};
use self::cost::GROUP as COST;
use self::fairness::GROUP as FAIRNESS;
use crate::clock::Round;
use crate::contenders::{Catalogue, Contender, Role};
use crate::kind::{Bare, Ev, EvBody, Plain, Which};
use crate::options::Options;
use crate::queue::{AsyncFan, AsyncQueue, AsyncService, BlockingQueue, BlockingService, Shape};
use crate::runtime::Executor;

/// How long a requester waits at most.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// One line of the tables of the performance page: the same work for several contenders.
pub(crate) struct Row<'a> {
    /// Which table it stands in.
    pub group: &'static str,
    /// What is done.
    pub name: String,
    /// The kind of event.
    pub kind: Which,
    /// The executor that all cells of the row share.
    pub executor: Option<Executor>,
    /// Events in one round; 0 where time ends it.
    pub events: u64,
    /// Who does it.
    pub cells: Vec<Cell<'a>>,
}

/// One contender in a row.
pub(crate) struct Cell<'a> {
    /// Its name.
    pub contender: &'static str,
    /// What it is to us.
    pub role: Role,
    /// Runs one round on the executor of the row.
    pub run: Box<dyn Fn(Option<&Runtime>) -> Round + 'a>,
}

impl Row<'_> {
    /// How many rounds are run when so many are asked for: costs differ little from round to round, and a round of
    /// fairness takes a second.
    pub(crate) fn rounds(&self, asked: usize) -> usize {
        if [COST, FAIRNESS].contains(&self.group) {
            asked.min(3)
        } else {
            asked
        }
    }

    /// Whether its subject is a time: only then a mean of the speeds says something.
    pub(crate) fn is_about_time(group: &str) -> bool {
        ![COST, FAIRNESS, COOPERATION].contains(&group)
    }

    /// The name that filters are matched against.
    pub(crate) fn path(&self) -> String {
        let executor = self
            .executor
            .map_or(String::new(), |executor| format!(", {}", executor.name()));
        format!(
            "{}: {}, {}{executor}",
            self.group,
            self.name,
            self.kind.name()
        )
    }
}

/// All rows, those that the options leave.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    one_way::rows(all, options, &mut rows);
    request::rows(all, options, &mut rows);
    one_way_threads::rows(all, options, &mut rows);
    request_threads::rows(all, options, &mut rows);
    fan_out::rows(all, options, &mut rows);
    backlog::rows(all, options, &mut rows);
    waiters::rows(all, options, &mut rows);
    cost::rows(all, options, &mut rows);
    fairness::rows(all, options, &mut rows);
    cooperation::rows(all, options, &mut rows);
    rows.retain(|row| !row.cells.is_empty() && options.wants(&row.path()));
    rows
}

/// The cells of a row: those of the contenders that fit its shape and the options.
fn cells<'a, Does: ?Sized, Run>(
    contenders: &'a [Contender<Does>],
    options: &Options,
    kind: Which,
    shape: Shape,
    run: impl Fn(&'a Does) -> Run,
) -> Vec<Cell<'a>>
where
    Run: Fn(Option<&Runtime>) -> Round + 'a,
{
    let fitting = contenders
        .iter()
        .filter(|contender| (contender.fits)(kind, shape) && options.admits(contender.name));
    fitting
        .map(|contender| Cell {
            contender: contender.name,
            role: contender.role,
            run: Box::new(run(&contender.does)),
        })
        .collect()
}

/// What can be done with a queue between tasks, whatever it is.
pub(crate) trait AnyAsyncQueue {
    /// All producers to all consumers.
    fn one_way(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
    /// One task sends and receives Ev in turn while so many events stand in the queue.
    fn standing(&self, runtime: &Runtime, length: usize, events: u64) -> Round;
    /// One task fills the queue with Ev and then drains it.
    fn fill_and_drain(&self, runtime: &Runtime, length: usize) -> Round;
    /// What the steady state asks of the allocator.
    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
    /// How Ev is shared out among equals for so long.
    fn fairness(&self, runtime: &Runtime, shape: Shape, time: Duration) -> Round;
    /// How often another task has its turn while a queue of Ev is filled or drained.
    fn cooperation(&self, runtime: &Runtime, busy: Busy, other: Other, events: u64) -> Round;
}

impl<Q> AnyAsyncQueue for PhantomData<Q>
where
    Q: AsyncQueue<Ev> + AsyncQueue<EvBody> + AsyncQueue<Plain> + AsyncQueue<Bare>,
{
    fn one_way(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, one_way::run(Q)(runtime, shape, events))
    }

    fn standing(&self, runtime: &Runtime, length: usize, events: u64) -> Round {
        backlog::standing::<Ev, Q>(runtime, length, events)
    }

    fn fill_and_drain(&self, runtime: &Runtime, length: usize) -> Round {
        backlog::fill_and_drain::<Ev, Q>(runtime, length)
    }

    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, cost::one_way(Q)(runtime, shape, events))
    }

    fn fairness(&self, runtime: &Runtime, shape: Shape, time: Duration) -> Round {
        fairness::tasks::<Ev, Q>(runtime, shape, time)
    }

    fn cooperation(&self, runtime: &Runtime, busy: Busy, other: Other, events: u64) -> Round {
        cooperation::run::<Ev, Q>(runtime, busy, other, events)
    }
}

/// What can be done with a queue to groups, whatever it is.
pub(crate) trait AnyAsyncFan {
    /// One producer to so many groups.
    fn fan_out(
        &self,
        runtime: &Runtime,
        kind: Which,
        capacity: usize,
        groups: usize,
        events: u64,
    ) -> Round;
}

impl<Q> AnyAsyncFan for PhantomData<Q>
where
    Q: AsyncFan<Ev> + AsyncFan<EvBody> + AsyncFan<Plain> + AsyncFan<Bare>,
{
    fn fan_out(
        &self,
        runtime: &Runtime,
        kind: Which,
        capacity: usize,
        groups: usize,
        events: u64,
    ) -> Round {
        for_kind!(kind, fan_out::run(Q)(runtime, capacity, groups, events))
    }
}

/// What can be done with requests between tasks, whoever serves them.
pub(crate) trait AnyAsyncService {
    /// All requesters to one server.
    fn request(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
    /// One requester of Ev while so many others wait for their answers.
    fn beside_waiters(&self, runtime: &Runtime, waiters: usize, events: u64) -> Round;
    /// What the steady state asks of the allocator.
    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
}

impl<Q> AnyAsyncService for PhantomData<Q>
where
    Q: AsyncService<Ev> + AsyncService<EvBody> + AsyncService<Plain> + AsyncService<Bare>,
{
    fn request(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, request::run(Q)(runtime, shape, events))
    }

    fn beside_waiters(&self, runtime: &Runtime, waiters: usize, events: u64) -> Round {
        waiters::run::<Ev, Q>(runtime, waiters, events)
    }

    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, cost::request(Q)(runtime, shape, events))
    }
}

/// What can be done with a queue between threads, whatever it is.
pub(crate) trait AnyBlockingQueue {
    /// All producers to all consumers.
    fn one_way(&self, kind: Which, shape: Shape, events: u64) -> Round;
    /// How Ev is shared out among equals for so long.
    fn fairness(&self, shape: Shape, time: Duration) -> Round;
}

impl<Q> AnyBlockingQueue for PhantomData<Q>
where
    Q: BlockingQueue<Ev> + BlockingQueue<EvBody> + BlockingQueue<Plain> + BlockingQueue<Bare>,
{
    fn one_way(&self, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, one_way_threads::run(Q)(shape, events))
    }

    fn fairness(&self, shape: Shape, time: Duration) -> Round {
        fairness::threads::<Ev, Q>(shape, time)
    }
}

/// What can be done with requests between threads, whoever serves them.
pub(crate) trait AnyBlockingService {
    /// All requesters to one server.
    fn request(&self, kind: Which, shape: Shape, events: u64) -> Round;
}

impl<Q> AnyBlockingService for PhantomData<Q>
where
    Q: BlockingService<Ev>
        + BlockingService<EvBody>
        + BlockingService<Plain>
        + BlockingService<Bare>,
{
    fn request(&self, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, request_threads::run(Q)(shape, events))
    }
}
