//! The worker: runs handlers over what a consumer receives.

mod done;
mod handler;
mod held;
mod job;
mod pool;
mod report;
mod retry;
mod routes;
mod running;
mod shop;
mod stop;
mod view;
mod work;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_core::de::DeserializeOwned;
use serde_json::Value;

use crate::consumer::Consumer;
use crate::error::ReceiveError;
use crate::event::Event;
use crate::failure::Failure;
use crate::operation::Operation;
pub use done::{Done, Outcome};
pub use handler::{Blocking, Handler, Retrying, blocking, retrying};
use pool::{Here, Pool, Spawned};
pub use report::WorkReport;
pub use retry::Retry;
use routes::Routes;
use running::Running;
use shop::{OnFailure, Shop};
pub use stop::WorkerHandle;
use view::{AsIs, FromJson};

/// Runs handlers over the events that a consumer receives: several at a time, each settled by how its handler ends.
///
/// | the handler | a one-way event | a request |
/// |---|---|---|
/// | returns `Ok` | is acked | is answered with what it returns |
/// | returns `Err`, or panics | comes back, as after [`nack`](crate::Delivery::nack), or as its [policy](retrying) says | is answered with the failure, or tried again as its policy says, as long as that is in time |
/// | returns a [permanent](Failure::permanent) failure | becomes a dead letter | is answered with the failure |
/// | takes the [`Delivery`](crate::Delivery) | is what it makes of it | is what it makes of it |
/// | is dropped, since the worker stops | comes back, and did not fail | comes back, and did not fail |
/// | is missing | becomes a dead letter | is answered with a failure, `bookdrop.no_handler` |
///
/// A request whose requester has given up is not begun. Events of one [key](Event::with_key) are handled one at a time, in order, however many
/// handlers run. Where a driver has a lease, it prolongs it by itself while a handler runs.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Consumer, Driver, Event, Failure, Producer, Worker};
///
/// async fn shelve(book: &Event) -> Result<(), Failure> {
///     println!("{} is back", book.header("title").unwrap_or("something"));
///     Ok(())
/// }
///
/// async fn check(book: &Event) -> Result<bookdrop::Value, Failure> {
///     Ok(format!("{} is as good as new", book.name()).into())
/// }
///
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(100);
/// let worker = Worker::new(Consumer::new(&library))
///     .on("returned", shelve)
///     .on("check.*", check)
///     .concurrency(8);
/// let handle = worker.handle();
///
/// let requester = async {
///     let a = Producer::new(&library);
///     a.send(Event::new("returned").with_header("title", "hello world")).await?;
///     let state = a.request(Event::new("check.S"), Duration::from_secs(2)).await?;
///     assert_eq!(state, "check.S is as good as new");
///     handle.stop(Duration::from_secs(30));
///     Ok::<(), bookdrop::Error>(())
/// };
/// let (report, asked) = futures_lite::future::zip(worker.run(), requester).await;
/// asked?;
/// assert_eq!(report?.finished, 2);
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a worker does nothing unless it is run"]
pub struct Worker<T = (), R = Value, S = ()> {
    consumer: Consumer<T, R>,
    state: Arc<S>,
    routes: Routes<T, R>,
    on_failure: Option<OnFailure<T>>,
    concurrency: usize,
    handle: WorkerHandle,
}

/// So many handlers run at a time, where nothing else is said.
const CONCURRENCY: usize = 64;

impl<T, R> Worker<T, R> {
    /// A worker that takes its events from this consumer.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Worker};
    /// let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library));
    /// ```
    pub fn new(consumer: Consumer<T, R>) -> Self {
        Worker::with_state(consumer, ())
    }
}

impl<T, R, S> Worker<T, R, S> {
    /// A worker whose handlers share a state: those that take two arguments get it as the first one.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use bookdrop::{Consumer, Driver, Event, Failure, Worker};
    ///
    /// async fn count(shelf: &AtomicU32, _: &Event) -> Result<(), Failure> {
    ///     shelf.fetch_add(1, Ordering::Relaxed);
    ///     Ok(())
    /// }
    ///
    /// let library: Driver = Driver::memory(10);
    /// let worker = Worker::with_state(Consumer::new(&library), AtomicU32::new(0)).on("S", count);
    /// ```
    pub fn with_state(consumer: Consumer<T, R>, state: S) -> Self {
        Worker {
            consumer,
            state: Arc::new(state),
            routes: Routes::default(),
            on_failure: None,
            concurrency: CONCURRENCY,
            handle: WorkerHandle::default(),
        }
    }

