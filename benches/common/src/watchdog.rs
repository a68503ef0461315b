//! Ends the process when a round hangs, and says which.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Told of each round when it starts; its thread sleeps meanwhile.
pub struct Watchdog(SyncSender<String>);

impl Watchdog {
    /// Starts to watch for what takes so long that no round does.
    pub fn start(limit: Duration) -> Self {
        let (tx, rx) = sync_channel(0);
        std::thread::spawn(move || watch(&rx, limit));
        Self(tx)
    }

    /// A round starts.
    pub fn round(&self, name: String) {
        self.0
            .send(name)
            .expect("the watchdog lives as long as the process");
    }
}

fn watch(rx: &Receiver<String>, limit: Duration) {
    let mut running = String::from("start");
    loop {
        match rx.recv_timeout(limit) {
            Ok(name) => running = name,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("no end after {} s: {running}", limit.as_secs());
                std::process::exit(3);
            }
        }
    }
}
