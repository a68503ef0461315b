//! What a handler does with one event, whatever its form is.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;

use super::done::{Done, Outcome};
use super::handler::Borrowing;
use super::held::Held;
use super::view::View;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::failure::Failure;

/// A handler, whatever its form is.
#[doc(hidden)]
pub(super) trait Work<T, R>: Send + Sync {
    fn begin(self: Arc<Self>, held: Held<T, R>) -> Working<T, R>;
}

/// Work that is done.
pub(super) type Working<T, R> = Pin<Box<dyn Future<Output = Worked<T, R>> + Send>>;

/// What came of it.
pub(super) enum Worked<T, R> {
    /// The event is to be settled.
    Ended(Held<T, R>, Result<Done<T, R>, Failed>),
    /// The handler has settled it, or let go of it.
    Taken(Result<(), Failed>),
    /// It cannot be done to its end here.
    PutAside,
}

/// How it failed.
pub(super) enum Failed {
    Failure(Failure),
    /// The handler panicked, and said this.
    Panic(String),
}

/// A handler that is called with a state and an event.
pub(super) trait Call<S, B, O>: Send + Sync + 'static {
    fn call<'a>(
        &'a self,
        state: &'a S,
        event: &'a Event<B>,
    ) -> impl Future<Output = Result<O, Failure>> + Send + 'a;
}

/// One that does not want the state.
pub(super) struct WithEvent<F>(pub(super) F);

/// One that does.
pub(super) struct WithState<F>(pub(super) F);

/// A handler that sees the event.
pub(super) struct Seeing<C, S, V, BO> {
    call: C,
    state: Arc<S>,
    sees: PhantomData<fn() -> (V, BO)>,
}

impl<C, S, V, BO> Seeing<C, S, V, BO> {
    pub(super) fn new(call: C, state: &Arc<S>) -> Self {
        let (state, sees) = (state.clone(), PhantomData);
        Seeing { call, state, sees }
    }
}

impl<C, S, V, B, O, T, R> Work<T, R> for Seeing<C, S, V, (B, O)>
where
    C: Call<S, B, O>,
    S: Send + Sync + 'static,
    V: View<T, B>,
    B: Send + Sync + 'static,
    O: Outcome<T, R> + 'static,
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    fn begin(self: Arc<Self>, held: Held<T, R>) -> Working<T, R> {
        Box::pin(async move {
            let working = async {
                let event = V::see(&held)?;
                let outcome = self.call.call(&self.state, &event).await;
                outcome.map(O::into_done)
            };
            // Nobody sees again what a panic has left half done, but for the state: that is its owner's affair, as with a thread that panics.
            let ended = AssertUnwindSafe(working).catch_unwind().await;
            Worked::Ended(held, ended_or_panicked(ended))
        })
    }
}

/// A handler that sees the whole delivery.
pub(super) struct SeeingAll<F, O> {
    pub(super) call: F,
    pub(super) sees: PhantomData<fn() -> O>,
}

impl<F, T, R, O> Work<T, R> for SeeingAll<F, O>
where
    F: for<'a> Borrowing<'a, Delivery<T, R>, Ends = Result<O, Failure>> + Send + Sync + 'static,
    O: Outcome<T, R> + 'static,
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    fn begin(self: Arc<Self>, held: Held<T, R>) -> Working<T, R> {
        Box::pin(async move {
            let working = async { (self.call)(&held).await.map(O::into_done) };
            let ended = AssertUnwindSafe(working).catch_unwind().await;
            Worked::Ended(held, ended_or_panicked(ended))
        })
    }
}

/// A handler that takes the delivery.
pub(super) struct Taking<F>(pub(super) F);

impl<F, Fut, T, R> Work<T, R> for Taking<F>
where
    F: Fn(Delivery<T, R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn begin(self: Arc<Self>, held: Held<T, R>) -> Working<T, R> {
        Box::pin(async move {
            let working = async { (self.0)(held.into_delivery()).await };
            let ended = AssertUnwindSafe(working).catch_unwind().await;
            Worked::Taken(ended_or_panicked(ended))
        })
    }
}

/// A handler that blocks a thread.
pub(super) struct OnThread<F, V, BO> {
    handler: F,
    sees: PhantomData<fn() -> (V, BO)>,
}

impl<F, V, BO> OnThread<F, V, BO> {
    pub(super) fn new(handler: F) -> Self {
        let sees = PhantomData;
        OnThread { handler, sees }
    }
}

impl<F, V, B, O, T, R> Work<T, R> for OnThread<F, V, (B, O)>
where
    F: Fn(&Event<B>) -> Result<O, Failure> + Send + Sync + 'static,
    V: View<T, B>,
    B: 'static,
    O: Outcome<T, R> + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn begin(self: Arc<Self>, held: Held<T, R>) -> Working<T, R> {
        Box::pin(blocking::unblock(move || {
            let working = || (self.handler)(&*V::see(&held)?).map(O::into_done);
            let ended = catch_unwind(AssertUnwindSafe(working));
            Worked::Ended(held, ended_or_panicked(ended))
        }))
    }
}

type Caught<V> = Result<Result<V, Failure>, Box<dyn Any + Send>>;

fn ended_or_panicked<V>(caught: Caught<V>) -> Result<V, Failed> {
    match caught {
        Ok(ended) => ended.map_err(Failed::Failure),
        Err(panic) => Err(Failed::Panic(said(&*panic))),
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("something that is no text").to_owned()
}
