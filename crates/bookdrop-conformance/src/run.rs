//! Runs behaviours: one on an executor, all of them at once, or one with a planted fault.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_lite::FutureExt;
use futures_timer::Delay;

use crate::executor::panic_text;
use crate::{
    Behaviour, Context, Executor, Fault, Kind, Outcome, Plan, Setup, UnderTest, Violation,
};

/// Whether the long form of the suite was asked for: `BOOKDROP_LONG=1`.
pub fn is_long() -> bool {
    std::env::var_os("BOOKDROP_LONG").is_some_and(|value| value == "1")
}

/// How many times the stress mode runs the whole suite at once: `BOOKDROP_STRESS_ROUNDS`, else 2, in the long form 20.
pub fn stress_rounds() -> usize {
    let asked = std::env::var("BOOKDROP_STRESS_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    asked.unwrap_or(if is_long() { 20 } else { 2 })
}

/// How many rounds run beside each other: all of them, but of a driver on a server two, since that takes so many connections.
fn rounds_at_once(ctx: &Context) -> usize {
    let driver = ctx.driver(Setup::default());
    match driver.capabilities().cross_process {
        true => 2,
        false => usize::MAX,
    }
}

/// How long the suite waits for what must happen.
pub(crate) fn patience() -> Duration {
    Duration::from_secs(if is_long() { 600 } else { 60 })
}

/// How long a broken driver may hide.
pub(crate) const SHORT_PATIENCE: Duration = Duration::from_millis(1_000);

/// Checks one behaviour on one executor, as a test does.
///
/// # Panics
///
/// If the behaviour does not hold.
pub fn check(name: &str, kind: Kind, under_test: UnderTest) {
    if (under_test.is_left_out)() {
        return;
    }
    let behaviour = Behaviour::named(name);
    let outcome = watched(name, kind, patience() * 3, move |executor| {
        let ctx = Context::new(under_test, executor.spawner(), Plan::sound(), patience());
        executor.block_on(caught(behaviour, ctx))
    });
    match outcome {
        Ok(()) => {}
        Err(Violation::Skipped(why)) => println!("{name} on {kind:?} is skipped: {why}"),
        Err(violation) => panic!("{name} on {kind:?}: {violation}"),
    }
}

/// Checks all behaviours many times in parallel on one multi-threaded executor.
///
/// # Panics
///
/// If one of them does not hold.
pub fn check_under_stress(under_test: UnderTest) {
    if (under_test.is_left_out)() {
        return;
    }
    let rounds = stress_rounds();
    let limit = patience() * (2 + rounds as u32);
    let outcome = watched(
        "the whole suite",
        Kind::TokioMultiThread,
        limit,
        move |executor| {
            let spawner = executor.spawner();
            let ctx = || Context::new(under_test, spawner.clone(), Plan::sound(), limit);
            let at_once = rounds_at_once(&ctx());
            let mut violations = Vec::new();
            for first in (0..rounds).step_by(at_once) {
                let mut running = Vec::new();
                for _ in first..rounds.min(first.saturating_add(at_once)) {
                    for behaviour in Behaviour::ALL {
                        running.push((behaviour.name, spawner.spawn(caught(*behaviour, ctx()))));
                    }
                }
                executor.block_on(async {
                    for (name, run) in running {
                        match run.await? {
                            Ok(()) | Err(Violation::Skipped(_)) => {}
                            Err(violation) => violations.push(format!("{name}: {violation}")),
                        }
                    }
                    Outcome::Ok(())
                })?;
            }
            if violations.is_empty() {
                Ok(())
            } else {
                Err(Violation::broken(violations.join("\n")))
            }
        },
    );
    if let Err(violation) = outcome {
        panic!("{rounds} rounds in parallel: {violation}");
    }
}

/// Checks that a behaviour catches a fault.
///
/// The fault must be noticed by a check of the behaviour; that it merely hangs is not enough.
///
/// # Panics
///
/// If the fault is not caught, or never came into effect.
pub fn check_catches(name: &str, fault: Fault, under_test: UnderTest) {
    let plan = Plan::broken(fault);
    let (behaviour, planted) = (Behaviour::named(name), plan.clone());
    let outcome = watched(name, Kind::TokioMultiThread, patience(), move |executor| {
        let ctx = Context::new(under_test, executor.spawner(), planted, SHORT_PATIENCE);
        let hung = async {
            Delay::new(SHORT_PATIENCE * 8).await;
            Err(Violation::Hung)
        };
        executor.block_on(caught(behaviour, ctx).or(hung))
    });
    assert!(
        plan.fired() > 0,
        "{fault:?} never came into effect in {name}"
    );
    match outcome {
        Ok(()) => panic!("{name} does not catch {fault:?}"),
        Err(Violation::Skipped(why)) => panic!("{name} is skipped with {fault:?}: {why}"),
        Err(Violation::Hung) => {
            panic!("{name} hangs with {fault:?}, and no check of its own notices")
        }
        Err(violation) => println!("{name} catches {fault:?}: {violation}"),
    }
}

/// Plays a part in a behaviour, where this process was started for that by another; else it does nothing.
///
/// A test of this name stands beside the tests of each driver, since a behaviour starts its test executable again with that one
/// test.
///
/// # Panics
///
/// If the part cannot be played.
pub fn other_process(under_test: UnderTest) {
    crate::process::play(under_test);
}

/// Runs a behaviour; a panic is a violation.
async fn caught(behaviour: Behaviour, ctx: Context) -> Outcome {
    let run = AssertUnwindSafe(behaviour.run(ctx)).catch_unwind();
    run.await.unwrap_or_else(|panic| {
        Err(Violation::broken(format!(
            "panicked: {}",
            panic_text(panic.as_ref())
        )))
    })
}

/// Runs in a thread of its own, so that a deadlock fails the test in place of stopping the test run.
fn watched(
    name: &str,
    kind: Kind,
    limit: Duration,
    run: impl FnOnce(&Executor) -> Outcome + Send + 'static,
) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let executor = Executor::new(kind);
        let _ = sender.send(run(&executor));
    });
    thread.expect("a thread can be started");
    receiver.recv_timeout(limit).unwrap_or(Err(Violation::Hung))
}
