//! This driver as the keeper: it opens the queue, and does what its guests ask.

#[cfg(all(test, unix))]
mod tests;

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use async_nats::{Message, Subscriber};
use bookdrop_backend::{Error, ErrorKind};
use bookdrop_disk::storage::Folder;
use bookdrop_remote::{GuestId, Host, HostTurn, Terms, greeting};
use bytes::Bytes;
use futures_util::StreamExt;
use std::task::Context;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking, spawn_local};
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::ServerClock;
use crate::folder::{Known, PagedFolder};
use crate::held::{Held, HeldPages};
use crate::journal::{Epoch, Journal, Writer};
use crate::keeping::Keeping;
use crate::link::Link;
use crate::names::Names;
use crate::options::Options;
use crate::pages::{Desk, StreamPages, silent};
use crate::seeking::Mine;
use crate::server::LONGEST_PAUSE;
use crate::warnings::{self, OtherVersions};

/// So often the keeper makes sure that no other one is there.
const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// A keeper that follows another one knows of no consumer yet. It waits so long before it tells requesters that there is none: their
/// drivers may have lost the server as well, and find it with their next try or the one after it.
const CONSUMERS_COME_WITHIN: Duration = Duration::from_secs(2 * LONGEST_PAUSE.as_secs());
/// What guests say before the queue is open waits, up to so many packets and so many bytes; they say the rest again.
const EARLY_PACKETS: usize = 1_024;
const EARLY_BYTES: usize = 16 << 20;

/// A driver that is the keeper.
pub(crate) struct Keeper {
    epoch: Epoch,
    /// Whether another one kept the queue before.
    follows: bool,
    link: Link,
    names: Names,
    ears: Subscriber,
    stage: Stage,
    early: Early,
    /// Ends when this driver is the keeper no more, or cannot go on.
    work: JoinHandle<Ended>,
    /// Rung when the connection is there again.
    connected: Arc<Notify>,
    other_versions: OtherVersions,
}

enum Stage {
    Opening(JoinHandle<Result<Arc<Keeping>, Error>>),
    Open {
        keeping: Arc<Keeping>,
        host: Box<Host<Keeping>>,
        /// By then, the consumers of before have come.
        consumers_until: Option<Instant>,
        /// By then, whoever had something in hand has come.
        unclaimed_until: Option<Instant>,
    },
}

/// Why a driver is the keeper no more.
pub(crate) struct Ended {
    pub(crate) why: Error,
    /// Dropped last: threads of the queue that wait for a page find then that it will not be written.
    _desk: Option<Box<Desk>>,
}

impl Ended {
    fn new(why: Error) -> Self {
        Ended { why, _desk: None }
    }
}

/// What happened to a keeper.
pub(crate) enum News {
    /// The queue is open.
    Opened,
    /// It is the keeper no more, or cannot be.
    Ended(Ended),
    /// There may be something to do.
    Something,
}

