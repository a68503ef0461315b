//! The driver's thread: it opens the queue, and works for the driver until nobody has it any more.

use std::sync::Arc;
use std::task::Waker;
use std::thread;

use bookdrop_backend::telling::{Promise, own_waker, promise};
use bookdrop_backend::{Error, ErrorKind};
use bookdrop_queue::park;
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::{LocalSet, spawn};

use crate::backend::Postgres;
use crate::commands::Command;
use crate::desk::Desk;
use crate::error::{ended, has_nul, with_nul};
use crate::link::Link;
use crate::options::Options;
use crate::server::Server;
use crate::shared::Shared;

type Opened = Result<Postgres, Error>;

/// Opens a queue on a thread of its own.
pub(crate) async fn open(server: Server, queue: String, options: Options) -> Opened {
    options.check()?;
    if has_nul(&queue) {
        return Err(with_nul("the name of the queue"));
    }
    let (told, word) = promise();
    let (commands, orders) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(options, commands));
    let thread = thread::Builder::new().name("bookdrop-postgres".to_owned());
    let work = move || run(server, queue, shared, orders, told);
    thread.spawn(work).map_err(|error| {
        let message = "could not start the driver's thread";
        Error::with_source(ErrorKind::Io, message, error)
    })?;
    word.await.unwrap_or_else(|| Err(ended()))
}

fn run(
    server: Server,
    queue: String,
    shared: Arc<Shared>,
    orders: UnboundedReceiver<Command>,
    told: Promise<Opened>,
) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = "could not start the driver's runtime";
            told.send(Err(Error::with_source(ErrorKind::Io, message, error)));
            return;
        }
    };
    shared.teller.trust(known_wakers(&runtime));
    LocalSet::new().block_on(&runtime, async {
        match Link::open(server, queue.clone(), &shared.options).await {
            Ok(link) => {
                // Where whoever opened it is gone, it is dropped, and that ends this thread.
                let opened = Postgres::new(shared.clone(), queue, thread::current().id());
                shared.teller.tell(move || told.send(Ok(opened)));
                Desk::new(shared, link, orders).run().await;
            }
            Err(error) => told.send(Err(error)),
        }
    });
}

/// Wakers of tokio's tasks, of its threads that wait for a future, and of threads that wait for an operation.
fn known_wakers(runtime: &Runtime) -> [Waker; 4] {
    let of_task = async { spawn(own_waker()).await.expect("it does not panic") };
    [
        runtime.block_on(of_task),
        runtime.block_on(own_waker()),
        runtime.handle().block_on(own_waker()),
        park::wait(own_waker()),
    ]
}
