//! What the children said, held against what is found.

use std::collections::HashMap;

use crate::child::GROUPS;
use crate::folder::Found;

/// What was promised of every event, in each group.
#[derive(Default)]
pub(crate) struct Promises {
    all: HashMap<(&'static str, String), Promise>,
    /// What must never be said.
    violations: Vec<String>,
}

/// How far something went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    #[default]
    Nothing,
    /// It was about to be done.
    Begun,
    Confirmed,
}

#[derive(Clone, Debug, Default)]
struct Promise {
    sent: Said,
    acked: Said,
    rejected: Said,
    attempts: u32,
    /// The run in which somebody has it, or had it and did not fail. In that run nobody gets it again.
    handed_over: Option<u64>,
}

impl Promises {
    /// Notes a line of the child of this run. Returns how many operations it confirms.
    pub(crate) fn note(&mut self, line: &str, run: u64) -> usize {
        let Some(line) = line.strip_prefix("> ") else {
            // The test harness's own.
            return 0;
        };
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["send", name] => self.in_all(name, |promise| promise.sent = Said::Begun),
            ["sent", name] => {
                self.in_all(name, |promise| promise.sent = Said::Confirmed);
                return 1;
            }
            ["got", group, name, attempt] => {
                self.got(group, name, attempt.parse().expect("a number"), run);
            }
            ["fail", group, name] => self.of(group, name).handed_over = None,
            ["ack", group, name] => self.of(group, name).acked = Said::Begun,
            ["acked", group, name] => {
                self.of(group, name).acked = Said::Confirmed;
                return 1;
            }
            ["reject", group, name] => self.of(group, name).rejected = Said::Begun,
            ["rejected", group, name] => {
                self.of(group, name).rejected = Said::Confirmed;
                return 1;
            }
            ["answered"] => return 1,
            _ => self.violations.push(format!("run {run}: {line}")),
        }
        0
    }

    fn in_all(&mut self, name: &str, change: impl Fn(&mut Promise)) {
        for group in GROUPS {
            change(self.of(group, name));
        }
    }

    fn of(&mut self, group: &str, name: &str) -> &mut Promise {
        let known = GROUPS.iter().find(|known| **known == group);
        let key = (*known.expect("there are two groups"), name.to_owned());
        self.all.entry(key).or_default()
    }

    fn got(&mut self, group: &str, name: &str, attempt: u32, run: u64) {
        let promise = self.of(group, name);
        let is_wrong = promise.sent == Said::Nothing
            || promise.acked == Said::Confirmed
            || promise.rejected == Said::Confirmed
            || promise.handed_over == Some(run)
            || attempt <= promise.attempts;
        promise.attempts = promise.attempts.max(attempt);
        if is_wrong {
            let what = format!("run {run}: {name} came with attempt {attempt}: {promise:?}");
            self.violations.push(what);
        }
        self.of(group, name).handed_over = Some(run);
    }

    /// What was said that must never be.
    pub(crate) fn violation(&self) -> Option<&str> {
        self.violations.first().map(String::as_str)
    }

    /// Whether what is found is what was promised; and what is certain from now on is noted.
    pub(crate) fn compare(&mut self, found: &[Found]) -> Result<(), String> {
        if let Some(violation) = self.violation() {
            return Err(violation.to_owned());
        }
        for group in found {
            self.compare_group(group)?;
        }
        if found.is_empty()
            && self
                .all
                .values()
                .any(|promise| promise.sent == Said::Confirmed)
        {
            return Err("there is no queue any more".to_owned());
        }
        // What is over is not looked at again: thousands of runs would take longer and longer.
        self.all
            .retain(|_, promise| promise.acked != Said::Confirmed);
        Ok(())
    }

    fn compare_group(&mut self, found: &Found) -> Result<(), String> {
        let ready: HashMap<&str, u32> = found
            .ready
            .iter()
            .map(|(name, attempt)| (name.as_str(), *attempt))
            .collect();
        if ready.len() < found.ready.len() {
            return Err(format!("an event of {} was found twice", found.group));
        }
        let dead: HashMap<&str, &str> = found
            .dead
            .iter()
            .map(|(name, reason)| (name.as_str(), reason.as_str()))
            .collect();
        let of_group = self
            .all
            .iter_mut()
            .filter(|((group, _), _)| *group == found.group);
        for ((group, name), promise) in of_group {
            let (ready, dead) = (ready.get(name.as_str()), dead.get(name.as_str()));
            promise
                .compare(ready.copied(), dead.copied())
                .map_err(|what| format!("{name} of {group} {what}: {promise:?}"))?;
        }
        let known = |name: &str| self.all.contains_key(&(found.group, name.to_owned()));
        let mut all = ready.keys().chain(dead.keys());
        match all.find(|name| !known(name)) {
            // What was acked for sure is not known any more.
            Some(name) => Err(format!("{name} of {} should not be there", found.group)),
            None => Ok(()),
        }
    }
}

impl Promise {
    fn compare(&mut self, ready: Option<u32>, dead: Option<&str>) -> Result<(), String> {
        let is_there = ready.is_some() || dead.is_some();
        if !is_there && self.sent == Said::Confirmed && self.acked == Said::Nothing {
            return Err("is lost".to_owned());
        }
        if is_there && self.acked == Said::Confirmed {
            return Err("was acked, and is there".to_owned());
        }
        if ready.is_some() && self.rejected == Said::Confirmed {
            return Err("was rejected, and is not dead".to_owned());
        }
        if dead.is_some_and(|reason| reason != "rejected: torn" || self.rejected == Said::Nothing) {
            return Err(format!("is dead: {dead:?}"));
        }
        if ready.is_some_and(|attempt| attempt <= self.attempts) {
            return Err(format!("has lost an attempt: {ready:?}"));
        }
        // What was not certain is so now.
        match is_there {
            true => {
                self.sent = Said::Confirmed;
                self.acked = Said::Nothing;
                self.rejected = match dead {
                    Some(_) => Said::Confirmed,
                    None => Said::Nothing,
                };
            }
            false => self.acked = Said::Confirmed,
        }
        Ok(())
    }
}
