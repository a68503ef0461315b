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

use std::marker::PhantomData;

use self::between_tasks::{Asking, AsyncChannel, OneWay};
use self::between_threads::{BlockingChannel, ThreadAsking, ThreadOneWay};
use self::per_group::PerGroup;
use self::replies::{AsyncReply, BlockingReply};
use crate::kind::{Bare, Ev, EvBody, Plain, Which};
use crate::queue::{AsyncFan, AsyncQueue, AsyncService, BlockingQueue, BlockingService, Shape};
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

/// The peers that are channels like others.
impl Catalogue {
    /// The one-way rows between tasks.
    fn one_way<C: AsyncChannel>(&mut self, name: &'static str, fits: fn(Which, Shape) -> bool) {
        self.async_queues
            .push(async_queue::<OneWay<C>>(name, Role::Peer, fits));
    }

    /// The fan-out rows, with a channel for each group.
    fn per_group<C: AsyncChannel>(&mut self, name: &'static str) {
        self.async_fans
            .push(async_fan::<PerGroup<OneWay<C>>>(name, Role::Peer));
    }

    /// The request rows between tasks.
    fn requests<C: AsyncChannel, R: AsyncReply>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.async_services
            .push(async_service::<Asking<C, R>>(name, Role::Peer, fits));
    }

    /// The one-way rows between threads.
    fn thread_one_way<C: BlockingChannel>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.blocking_queues
            .push(blocking_queue::<ThreadOneWay<C>>(name, Role::Peer, fits));
    }

    /// The request rows between threads.
    fn thread_requests<C: BlockingChannel, R: BlockingReply>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.blocking_services
            .push(blocking_service::<ThreadAsking<C, R>>(
                name,
                Role::Peer,
                fits,
            ));
    }
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

/// `Q` in the one-way rows between tasks.
pub(crate) fn async_queue<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyAsyncQueue>
where
    Q: AsyncQueue<Ev> + AsyncQueue<EvBody> + AsyncQueue<Plain> + AsyncQueue<Bare>,
{
    Contender {
        name,
        role,
        fits,
        does: Box::new(PhantomData::<Q>),
    }
}

/// `Q` in the fan-out rows.
pub(crate) fn async_fan<Q>(name: &'static str, role: Role) -> Contender<dyn AnyAsyncFan>
where
    Q: AsyncFan<Ev> + AsyncFan<EvBody> + AsyncFan<Plain> + AsyncFan<Bare>,
{
    Contender {
        name,
        role,
        fits: any,
        does: Box::new(PhantomData::<Q>),
    }
}

/// `Q` in the request rows between tasks.
pub(crate) fn async_service<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyAsyncService>
where
    Q: AsyncService<Ev> + AsyncService<EvBody> + AsyncService<Plain> + AsyncService<Bare>,
{
    Contender {
        name,
        role,
        fits,
        does: Box::new(PhantomData::<Q>),
    }
}

/// `Q` in the one-way rows between tasks, as a handler.
#[cfg(feature = "frameworks")]
pub(crate) fn handling<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyHandling>
where
    PhantomData<Q>: AnyHandling + 'static,
{
    Contender {
        name,
        role,
        fits,
        does: Box::new(PhantomData::<Q>),
    }
}

/// `Q` in the request rows between tasks, as a handler.
#[cfg(feature = "frameworks")]
pub(crate) fn answering<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyAnswering>
where
    PhantomData<Q>: AnyAnswering + 'static,
{
    Contender {
        name,
        role,
        fits,
        does: Box::new(PhantomData::<Q>),
    }
}

/// `Q` in the one-way rows between threads.
pub(crate) fn blocking_queue<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyBlockingQueue>
where
    Q: BlockingQueue<Ev> + BlockingQueue<EvBody> + BlockingQueue<Plain> + BlockingQueue<Bare>,
{
    Contender {
        name,
        role,
        fits,
        does: Box::new(PhantomData::<Q>),
    }
}

/// `Q` in the request rows between threads.
pub(crate) fn blocking_service<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyBlockingService>
where
    Q: BlockingService<Ev>
        + BlockingService<EvBody>
        + BlockingService<Plain>
        + BlockingService<Bare>,
{
    Contender {
        name,
        role,
        fits,
        does: Box::new(PhantomData::<Q>),
    }
}
