//! What a contender implements: the four ways of moving events. A new peer implements those that it has.
//!
//! The ends make, read and settle the events themselves, so that every contender does what its own users would do;
//! the workloads see numbers only, and check them.

use std::pin::Pin;
use std::time::Duration;

use crate::tally::Tally;

/// How many ends, and how much room between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Producers, or requesters.
    pub producers: usize,
    /// Consumers (of each group, in the fan-out rows).
    pub consumers: usize,
    /// Events the queue may hold.
    pub capacity: usize,
}

impl Shape {
    /// "4:1 cap 100".
    pub(crate) fn name(&self) -> String {
        format!(
            "{}:{} cap {}",
            self.producers, self.consumers, self.capacity
        )
    }
}

/// Both ends of an opened queue.
pub(crate) struct Ends<Tx, Rx, Close> {
    /// One for each producer.
    pub producers: Vec<Tx>,
    /// One for each consumer.
    pub consumers: Vec<Rx>,
    /// Ends the queue when the producers are done: consumers get what is left and then `None`.
    pub close: Close,
}

/// Ends a queue from a task.
pub(crate) type AsyncClose = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Ends a queue from a thread.
pub(crate) type BlockingClose = Box<dyn FnOnce() + Send>;
/// The ends of a queue between tasks.
pub(crate) type AsyncEnds<Tx, Rx> = Ends<Tx, Rx, AsyncClose>;
/// The ends of a queue between threads.
pub(crate) type BlockingEnds<Tx, Rx> = Ends<Tx, Rx, BlockingClose>;

impl<Tx, Rx> AsyncEnds<Tx, Rx> {
    /// The ends of a queue that ends with its last producer.
    pub(crate) fn of_tasks(producers: Vec<Tx>, consumers: Vec<Rx>) -> Self {
        Self {
            producers,
            consumers,
            close: Box::pin(async {}),
        }
    }
}

impl<Tx, Rx> BlockingEnds<Tx, Rx> {
    /// The ends of a queue that ends with its last producer.
    pub(crate) fn of_threads(producers: Vec<Tx>, consumers: Vec<Rx>) -> Self {
        Self {
            producers,
            consumers,
            close: Box::new(|| {}),
        }
    }
}

/// One-way events between tasks.
pub(crate) trait AsyncQueue<K>: 'static {
    /// A producer.
    type Tx: AsyncTx;
    /// A consumer.
    type Rx: AsyncRx;
    /// Opens an empty queue.
    fn open(shape: Shape) -> AsyncEnds<Self::Tx, Self::Rx>;
}

/// A producer in a task.
pub(crate) trait AsyncTx: Send + 'static {
    /// Makes the event with this number and sends it, waiting while the queue is full.
    fn send(&mut self, number: u64) -> impl Future<Output = ()> + Send;
}

/// A consumer in a task.
pub(crate) trait AsyncRx: Send + 'static {
    /// Receives an event, reads all of it, settles it; `None` at the end.
    fn receive(&mut self) -> impl Future<Output = Option<u64>> + Send;
}

/// One-way events from one task to several groups, each of which gets every event.
pub(crate) trait AsyncFan<K>: 'static {
    /// The producer.
    type Tx: AsyncTx;
    /// The consumer of a group.
    type Rx: AsyncRx;
    /// Opens an empty queue with one producer and one consumer in each group.
    fn open(capacity: usize, groups: usize) -> AsyncEnds<Self::Tx, Self::Rx>;
}

/// Requests between tasks.
pub(crate) trait AsyncService<K>: 'static {
    /// A requester.
    type Client: AsyncClient;
    /// Whoever answers.
    type Server: AsyncServer;
    /// Opens an empty queue.
    fn open(shape: Shape) -> AsyncEnds<Self::Client, Self::Server>;
}

/// A requester in a task.
pub(crate) trait AsyncClient: Send + 'static {
    /// Makes the request with this number, sends it and waits at most so long for the answer.
    fn request(&mut self, number: u64, deadline: Duration) -> impl Future<Output = u64> + Send;
}

/// Whoever answers, in a task.
pub(crate) trait AsyncServer: Send + 'static {
    /// A request in hand.
    type Held: Send + 'static;
    /// Receives a request and reads all of it; `None` at the end.
    fn take(&mut self) -> impl Future<Output = Option<(u64, Self::Held)>> + Send;
    /// Answers it.
    fn answer(&mut self, held: Self::Held, answer: u64) -> impl Future<Output = ()> + Send;
}

/// Events between tasks for a handler that the peer itself calls: the actors of a framework.
pub(crate) trait AsyncHandled<K>: 'static {
    /// A producer, or a requester.
    type Tx: Send + 'static;
    /// Who started the handler, and ends it when dropped.
    type Handler: AsyncHandler;
    /// Starts the handler.
    fn open(shape: Shape) -> impl Future<Output = (Vec<Self::Tx>, Self::Handler)> + Send;
}

/// A handler that counts what it is given.
pub(crate) trait AsyncHandler: Send + 'static {
    /// Waits until everything that was sent before is handled, and says what that was since this was last asked.
    fn handled(&mut self) -> impl Future<Output = Tally> + Send;
}

/// A handler of requests that can hold answers back.
pub(crate) trait AsyncHolding<K>: AsyncHandled<K, Tx: AsyncClient> {
    /// Makes the request with this number, and waits at most so long for the answer that is held back meanwhile.
    fn wait(tx: &mut Self::Tx, number: u64, deadline: Duration)
    -> impl Future<Output = u64> + Send;
    /// How many answers are held back.
    fn held(handler: &mut Self::Handler) -> impl Future<Output = usize> + Send;
    /// Gives the answers that are held back.
    fn release(handler: &mut Self::Handler) -> impl Future<Output = ()> + Send;
}

/// One-way events between threads.
pub(crate) trait BlockingQueue<K>: 'static {
    /// A producer.
    type Tx: BlockingTx;
    /// A consumer.
    type Rx: BlockingRx;
    /// Opens an empty queue.
    fn open(shape: Shape) -> BlockingEnds<Self::Tx, Self::Rx>;
}

/// A producer on a thread.
pub(crate) trait BlockingTx: Send + 'static {
    /// Makes the event with this number and sends it, waiting while the queue is full.
    fn send(&mut self, number: u64);
}

/// A consumer on a thread.
pub(crate) trait BlockingRx: Send + 'static {
    /// Receives an event, reads all of it, settles it; `None` at the end.
    fn receive(&mut self) -> Option<u64>;
}

/// Requests between threads.
pub(crate) trait BlockingService<K>: 'static {
    /// A requester.
    type Client: BlockingClient;
    /// Whoever answers.
    type Server: BlockingServer;
    /// Opens an empty queue.
    fn open(shape: Shape) -> BlockingEnds<Self::Client, Self::Server>;
}

/// A requester on a thread.
pub(crate) trait BlockingClient: Send + 'static {
    /// Makes the request with this number, sends it and waits at most so long for the answer.
    fn request(&mut self, number: u64, deadline: Duration) -> u64;
}

/// Whoever answers, on a thread.
pub(crate) trait BlockingServer: Send + 'static {
    /// Receives a request, reads all of it, and answers it with [`answer_to`] its number; false at the end.
    fn serve(&mut self) -> bool;
}

/// The right answer to the request with this number.
#[inline]
pub(crate) fn answer_to(number: u64) -> u64 {
    !number
}
