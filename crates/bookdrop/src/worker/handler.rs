//! What can be a handler.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::done::Outcome;
use super::retry::Retry;
use super::view::View;
use super::work::{Call, OnThread, Seeing, SeeingAll, Taking, WithEvent, WithState, Work};
use crate::delivery::Delivery;
use crate::event::Event;
use crate::failure::Failure;

/// What a [`Worker`](super::Worker) calls for each event of a name. All of these are handlers:
///
/// - `async fn(&Event<T>) -> Result<R, Failure>`
/// - `async fn(&S, &Event<T>) -> Result<R, Failure>`, where the worker has a [state](super::Worker::with_state) of type `S`
/// - `async fn(&Delivery<T, R>) -> Result<R, Failure>`, which sees the event and, beside it, which attempt this is, until when the answer is
///   wanted, and whether it still is
/// - `async fn(Delivery<T, R>) -> Result<(), Failure>`, which settles by itself
/// - closures of these forms, if they take out of the event what they need and then return an `async move` block: the future of a
///   closure cannot borrow the event. The closure has to say what it takes: `|book: &Event<Book>| ...`.
/// - `fn(&Event<T>) -> Result<R, Failure>` that is [`blocking`](super::blocking())
/// - each of these with a policy of its own for failures, [`retrying`](super::retrying())
///
/// In place of `R` a handler may return whatever is an [`Outcome`].
///
/// The trait cannot be implemented outside of this crate. Its last parameter tells the forms apart, and is always inferred.
#[diagnostic::on_unimplemented(
    message = "this is not a handler for the worker",
    label = "not a handler",
    note = "a handler is an `async fn(&Event<T>) -> Result<R, Failure>`, with the types `T` and `R` of the worker's driver; a closure has to \
            say what it takes, as in `|book: &Event<Book>| async move {{ .. }}`; and the future has to be `Send`"
)]
pub trait Handler<B, T, R, S, Form>: sealed::Sealed<Form> {
    #[doc(hidden)]
    fn into_route<V: View<T, B>>(self, state: &Arc<S>) -> Route<T, R>;
}

mod sealed {
    pub trait Sealed<Form> {}
}

/// A handler as a worker keeps it.
#[doc(hidden)]
pub struct Route<T, R> {
    pub(super) work: Arc<dyn Work<T, R>>,
    pub(super) retry: Option<Retry>,
}

impl<T, R> Route<T, R> {
    fn new(work: impl Work<T, R> + 'static) -> Self {
        let (work, retry) = (Arc::new(work), None);
        Route { work, retry }
    }
}

/// A function of what it borrows, whose future may borrow that as well.
#[doc(hidden)]
pub trait Borrowing<'a, A: 'a>: Fn(&'a A) -> Self::Future {
    type Future: Future<Output = Self::Ends> + Send + 'a;
    type Ends;
}

impl<'a, A, F, Fut> Borrowing<'a, A> for F
where
    A: 'a,
    F: Fn(&'a A) -> Fut,
    Fut: Future + Send + 'a,
{
    type Future = Fut;
    type Ends = Fut::Output;
}

/// The same, of two.
#[doc(hidden)]
pub trait BorrowingBoth<'a, A: 'a, B: 'a>: Fn(&'a A, &'a B) -> Self::Future {
    type Future: Future<Output = Self::Ends> + Send + 'a;
    type Ends;
}

impl<'a, A, B, F, Fut> BorrowingBoth<'a, A, B> for F
where
    A: 'a,
    B: 'a,
    F: Fn(&'a A, &'a B) -> Fut,
    Fut: Future + Send + 'a,
{
    type Future = Fut;
    type Ends = Fut::Output;
}

/// The form of an `async fn(&Event)`.
#[doc(hidden)]
pub struct OfEvent<B, O>(PhantomData<fn() -> (B, O)>);

impl<F, B, O> sealed::Sealed<OfEvent<B, O>> for F {}

impl<F, B, T, R, S, O> Handler<B, T, R, S, OfEvent<B, O>> for F
where
    F: for<'a> Borrowing<'a, Event<B>, Ends = Result<O, Failure>> + Send + Sync + 'static,
    O: Outcome<T, R> + 'static,
    B: Send + Sync + 'static,
    T: Send + Sync + 'static,
    R: Send + 'static,
    S: Send + Sync + 'static,
{
    fn into_route<V: View<T, B>>(self, state: &Arc<S>) -> Route<T, R> {
        let call = WithEvent(self);
        Route::new(Seeing::<_, S, V, (B, O)>::new(call, state))
    }
}

impl<F, S, B, O> Call<S, B, O> for WithEvent<F>
where
    F: for<'a> Borrowing<'a, Event<B>, Ends = Result<O, Failure>> + Send + Sync + 'static,
{
    fn call<'a>(
        &'a self,
        _: &'a S,
        event: &'a Event<B>,
    ) -> impl Future<Output = Result<O, Failure>> + Send + 'a {
        (self.0)(event)
    }
}

/// The form of an `async fn(&State, &Event)`.
#[doc(hidden)]
pub struct OfStateAndEvent<S, B, O>(PhantomData<fn() -> (S, B, O)>);

impl<F, S, B, O> sealed::Sealed<OfStateAndEvent<S, B, O>> for F {}

