//! Drivers by their address.

#[cfg(any(all(unix, feature = "disk"), feature = "postgres", feature = "nats"))]
mod codec;
mod damage;
#[cfg(all(unix, feature = "disk"))]
mod disk;
mod limits;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "nats"))]
mod server;
#[cfg(all(unix, feature = "disk"))]
mod thread;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::Driver;
use crate::address::Address;
use crate::builder::Builder;
use crate::error::{OpenError, OpenErrorKind};
use crate::operation::Operation;
pub use damage::Damage;

impl<T, R> Driver<T, R>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    /// Opens the driver with this address, so that where events are kept can stand in a program's settings.
    ///
    /// | address | driver |
    /// |---|---|
    /// | `memory:?capacity=100` | [in memory](Driver::builder): events are moved, and never serialized |
    /// | `disk:/var/lib/app/library` | in that folder, which is made if it is not there: events survive the process. `disk:library` is in the current folder, and `disk:///var/lib/app/library` the same as `disk:/var/lib/app/library` |
    /// | `postgres://user@host/database?queue=library` | in that database of a PostgreSQL server, from version 13 on, where any number of processes share the queue; it is made if it is not there |
    /// | `nats://host:4222/library` | in JetStream of that NATS server, from version 2.10 on, where any number of processes share the queue; it is made if it is not there |
    ///
    /// The options of `memory` are those of its [`Builder`](crate::Builder): `capacity` (which has to be given), `max_delayed`,
    /// `max_attempts`, `max_deliveries`, `max_dead`, `retry_backoff_first`, `retry_backoff_max`, `duplicate_window`,
    /// `max_remembered_ids`, `on_full` (`wait`, `reject` or `drop_oldest`) and `spin`. Lengths of time are written like `100ms`,
    /// `30s` or `2h`. `%`, `#`, `&` and `?` are written as `%25`, `%23`, `%26` and `%3F`.
    ///
    /// An address is no URL. Behind `disk:` stands the path, and folders above it that are missing are made, too. A program that has
    /// a path makes its address by [`disk_address`](crate::disk_address), which writes all of that. `disk://x` is refused, since it
    /// would be no host but the path `//x`, and so are `~/`, which nobody expands, a blank at the beginning or the end of a path
    /// (`%20` is none), and `disk:library&capacity=100`, whose options begin with no `?`.
    ///
    /// `disk` has the same ones but for `spin`, with a `capacity` of 100,000 if none is given, and
    ///
    /// | option of `disk` | default | meaning |
    /// |---|---|---|
    /// | `sync` | `always` | what a confirmed send or ack survives beside the end of the process: `always` a loss of power; a length of time like `100ms` that, too, but for what was confirmed within about that time before it; `never` nothing else |
    /// | `codec` | `json` | what events are written in: `json` or `msgpack`; it stays that of the folder |
    /// | `max_bytes` | 1 GiB | bytes of all events that are there, dead letters among them; beyond it a sender meets a full queue |
    /// | `max_event_bytes` | 8 MiB | bytes of one event; a larger one is refused. At most half of `segment_bytes`; more is refused |
    /// | `cache_bytes` | 64 MiB | bytes of events that are kept in memory; what waits behind them is read back |
    /// | `segment_bytes` | 32 MiB | bytes of one file of the folder, which has four from the beginning; from 4,096 to 1 GiB, anything else is refused |
    ///
    /// Bytes are whole numbers, as `max_bytes=1000000`. Options may be others each time, but for `codec`.
    ///
    /// A folder belongs to one driver at a time, until its last driver, producer, consumer and delivery is gone. It is opened on a
    /// thread of its own, in a time that depends on the events that are there and not on what happened before: see
    /// [`on_progress`](Operation::on_progress). Requests are not kept there. Dropping the last of them flushes what there is, and
    /// blocks its thread until that is done. Copy a folder only while nobody has it open, and do not
    /// remove it then: nobody would notice at first.
    ///
    /// A folder is for one type of events. Opened with another one, consumers empty the queue into the dead letters, where all of
    /// them stay: opened with the former type again, [`replay_all`](crate::DeadLetters::replay_all) puts them back. So give each
    /// type a folder of its own, and mark fields that are added with `#[serde(default)]`.
    ///
    /// What was settled can be read in the files until they are used again, by whom the umask of the process lets read them: often by
    /// everybody. Where that must not be, make the folder with mode 0700 before it is opened.
    ///
    /// `postgres://user:password@host:port/database` is the URL of a connection, as libpq and other clients have it, also with
    /// `postgresql:` in front. Its settings stand behind `?` together with the options of the queue, such as `application_name`
    /// and `connect_timeout`; a socket is `postgres:///database?host=/run/postgresql&queue=library`. What is no letter and no
    /// digit in a password is written with `%`. There is no TLS by an address, and `sslmode=require` is refused: for TLS, open
    /// a `Postgres` of the crate `bookdrop-postgres` over its `Server::with_tls`, and make the driver by
    /// [`with_codec`](Driver::with_codec).
    ///
    /// The options of `postgres` are those of `memory` but for `spin`, with a `capacity` of 100,000 if none is given, and
    ///
    /// | option of `postgres` | default | meaning |
    /// |---|---|---|
    /// | `queue` | has to be given | the name of the queue in the database |
    /// | `codec` | `json` | what events are written in: `json` or `msgpack`; it stays that of the queue |
    /// | `max_event_bytes` | 8 MiB | bytes of one event, or of one answer to a request; a larger one is refused. At most 256 MiB |
    /// | `max_outbox` | 100,000 | events that were sent [within transactions](crate::Producer::outgoing) and are not in the queue yet; it is the queue's, so give all drivers the same |
    /// | `lease` | 30 s | how long the server leaves what the driver has in hand with it while it hears nothing of it; at least 1 s. It is prolonged by itself, however long a handler works |
    /// | `patience` | 30 s | how long a send, a settlement and whatever else asks the server waits while it cannot be reached; requests wait until their deadline, and consumers without an end |
    ///
    /// Each driver of a queue has its own options, but for `codec`. A driver has three connections, and a thread of its own
    /// that works for them; a connection that was lost is made again. A pooler in transaction mode does not go between them.
    /// The first driver in a database makes the schema `bookdrop`, for which its user needs `CREATE` on the database. Dropping
    /// the last driver, producer, consumer and delivery blocks its thread until the server knows, for 5 s at most. A queue is
    /// for one type of events, as a folder is.
    ///
    /// `nats://user:password@host:port/queue` names a server; those of a cluster stand there one after the other, as in
    /// `nats://one,two/library`. With `tls://` in front the connection is one of TLS, with the certificates of the system's or those
    /// that `tls_ca` names. A token stands in place of user and password. For credentials in files, or a certificate of the client,
    /// open a queue of the crate `bookdrop-nats` over its `Server::with_options`, and make the driver by
    /// [`with_codec`](Driver::with_codec).
    ///
    /// The options of `nats` are those of `memory` but for `spin`, with a `capacity` of 100,000 if none is given, and
    ///
    /// | option of `nats` | default | meaning |
    /// |---|---|---|
    /// | `codec` | `json` | what events are written in: `json` or `msgpack`; it stays that of the queue |
    /// | `max_event_bytes` | 8 MiB | bytes of one event, or of one answer to a request; a larger one is refused. At most 64 MiB |
    /// | `max_bytes` | 1 GiB | bytes of all events that are there, dead letters among them; beyond it a sender meets a full queue |
    /// | `cache_bytes` | 64 MiB | bytes of events that the driver has in memory which keeps the queue; what waits behind them is read back |
    /// | `replicas` | 1 | how many servers of a cluster have each message, at most 5; it stays that of the queue |
    /// | `tls_ca` | none | the path of a file (PEM) with the certificates that are trusted in place of the system's; with it the connection is one of TLS |
    /// | `sync_interval` | not said, which warns | what the server is set to, since nobody can see it: `always` (it flushes before it confirms), or a length of time like `2m`, where it is accepted that a loss of its power takes what it confirmed within about that time |
    /// | `lease` | 30 s | how long what the driver has in hand is left with it while nothing is heard of it; at least 1 s |
    /// | `patience` | 30 s | how long a send, a settlement and whatever else asks the server waits while it cannot be reached; requests wait until their deadline, and consumers without an end |
    ///
    /// One of the drivers of a queue keeps it for all of them, and its options count. What that means, and what a server has to be set
    /// to so that what it confirms survives a loss of power, the guide on guarantees says. Where `sync_interval` is not said, opening
    /// warns that it may be otherwise, once for each driver: an event of `tracing` with target `bookdrop`, or a record of `log` where
    /// there is no subscriber.
    ///
    /// It needs the feature `open`, and `disk` needs the feature `disk`; both are on by default. `postgres` needs the feature
    /// `postgres`, and `nats` the feature `nats`, which are not. Any address needs types that can be written down, so that the next one may be on disk.
    ///
    /// # Errors
    /// [`OpenErrorKind`](crate::OpenErrorKind) tells apart what is no address, what nobody knows, what was not compiled in, a
    /// wrong option, and a backend that could not be opened. Of the latter the [kind](crate::BackendError::kind) says why: for
    /// a folder that is `InUse`, `Denied`, `Invalid` (it holds something else, or events in another codec), `NewerVersion`,
    /// `NotFound`, `NoSpace` or `Io`. For a server it is `Io` (it cannot be reached, for which opening does not wait), `Denied`
    /// (it does not let the user in, or make or read the schema, or use the stream), `NotFound` (there is no such database), `Invalid`
    /// (the queue is in another codec, or a file of certificates has none), `NewerVersion` or `Unsupported` (the server is older than
    /// version 13, or the database is not in UTF-8; a NATS server is older than version 2.10, or has no JetStream; or it has no TLS
    /// where that is asked for). A password is in none of them.
    ///
    /// # Cancel safety
    /// Dropped, nothing stays open. A folder whose reading was begun is given up when that is through, and so is a connection.
    /// A queue that was made stays.
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, Producer};
    ///
    /// let library: Driver<String> = Driver::open("memory:?capacity=100&max_attempts=3").wait()?;
    /// Producer::new(&library).send(Event::new("S").with_body("hello world".to_owned())).wait()?;
    /// assert_eq!(Consumer::new(&library).receive().wait()?.body(), "hello world");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    ///
    /// On disk, where it is there after the driver was gone:
    ///
    #[cfg_attr(all(unix, feature = "disk"), doc = "```")]
    #[cfg_attr(not(all(unix, feature = "disk")), doc = "```ignore")]
    /// use bookdrop::{Consumer, Driver, Event, Producer, disk_address};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// let address = disk_address(folder) + "?sync=always&segment_bytes=1048576";
    /// let library: Driver<String> = Driver::open(&address).wait()?;
    /// Producer::new(&library).send(Event::new("S").with_body("hello world".to_owned())).wait()?;
    /// drop(library);
    ///
    /// let library: Driver<String> = Driver::open(&address).wait()?;
    /// assert!(library.capabilities().survives_restart);
    /// assert_eq!(Consumer::new(&library).receive().wait()?.body(), "hello world");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    ///
    /// In PostgreSQL, where another process may have sent it:
    ///
    #[cfg_attr(feature = "postgres", doc = "```no_run")]
    #[cfg_attr(not(feature = "postgres"), doc = "```ignore")]
    /// use bookdrop::{Consumer, Driver};
    ///
    /// let library: Driver<String> = Driver::open("postgres://app@db.example/app?queue=library").wait()?;
    /// let book = Consumer::new(&library).receive().wait()?;
    /// println!("{}", book.body());
    /// book.ack().wait()?;
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn open(address: impl Into<String>) -> Operation<Open<T, R>> {
        Operation::new(Open {
            address: address.into(),
            on_progress: None,
            on_damage: None,
            stage: Stage::New(begin),
        })
    }
}

