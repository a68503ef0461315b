//! Tasks at work at the same time, and how long they take for so many events.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::event::{Events, Numbers, Tally};

/// What each task does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Sends an event, and waits until that is accepted.
    Send,
    /// Receives an event of a queue that was filled before, acks it, and waits until that is accepted.
    Receive,
    /// All three in turn.
    AllThree,
    /// Asks, and waits for the answer; as many other tasks answer.
    Request,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 4] = [Self::Send, Self::Receive, Self::AllThree, Self::Request];

    /// The name of the group.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive + ack",
            Self::AllThree => "send + receive + ack",
            Self::Request => "request",
        }
    }

    /// What so many tasks have for themselves: those who do the work, and behind them as many who answer, if there is something
    /// to answer.
    pub fn workers<W>(
        self,
        tasks: usize,
        mut does: impl FnMut() -> W,
        mut answers: impl FnMut() -> W,
    ) -> Vec<W> {
        let mut workers: Vec<W> = (0..tasks).map(|_| does()).collect();
        if self == Self::Request {
            workers.extend((0..tasks).map(|_| answers()));
        }
        workers
    }
}

/// What is to be done in a turn.
#[derive(Clone)]
pub struct Load {
    /// What each task does.
    pub work: Work,
    /// How many events they share out among themselves.
    pub events: u64,
    /// Makes the events.
    pub of: Arc<Events>,
}

/// A task with all that it has for itself.
pub trait Worker: Send + 'static {
    /// Sends an event; returns when that is committed.
    fn send(&mut self, event: Vec<u8>) -> impl Future<Output = ()> + Send;

    /// Takes an event in hand, and says its number.
    fn receive(&mut self) -> impl Future<Output = u64> + Send;

    /// The event in hand is done with; returns when that is committed.
    fn ack(&mut self) -> impl Future<Output = ()> + Send;

    /// Sends a request, and says the number that comes back. Who knows no requests takes no part there.
    fn request(&mut self, _event: Vec<u8>) -> impl Future<Output = u64> + Send {
        async { unreachable!("it takes no part there") }
    }

    /// Answers the next request with its number, and says it.
    fn answer(&mut self) -> impl Future<Output = u64> + Send {
        async { unreachable!("it takes no part there") }
    }
}

/// What all tasks of a turn share.
struct Shared {
    load: Load,
    to_do: Numbers,
    to_answer: Numbers,
    arrived: Tally,
}

/// Carries a load on one task for each worker; of requests the first half of them asks and the other one answers.
pub fn on_tasks<W: Worker>(runtime: &Handle, workers: &mut Vec<W>, load: &Load) -> Duration {
    let shared = Arc::new(Shared {
        load: load.clone(),
        to_do: Numbers::below(load.events),
        to_answer: Numbers::below(load.events),
        arrived: Tally::below(if load.work == Work::Send {
            0
        } else {
            load.events
        }),
    });
    let asking = match load.work {
        Work::Request => workers.len() / 2,
        Work::Send | Work::Receive | Work::AllThree => workers.len(),
    };
    let started = Instant::now();
    let tasks: Vec<JoinHandle<W>> = workers
        .drain(..)
        .enumerate()
        .map(|(index, worker)| {
            let shared = shared.clone();
            if index < asking {
                runtime.spawn(work(worker, shared))
            } else {
                runtime.spawn(answer(worker, shared))
            }
        })
        .collect();
    for task in tasks {
        workers.push(runtime.block_on(task).expect("no task panics"));
    }
    let took = started.elapsed();
    shared.arrived.check();
    took
}

async fn work<W: Worker>(mut worker: W, shared: Arc<Shared>) -> W {
    let Load { work, of, .. } = &shared.load;
    while let Some(number) = shared.to_do.take() {
        match work {
            Work::Send => worker.send(of.make(number)).await,
            Work::Receive => {
                shared.arrived.note(worker.receive().await);
                worker.ack().await;
            }
            Work::AllThree => {
                worker.send(of.make(number)).await;
                shared.arrived.note(worker.receive().await);
                worker.ack().await;
            }
            Work::Request => {
                let answer = worker.request(of.make(number)).await;
                assert_eq!(answer, number, "an answer belongs to its request");
            }
        }
    }
    worker
}

async fn answer<W: Worker>(mut worker: W, shared: Arc<Shared>) -> W {
    while shared.to_answer.take().is_some() {
        shared.arrived.note(worker.answer().await);
    }
    worker
}
