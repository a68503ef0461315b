//! The connection to the server, which is made again when it is lost.

use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bookdrop_backend::{Error, ErrorKind};
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::AbortHandle;
use tokio_postgres::Client;

use crate::error::Trouble;
use crate::options::Options;
use crate::server::{Notes, Server};
use crate::sql::{Database, Prolonged};
use crate::{abandoned, schema, sql, warnings};

/// The pause before the first try to connect again, which doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long all of connecting takes, at most. Less than half of the lease that a driver has by default: a third of that may pass before a
/// lost connection is noticed, and there is to be time for one more try.
const LONGEST_CONNECTING: Duration = Duration::from_secs(15);

/// The way to the server: there, or being looked for.
pub(crate) struct Link {
    server: Server,
    queue: String,
    codec: String,
    lease: Duration,
    pub(crate) session: Session,
    state: State,
    /// How often it was tried to connect since something could be done.
    tries: u32,
    /// Why the server could not be reached lately.
    pub(crate) last_error: Option<Error>,
}

/// Who this driver is at the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) queue: i32,
    pub(crate) driver: i64,
    /// How many other drivers the queue had when this one connected.
    pub(crate) others: u64,
}

enum State {
    Up(Up),
    /// Until then.
    Down(Instant),
    Connecting(LocalBoxFuture<'static, Result<(Up, Session, bool), Trouble>>),
}

struct Up {
    /// For what is sent alone.
    sender: Rc<Database>,
    /// For everything else that users ask for.
    database: Rc<Database>,
    /// For the lease, and for what the server says by itself: no statement that takes long is in its way.
    keeper: Rc<Client>,
    notes: UnboundedReceiver<String>,
    /// The connections, for as long as this is here.
    _running: [Running; 3],
}

/// What happens on the way to the server.
pub(crate) enum Event {
    /// The server says something.
    Note(String),
    /// The connection is gone.
    Lost,
    /// It is there again. Whether the driver is still the one that it was, and has in hand what it had.
    Back { is_same: bool },
}

impl Link {
    /// Connects, and opens the queue.
    pub(crate) async fn open(
        server: Server,
        queue: String,
        options: &Options,
    ) -> Result<Self, Error> {
        let (codec, lease) = (options.codec.clone(), options.lease);
        let opened = connect(&server, &queue, &codec, lease, None).await;
        let (up, session, _) = opened.map_err(Trouble::into_error)?;
        Ok(Link {
            server,
            queue,
            codec,
            lease,
            session,
            state: State::Up(up),
            tries: 0,
            last_error: None,
        })
    }

    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }

    /// The database, while the server can be reached.
    pub(crate) fn database(&self) -> Option<Rc<Database>> {
        match &self.state {
            State::Up(up) => Some(up.database.clone()),
            _ => None,
        }
    }

    /// The database for what is sent, while the server can be reached.
    pub(crate) fn sender(&self) -> Option<Rc<Database>> {
        match &self.state {
            State::Up(up) => Some(up.sender.clone()),
            _ => None,
        }
    }

    /// Prolongs the lease, while the server can be reached.
    pub(crate) fn prolong(
        &self,
    ) -> Option<impl Future<Output = Result<Prolonged, Trouble>> + use<>> {
        let State::Up(up) = &self.state else {
            return None;
        };
        let (keeper, driver, lease) = (up.keeper.clone(), self.session.driver, self.lease);
        Some(async move { sql::prolong(&keeper, driver, lease).await })
    }

    /// Whether one of the connections is gone that are thought to be there.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(&self.state, State::Up(up) if up.sender.is_lost() || up.database.is_lost() || up.keeper.is_closed())
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Something was done there.
    pub(crate) fn note_done(&mut self) {
        self.tries = 0;
    }

    /// Whether nothing could be done since it was lost before.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.tries > 0
    }

    /// Lets go of the connection, which is of no use any more. One that was good for something is made again at once.
    pub(crate) fn cut(&mut self) {
        self.state = State::Down(Instant::now() + pause(self.tries));
    }

    /// What happens next on the way to the server. Dropped, nothing of it is lost.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            match &mut self.state {
                State::Up(up) => match up.notes.recv().await {
                    Some(note) => return Event::Note(note),
                    None => return Event::Lost,
                },
                State::Down(until) => {
                    tokio::time::sleep_until((*until).into()).await;
                    let (server, queue, codec) =
                        (self.server.clone(), self.queue.clone(), self.codec.clone());
                    let (lease, session) = (self.lease, self.session);
                    let connecting =
                        async move { connect(&server, &queue, &codec, lease, Some(session)).await };
                    self.tries += 1;
                    self.state = State::Connecting(Box::pin(connecting));
                }
                State::Connecting(connecting) => match connecting.await {
                    Ok((up, session, is_same)) => {
                        self.session = session;
                        self.state = State::Up(up);
                        self.last_error = None;
                        return Event::Back { is_same };
                    }
                    Err(trouble) => {
                        let error = trouble.into_error();
                        if self.tries == 1 {
                            warnings::of_lost_connection(&self.queue, &error);
                        }
                        self.last_error = Some(error);
                        self.cut();
                    }
                },
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
    }
}

