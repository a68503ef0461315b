//! Runs the steps of one command in order, and says what ran, how long it took and what was left out.

use std::time::{Duration, Instant};

/// What a step yields: nothing, or why it failed.
pub(crate) type Outcome = Result<(), String>;

/// The steps of one command.
pub(crate) struct Steps {
    command: &'static str,
    started: Instant,
    left_out: Vec<String>,
}

impl Steps {
    pub(crate) fn of(command: &'static str) -> Steps {
        Steps {
            command,
            started: Instant::now(),
            left_out: Vec::new(),
        }
    }

    /// Runs one step. An error ends the command: callers hand it on with `?`.
    pub(crate) fn step(&self, name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
        println!("== {name}");
        let started = Instant::now();
        let outcome = work();
        let took = seconds(started.elapsed());
        match outcome {
            Ok(()) => {
                println!("== {name}: ok, {took}");
                Ok(())
            }
            Err(error) => Err(format!(
                "{} stopped at `{name}` after {took}: {error}",
                self.command
            )),
        }
    }

    /// Says what this run does not cover, and why: now, and at the end again.
    pub(crate) fn leave_out(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("== left out: {what}");
        self.left_out.push(what);
    }

    /// Says that every step passed, and what was not among them.
    pub(crate) fn finish(self) {
        let took = seconds(self.started.elapsed());
        println!("{} passed, {took}", self.command);
        if !self.left_out.is_empty() {
            println!("left out: {}", self.left_out.join("; "));
        }
    }
}

/// An outcome from a list of complaints: all of them are told at once.
pub(crate) fn no_complaints(complaints: Vec<String>) -> Outcome {
    if complaints.is_empty() {
        return Ok(());
    }
    let mut message = format!("found {}:", complaints.len());
    for complaint in complaints {
        message.push_str("\n  - ");
        message.push_str(&complaint);
    }
    Err(message)
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_is_named_with_its_reason() {
        let steps = Steps::of("check");
        assert_eq!(steps.step("good", || Ok(())), Ok(()));
        let error = steps
            .step("bad", || Err("the reason".to_owned()))
            .expect_err("the step failed");
        assert!(error.starts_with("check stopped at `bad`"), "{error}");
        assert!(error.ends_with("the reason"), "{error}");
    }

    #[test]
    fn every_complaint_is_told() {
        assert_eq!(no_complaints(Vec::new()), Ok(()));
        let error = no_complaints(vec!["one".to_owned(), "two".to_owned()])
            .expect_err("there were complaints");
        assert!(error.contains("one") && error.contains("two"));
    }
}