/// A driver that is being opened; made by [`Driver::open`].
///
/// ```
/// # use bookdrop::Driver;
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::open("memory:?capacity=100").await?;
/// assert_eq!(library.capacity(), 100);
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
pub struct Open<T, R> {
    address: String,
    on_progress: Option<OnProgress>,
    on_damage: Option<OnDamage>,
    stage: Stage<T, R>,
}

/// What is told how opening goes on.
type OnProgress = Box<dyn Fn(f64) + Send + Sync>;

/// What is told what was lost.
type OnDamage = Box<dyn FnOnce(Vec<Damage>) + Send + Sync>;

/// A driver that was opened, or is being opened on another thread.
enum Begun<T, R> {
    Opened(Result<Driver<T, R>, OpenError>),
    #[cfg(all(unix, feature = "disk"))]
    Disk(disk::Opening<T, R>),
    #[cfg(feature = "postgres")]
    Postgres(server::Opening<bookdrop_postgres::Postgres, T, R>),
    #[cfg(feature = "nats")]
    Nats(server::Opening<bookdrop_nats::Nats, T, R>),
}

enum Stage<T, R> {
    /// With what knows how to begin: the bounds on the types are known where it was made.
    New(fn(&str, Option<OnProgress>, Option<OnDamage>) -> Begun<T, R>),
    #[cfg(all(unix, feature = "disk"))]
    Disk(disk::Opening<T, R>),
    #[cfg(feature = "postgres")]
    Postgres(server::Opening<bookdrop_postgres::Postgres, T, R>),
    #[cfg(feature = "nats")]
    Nats(server::Opening<bookdrop_nats::Nats, T, R>),
    Ended,
}

