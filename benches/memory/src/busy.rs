//! A busy machine, for `--busy`: two threads beside that never rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use crate::pin;

/// Two spinning threads; they end when this is dropped.
pub(crate) struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    /// Starts the two threads, each pinned to another core in a pinned run.
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..2).map(|index| spin(index, Arc::clone(&stop))).collect();
        Self { stop, threads }
    }
}

fn spin(index: usize, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        pin::this_thread(index);
        let mut turns = 0_u64;
        while !stop.load(Relaxed) {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    })
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
