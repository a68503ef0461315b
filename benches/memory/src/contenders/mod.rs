//! Who takes part. A new peer is one file with an `enter` function, and one line in [`catalogue`].

#[cfg(feature = "frameworks")]
mod actix;
mod async_channel;
mod between_tasks;
mod between_threads;
mod bookdrop;
mod broadcast;
mod crossbeam;
mod crossfire;
mod entries;
mod flume;
#[cfg(feature = "frameworks")]
mod kameo;
mod kanal;
mod per_group;
mod pool;
#[cfg(feature = "frameworks")]
mod ractor;
mod replies;
#[cfg(feature = "frameworks")]
mod ruststream;
mod std_mpsc;
mod thingbuf;
mod thingbuf_in_place;
mod tokio;

#[cfg(feature = "frameworks")]
use self::entries::{answering, handling};
use self::entries::{async_fan, async_queue, async_service, blocking_queue, blocking_service};
use crate::kind::Which;
use crate::queue::Shape;
use crate::workloads::{
    AnyAnswering, AnyAsyncFan, AnyAsyncQueue, AnyAsyncService, AnyBlockingQueue,
    AnyBlockingService, AnyHandling,
};

/// What a contender is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ourselves.
    Ours,
    /// Does the same work; the best of these is what our ratio is taken against.
    Peer,
    /// Does less or other work; shown beside, never the measure.
    Control,
    /// A peer that recycles its events by hand: a control too, with a comparison of its own.
    Pool,
}

impl Role {
    /// The name in machine-readable lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::Control => "control",
            Self::Pool => "pool",
        }
    }
}

/// Someone who takes part in one kind of workload.
pub(crate) struct Contender<Does: ?Sized> {
    /// The name in tables.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// Whether it takes part with this kind of event and so many producers and consumers.
    pub fits: fn(Which, Shape) -> bool,
    /// What it does.
    pub does: Box<Does>,
}

impl<Does: ?Sized> Contender<Does> {
    fn new(
        name: &'static str,
        role: Role,
        fits: fn(Which, Shape) -> bool,
        does: Box<Does>,
    ) -> Self {
        Contender {
            name,
            role,
            fits,
            does,
        }
    }
}

/// Everyone, by what they do.
#[derive(Default)]
pub(crate) struct Catalogue {
    /// One way between tasks.
    pub(crate) async_queues: Vec<Contender<dyn AnyAsyncQueue>>,
    /// One way from one task to groups.
    pub(crate) async_fans: Vec<Contender<dyn AnyAsyncFan>>,
    /// Requests between tasks.
    pub(crate) async_services: Vec<Contender<dyn AnyAsyncService>>,
    /// One way between tasks, to a handler that is called.
    pub(crate) async_handlings: Vec<Contender<dyn AnyHandling>>,
    /// Requests between tasks, to a handler that is called.
    pub(crate) async_answerings: Vec<Contender<dyn AnyAnswering>>,
    /// One way between threads.
    pub blocking_queues: Vec<Contender<dyn AnyBlockingQueue>>,
    /// Requests between threads.
    pub blocking_services: Vec<Contender<dyn AnyBlockingService>>,
}

/// Everyone who takes part, ourselves first.
pub(crate) fn catalogue() -> Catalogue {
    let mut all = Catalogue::default();
    bookdrop::enter(&mut all);
    tokio::enter(&mut all);
    kanal::enter(&mut all);
    crossfire::enter(&mut all);
    async_channel::enter(&mut all);
    flume::enter(&mut all);
    thingbuf::enter(&mut all);
    thingbuf_in_place::enter(&mut all);
    broadcast::enter(&mut all);
    crossbeam::enter(&mut all);
    std_mpsc::enter(&mut all);
    #[cfg(feature = "frameworks")]
    frameworks(&mut all);
    all
}

#[cfg(feature = "frameworks")]
fn frameworks(all: &mut Catalogue) {
    kameo::enter(all);
    ractor::enter(all);
    actix::enter(all);
    ruststream::enter(all);
}

/// Fits any number of producers and consumers.
pub(crate) fn any(_: Which, _: Shape) -> bool {
    true
}

/// Fits Ev only.
pub(crate) fn ev(kind: Which, _: Shape) -> bool {
    kind == Which::Ev
}

/// Fits any number of producers to one consumer.
pub(crate) fn one_consumer(_: Which, shape: Shape) -> bool {
    shape.consumers == 1
}
