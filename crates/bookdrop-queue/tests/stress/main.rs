//! Many threads do everything at once to one queue, and every event is counted.
//!
//! `BOOKDROP_LONG=1` goes on for minutes. `BOOKDROP_SEED=n` begins with another seed; threads being what they are, the
//! same seed makes the same choices and not the same run.

#![cfg(not(any(loom, shuttle)))]

mod event;
mod hands;
mod ledger;
mod roles;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bookdrop_queue::park::wait;
use bookdrop_queue::timer::Timer;
use bookdrop_queue::{Backoff, Depths, Limits, OnFull, Queue};

use event::{Event, Random};
use hands::Consumer;
use ledger::{End, Ledger};
use roles::Run;

/// How much one round is.
struct Size {
    senders: u64,
    steps: u64,
    default_consumers: u64,
    audit_consumers: u64,
}

const SIZE: Size = match cfg!(miri) {
    true => Size {
        senders: 2,
        steps: 12,
        default_consumers: 2,
        audit_consumers: 1,
    },
    false => Size {
        senders: 4,
        steps: 600,
        default_consumers: 3,
        audit_consumers: 2,
    },
};

#[test]
fn every_event_ends_exactly_once() {
    let long = std::env::var_os("BOOKDROP_LONG").is_some();
    let seed = std::env::var("BOOKDROP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let budget = Duration::from_secs(if long { 180 } else { 4 });
    let (first, started) = (seed.unwrap_or(1), Instant::now());
    let mut total = ledger::Total::default();
    for seed in first.. {
        total.add(&round(seed));
        if cfg!(miri) || started.elapsed() > budget {
            println!("{} rounds: {total:?}", seed - first + 1);
            return;
        }
    }
}

fn round(seed: u64) -> ledger::Total {
    let mut random = Random(seed);
    let on_full = [
        OnFull::Wait,
        OnFull::Wait,
        OnFull::Reject,
        OnFull::DropOldest,
    ][random.below(4) as usize];
    let limits = Limits {
        capacity: [1, 2, 8, 64][random.below(4) as usize],
        max_delayed: [1, 4, 64][random.below(3) as usize],
        max_attempts: 3,
        max_deliveries: 4,
        max_dead: 4,
        backoff: Backoff {
            first: Duration::from_millis(1),
            max: Duration::from_millis(3),
        },
        ..Limits::default()
    };
    let queue = Queue::new(limits, on_full, seed);
    // These stay until the end, so that nobody is the last one to leave.
    let mut first = vec![Consumer::seated(&queue, queue.join_default())];
    if random.chance(40) {
        let seat = queue.join("audit", Event::copy);
        first.push(Consumer::seated(&queue, seat));
    }
    let run = Arc::new(Run {
        seed,
        groups: first.iter().map(Consumer::group).collect(),
        queue,
        ledger: Arc::new(Ledger::new()),
        steps: AtomicU64::new(0),
        keys: Mutex::default(),
        bench: Mutex::default(),
    });
    let _watch = Watch::over(&run);
    play(&run, &mut random);
    finish(run, first)
}

/// Has everybody do their part, and closes before they are through.
fn play(run: &Arc<Run>, random: &mut Random) {
    let mut threads = Vec::new();
    for (at, group) in run.groups.iter().enumerate() {
        let consumers = [SIZE.default_consumers, SIZE.audit_consumers][at];
        for _ in 0..consumers {
            let consumer = Consumer::new(&run.queue, *group, random.chance(15));
            threads.push(start(run, random, move |run, random| {
                run.consume(at, consumer, random)
            }));
        }
    }
    for sender in 0..SIZE.senders {
        threads.push(start(run, random, move |run, random| {
            run.send(sender, SIZE.steps, random)
        }));
    }
    threads.push(start(run, random, |run, random| run.tidy(random)));
    let enough = SIZE.senders * SIZE.steps * 9 / 10;
    while run.steps.load(Ordering::Relaxed) < enough {
        thread::sleep(Duration::from_millis(1));
    }
    match random.chance(50) {
        true => run.queue.close(),
        false => run.queue.begin_drain(),
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no thread panics"));
}

fn start(
    run: &Arc<Run>,
    random: &mut Random,
    act: impl FnOnce(&Run, &mut Random) + Send + 'static,
) -> thread::JoinHandle<()> {
    let (run, mut random) = (run.clone(), Random(random.next()));
    thread::spawn(move || {
        let _end = EndOnPanic(&run);
        act(&run, &mut random);
    })
}

/// Nobody is to wait for one who has panicked.
struct EndOnPanic<'a>(&'a Run);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the round of seed {} failed", self.0.seed);
            self.0.queue.begin_drain();
        }
    }
}

/// Takes out what is left, and looks whether all is accounted for.
fn finish(run: Arc<Run>, first: Vec<Consumer>) -> ledger::Total {
    let (queue, ledger) = (&run.queue, &run.ledger);
    run.settle_others(&mut Random(run.seed));
    queue.begin_drain();
    wait(std::future::poll_fn(|cx| {
        queue.poll_empty_handed(&mut None, cx)
    }));
    for (group, _, event) in queue.take_left().0 {
        ledger.end(event.number, End::Left(group));
    }
    for group in ["default", "audit"] {
        for dead in queue.take_all_dead(group) {
            ledger.end(dead.item.number, End::Dead);
        }
    }
    drop(first);
    all_are_let_go_of(ledger, run.seed);
    let (counters, depths) = queue.counts();
    assert_eq!(
        depths,
        Depths::default(),
        "seed {}: something is left",
        run.seed
    );
    assert_eq!(queue.waiting_senders(), 0);
    let total = ledger.check(&counters, run.seed);
    let queue = Arc::downgrade(&run.queue);
    let ledger = run.ledger.clone();
    drop(run);
    nothing_is_left(&queue);
    assert_eq!(ledger.alive(), 0);
    total
}

/// Every event has gone. (The timer's thread may have taken expired ones out of the queue, and be about to drop them.)
fn all_are_let_go_of(ledger: &ledger::Ledger, seed: u64) {
    for _ in 0..10_000 {
        if ledger.alive() == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("seed {seed}: {} events were forgotten", ledger.alive());
}

/// The queue itself goes, and with it its alarm. (The timer's thread may be about to ring it.)
fn nothing_is_left(queue: &Weak<Queue<Event>>) {
    for _ in 0..10_000 {
        if queue.strong_count() == 0 && Timer::global().armed() == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!(
        "{} of the queue, {} alarms",
        queue.strong_count(),
        Timer::global().armed()
    );
}

/// Ends a run that hangs, saying what it looked like.
struct Watch(Option<std::sync::mpsc::Sender<()>>);

impl Watch {
    fn over(run: &Arc<Run>) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let run = Arc::downgrade(run);
        let limit = Duration::from_secs(if cfg!(miri) { 3600 } else { 60 });
        thread::spawn(move || {
            if receiver.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                && let Some(run) = run.upgrade()
            {
                let (queue, seed) = (&run.queue, run.seed);
                eprintln!(
                    "seed {seed} hangs: {:?}, {} in line",
                    queue.counts(),
                    queue.waiting_senders()
                );
                std::process::abort();
            }
        });
        Watch(Some(sender))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
