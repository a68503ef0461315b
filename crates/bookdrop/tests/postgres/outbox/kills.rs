//! The server is killed while transactions write rows and send events together.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use bookdrop::{Consumer, Producer, ReceiveError, SettleErrorKind};
use bookdrop_test_servers::{Postgres, is_left_out};

use super::{event, receive};
use crate::server::restart::kills;
use crate::server::{Library, open, wait_until};
use crate::user::User;

const QUEUE: &str = "outbox_kills";
/// No room for many, so that events wait in the outbox.
const OPTIONS: &str = "capacity=20&max_deliveries=1000000&lease=20s";

/// What those who write and those who receive have done so far.
#[derive(Default)]
struct Progress {
    commits: AtomicUsize,
    received: Mutex<HashSet<String>>,
    stops: AtomicBool,
}

impl Progress {
    fn receive(&self, name: &str) {
        self.received.lock().unwrap().insert(name.to_owned());
    }

    fn now(&self) -> (usize, usize) {
        let received = self.received.lock().unwrap().len();
        (self.commits.load(Ordering::SeqCst), received)
    }

    /// Waits until so many more were committed, and received.
    fn go_on(&self, by: usize) {
        let (commits, received) = self.now();
        wait_until("everybody goes on", || {
            let now = self.now();
            now.0 >= commits + by && now.1 >= received + by
        });
    }

    fn stops(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }
}

#[test]
fn rows_and_events_stay_together_when_the_server_is_killed() {
    if is_left_out("postgres") {
        return;
    }
    let mut server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let url = server.url();
    let drivers = [open(&url, QUEUE, OPTIONS), open(&url, QUEUE, OPTIONS)];
    User::at(&url).does("CREATE TABLE loan (name text PRIMARY KEY)");
    let progress = Arc::<Progress>::default();
    let consumers: Vec<_> = drivers
        .iter()
        .map(|library| {
            begin(library, &url, &progress, |library, _, progress| {
                consume(library, progress)
            })
        })
        .collect();
    let writers: Vec<_> = ["on", "off"]
        .map(|flushes| {
            begin(
                &drivers[0],
                &url,
                &progress,
                move |library, url, progress| {
                    write(library, url, flushes, progress);
                },
            )
        })
        .into();
    for _ in 0..kills() {
        progress.go_on(fastrand::usize(10..100));
        server.kill();
        server.restart();
    }
    progress.go_on(10);
    progress.stops.store(true, Ordering::SeqCst);
    join_all("those that write end", writers);
    let user = User::at(&url);
    wait_until("nothing is left", || {
        let stats = drivers[0].stats().wait().unwrap();
        user.in_outbox(QUEUE) == 0 && stats.queued + stats.in_hand == 0
    });
    for library in &drivers {
        library.close().wait().unwrap();
    }
    join_all("those that work end", consumers);
    let rows: HashSet<_> = user.texts("SELECT name FROM loan").into_iter().collect();
    let received = progress.received.lock().unwrap();
    let lost: Vec<_> = rows.difference(&received).collect();
    assert!(lost.is_empty(), "rows without their event: {lost:?}");
    let alone: Vec<_> = received.difference(&rows).collect();
    assert!(alone.is_empty(), "events without their row: {alone:?}");
    println!("{} kills, {} rows", kills(), rows.len());
}

/// Its user did not wait until the transaction was flushed, but no event is handed over before it is.
#[test]
fn whoever_received_an_event_finds_its_row_after_a_crash() {
    if is_left_out("postgres") {
        return;
    }
    let mut server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let url = server.url();
    let library = open(&url, QUEUE, OPTIONS);
    let mut consumer = Consumer::new(&library);
    User::at(&url).does("CREATE TABLE loan (name text PRIMARY KEY)");
    for number in 0..3 {
        let name = format!("off-{number}");
        play(&library, &User::at(&url), "off", &name, "COMMIT").unwrap();
        let delivery = loop {
            // One that was in hand when the server was killed comes again.
            let delivery = receive(&mut consumer);
            match delivery.name() == name {
                true => break delivery,
                false => drop(delivery.ack().wait()),
            }
        };
        server.kill();
        server.restart();
        let query = format!("SELECT name FROM loan WHERE name = '{name}'");
        assert_eq!(User::at(&url).texts(&query), [name]);
        drop(delivery);
    }
}

fn begin(
    library: &Library,
    url: &str,
    progress: &Arc<Progress>,
    work: impl FnOnce(&Library, &str, &Progress) + Send + 'static,
) -> JoinHandle<()> {
    let (library, url, progress) = (library.clone(), url.to_owned(), progress.clone());
    thread::spawn(move || work(&library, &url, &progress))
}

fn join_all(what: &str, threads: Vec<JoinHandle<()>>) {
    wait_until(what, || threads.iter().all(JoinHandle::is_finished));
    for thread in threads {
        thread.join().expect("it did not panic");
    }
}

/// Writes a row and sends an event in each of its transactions, some of which it rolls back.
fn write(library: &Library, url: &str, flushes: &str, progress: &Progress) {
    let mut user = None;
    let mut count = 0;
    while !progress.stops() {
        let here = match user.take() {
            Some(here) => here,
            // The server may be away.
            None => match User::try_at(url) {
                Ok(new) => new,
                Err(_) => continue,
            },
        };
        count += 1;
        let end = if count % 7 == 0 { "ROLLBACK" } else { "COMMIT" };
        let name = format!("{flushes}-{count}");
        if play(library, &here, flushes, &name, end).is_ok() {
            progress.commits.fetch_add(1, Ordering::SeqCst);
            user = Some(here);
        }
    }
}

fn play(
    library: &Library,
    user: &User,
    flushes: &str,
    name: &str,
    end: &str,
) -> Result<(), tokio_postgres::Error> {
    let outgoing = Producer::new(library).outgoing(event(name)).unwrap();
    user.try_does(&format!("BEGIN; SET LOCAL synchronous_commit = {flushes}"))?;
    user.try_executes("INSERT INTO loan (name) VALUES ($1)", &[&name])?;
    user.try_sends(&outgoing)?;
    user.try_does(end)
}

fn consume(library: &Library, progress: &Progress) {
    let mut consumer = Consumer::new(library);
    loop {
        let delivery = match consumer.receive().wait() {
            Ok(delivery) => delivery,
            Err(ReceiveError::Closed) => return,
            Err(error) => panic!("a consumer ended: {error}"),
        };
        progress.receive(delivery.name());
        if let Err(error) = delivery.ack().wait() {
            match error.kind() {
                SettleErrorKind::LeaseEnded | SettleErrorKind::AlreadySettled => {}
                SettleErrorKind::Backend(why) if why.is_retryable() => {}
                kind => panic!("{kind:?}"),
            }
        }
    }
}
