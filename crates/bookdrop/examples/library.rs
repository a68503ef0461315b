//! A leaves book S at the library, and B picks it up when B is free; if A asked, B says what state it came back in.
//!
//! The story is played twice: by tasks on an executor, then by plain threads. Run it with
//! `cargo run --release --example library`, or on disk, in a folder of yours, with
//! `cargo run --release --example library -- disk:./library`.
//!
//! Where processes share a queue, A and B can be two of them, on one machine or on two. Each is started with the address and its
//! part, in either order:
//! `cargo run --release --features postgres --example library -- 'postgres://app@db.example/app?queue=library' a`

use std::env;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_executor::Executor;
use bookdrop::{Answer, Consumer, Driver, Event, Failure, Producer, TryReceiveError};
use futures_lite::future::{block_on, poll_once};

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);
/// For an A in a hurry.
const A_MOMENT: Duration = Duration::from_millis(20);
/// The last that A sends to a B in another process.
const CLOSING_TIME: &str = "closing time";

macro_rules! say {
    ($who:literal, $($what:tt)*) => { println!("    {} | {}", $who, format_args!($($what)*)) };
}

fn main() {
    play().unwrap_or_else(|error| give_up(&error.to_string()));
}

fn play() -> Result<(), bookdrop::Error> {
    let mut given = env::args().skip(1);
    let address = given.next();
    let address = address.unwrap_or_else(|| "memory:?capacity=100".to_owned());
    match given.next().as_deref() {
        None => both(&address),
        Some("a") => block_on(a_alone(shared(&address))),
        Some("b") => block_on(b_alone(shared(&address))),
        Some(part) => give_up(&format!("the parts are `a` and `b`, not `{part}`")),
    }
}

/// A and B in this process.
fn both(address: &str) -> Result<(), bookdrop::Error> {
    title("by tasks on an executor");
    let executor = Executor::new();
    block_on(executor.run(by_tasks(&executor, address)))?;

    title("by plain threads");
    by_threads(address)
}

/// A, while B is in another process: there already, or later.
async fn a_alone(address: &str) -> Result<(), bookdrop::Error> {
    let library: Driver = Driver::open(address).await?;
    let a = Producer::new(&library);

    scene("A puts a book into the library; B picks it up when B has time");
    say!('A', "puts book S into the library");
    a.send(book_s()).await?;

    scene("A wants to hear what state the book came back in, and waits at most 2 hours");
    say!('A', "asks for the state of book S");
    let state = a.request(book_s(), TWO_HOURS).wait_for_consumer().await?;
    say!('A', "hears: {state}");

    scene("The book is torn: the answer is an error");
    say!('A', "asks for the state of book S");
    let request = a.request(torn_book_s(), TWO_HOURS).wait_for_consumer();
    say!('A', "hears: {}", request.await.unwrap_err());

    a.send(Event::new(CLOSING_TIME)).await?;
    say!('A', "says that it is closing time");
    Ok(())
}

/// B, while A is in another process: there already, or later.
async fn b_alone(address: &str) -> Result<(), bookdrop::Error> {
    let library: Driver = Driver::open(address).await?;
    let mut b = Consumer::new(&library);

    scene("B takes what comes, and answers where A asked");
    say!('B', "is there");
    loop {
        let book = b.receive().await?;
        if book.is_request() {
            let checked = book.reply_with(async |book| Ok(check(book)?.into()));
            checked.await?;
        } else if book.name() == CLOSING_TIME {
            say!('B', "goes home");
            return book.ack().await.map_err(Into::into);
        } else {
            pick_up(&book);
            book.ack().await?;
        }
    }
}

async fn by_tasks(executor: &Executor<'_>, address: &str) -> Result<(), bookdrop::Error> {
    let library: Driver = Driver::open(address).await?; // the driver holds the queue
    let a = Producer::new(&library);
    let mut b = Consumer::new(&library);

    scene("A puts a book into the library; B picks it up when B has time");
    let putting = executor.spawn({
        let a = a.clone();
        async move {
            say!('A', "puts book S into the library");
            a.send(book_s()).await
        }
    });
    let picking_up = executor.spawn({
        let mut b = b.clone();
        async move {
            let book = b.receive().await?;
            pick_up(&book);
            book.ack().await?;
            Ok::<(), bookdrop::Error>(())
        }
    });
    putting.await?;
    picking_up.await?;

    scene("A wants to hear what state the book came back in, and waits at most 2 hours");
    let service = executor.spawn(serve(b.clone(), 2));
    say!('A', "asks for the state of book S");
    let state = a.request(book_s(), TWO_HOURS).await?;
    say!('A', "hears: {state}");

    scene("The book is torn: the answer is an error");
    say!('A', "asks for the state of book S");
    let error = a.request(torn_book_s(), TWO_HOURS).await.unwrap_err();
    say!('A', "hears: {error}");
    service.await?;

    scene("A gives up before B has time: the check is never begun, and B sees nothing of it");
    let before = checks();
    say!('A', "asks for the state of book S, and waits 20 ms only");
    let error = a.request(book_s(), A_MOMENT).await.unwrap_err();
    say!('A', "leaves: {error}");
    let book = error.into_event().expect("nobody took it");
    say!('A', "takes {} back", book.name());
    assert_eq!(b.try_receive().await.unwrap_err(), TryReceiveError::Empty);
    say!(
        'B',
        "comes back: nothing there, {} checks begun",
        checks() - before
    );

    scene("A leaves when B has the book in hand, but has not begun: the check is not begun either");
    let before = checks();
    let mut request = a.request(book_s(), TWO_HOURS);
    assert!(poll_once(&mut request).await.is_none());
    let book = b.receive().await?;
    say!('B', "has {} in hand", book.name());
    drop(request);
    say!('A', "leaves");
    let answer = book
        .reply_with(async |book| Ok(check(book)?.into()))
        .await?;
    assert_eq!(answer, Answer::NotWanted);
    say!(
        'B',
        "is told {answer:?}, {} checks begun",
        checks() - before
    );

    tally(&library);
    Ok(())
}

