//! Ways that lose, repeat and hold packets.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// How many of a thousand packets meet with what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) held: u64,
}

impl Plan {
    /// Everything goes wrong now and then.
    pub(crate) const BAD: Plan = Plan {
        lost: 20,
        repeated: 20,
        held: 20,
    };
}

/// What is on its way to one side.
pub(crate) struct Way {
    plan: Plan,
    state: Mutex<State>,
    /// Nothing gets through, in both directions.
    is_cut: AtomicBool,
    /// Nothing gets through to here.
    is_stopped: AtomicBool,
}

struct State {
    random: u64,
    under_way: Vec<(Instant, Bytes)>,
    thread: Option<Thread>,
}

impl Way {
    pub(crate) fn new(plan: Plan, seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let state = State {
            random,
            under_way: Vec::new(),
            thread: None,
        };
        Way {
            plan,
            state: Mutex::new(state),
            is_cut: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// What comes wakes this thread.
    pub(crate) fn is_of_this_thread(&self) {
        self.state.lock().expect("no panic").thread = Some(thread::current());
    }

    pub(crate) fn ring(&self) {
        if let Some(thread) = &self.state.lock().expect("no panic").thread {
            thread.unpark();
        }
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    pub(crate) fn stop(&self, is_stopped: bool) {
        self.is_stopped.store(is_stopped, Ordering::SeqCst);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    pub(crate) fn send(&self, packet: Bytes) {
        let mut state = self.state.lock().expect("no panic");
        let (now, plan) = (Instant::now(), self.plan);
        if state.one_of(plan.lost) || self.is_stopped.load(Ordering::SeqCst) {
            return;
        }
        let is_repeated = state.one_of(plan.repeated);
        for _ in 0..1 + u32::from(is_repeated) {
            let hold = match state.one_of(plan.held) {
                true => Duration::from_micros(state.next() % 5_000),
                false => Duration::ZERO,
            };
            state.under_way.push((now + hold, packet.clone()));
        }
        drop(state);
        self.ring();
    }

    /// Gives out what has come by now. Returns when more comes.
    pub(crate) fn arrived(&self, now: Instant, mut each: impl FnMut(Bytes)) -> Option<Instant> {
        let mut state = self.state.lock().expect("no panic");
        let due: Vec<_> = state
            .under_way
            .extract_if(.., |(at, _)| *at <= now)
            .collect();
        let next = state.under_way.iter().map(|(at, _)| *at).min();
        drop(state);
        due.into_iter().for_each(|(_, packet)| each(packet));
        next
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    fn one_of(&mut self, thousand: u64) -> bool {
        self.next() % 1_000 < thousand
    }
}
