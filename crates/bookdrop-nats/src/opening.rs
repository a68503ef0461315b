//! The driver's thread: it opens the queue, and works for the driver until nobody has it any more.

use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use bookdrop_backend::telling::own_waker;
use bookdrop_backend::{Capabilities, Error, ErrorKind};
use bookdrop_queue::park;
use bookdrop_remote::{Guest, GuestId, Remote, Terms, guest};
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn};

use crate::error::denied;
use crate::journal::{DriverId, Journal};
use crate::link::{Called, Events, Link};
use crate::names::Names;
use crate::options::Options;
use crate::server::Server;
use crate::warnings;
use crate::work::{Place, Work};

/// A longer span counts as this: about a hundred years.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// A packet is no longer than this, whatever the server takes.
const LONGEST_PACKET: usize = 256 << 10;
/// Bytes of the server's bound that are left for the subject.
const SUBJECT: usize = 1 << 10;
/// Threads that wait for the server when the driver has ended are waited for no longer.
const THREADS_END_WITHIN: Duration = Duration::from_secs(5);

/// Opens a queue on a thread of its own.
pub(crate) async fn open(server: Server, queue: &str, options: Options) -> Result<Remote, Error> {
    options.check()?;
    let names = Names::new(queue)?;
    let sync_interval = options.sync_interval;
    let (told, word) = oneshot::channel();
    let thread = thread::Builder::new().name("bookdrop-nats".to_owned());
    let spawned = thread.spawn(move || run(server, names, options, told));
    spawned.map_err(|error| could_not_start("thread", error))?;
    let opened = word.await.unwrap_or_else(|_| {
        let message = "the driver's thread ended before the queue was open";
        Err(Error::new(ErrorKind::Io, message))
    })?;
    if sync_interval.is_none() {
        warnings::of_loss(queue);
    }
    Ok(opened)
}

fn run(
    server: Server,
    names: Names,
    options: Options,
    told: oneshot::Sender<Result<Remote, Error>>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Where nobody waits any more, nothing is to be done.
            let _ = told.send(Err(could_not_start("runtime", error)));
            return;
        }
    };
    let known = known_wakers(&runtime);
    LocalSet::new().block_on(&runtime, async {
        match begin(&server, names, options, known).await {
            Ok((remote, work)) => {
                // Where whoever opened it is gone, it is dropped, and that ends this thread.
                let _ = told.send(Ok(remote));
                work.run().await;
            }
            Err(error) => {
                let _ = told.send(Err(error));
            }
        }
    });
    runtime.shutdown_timeout(THREADS_END_WITHIN);
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

async fn begin(
    server: &Server,
    names: Names,
    options: Options,
    known: [Waker; 4],
) -> Result<(Remote, Work), Error> {
    let (link, mut events) = Link::new(server).await?;
    has_jetstream(&link, &names).await?;
    let me = DriverId(fastrand::u128(..).to_be_bytes());
    let terms = terms(&options, &link);
    let (remote, guest): (Remote, Guest) = guest(GuestId(me.0), terms.clone(), Instant::now());
    guest.trust(known);
    let open = async {
        let journal = Journal::open(link.clone(), names.clone(), &options, me).await?;
        // Much later it would be asked for the first time, and nobody would hear that it is refused.
        journal.may_purge(options.patience).await?;
        Ok::<_, Error>(journal)
    };
    let journal = tokio::select! {
        opened = open => opened?,
        error = is_denied(&mut events) => return Err(error),
    };
    let place = Place {
        hosts: server.hosts().to_owned(),
        link,
        events,
        names,
        journal,
        me,
        options,
        terms,
    };
    let work = Work::begin(place, guest).await?;
    Ok((remote, work))
}

/// Ends when the server says that the user lacks a right: of what was asked it says nothing then.
async fn is_denied(events: &mut Events) -> Error {
    loop {
        match events.recv().await.as_ref().map(denied) {
            Some(Some(error)) => return error,
            Some(None) => {}
            None => std::future::pending().await,
        }
    }
}

/// A server without JetStream may be beside one that has it, which answers then.
async fn has_jetstream(link: &Link, names: &Names) -> Result<(), Error> {
    if link.is_with_jetstream() || link.calls(names.info()).await != Called::Nobody {
        return Ok(());
    }
    let message = "the server has no JetStream, and none beside it answers: it takes a block `jetstream {}` in its settings, or the \
                   argument `-js`";
    Err(Error::new(ErrorKind::Unsupported, message))
}

fn terms(options: &Options, link: &Link) -> Terms {
    let mut terms = Terms::default();
    terms.lease = options.lease.min(FOREVER);
    terms.patience = options.patience.min(FOREVER);
    terms.max_packet = link
        .max_payload()
        .saturating_sub(SUBJECT)
        .min(LONGEST_PACKET);
    terms.max_event_bytes = options.max_event_bytes;
    terms.capacity = options.limits.capacity;
    terms.capabilities = capabilities();
    terms
}

fn capabilities() -> Capabilities {
    let mut all = Capabilities::default();
    all.groups = true;
    all.keys = true;
    all.priority = true;
    all.delay = true;
    all.time_to_live = true;
    all.duplicate_detection = true;
    all.dead_letters = true;
    all.no_consumer_detection = true;
    all.survives_restart = true;
    all.cross_process = true;
    all.lease = true;
    all
}

/// It is asked no longer.
pub(crate) fn gives_no_word(patience: Duration) -> Error {
    let message =
        format!("the queue could not be opened within {patience:?}: the server gives no word");
    Error::new(ErrorKind::Io, message)
}

fn could_not_start(what: &str, error: std::io::Error) -> Error {
    let message = format!("could not start the driver's {what}");
    Error::with_source(ErrorKind::Io, message, error)
}
