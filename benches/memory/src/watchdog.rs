//! Ends the process when a round hangs, and says which.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// No round takes nearly so long.
const LIMIT: Duration = Duration::from_secs(120);

/// Told of each round when it starts; its thread sleeps meanwhile.
pub(crate) struct Watchdog(SyncSender<String>);

impl Watchdog {
    /// Starts to watch.
    pub(crate) fn start() -> Self {
        let (tx, rx) = sync_channel(0);
        std::thread::spawn(move || watch(&rx));
        Self(tx)
    }

    /// A round starts.
    pub(crate) fn round(&self, name: String) {
        self.0
            .send(name)
            .expect("the watchdog lives as long as the process");
    }
}

fn watch(rx: &Receiver<String>) {
    let mut running = String::from("start");
    loop {
        match rx.recv_timeout(LIMIT) {
            Ok(name) => running = name,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("no end after {} s: {running}", LIMIT.as_secs());
                std::process::exit(3);
            }
        }
    }
}