    /// Adds a [handler](Handler) for the events of a name or, with `prefix.*`, for those whose names begin with `prefix.`.
    ///
    /// A whole name goes before a prefix, and a longer prefix before a shorter one.
    ///
    /// # Panics
    /// When there is a handler for this pattern, or when it has a `*` elsewhere than in `.*` at its end.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Failure, Worker};
    /// async fn lend(book: &Event) -> Result<(), Failure> { Ok(()) }
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library))
    ///     .on("book.lend", lend)
    ///     .on("book.*", |book: &Event| {
    ///         let name = book.name().to_owned(); // before the first await
    ///         async move {
    ///             println!("what is {name}?");
    ///             Ok(())
    ///         }
    ///     });
    /// ```
    pub fn on<Form>(mut self, pattern: &str, handler: impl Handler<T, T, R, S, Form>) -> Self
    where
        T: 'static,
    {
        self.routes
            .add(pattern, handler.into_route::<AsIs>(&self.state));
        self
    }

    /// Adds a handler for all events that there is no other one for. Without it, they become dead letters.
    ///
    /// # Panics
    /// When there is one.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Failure, Worker};
    /// async fn wonder(book: &Event) -> Result<(), Failure> {
    ///     Err(Failure::new(format!("what is {}?", book.name())))
    /// }
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library)).otherwise(wonder);
    /// ```
    pub fn otherwise<Form>(mut self, handler: impl Handler<T, T, R, S, Form>) -> Self {
        self.routes
            .add_otherwise(handler.into_route::<AsIs>(&self.state));
        self
    }

    /// At most so many handlers run at a time; at least one. 64 by default. Each has one event in hand, and no more than these are taken.
    ///
    /// With one, events are handled in the order in which they are received.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Worker};
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library)).concurrency(1);
    /// ```
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.max(1);
        self
    }

    /// Is told of each failure, with the event, before that is settled: a handler's error, a panic, an event that there is no handler for.
    /// It is called in the task that the handler ran in, and should be quick; a panic in it is not caught.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Worker};
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library))
    ///     .on_failure(|event, failure| eprintln!("{} ({}): {failure}", event.name(), event.id()));
    /// ```
    pub fn on_failure(
        mut self,
        tell: impl Fn(&Event<T>, &Failure) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Some(Box::new(tell));
        self
    }

    /// A handle that stops this worker.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Worker};
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library));
    /// let handle = worker.handle();
    /// std::thread::spawn(move || handle.stop(Duration::from_secs(30)));
    /// worker.run().wait()?;
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn handle(&self) -> WorkerHandle {
        self.handle.clone()
    }
}

impl<T: Send + 'static, R: Send + 'static, S> Worker<T, R, S> {
    /// Runs the worker, all of its handlers in this one task, until it is [stopped](WorkerHandle::stop), or the driver is closed and
    /// nothing is left.
    ///
    /// # Errors
    /// As [`receive`](Consumer::receive), when the driver can never hand anything over any more. What the handlers had in hand is done by
    /// then. A handler's failure ends no worker.
    ///
    /// # Cancel safety
    /// Dropped, the handlers that run are dropped, and their events come back, without having failed.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Failure, Producer, Worker};
    /// async fn shelve(book: &Event) -> Result<(), Failure> { Ok(()) }
    /// # let library: Driver = Driver::memory(10);
    /// let worker = Worker::new(Consumer::new(&library)).on("S", shelve);
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// library.close().wait()?; // it ends when nothing is left
    /// assert_eq!(worker.run().wait()?.finished, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn run(
        self,
    ) -> Operation<impl Future<Output = Result<WorkReport, ReceiveError>> + use<T, R, S>> {
        self.run_in(Here::new())
    }

    /// Runs the worker, each handler in a task of its own, which `spawn` hands to an executor: so they use all of its threads. This future
    /// takes the events; it ends as that of [`run`](Worker::run).
    ///
    /// # Errors
    /// As [`run`](Worker::run).
    ///
    /// # Cancel safety
    /// Dropped, the handlers that run are dropped as soon as their executor comes to it, and their events come back, without having failed.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Failure, Producer, Worker};
    /// async fn shelve(book: &Event) -> Result<(), Failure> { Ok(()) }
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # library.close().wait()?;
    /// let worker = Worker::new(Consumer::new(&library)).on("S", shelve);
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let report = worker.run_on(|task| drop(tokio::spawn(task))).await?;
    /// assert_eq!(report.finished, 1);
    /// # Ok::<(), bookdrop::Error>(()) }).unwrap();
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn run_on<Spawn>(
        self,
        spawn: Spawn,
    ) -> Operation<impl Future<Output = Result<WorkReport, ReceiveError>> + use<T, R, S, Spawn>>
    where
        Spawn: FnMut(Pin<Box<dyn Future<Output = ()> + Send>>),
    {
        self.run_in(Spawned::new(spawn))
    }

    fn run_in<P: Pool<T, R>>(self, pool: P) -> Operation<Running<T, R, P>> {
        let home = self.consumer.home();
        let shop = Shop::new(self.routes, self.on_failure, home);
        Operation::new(Running {
            shop: Arc::new(shop),
            consumer: Some(self.consumer),
            pool,
            limit: self.concurrency,
            handle: self.handle,
            grace: None,
            report: WorkReport::default(),
            failed: None,
        })
    }
}

impl<R, S> Worker<Value, R, S> {
    /// Adds a handler of events whose bodies are JSON: it gets what it takes, read from that. An event whose body cannot be read like that
    /// becomes a dead letter, with the reason; a request is answered with it (`bookdrop.undecodable`).
    ///
    /// Patterns are those of [`on`](Worker::on).
    ///
    /// # Panics
    /// As [`on`](Worker::on).
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, Failure, Value, Worker};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Book { pages: u32 }
    ///
    /// async fn lend(book: &Event<Book>) -> Result<Value, Failure> {
    ///     Ok(book.body().pages.into())
    /// }
    ///
    /// let library = Driver::<Value>::memory(10);
    /// let worker = Worker::new(Consumer::new(&library)).on_json("book.*", lend);
    /// ```
    pub fn on_json<B, Form>(
        mut self,
        pattern: &str,
        handler: impl Handler<B, Value, R, S, Form>,
    ) -> Self
    where
        B: DeserializeOwned,
    {
        self.routes
            .add(pattern, handler.into_route::<FromJson>(&self.state));
        self
    }
}

impl<T, R, S> fmt::Debug for Worker<T, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("consumer", &self.consumer)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