/// B, answering so many requests.
async fn serve(mut b: Consumer, requests: usize) -> Result<(), bookdrop::Error> {
    for _ in 0..requests {
        let book = b.receive().await?;
        book.reply_with(async |book| Ok(check(book)?.into()))
            .await?;
    }
    Ok(())
}

/// The same on threads: each future ends in `.wait()`.
fn by_threads(address: &str) -> Result<(), bookdrop::Error> {
    let library: Driver = Driver::open(address).wait()?;
    let a = Producer::new(&library);
    let mut b = Consumer::new(&library);

    scene("One way");
    let putting = thread::spawn({
        let a = a.clone();
        move || {
            say!('A', "puts book S into the library");
            a.send(book_s()).wait()
        }
    });
    let book = b.receive().wait()?;
    pick_up(&book);
    book.ack().wait()?;
    putting.join().expect("A does not panic")?;

    scene("With an answer within 2 hours, then with an error");
    let asking = thread::spawn({
        let a = a.clone();
        move || {
            say!('A', "asks for the state of book S");
            match a.request(book_s(), TWO_HOURS).wait() {
                Ok(state) => say!('A', "hears: {state}"),
                Err(error) => say!('A', "hears: {error}"),
            }
            say!('A', "asks for the state of book S");
            match a.request(torn_book_s(), TWO_HOURS).wait() {
                Ok(state) => say!('A', "hears: {state}"),
                Err(error) => say!('A', "hears: {error}"),
            }
        }
    });
    for _ in 0..2 {
        b.receive()
            .wait()?
            .reply_with(async |book| Ok(check(book)?.into()))
            .wait()?;
    }
    asking.join().expect("A does not panic");

    scene("A gives up before B has time");
    let before = checks();
    let hurrying = thread::spawn(move || {
        say!('A', "asks for the state of book S, and waits 20 ms only");
        let error = a.request(book_s(), A_MOMENT).wait().unwrap_err();
        say!('A', "leaves: {error}");
    });
    hurrying.join().expect("A does not panic");
    assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
    say!(
        'B',
        "comes back: nothing there, {} checks begun",
        checks() - before
    );

    tally(&library);
    Ok(())
}

fn book_s() -> Event {
    Event::new("S")
        .with_header("title", "hello world")
        .with_value("pages", 120)
}

fn torn_book_s() -> Event {
    book_s().with_value("torn page", 7)
}

/// What B does with a book that A just leaves.
fn pick_up(book: &Event) {
    let title = book.header("title").unwrap_or("a book without a title");
    say!('B', "picks up {title}");
}

/// What B does with a book that A asks about.
fn check(book: &Event) -> Result<&'static str, Failure> {
    CHECKS.fetch_add(1, Ordering::Relaxed);
    say!('B', "checks {}", book.name());
    match book.value("torn page") {
        None => Ok("as good as new"),
        Some(page) => Err(Failure::new(format!("page {page} is torn")).with_code("torn")),
    }
}

static CHECKS: AtomicUsize = AtomicUsize::new(0);

/// How many checks were begun so far.
fn checks() -> usize {
    CHECKS.load(Ordering::Relaxed)
}

/// The address, if processes can share what is there.
fn shared(address: &str) -> &str {
    if ["memory:", "disk:"]
        .iter()
        .any(|own| address.starts_with(own))
    {
        give_up(&format!(
            "{address} belongs to one process: leave the part out, and A and B are both played here"
        ));
    }
    address
}

fn give_up(why: &str) -> ! {
    eprintln!("{why}");
    process::exit(2);
}

// ---- how it looks ----

fn title(how: &str) {
    println!("\n=== The library, {how} ===");
}

fn scene(what: &str) {
    println!("\n  {what}");
}

fn tally(library: &Driver) {
    let stats = library.stats().wait().unwrap();
    print!(
        "\n  The library counts {} sent, {} answered, ",
        stats.sent, stats.answered
    );
    println!("{} given up, {} left", stats.given_up, stats.queued);
}
