//! The pages of the stream: who needs them asks, and one desk talks to the server.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::ServerClock;
use crate::folder::Pages;
use crate::journal::{Journal, ROOM_WHEN_SCARCE, Writer};

/// Pages are let go of this long after nobody needs them any more. A server that flushes every two minutes, as it does unless it is
/// told otherwise, may lose what was written instead of them, and not that they were let go of.
const LETS_GO_AFTER: Duration = Duration::from_secs(150);

/// Asks the driver's thread for pages.
pub(crate) struct StreamPages {
    asks: UnboundedSender<Ask>,
    longest: usize,
    is_scarce: Arc<AtomicBool>,
}

/// What is asked for: one page is appended at a time, and each thread that reads waits for what it asked for.
enum Ask {
    Append(Bytes, oneshot::Sender<io::Result<u64>>),
    Read(Vec<u64>, Answer<Vec<Option<Bytes>>>),
    LetGo(u64),
}

type Answer<A> = SyncSender<io::Result<A>>;

/// Works for [`StreamPages`] on the driver's thread. As long as it is there, whoever asks waits: so where it ends nobody is told before
/// its guests are in other hands.
pub(crate) struct Desk {
    journal: Journal,
    writer: Writer,
    asks: UnboundedReceiver<Ask>,
    clock: ServerClock,
    /// How long a page may take.
    patience: Duration,
    /// From when on pages before which one are let go of.
    to_let_go: VecDeque<(Instant, u64)>,
    /// Where the reserve was let go of, it is tried to make it anew then.
    tries_again_at: Instant,
    /// What is known of that.
    is_scarce: Arc<AtomicBool>,
    /// What is let go of, one after the other; it says before which page.
    purges: JoinSet<u64>,
    /// What is read. It ends with this.
    reads: JoinSet<()>,
    /// Who asked for a page that is not written, and may never be.
    unanswered: Option<oneshot::Sender<io::Result<u64>>>,
}

impl StreamPages {
    /// Pages of a journal, and who works for them.
    pub(crate) fn new(
        journal: Journal,
        writer: Writer,
        clock: ServerClock,
        patience: Duration,
    ) -> (Self, Desk) {
        let (asks, asked) = unbounded_channel();
        let longest = journal.longest_page();
        let is_scarce = Arc::new(AtomicBool::new(writer.is_scarce()));
        let desk = Desk {
            journal,
            writer,
            asks: asked,
            clock,
            patience,
            to_let_go: VecDeque::new(),
            purges: JoinSet::new(),
            reads: JoinSet::new(),
            tries_again_at: Instant::now() + TRIES_AGAIN_EVERY,
            is_scarce: is_scarce.clone(),
            unanswered: None,
        };
        let pages = StreamPages {
            asks,
            longest,
            is_scarce,
        };
        (pages, desk)
    }

    fn ask<A>(&self, ask: impl FnOnce(Answer<A>) -> Ask) -> io::Result<A> {
        let (answer, told) = mpsc::sync_channel(1);
        self.asks.send(ask(answer)).map_err(|_| ended())?;
        told.recv().map_err(|_| ended())?
    }
}

impl Pages for StreamPages {
    fn longest(&self) -> usize {
        self.longest
    }

    fn append(&self, page: Bytes) -> impl Future<Output = io::Result<u64>> + Send {
        let (answer, told) = oneshot::channel();
        // Where nobody is there to be asked, nobody answers either.
        let _ = self.asks.send(Ask::Append(page, answer));
        async { told.await.unwrap_or_else(|_| Err(ended())) }
    }

    fn read(&self, sequences: Vec<u64>) -> io::Result<Vec<Option<Bytes>>> {
        self.ask(|answer| Ask::Read(sequences, answer))
    }

    fn let_go_before(&self, sequence: u64) {
        // Whoever works for it no more has nothing to let go of.
        let _ = self.asks.send(Ask::LetGo(sequence));
    }

    fn scarce(&self) -> Option<u64> {
        let is_scarce = self.is_scarce.load(Ordering::Relaxed);
        is_scarce.then_some(ROOM_WHEN_SCARCE)
    }
}

impl Desk {
    /// Works until nobody asks any more, or another driver is the keeper, or the server could not be asked for too long: then this
    /// says why.
    pub(crate) async fn run(&mut self) -> Result<(), Error> {
        loop {
            let due = self.to_let_go.front().map(|(at, _)| *at);
            let is_scarce = self.writer.is_scarce();
            let lacks_reserve = self.writer.lacks_reserve();
            let asked = tokio::select! {
                // The reserve can wait.
                biased;
                () = until(due), if self.purges.is_empty() => {
                    self.let_go();
                    continue;
                }
                Some(purged) = self.purges.join_next() => {
                    self.note_purge(purged.ok());
                    continue;
                }
                () = sleep_until(self.tries_again_at), if is_scarce => {
                    self.restore_reserve().await?;
                    continue;
                }
                asked = self.asks.recv() => asked,
                Some(_) = self.reads.join_next() => continue,
                () = ready(()), if lacks_reserve => {
                    self.add_to_reserve().await?;
                    continue;
                }
            };
            match asked {
                None => return Ok(()),
                Some(Ask::Append(page, answer)) => self.append(page, answer).await?,
                Some(Ask::Read(sequences, answer)) => self.read(sequences, answer),
                Some(Ask::LetGo(sequence)) => {
                    let now = Instant::now();
                    let at = match is_scarce {
                        true => now,
                        false => now + LETS_GO_AFTER,
                    };
                    self.to_let_go.push_back((at, sequence));
                }
            }
        }
    }

