//! Random schedules of scenarios that are too large for loom: everybody does everything at once to one small queue, and
//! every event is accounted for. A lost wake-up is a deadlock here, since nothing ever times out.
//!
//! `BOOKDROP_LONG=1` runs fifty times as many. A failure prints its schedule for `shuttle::replay`; one at random
//! prints a seed too, with which `SHUTTLE_RANDOM_SEED` finds it again.

#![cfg(shuttle)]

// What the stress run sends and how it keeps its books holds for every thread there is.
#[path = "../stress/event.rs"]
mod event;
#[path = "../stress/hands.rs"]
mod hands;
#[path = "../stress/ledger.rs"]
mod ledger;
mod roles;

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookdrop_queue::park::wait;
use bookdrop_queue::{Backoff, Depths, Limits, OnFull, Queue};
use shuttle::rand::RngCore;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread;

use event::{Event, Random};
use hands::Consumer;
use ledger::{End, Total};
use roles::Run;

/// Schedules of each test.
const ITERATIONS: usize = 20_000;

/// PCT is likely to find what takes so few steps to come in one certain order.
const DEPTH: usize = 3;

/// One group or two, with two consumers each, two senders, one who asks, and the one who closes.
#[test]
fn every_event_ends_exactly_once_at_random() {
    check(RandomScheduler::new(iterations()), play);
}

#[test]
fn every_event_ends_exactly_once_by_priority() {
    check(PctScheduler::new(DEPTH, iterations()), play);
}

/// Three who ask, and two consumers who go while requests stand there: each has to end without a close.
#[test]
fn requests_end_when_the_last_consumer_leaves() {
    check(RandomScheduler::new(iterations()), play_leaving);
}

fn iterations() -> usize {
    let long = std::env::var_os("BOOKDROP_LONG").is_some();
    ITERATIONS * if long { 50 } else { 1 }
}

type Play = fn(&Arc<Run>, Vec<Consumer>, &mut Random);

fn check(scheduler: impl Scheduler + 'static, play: Play) {
    let mut config = shuttle::Config::new();
    // A panic prints its backtrace on the stack of the thread it is in.
    config.stack_size = 0x4_0000;
    // It warns that it knows no ordering weaker than SeqCst. Those are loom's.
    config.silence_warnings = true;
    let total = Arc::new(Mutex::new(Total::default()));
    let sum = total.clone();
    shuttle::Runner::new(scheduler, config).run(move || {
        let round = round(play);
        sum.lock().unwrap().add(&round);
    });
    println!("{:?}", total.lock().unwrap());
}

fn round(play: Play) -> Total {
    // Drawn from shuttle, so that a schedule that is replayed makes the same choices.
    let seed = shuttle::rand::thread_rng().next_u64();
    let mut random = Random(seed);
    let (run, first) = Run::new(queue(&mut random, seed), seed, &mut random);
    let run = Arc::new(run);
    play(&run, first, &mut random);
    finish(run)
}

fn queue(random: &mut Random, seed: u64) -> Arc<Queue<Event>> {
    use OnFull::{DropOldest, Reject, Wait};
    let on_full = [Wait, Wait, Wait, Wait, Reject, DropOldest][random.below(6) as usize];
    // Time stands still, so whatever fails comes back at once.
    let backoff = Backoff {
        first: Duration::ZERO,
        max: Duration::ZERO,
    };
    let limits = Limits {
        capacity: 1 + random.below(2) as usize,
        max_attempts: 3,
        max_deliveries: 4,
        max_dead: 2,
        backoff,
        ..Limits::default()
    };
    Queue::new(limits, on_full, seed)
}

/// Has everybody do their part, and closes: mostly when all is sent, so that nobody is woken by the close alone.
fn play(run: &Arc<Run>, first: Vec<Consumer>, random: &mut Random) {
    let mut consumers = Vec::new();
    for (at, group) in run.groups.iter().enumerate() {
        for is_patient in [true, false] {
            let consumer = Consumer::new(&run.queue, *group, random.chance(15));
            consumers.push(start(run, random, move |run, random| {
                run.consume(at, consumer, is_patient, random)
            }));
        }
    }
    // From here on a consumer may be the last one to leave.
    drop(first);
    let mut senders = vec![start(run, random, |run, random| run.ask(3, 50, random))];
    for sender in 1..=2 {
        senders.push(start(run, random, move |run, random| {
            run.send(sender, random)
        }));
    }
    if random.chance(25) {
        end(run, random);
    }
    join(senders);
    end(run, random);
    join(consumers);
}

/// Nobody closes before all have their outcomes.
fn play_leaving(run: &Arc<Run>, first: Vec<Consumer>, random: &mut Random) {
    let mut threads = Vec::new();
    for _ in 0..2 {
        let consumer = Consumer::new(&run.queue, run.groups[0], random.chance(15));
        threads.push(start(run, random, |run, random| {
            run.consume(0, consumer, false, random)
        }));
    }
    drop(first);
    for sender in 3..=5 {
        threads.push(start(run, random, move |run, random| {
            run.ask(sender, 0, random)
        }));
    }
    join(threads);
    run.queue.close();
}

fn end(run: &Run, random: &mut Random) {
    run.tidy(random);
    match random.chance(50) {
        true => run.queue.close(),
        false => run.queue.begin_drain(),
    }
}

fn start(
    run: &Arc<Run>,
    random: &mut Random,
    act: impl FnOnce(&Run, &mut Random) + Send + 'static,
) -> thread::JoinHandle<()> {
    let (run, mut random) = (run.clone(), Random(random.next()));
    thread::spawn(move || act(&run, &mut random))
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("no thread panics");
    }
}

/// Takes out what is left, and looks whether all is accounted for.
fn finish(run: Arc<Run>) -> Total {
    let (queue, ledger) = (&run.queue, &run.ledger);
    run.settle_others(&mut Random(run.seed));
    wait(poll_fn(|cx| queue.poll_empty_handed(&mut None, cx)));
    for (group, _, event) in queue.take_left().0 {
        ledger.end(event.number, End::Left(group));
    }
    for group in ["default", "audit"] {
        for dead in queue.take_all_dead(group) {
            ledger.end(dead.item.number, End::Dead);
        }
    }
    let (counters, depths) = queue.counts();
    assert_eq!(depths, Depths::default(), "something is left");
    assert_eq!(queue.waiting_senders(), 0);
    let total = ledger.check(&counters, run.seed);
    let (queue, ledger) = (Arc::downgrade(queue), ledger.clone());
    drop(run);
    assert_eq!(queue.strong_count(), 0, "somebody still has the queue");
    assert_eq!(ledger.alive(), 0, "an event was forgotten");
    total
}
