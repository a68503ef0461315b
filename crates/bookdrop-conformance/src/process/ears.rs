//! Listens to another process.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use super::part::{SAID, SAID_WITH_FAULT};

/// What another process said, as it comes: waiting for it blocks no executor.
pub(super) struct Ears(Arc<Mutex<Heard>>);

/// One line of it.
pub(super) struct Line {
    pub(super) text: String,
    /// Whether the planted fault had come into effect there.
    pub(super) fault_fired: bool,
}

#[derive(Default)]
struct Heard {
    lines: VecDeque<Line>,
    /// What the test harness writes in between.
    noise: String,
    at_its_end: bool,
    waiting: Option<Waker>,
}

impl Ears {
    /// Listens to this output, to its end.
    pub(super) fn on(output: impl Read + Send + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ears = Self(heard.clone());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                note(&heard, |heard| heard.take_in(&line));
            }
            note(&heard, |heard| heard.at_its_end = true);
        });
        ears
    }

    /// The next line, and nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Line> {
        poll_fn(|cx| {
            let mut heard = lock(&self.0);
            match heard.lines.pop_front() {
                Some(line) => Poll::Ready(Some(line)),
                None if heard.at_its_end => Poll::Ready(None),
                None => {
                    heard.waiting = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// What was heard beside.
    pub(super) fn noise(&self) -> String {
        lock(&self.0).noise.clone()
    }
}

impl Heard {
    fn take_in(&mut self, line: &str) {
        let said = line.strip_prefix(SAID).map(|text| (text, false));
        let said = said.or_else(|| Some((line.strip_prefix(SAID_WITH_FAULT)?, true)));
        match said {
            Some((text, fault_fired)) => self.lines.push_back(Line {
                text: text.to_owned(),
                fault_fired,
            }),
            None => {
                self.noise.push_str(line);
                self.noise.push('\n');
            }
        }
    }
}

/// Whoever waits is woken without the lock.
fn note(heard: &Mutex<Heard>, change: impl FnOnce(&mut Heard)) {
    let waiting = {
        let mut heard = lock(heard);
        change(&mut heard);
        heard.waiting.take()
    };
    waiting.into_iter().for_each(Waker::wake);
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