// Nothing in it is pinned.
impl<T, R> Unpin for Open<T, R> {}

impl<T, R> Operation<Open<T, R>> {
    /// Tells this function about once a second how much of the folder was read, from 0 to 1, where opening takes longer than
    /// that. For other drivers than disk it is not called. It is called on another thread. A panic of it goes on where the
    /// opening is awaited.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let opening = Driver::<String>::open("memory:?capacity=100")
    ///     .on_progress(|part| println!("{:.0} % of the folder was read", part * 100.0));
    /// let library = opening.wait()?;
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn on_progress(mut self, progress: impl Fn(f64) + Send + Sync + 'static) -> Self {
        self.inner_mut().on_progress = Some(Box::new(progress));
        self
    }

    /// Tells this function, once, what was found damaged in the folder, before opening ends; where nothing was, and for other
    /// drivers than disk, it is not called.
    /// What was not damaged is there, and the driver is opened all the same.
    ///
    /// In NATS whichever driver becomes the keeper of the queue reads it, perhaps long after it was opened. So damage is not told here:
    /// that driver warns of it by `tracing`, and [`stats`](Driver::stats) count the places.
    ///
    /// Nobody else is told which events, or what was done with which events, may be lost: [`stats`](Driver::stats) count the
    /// places (`damaged`), and only until the folder is opened again, which may find nothing any more. So log it. Which records lay
    /// there nobody can tell: a lost event is gone, and where an ack is lost, its event comes back.
    ///
    /// Where the names of groups are lost, the groups are there under new ones, such as "recovered-1", and each is told here as one
    /// more [`Damage`], which says so. Such a group gets all that is sent, as it did before, but nobody consumes it: when it is full,
    /// senders wait. So receive what stands in it [by that name](crate::Consumer::in_group), which goes on where the former group
    /// stopped; then, or at once if nobody wants it, [remove it](Driver::remove_group). The group of the old name begins anew.
    ///
    /// It is called on another thread, also when the opening was dropped meanwhile. A panic of it goes on where the opening is
    /// awaited, and the folder is given up.
    ///
    #[cfg_attr(all(unix, feature = "disk"), doc = "```")]
    #[cfg_attr(not(all(unix, feature = "disk")), doc = "```ignore")]
    /// # use bookdrop::{Driver, disk_address};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let address = disk_address(folder.path()) + "?segment_bytes=4096";
    /// let opening = Driver::<String>::open(address).on_damage(|damage| {
    ///     for place in damage {
    ///         eprintln!("the library is damaged: {place}");
    ///     }
    /// });
    /// let library = opening.wait()?;
    /// # assert_eq!(library.stats().wait()?.damaged, 0);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn on_damage(mut self, damage: impl FnOnce(Vec<Damage>) + Send + Sync + 'static) -> Self {
        self.inner_mut().on_damage = Some(Box::new(damage));
        self
    }
}