    async fn append(
        &mut self,
        page: Bytes,
        answer: oneshot::Sender<io::Result<u64>>,
    ) -> Result<(), Error> {
        // Also where this is dropped, since another driver is found to be the keeper.
        self.unanswered = Some(answer);
        let written = timeout(self.patience, self.write(page)).await;
        let sequence = written.unwrap_or_else(|_| Err(silent()))?;
        if let Some(answer) = self.unanswered.take() {
            // Whoever waits does so as long as this is asked.
            let _ = answer.send(Ok(sequence));
        }
        Ok(())
    }

    /// Where there is no room, it is made of what nobody needs any more, and asked for again.
    async fn write(&mut self, page: Bytes) -> Result<u64, Error> {
        let mut wait = FIRST_PAUSE;
        let mut written = self.writer.write(page, self.clock.millis()).await;
        while written
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NoSpace)
        {
            self.let_go_of_all().await;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_PAUSE);
            written = self.writer.go_on().await;
        }
        written
    }

    /// Reads beside what is written, for as long as this driver is the keeper.
    fn read(&mut self, sequences: Vec<u64>, answer: Answer<Vec<Option<Bytes>>>) {
        let journal = self.journal.clone();
        self.reads.spawn_local(async move {
            let read = journal.pages(sequences).await;
            let _ = answer.send(read.map_err(io::Error::other));
        });
    }

    /// Lets go of pages beside what is written: a server that does not answer holds up no page.
    fn let_go(&mut self) {
        if let Some((_, sequence)) = self.to_let_go.pop_front() {
            let purging = self.writer.purging(sequence);
            self.purges.spawn_local(async move {
                // If they stay, they go with the next ones.
                let _ = purging.await;
                sequence
            });
        }
    }

    fn note_purge(&mut self, before: Option<u64>) {
        if let Some(sequence) = before {
            self.writer.note_purge(sequence);
        }
        // There may be room for the reserve now.
        self.tries_again_at = Instant::now();
    }

    async fn restore_reserve(&mut self) -> Result<(), Error> {
        let restored = self.writer.restore_reserve(self.clock.millis());
        let restored = timeout(self.patience, restored).await;
        self.tries_again_at = Instant::now() + TRIES_AGAIN_EVERY;
        let is_scarce = self.writer.is_scarce();
        self.is_scarce.store(is_scarce, Ordering::Relaxed);
        restored.unwrap_or_else(|_| Err(silent()))
    }

    async fn add_to_reserve(&mut self) -> Result<(), Error> {
        let added = self.writer.add_to_reserve(self.clock.millis());
        let added = timeout(self.patience, added).await;
        added.unwrap_or_else(|_| Err(silent()))
    }

    async fn let_go_of_all(&mut self) {
        if let Some((_, sequence)) = self.to_let_go.drain(..).next_back() {
            let _ = self.writer.purge_before(sequence).await;
        }
    }
}

/// While the reserve is let go of, it is tried so often to make it anew, and whenever something else was let go of.
const TRIES_AGAIN_EVERY: Duration = Duration::from_secs(30);
/// How long it waits before it asks a full server again: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

fn ended() -> io::Error {
    io::Error::other("the driver is not the keeper of the queue any more")
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

pub(crate) fn silent() -> Error {
    Error::new(
        ErrorKind::Io,
        "the server could not be reached, or had no room, for longer than `patience`",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use bookdrop_test_servers::{Nats, is_left_out};
    use tokio::runtime;
    use tokio::task::LocalSet;

    use super::*;
    use crate::journal::DriverId;
    use crate::link::Link;
    use crate::names::Names;
    use crate::options::Options;
    use crate::server::Server;

    /// Each of them would hold it up for as long as an answer may take.
    const DUE: u64 = 30;

    #[test]
    fn pages_that_cannot_be_let_go_of_hold_up_no_other() {
        if is_left_out("nats") {
            return;
        }
        let settings = "jetstream { sync_interval: always }
            authorization { users: [ { user: app, password: secret, permissions: {
                publish: { deny: \"$JS.API.STREAM.PURGE.>\" }
            } } ] }";
        let nats = Nats::with_settings(settings).expect("there is a server");
        let url = format!("nats://app:secret@{}", nats.address());
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        LocalSet::new().block_on(&runtime.expect("there is one"), async {
            let (pages, mut desk) = desk(&url).await;
            let now = Instant::now();
            desk.to_let_go
                .extend((2..2 + DUE).map(|before| (now, before)));
            // By the second one they are due.
            let written = async {
                for page in ["one", "two"] {
                    let written = pages.append(Bytes::from_static(page.as_bytes())).await;
                    written.expect("there is room");
                }
            };
            tokio::select! {
                _ = desk.run() => panic!("it works as long as it is asked"),
                () = written => {}
            }
            assert!(!desk.to_let_go.is_empty(), "they were written first");
        });
    }

    async fn desk(url: &str) -> (StreamPages, Desk) {
        let server: Server = url.parse().expect("it is a URL");
        let (link, _) = Link::new(&server).await.expect("it is there");
        let names = Names::new("library").expect("it can be called so");
        let options = Options::default();
        let opened = Journal::open(link, names, &options, DriverId([1; 16])).await;
        let journal = opened.expect("it can be opened");
        let clock = journal.clock().await.expect("the server answers");
        let begun = journal.begin(None, 0).await.expect("the server answers");
        let writer = begun.expect("nobody else claims");
        StreamPages::new(journal, writer, clock, options.patience)
    }
}
