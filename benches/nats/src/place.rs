//! The server.

use async_nats::Client;
use bookdrop_bench_common::at_server::queue;
use bookdrop_test_servers::Nats;
use tokio::runtime::Runtime;

/// A server of this run's own, which flushes each message before it confirms it. It goes with the run.
pub struct Place {
    /// Runs everyone's tasks, with a thread for each core.
    pub runtime: Runtime,
    nats: Nats,
}

impl Place {
    /// How it is reached.
    pub fn url(&self) -> String {
        self.nats.url()
    }

    /// A connection of its own.
    pub fn connect(&self) -> Client {
        let connected = self.runtime.block_on(async_nats::connect(self.url()));
        connected.expect("the server takes connections")
    }
}

impl queue::Place for Place {
    fn start() -> Result<Self, String> {
        let nats = Nats::start().map_err(|error| error.to_string())?;
        let runtime = Runtime::new().map_err(|error| format!("no executor: {error}"))?;
        Ok(Self { runtime, nats })
    }

    fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    fn conditions(&self) -> String {
        let version = self.connect().server_info().version;
        format!("{version}, sync_interval {}", Nats::SYNC_INTERVAL)
    }

    /// What is done with is gone at once, or goes by itself.
    fn settle(&self, _traces: &[String]) {}
}