impl<T, R> Future for Open<T, R> {
    type Output = Result<Driver<T, R>, OpenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Stage::New(begin) = this.stage {
            this.stage = Stage::Ended;
            match begin(
                &this.address,
                this.on_progress.take(),
                this.on_damage.take(),
            ) {
                Begun::Opened(opened) => return Poll::Ready(opened),
                #[cfg(all(unix, feature = "disk"))]
                Begun::Disk(opening) => this.stage = Stage::Disk(opening),
                #[cfg(feature = "postgres")]
                Begun::Postgres(opening) => this.stage = Stage::Postgres(opening),
                #[cfg(feature = "nats")]
                Begun::Nats(opening) => this.stage = Stage::Nats(opening),
            }
        }
        let poll = match &mut this.stage {
            #[cfg(all(unix, feature = "disk"))]
            Stage::Disk(opening) => opening.poll(cx),
            #[cfg(feature = "postgres")]
            Stage::Postgres(opening) => opening.poll(cx),
            #[cfg(feature = "nats")]
            Stage::Nats(opening) => opening.poll(cx),
            Stage::New(_) | Stage::Ended => polled_once_more(cx),
        };
        if poll.is_ready() {
            this.stage = Stage::Ended;
        }
        poll
    }
}

fn polled_once_more<V>(_cx: &mut Context<'_>) -> Poll<V> {
    panic!("`Open` was polled after it had ended")
}

