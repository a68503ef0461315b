//! What a process does that was started to play a part.

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::{env, process, thread};

use crate::rig::RigDriver;
use crate::{Context, Executor, Fault, Kind, Outcome, Plan, Setup, UnderTest, behaviour, run};

/// What another process does with a queue. Each stands in the list of `behaviour.rs`, where that process finds it.
pub(crate) struct Part {
    /// One word, which no other part has.
    pub(crate) name: &'static str,
    /// The options of the queue, the same in every process; its name is that of whoever starts the process.
    pub(crate) setup: fn() -> Setup,
    /// What is done. It may go on for ever: the process is killed, and ends at the latest with the one that started it.
    pub(crate) play: fn(Context, RigDriver) -> Playing,
}

type Playing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What a process is to do: which part, with which queue, and with which fault.
pub(super) const ORDER: &str = "BOOKDROP_OTHER_PROCESS";
/// In place of a fault.
const SOUND: &str = "-";
/// Stands before what is said, to tell it from what the test harness writes.
pub(super) const SAID: &str = "> ";
/// The same, once the planted fault has come into effect.
pub(super) const SAID_WITH_FAULT: &str = "! ";

pub(super) fn order(plan: &Plan, part: &Part, queue: &str) -> String {
    let fault = plan.fault().map(|fault| format!("{fault:?}"));
    let fault = fault.unwrap_or_else(|| SOUND.to_owned());
    format!("{} {queue} {fault}", part.name)
}

/// Plays the part that the environment names, if any.
pub(crate) fn play(under_test: UnderTest) {
    let Ok(order) = env::var(ORDER) else {
        return;
    };
    end_with_the_starter();
    let words = order.split(' ').collect::<Vec<_>>();
    let [part, queue, fault] = words[..] else {
        panic!("{ORDER}={order}: a part, a queue and a fault");
    };
    let part = behaviour::PARTS.iter().find(|known| known.name == part);
    let part = part.unwrap_or_else(|| panic!("there is no part {order}"));
    let (plan, patience) = match fault {
        SOUND => (Plan::sound(), run::patience()),
        fault => (
            Plan::broken_elsewhere(Fault::named(fault)),
            run::SHORT_PATIENCE,
        ),
    };
    // The test harness may have begun a line.
    println!();
    let executor = Executor::new(Kind::TokioMultiThread);
    let ctx = Context::new(under_test, executor.spawner(), plan, patience);
    let driver = ctx.driver((part.setup)().lent(queue));
    if let Err(violation) = executor.block_on((part.play)(ctx, driver)) {
        panic!("{}: {violation}", part.name);
    }
}

/// Nobody is to find a process that works on for ever: the standard input is at its end when the one that started it is gone.
fn end_with_the_starter() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
}

/// Says a line to whoever started this process. It is heard even if the process is killed right after this.
pub(crate) fn say(ctx: &Context, line: fmt::Arguments<'_>) {
    let mark = match ctx.plan().fired() {
        0 => SAID,
        _ => SAID_WITH_FAULT,
    };
    let line = format!("{mark}{line}\n");
    if io::stdout().lock().write_all(line.as_bytes()).is_err() {
        // Nobody is there any more.
        process::exit(0);
    }
}