impl<F, B, T, R, S, O> Handler<B, T, R, S, OfStateAndEvent<S, B, O>> for F
where
    F: for<'a> BorrowingBoth<'a, S, Event<B>, Ends = Result<O, Failure>> + Send + Sync + 'static,
    O: Outcome<T, R> + 'static,
    B: Send + Sync + 'static,
    T: Send + Sync + 'static,
    R: Send + 'static,
    S: Send + Sync + 'static,
{
    fn into_route<V: View<T, B>>(self, state: &Arc<S>) -> Route<T, R> {
        let call = WithState(self);
        Route::new(Seeing::<_, S, V, (B, O)>::new(call, state))
    }
}

impl<F, S, B, O> Call<S, B, O> for WithState<F>
where
    F: for<'a> BorrowingBoth<'a, S, Event<B>, Ends = Result<O, Failure>> + Send + Sync + 'static,
{
    fn call<'a>(
        &'a self,
        state: &'a S,
        event: &'a Event<B>,
    ) -> impl Future<Output = Result<O, Failure>> + Send + 'a {
        (self.0)(state, event)
    }
}

/// The form of an `async fn(&Delivery)`.
#[doc(hidden)]
pub struct OfBorrowedDelivery<O>(PhantomData<fn() -> O>);

impl<F, O> sealed::Sealed<OfBorrowedDelivery<O>> for F {}

impl<F, T, R, S, O> Handler<T, T, R, S, OfBorrowedDelivery<O>> for F
where
    F: for<'a> Borrowing<'a, Delivery<T, R>, Ends = Result<O, Failure>> + Send + Sync + 'static,
    O: Outcome<T, R> + 'static,
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    fn into_route<V: View<T, T>>(self, _: &Arc<S>) -> Route<T, R> {
        let sees = PhantomData;
        Route::new(SeeingAll { call: self, sees })
    }
}

/// The form of an `async fn(Delivery)`.
#[doc(hidden)]
pub struct OfDelivery(());

impl<F> sealed::Sealed<OfDelivery> for F {}

impl<F, T, R, S, Fut> Handler<T, T, R, S, OfDelivery> for F
where
    F: Fn(Delivery<T, R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn into_route<V: View<T, T>>(self, _: &Arc<S>) -> Route<T, R> {
        Route::new(Taking(self))
    }
}

/// A handler that blocks its thread; made by [`blocking()`].
#[derive(Clone, Copy, Debug)]
pub struct Blocking<F>(F);

/// Makes a handler of a function that blocks: it runs on a thread of a pool that grows as it has to, and so holds up no task of the
/// executor.
///
/// It cannot be stopped. A worker that is shut down, and waits no longer, leaves it behind; then its event comes back when it has ended.
///
/// ```
/// use bookdrop::{Consumer, Driver, Event, Failure, Worker, blocking};
///
/// fn print(book: &Event) -> Result<(), Failure> {
///     std::fs::write("/dev/null", book.name())?;
///     Ok(())
/// }
///
/// let library: Driver = Driver::memory(10);
/// let worker = Worker::new(Consumer::new(&library)).on("S", blocking(print));
/// ```
pub fn blocking<F>(handler: F) -> Blocking<F> {
    Blocking(handler)
}

/// The form of a `blocking(fn(&Event))`.
#[doc(hidden)]
pub struct OfBlocking<B, O>(PhantomData<fn() -> (B, O)>);

impl<F, B, O> sealed::Sealed<OfBlocking<B, O>> for Blocking<F> {}

impl<F, B, T, R, S, O> Handler<B, T, R, S, OfBlocking<B, O>> for Blocking<F>
where
    F: Fn(&Event<B>) -> Result<O, Failure> + Send + Sync + 'static,
    O: Outcome<T, R> + 'static,
    B: 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    fn into_route<V: View<T, B>>(self, _: &Arc<S>) -> Route<T, R> {
        Route::new(OnThread::<F, V, (B, O)>::new(self.0))
    }
}

/// A handler with a policy of its own for failures; made by [`retrying`].
#[derive(Clone, Copy, Debug)]
pub struct Retrying<H> {
    retry: Retry,
    handler: H,
}

/// Gives a handler a policy of its own for failures: how often an event is tried, and after which pauses.
///
/// A one-way event that failed the last time becomes a dead letter, with what the handler said. A request is answered with that; and so it
/// is, too, when it would come back only after its deadline.
///
/// Without a policy a one-way event comes back as its driver does it (see [`nack`](Delivery::nack)), and a request is answered with the
/// first failure.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Consumer, Driver, Event, Failure, Retry, Worker, retrying};
///
/// async fn lend(book: &Event) -> Result<(), Failure> {
///     println!("{}", book.name());
///     Ok(())
/// }
///
/// let library: Driver = Driver::memory(10);
/// let often = Retry::new(5).backoff(Duration::from_secs(1), Duration::from_secs(60));
/// let worker = Worker::new(Consumer::new(&library)).on("S", retrying(often, lend));
/// ```
pub fn retrying<H>(retry: Retry, handler: H) -> Retrying<H> {
    Retrying { retry, handler }
}

/// The form of one with a policy of its own.
#[doc(hidden)]
pub struct OfRetrying<Form>(PhantomData<fn() -> Form>);

impl<H, Form> sealed::Sealed<OfRetrying<Form>> for Retrying<H> {}

impl<H, B, T, R, S, Form> Handler<B, T, R, S, OfRetrying<Form>> for Retrying<H>
where
    H: Handler<B, T, R, S, Form>,
{
    fn into_route<V: View<T, B>>(self, state: &Arc<S>) -> Route<T, R> {
        Route {
            retry: Some(self.retry),
            ..self.handler.into_route::<V>(state)
        }
    }
}