impl Keeper {
    /// Begins to open the queue.
    ///
    /// # Errors
    /// It cannot listen to its guests.
    pub(crate) async fn new(
        (link, names): (&Link, &Names),
        journal: &Journal,
        mine: Mine,
        options: &Options,
    ) -> Result<Self, Error> {
        let Mine {
            writer,
            follows,
            clock,
        } = mine;
        let epoch = writer.epoch();
        // At once: whoever calls it meanwhile would take it for gone, and claim in its place.
        let ears = link.hear(names.keeper(epoch)).await?;
        let (opens, opened) = tokio::sync::oneshot::channel();
        let connected = Arc::new(Notify::new());
        let held = Held::default();
        let work = spawn_local(work(
            journal.clone(),
            (writer, clock),
            options.patience,
            (opens, held.clone()),
            connected.clone(),
        ));
        let (options, stream) = (options.of_folder(clock), names.stream());
        let opening = spawn_local(async move {
            let ended = || Error::new(ErrorKind::Io, "the queue could not be read");
            let folder = opened.await.map_err(|_| ended())?;
            let damaged = folder.damaged();
            let opened = spawn_blocking(move || bookdrop_disk::open_folder(folder, &options)).await;
            held.let_go();
            let (records, report) = opened.map_err(|_| ended())??;
            warnings::of_damage(&stream, damaged, &report);
            // Here, where pages are written: a thread would have to be woken for each, and to wake this one.
            spawn_local(records.store().committing());
            Ok(Arc::new(Keeping::new(records)))
        });
        Ok(Keeper {
            epoch,
            follows,
            link: link.clone(),
            names: names.clone(),
            ears,
            stage: Stage::Opening(opening),
            early: Early::default(),
            work,
            connected,
            other_versions: OtherVersions::default(),
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What happens next.
    pub(crate) async fn news(&mut self, terms: &Terms) -> News {
        tokio::select! {
            ended = &mut self.work => News::Ended(ended.unwrap_or_else(|_| {
                let message = "the queue is not written any more";
                Ended::new(Error::new(ErrorKind::Io, message))
            })),
            said = self.ears.next() => {
                if let Some(said) = said {
                    self.hear(said);
                }
                News::Something
            }
            next = next(&mut self.stage) => match next {
                Next::Opened(Ok(keeping)) => {
                    self.open(keeping, terms);
                    News::Opened
                }
                Next::Opened(Err(error)) => News::Ended(Ended::new(error)),
                Next::ConsumersHaveCome => {
                    if let Stage::Open { keeping, consumers_until, .. } = &mut self.stage {
                        *consumers_until = None;
                        keeping.expect_no_more_consumers();
                    }
                    News::Something
                }
                Next::HoldersHaveCome => {
                    if let Stage::Open { keeping, unclaimed_until, .. } = &mut self.stage {
                        *unclaimed_until = None;
                        keeping.lose_unclaimed();
                    }
                    News::Something
                }
            },
        }
    }

    fn open(&mut self, keeping: Arc<Keeping>, terms: &Terms) {
        if self.follows {
            keeping.expect_consumers();
        }
        let host = Host::new(keeping.clone(), self.epoch.sequence, terms.clone());
        let now = Instant::now();
        self.stage = Stage::Open {
            keeping,
            host: Box::new(host),
            consumers_until: self.follows.then(|| now + CONSUMERS_COME_WITHIN),
            unclaimed_until: Some(now + terms.lease),
        };
        for (packet, came) in std::mem::take(&mut self.early.packets) {
            // It is said again, and answered then.
            let _ = self.receive(packet, came);
        }
    }

    fn hear(&mut self, said: Message) {
        if said.payload.is_empty() {
            // It calls whether anybody is there.
            if let Some(caller) = said.reply {
                let me = self.names.keeper(self.epoch);
                self.link
                    .say(caller.to_string(), me, Bytes::from_static(b"here"));
            }
            return;
        }
        if let Err(error) = self.receive(said.payload, Clock::now()) {
            self.answer_unread(said.reply.as_deref(), &error);
        }
    }

    /// Whoever is of another version is told so. Others may name any subject to be told there, and are told nothing.
    fn answer_unread(&mut self, from: Option<&str>, error: &Error) {
        if self.other_versions.hear(self.names.queue(), error)
            && let Some(guest) = from.filter(|from| self.names.is_of_guest(from))
        {
            let me = self.names.keeper(self.epoch);
            self.link.say(guest.to_owned(), me, greeting());
        }
    }

    /// A packet of a guest, which came now.
    ///
    /// # Errors
    /// It is not understood.
    pub(crate) fn receive(&mut self, packet: Bytes, now: Clock) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Opening(_) => self.early.push(packet, now),
            Stage::Open { host, .. } => return host.receive(packet, now),
        }
        Ok(())
    }

    /// The connection is there again.
    pub(crate) fn connected_again(&mut self) {
        self.connected.notify_one();
        if let Stage::Open { host, .. } = &mut self.stage {
            host.connected_again();
        }
    }

    pub(crate) fn turn(&mut self, cx: &Context<'_>, now: Clock) -> Option<HostTurn> {
        match &mut self.stage {
            Stage::Opening(_) => None,
            Stage::Open { host, .. } => Some(host.turn(cx, now)),
        }
    }

    /// Says something to a guest in another process.
    pub(crate) fn say(&self, guest: GuestId, packet: Bytes) {
        let to = self.names.guest(crate::journal::DriverId(guest.0));
        self.link.say(to, self.names.keeper(self.epoch), packet);
    }

    /// Ends, when all that was done is written, or cannot be for so long.
    pub(crate) async fn leave(self, within: Duration) {
        let Keeper { stage, work, .. } = self;
        match stage {
            Stage::Opening(opening) => let_go(opening),
            Stage::Open { keeping, host, .. } => {
                drop(host);
                // It is written when nobody has it any more, by threads that wait for the server.
                let dropped = spawn_blocking(move || drop(keeping));
                let _ = timeout(within, dropped).await;
            }
        }
        work.abort();
    }

    /// Ends where the driver could not be opened, and this thread is about to end. Whatever is open by then is closed.
    pub(crate) async fn end(self) {
        let Keeper { stage, work, .. } = self;
        work.abort();
        // Threads that wait for a page find then that nobody works for them any more.
        let _ = work.await;
        let keeping = match stage {
            Stage::Opening(opening) => opening.await.ok().and_then(Result::ok),
            Stage::Open { keeping, host, .. } => {
                drop(host);
                Some(keeping)
            }
        };
        let _ = spawn_blocking(move || drop(keeping)).await;
    }

    /// Another driver is the keeper, or nothing can be written: what is not written is lost.
    pub(crate) fn give_up(self) {
        self.work.abort();
        match self.stage {
            Stage::Opening(opening) => let_go(opening),
            Stage::Open { keeping, host, .. } => {
                drop(host);
                // Its threads find that nobody works for them any more.
                spawn_blocking(move || drop(keeping));
            }
        }
    }
}

/// What guests said before the queue was open.
#[derive(Default)]
struct Early {
    packets: Vec<(Bytes, Clock)>,
    bytes: usize,
}

impl Early {
    fn push(&mut self, packet: Bytes, now: Clock) {
        let bytes = self.bytes + packet.len();
        if self.packets.len() < EARLY_PACKETS && bytes <= EARLY_BYTES {
            self.packets.push((packet, now));
            self.bytes = bytes;
        }
    }
}

/// Nobody waits any more until the queue is open. Where it is, it is dropped on a thread that may wait for this one.
fn let_go(opening: JoinHandle<Result<Arc<Keeping>, Error>>) {
    spawn_local(async move {
        if let Ok(Ok(keeping)) = opening.await {
            spawn_blocking(move || drop(keeping));
        }
    });
}

/// What a stage comes to.
enum Next {
    Opened(Result<Arc<Keeping>, Error>),
    ConsumersHaveCome,
    HoldersHaveCome,
}

async fn next(stage: &mut Stage) -> Next {
    match stage {
        Stage::Opening(opening) => Next::Opened(opening.await.unwrap_or_else(|_| {
            let message = "opening the queue ended before its end";
            Err(Error::new(ErrorKind::Io, message))
        })),
        Stage::Open {
            consumers_until,
            unclaimed_until,
            ..
        } => tokio::select! {
            () = comes(*consumers_until) => Next::ConsumersHaveCome,
            () = comes(*unclaimed_until) => Next::HoldersHaveCome,
        },
    }
}

async fn comes(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// The folder of a queue.
type Found = PagedFolder<HeldPages<StreamPages>>;

/// Reads the stream, and writes pages until another driver is the keeper.
async fn work(
    journal: Journal,
    (mut writer, clock): (Writer, ServerClock),
    patience: Duration,
    (opens, held): (tokio::sync::oneshot::Sender<Found>, Held),
    connected: Arc<Notify>,
) -> Ended {
    let epoch = writer.epoch();
    let mut known = Known::default();
    // What cannot be read is missing in files, where it is found.
    let read = journal.read(&writer, |sequence, page| {
        known.read(sequence, &page);
        held.hold(sequence, page);
    });
    match read.await {
        Ok(found) => {
            writer.found_reserve(found.reserve, found.bytes);
            known.miss(found.damaged.len());
        }
        Err(error) => return Ended::new(error),
    }
    if let Err(error) = restore_reserve(&mut writer, clock, patience).await {
        return Ended::new(error);
    }
    let (pages, mut desk) = StreamPages::new(journal.clone(), writer, clock, patience);
    // Where nobody opens it any more, nobody asks.
    let folder = PagedFolder::new(HeldPages { pages, held }, known);
    let _ = opens.send(folder);
    let ended = tokio::select! {
        ended = desk.run() => ended,
        replaced = is_replaced(&journal, epoch, &connected) => Err(replaced),
    };
    let nobody = || Error::new(ErrorKind::Io, "the queue is not open any more");
    Ended {
        why: ended.err().unwrap_or_else(nobody),
        _desk: Some(Box::new(desk)),
    }
}

/// Where there is room again, the queue is opened with it.
async fn restore_reserve(
    writer: &mut Writer,
    clock: ServerClock,
    patience: Duration,
) -> Result<(), Error> {
    if !writer.is_scarce() {
        return Ok(());
    }
    let restored = timeout(patience, writer.restore_reserve(clock.millis())).await;
    restored.unwrap_or_else(|_| Err(silent()))
}

/// Ends when another driver is the keeper.
async fn is_replaced(journal: &Journal, epoch: Epoch, connected: &Notify) -> Error {
    loop {
        let _ = timeout(LOOKS_EVERY, connected.notified()).await;
        match journal.last_epoch().await {
            Ok(last) if last == Some(epoch) => {}
            Ok(_) => {
                let message = "another driver is the keeper of the queue by now";
                return Error::new(ErrorKind::InUse, message);
            }
            Err(error) => return error,
        }
    }
}
