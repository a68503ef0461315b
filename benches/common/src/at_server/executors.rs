//! What tasks run on: those of everyone, and those of a client that has a thread of its own.

use tokio::runtime::{Builder, Runtime};

/// With a thread for each core.
pub fn everyones() -> Result<Runtime, String> {
    made(Runtime::new())
}

/// With one thread, beside everyone's.
pub fn of_a_client() -> Result<Runtime, String> {
    let mut thread = Builder::new_multi_thread();
    made(thread.worker_threads(1).enable_all().build())
}

fn made(executor: std::io::Result<Runtime>) -> Result<Runtime, String> {
    executor.map_err(|error| format!("no executor: {error}"))
}