impl<T, R> fmt::Debug for Open<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

fn begin<T, R>(
    address: &str,
    on_progress: Option<OnProgress>,
    on_damage: Option<OnDamage>,
) -> Begun<T, R>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    let address = match Address::parse(address) {
        Ok(address) => address,
        Err(error) => return Begun::Opened(Err(error)),
    };
    match &*address.scheme {
        "memory" => Begun::Opened(memory(address)),
        #[cfg(all(unix, feature = "disk"))]
        "disk" => match disk::Opening::begin(address, on_progress, on_damage) {
            Ok(opening) => Begun::Disk(opening),
            Err(error) => Begun::Opened(Err(error)),
        },
        #[cfg(not(all(unix, feature = "disk")))]
        "disk" => {
            drop((on_progress, on_damage));
            let message =
                "`disk:` is not compiled in: it needs the feature `disk` of bookdrop, and Unix";
            let error = OpenError::new(OpenErrorKind::NotCompiledIn, message.to_owned());
            Begun::Opened(Err(error))
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => match postgres::begin(address) {
            Ok(opening) => Begun::Postgres(opening),
            Err(error) => Begun::Opened(Err(error)),
        },
        #[cfg(not(feature = "postgres"))]
        "postgres" | "postgresql" => {
            let message =
                "`postgres:` is not compiled in: it needs the feature `postgres` of bookdrop";
            let error = OpenError::new(OpenErrorKind::NotCompiledIn, message.to_owned());
            Begun::Opened(Err(error))
        }
        #[cfg(feature = "nats")]
        "nats" | "tls" => match nats::begin(address) {
            Ok(opening) => Begun::Nats(opening),
            Err(error) => Begun::Opened(Err(error)),
        },
        #[cfg(not(feature = "nats"))]
        "nats" | "tls" => {
            let message = "`nats:` is not compiled in: it needs the feature `nats` of bookdrop";
            let error = OpenError::new(OpenErrorKind::NotCompiledIn, message.to_owned());
            Begun::Opened(Err(error))
        }
        unknown => {
            let message = format!(
                "there is no driver `{unknown}:`; there are `memory:`, `disk:`, `postgres:`, `nats:` and `tls:`"
            );
            let error = OpenError::new(OpenErrorKind::UnknownScheme, message);
            Begun::Opened(Err(error))
        }
    }
}

/// A driver in memory.
fn memory<T, R>(address: Address) -> Result<Driver<T, R>, OpenError>
where
    T: Send + 'static,
    R: Send + 'static,
{
    if address.place.iter().any(|byte| *byte != b'/') {
        let message = "memory has no place: write `memory:?capacity=100`".to_owned();
        return Err(OpenError::new(OpenErrorKind::InvalidOption, message));
    }
    let mut options = address.options;
    let (mut limits, mut on_full) = Default::default();
    let has_capacity = limits::take(&mut options, &mut limits, &mut on_full)?;
    let spin = options.duration("spin")?;
    // Before the capacity is missed: its name may be misspelt.
    options.end()?;
    if !has_capacity {
        let message = "memory needs a capacity: write `memory:?capacity=100`".to_owned();
        return Err(OpenError::new(OpenErrorKind::InvalidOption, message));
    }
    let mut builder = Builder::of(limits, on_full);
    if let Some(spin) = spin {
        builder = builder.spin(spin);
    }
    Ok(builder.build())
}
