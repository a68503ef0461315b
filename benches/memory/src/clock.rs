//! What one round took.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::alloc::Heap;

/// What one round of one contender took.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Events (or requests) moved.
    pub events: u64,
    /// Time on the wall.
    pub wall: Duration,
    /// CPU time of all threads of the process, user and system.
    pub cpu: Duration,
    /// What the allocator was asked for, in the rows that count it, for so many events.
    pub heap: Option<Heap>,
    /// What else was measured, in the rows whose subject is not a time.
    pub figures: Vec<Figure>,
}

/// Something that is not a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// The name in machine-readable lines.
    pub name: &'static str,
    /// What there are so many of, in words.
    pub unit: &'static str,
    /// How many.
    pub value: f64,
}

impl Round {
    /// Nanoseconds on the wall per event.
    pub(crate) fn wall_per_event(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.events as f64
    }

    /// Nanoseconds of CPU time per event.
    pub(crate) fn cpu_per_event(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.events as f64
    }
}

/// A running measurement.
pub(crate) struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    /// Starts to measure.
    pub(crate) fn start() -> Self {
        Self {
            cpu: cpu_time(),
            wall: Instant::now(),
        }
    }

    /// Ends the measurement.
    pub(crate) fn stop(self, events: u64) -> Round {
        let wall = self.wall.elapsed();
        Round {
            events,
            wall,
            cpu: cpu_time().saturating_sub(self.cpu),
            heap: None,
            figures: Vec::new(),
        }
    }
}

fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel tells what we used");
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| Duration::from_micros(time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64))
        .sum()
}
