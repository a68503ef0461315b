//! How contenders are entered in the catalogue.

use std::marker::PhantomData;

use super::between_tasks::{Asking, AsyncChannel, OneWay};
use super::between_threads::{BlockingChannel, ThreadAsking, ThreadOneWay};
use super::per_group::PerGroup;
use super::replies::{AsyncReply, BlockingReply};
use super::{Catalogue, Contender, Role, any};
use crate::kind::{Bare, Ev, EvBody, Plain, Which};
use crate::queue::{AsyncFan, AsyncQueue, AsyncService, BlockingQueue, BlockingService, Shape};
#[cfg(feature = "frameworks")]
use crate::workloads::{AnyAnswering, AnyHandling};
use crate::workloads::{
    AnyAsyncFan, AnyAsyncQueue, AnyAsyncService, AnyBlockingQueue, AnyBlockingService,
};

/// The peers that are channels like others.
impl Catalogue {
    /// The one-way rows between tasks.
    pub(super) fn one_way<C: AsyncChannel>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.async_queues
            .push(async_queue::<OneWay<C>>(name, Role::Peer, fits));
    }

    /// The fan-out rows, with a channel for each group.
    pub(super) fn per_group<C: AsyncChannel>(&mut self, name: &'static str) {
        self.async_fans
            .push(async_fan::<PerGroup<OneWay<C>>>(name, Role::Peer));
    }

    /// The request rows between tasks.
    pub(super) fn requests<C: AsyncChannel, R: AsyncReply>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.async_services
            .push(async_service::<Asking<C, R>>(name, Role::Peer, fits));
    }

    /// The one-way rows between threads.
    pub(super) fn thread_one_way<C: BlockingChannel>(
        &mut self,
        name: &'static str,
        fits: fn(Which, Shape) -> bool,
    ) {
        self.blocking_queues
            .push(blocking_queue::<ThreadOneWay<C>>(name, Role::Peer, fits));
    }

    /// The request rows between threads.
    pub(super) fn thread_requests<C: BlockingChannel, R: BlockingReply>(
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

/// `Q` in the one-way rows between tasks.
pub(crate) fn async_queue<Q>(
    name: &'static str,
    role: Role,
    fits: fn(Which, Shape) -> bool,
) -> Contender<dyn AnyAsyncQueue>
where
    Q: AsyncQueue<Ev> + AsyncQueue<EvBody> + AsyncQueue<Plain> + AsyncQueue<Bare>,
{
    Contender::new(name, role, fits, Box::new(PhantomData::<Q>))
}

/// `Q` in the fan-out rows.
pub(crate) fn async_fan<Q>(name: &'static str, role: Role) -> Contender<dyn AnyAsyncFan>
where
    Q: AsyncFan<Ev> + AsyncFan<EvBody> + AsyncFan<Plain> + AsyncFan<Bare>,
{
    Contender::new(name, role, any, Box::new(PhantomData::<Q>))
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
    Contender::new(name, role, fits, Box::new(PhantomData::<Q>))
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
    Contender::new(name, role, fits, Box::new(PhantomData::<Q>))
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
    Contender::new(name, role, fits, Box::new(PhantomData::<Q>))
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
    Contender::new(name, role, fits, Box::new(PhantomData::<Q>))
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
    Contender::new(name, role, fits, Box::new(PhantomData::<Q>))
}
