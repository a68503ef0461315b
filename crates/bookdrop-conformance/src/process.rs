//! A part of a behaviour in another process.
//!
//! The test executable runs itself again, with nothing but the test `other_process` beside the tests of the driver. An
//! environment variable says there which [`Part`] to play, with which queue, and which fault is planted. Whoever started it
//! [hears](OtherProcess::heard) line by line what it [says](say), and may kill it.

mod ears;
mod part;

use std::env;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) use part::{Part, play, say};

use crate::{Context, Outcome, Violation};
use ears::Ears;

/// A process takes a while to start, also where a broken driver must not hide for long.
const START: Duration = Duration::from_secs(5);

/// Another process, which plays a part until it is dropped here: then it is killed.
pub(crate) struct OtherProcess {
    ctx: Context,
    part: &'static Part,
    /// Its standard input is open as long as this lives: at its end the process ends, too.
    child: Child,
    ears: Ears,
    complaints: Option<JoinHandle<String>>,
}

impl OtherProcess {
    /// Starts a process that plays this part with the queue of this [name](crate::Setup::name).
    pub(crate) fn start(ctx: &Context, part: &'static Part, queue: &str) -> Outcome<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--exact", &ctx.under_test().other_process(), "--nocapture"])
            .env(part::ORDER, part::order(ctx.plan(), part, queue))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let ears = Ears::on(child.stdout.take().expect("it has an output"));
        let errors = child.stderr.take().expect("it has an output for errors");
        Ok(Self {
            ctx: ctx.clone(),
            part,
            child,
            ears,
            complaints: Some(thread::spawn(move || all_of(errors))),
        })
    }

    /// What it says next. That it ends, or says nothing within the suite's patience, is a violation.
    pub(crate) async fn heard(&mut self) -> Outcome<String> {
        let patience = self.ctx.patience().max(START);
        let late = async {
            self.ctx.pause(patience).await;
            Err(format!("said nothing within {patience:?}"))
        };
        let next = async { Ok(self.ears.next().await) };
        match futures_lite::future::or(next, late).await {
            Ok(Some(line)) => Ok(self.understood(line)),
            Ok(None) => Err(self.wrong("ended by itself")),
            Err(late) => Err(self.wrong(&late)),
        }
    }

    /// Kills it, and waits until it is dead; what else it had said.
    pub(crate) async fn killed(mut self) -> Outcome<Vec<String>> {
        if self.child.try_wait()?.is_some() {
            return Err(self.wrong("ended by itself"));
        }
        self.child.kill()?;
        let mut rest = Vec::new();
        while let Some(line) = self.ears.next().await {
            rest.push(self.understood(line));
        }
        // Its output is at its end, so this takes no time.
        self.child.wait()?;
        self.ctx.plan().memory().kills += 1;
        Ok(rest)
    }

    fn understood(&self, line: ears::Line) -> String {
        if line.fault_fired {
            self.ctx.plan().fired_elsewhere();
        }
        line.text
    }

    fn wrong(&mut self, what: &str) -> Violation {
        self.end();
        let status = self.child.wait().map(|status| status.to_string());
        let complaints = self.complaints.take().map(JoinHandle::join);
        Violation::broken(format!(
            "the process that plays {} {what} ({}): {}{}",
            self.part.name,
            status.unwrap_or_else(|error| error.to_string()),
            complaints.and_then(Result::ok).unwrap_or_default(),
            self.ears.noise()
        ))
    }

    fn end(&mut self) {
        // It fails only where there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn all_of(mut output: impl Read) -> String {
    let mut all = Vec::new();
    // What came before an error is worth telling.
    let _ = output.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}
