//! A process that works on a queue on disk is killed, again and again, at random moments under load: every event that was sent is handled
//! in the end, hand-overs are counted, and none of the kills counts as a failure.
//!
//! `BOOKDROP_LONG=1` kills 50 times. The child is this same program; what it sends, begins and ends it says, line by line.

#![cfg(all(unix, feature = "disk", feature = "worker"))]

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bookdrop::{Consumer, Delivery, Driver, Event, Failure, Producer, Worker, disk_address};
use futures_lite::future::{block_on, yield_now, zip};

/// The folder, for the child.
const FOLDER: &str = "BOOKDROP_WORKER_FOLDER";
/// The number of the first event that the child sends. Without it, it works off what is there, and ends.
const FIRST: &str = "BOOKDROP_WORKER_FIRST";

/// An event with such a number fails once.
fn is_bad(number: u64) -> bool {
    number.is_multiple_of(7)
}

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let address = disk_address(&folder) + "?capacity=64&max_deliveries=1000";
    let driver = Driver::<u64>::open(&address).wait().unwrap();
    let worker = Worker::new(Consumer::new(&driver))
        .on("count", count)
        .concurrency(8);
    let sending = async {
        match env::var(FIRST) {
            Ok(first) => send_for_ever(&driver, first.parse().unwrap()).await,
            Err(_) => driver.close().await.unwrap(),
        }
    };
    let report = block_on(zip(worker.run(), sending)).0.unwrap();
    println!(
        "\nover {} {} {}",
        report.finished, report.failed, report.put_back
    );
}

async fn count(delivery: &Delivery<u64>) -> Result<(), Failure> {
    let (number, failures) = (*delivery.body(), delivery.failures());
    println!("\nbegun {number} {} {failures}", delivery.attempt());
    yield_now().await;
    if is_bad(number) && failures == 0 {
        println!("\nfailed {number} 0 0");
        return Err(Failure::new("once"));
    }
    println!("\nended {number} 0 0");
    Ok(())
}

async fn send_for_ever(driver: &Driver<u64>, first: u64) {
    let a = Producer::new(driver);
    for number in first.. {
        println!("\nsends {number} 0 0");
        let event = Event::new("count").with_body(number);
        a.send(event).await.unwrap();
        println!("\nsent {number} 0 0");
    }
}

/// What is known of an event.
#[derive(Default)]
struct Known {
    is_sent: bool,
    /// The last attempt that began.
    attempt: u32,
    begun: u32,
    failed: u32,
    ended: u32,
}

#[derive(Default)]
struct Ledger {
    events: HashMap<u64, Known>,
    /// The next number that nobody has used.
    next: u64,
    is_over: bool,
}

impl Ledger {
    /// Notes what a child said; a line that it had no time to end says nothing, nor does what the test harness says in it.
    fn note(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let [what, number, attempt, failures] = words[..] else {
            return;
        };
        let Ok(number) = number.parse() else { return };
        if what == "over" {
            self.is_over = true;
            return;
        }
        self.next = self.next.max(number + 1);
        let known = self.events.entry(number).or_default();
        match what {
            "sends" => {}
            "sent" => known.is_sent = true,
            "failed" => known.failed += 1,
            "ended" => known.ended += 1,
            "begun" => known.begins(number, attempt.parse().unwrap(), failures.parse().unwrap()),
            _ => panic!("what is `{line}`?"),
        }
    }
}

impl Known {
    fn begins(&mut self, number: u64, attempt: u32, failures: u32) {
        self.begun += 1;
        // One that was killed before it said so was an attempt as well.
        assert!(
            attempt > self.attempt && attempt >= self.begun,
            "{number}: attempt {attempt} after {}, begun {} times",
            self.attempt,
            self.begun
        );
        assert!(
            failures <= self.failed,
            "{number}: {failures} failures, of {} that it said: a kill is none",
            self.failed
        );
        self.attempt = attempt;
    }
}

#[test]
fn every_event_is_handled_however_often_the_worker_is_killed() {
    let is_long = env::var_os("BOOKDROP_LONG").is_some_and(|value| value == "1");
    let kills = if is_long { 50 } else { 8 };
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    for _ in 0..kills {
        let mut child = start(folder.path(), Some(ledger.next));
        let output = BufReader::new(child.stdout.take().unwrap());
        let most = fastrand::usize(1..4_000);
        let mut lines = output.lines().map_while(Result::ok);
        lines
            .by_ref()
            .take(most)
            .for_each(|line| ledger.note(&line));
        child.kill().unwrap();
        // What it had said before that.
        lines.for_each(|line| ledger.note(&line));
        child.wait().unwrap();
        assert!(!ledger.is_over, "a child ended by itself");
    }
    let mut child = start(folder.path(), None);
    let output = BufReader::new(child.stdout.take().unwrap());
    let lines = output.lines().map_while(Result::ok);
    lines.for_each(|line| ledger.note(&line));
    assert!(child.wait().unwrap().success() && ledger.is_over);

    let sent = ledger.events.values().filter(|known| known.is_sent);
    let lost = ledger
        .events
        .iter()
        .filter(|(_, known)| known.is_sent && known.ended == 0);
    let lost: Vec<_> = lost.map(|(number, _)| number).collect();
    assert!(lost.is_empty(), "never handled: {lost:?}");
    let again = ledger
        .events
        .values()
        .filter(|known| known.ended > 1)
        .count();
    println!(
        "{kills} kills, {} events sent, {again} handled more than once",
        sent.count()
    );
}

fn start(folder: &Path, first: Option<u64>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]);
    command.env(FOLDER, folder).env_remove(FIRST);
    if let Some(first) = first {
        command.env(FIRST, first.to_string());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().unwrap()
}