/// None at first; then doubled each time, and between half of that and all of it, so that drivers that lost one server do not all come at once.
pub(crate) fn pause(tries: u32) -> Duration {
    if tries == 0 {
        return Duration::ZERO;
    }
    let pause = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)))
        .min(LONGEST_PAUSE);
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) % 1024;
    pause / 2 + pause / 2 * random as u32 / 1024
}

/// Connects within a time that has a bound: the other end may take a connection, and say nothing.
async fn connect(
    server: &Server,
    queue: &str,
    codec: &str,
    lease: Duration,
    former: Option<Session>,
) -> Result<(Up, Session, bool), Trouble> {
    let connecting = connect_patiently(server, queue, codec, lease, former);
    let connected = tokio::time::timeout(LONGEST_CONNECTING, connecting).await;
    connected.unwrap_or_else(|_| {
        let hosts = server.hosts();
        let message = format!(
            "the connection to {hosts} was not ready after {LONGEST_CONNECTING:?}: it does not answer, or is no server of \
             PostgreSQL, or somebody has locked what is needed"
        );
        Err(Trouble::Lost(Error::new(ErrorKind::Io, message)))
    })
}

/// Connects, as the driver that it was if the server still knows it, or as a new one.
async fn connect_patiently(
    server: &Server,
    queue: &str,
    codec: &str,
    lease: Duration,
    former: Option<Session>,
) -> Result<(Up, Session, bool), Trouble> {
    let (told, notes) = mpsc::unbounded_channel();
    let (keeper, keeping) = begin(server, told).await?;
    schema::ensure(&keeper).await?;
    if let Some(session) = former {
        abandoned::end_all(&keeper, session.driver).await?;
    }
    let known = match former {
        Some(session) => again(&keeper, session, lease).await?,
        None => None,
    };
    let session = match known {
        Some(session) => session,
        None => enter(&keeper, queue, codec, lease).await?,
    };
    sql::listen(&keeper, session.driver).await?;
    let ((sender, sending), (database, working)) = futures_util::try_join!(
        prepare(server, session.driver),
        prepare(server, session.driver)
    )?;
    let up = Up {
        sender: Rc::new(sender),
        database: Rc::new(database),
        keeper: Rc::new(keeper),
        notes,
        _running: [keeping, sending, working],
    };
    Ok((up, session, known.is_some()))
}

/// The session once more, if the server knows it still.
async fn again(
    keeper: &Client,
    session: Session,
    lease: Duration,
) -> Result<Option<Session>, Trouble> {
    let prolonged = sql::prolong(keeper, session.driver, lease).await?;
    let others = prolonged.others;
    Ok(prolonged.is_alive.then_some(Session { others, ..session }))
}

/// Begins a connection that statements are played on.
async fn prepare(server: &Server, driver: i64) -> Result<(Database, Running), Trouble> {
    // The server says nothing to it by itself.
    let (unheard, _) = mpsc::unbounded_channel();
    let (client, running) = begin(server, unheard).await?;
    abandoned::mark(&client, driver).await?;
    Ok((Database::new(client).await?, running))
}

/// Begins a connection, with the settings of all of them.
async fn begin(server: &Server, notes: Notes) -> Result<(Client, Running), Trouble> {
    let (client, running) = server.connect(notes).await?;
    let running = Running(tokio::task::spawn_local(running).abort_handle());
    sql::set_up(&client).await?;
    Ok((client, running))
}

/// What runs for a connection, as long as that is wanted.
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn enter(
    client: &Client,
    queue: &str,
    codec: &str,
    lease: Duration,
) -> Result<Session, Trouble> {
    let opened = sql::open(client, queue, codec, lease).await?;
    let Some(driver) = opened.driver else {
        let its_codec = opened.codec;
        let message = format!(
            "the events of queue `{queue}` are written in `{its_codec}`, and not in `{codec}`; open it with `codec={its_codec}`, or give \
             another name"
        );
        return Err(Trouble::Refused(Error::new(ErrorKind::Invalid, message)));
    };
    Ok(Session {
        queue: opened.queue,
        driver,
        others: opened.others,
    })
}
