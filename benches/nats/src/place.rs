//! The server.

use async_nats::Client;
use bookdrop_bench_common::at_server::{executors, queue};
use bookdrop_test_servers::Nats;
use tokio::runtime::Runtime;

/// A server of this run's own, which flushes each message before it confirms it. It goes with the run.
pub struct Place {
    /// Runs everyone's tasks, with a thread for each core.
    pub runtime: Runtime,
    /// Runs what clients do that have a thread of their own for that.
    pub apart: Runtime,
    nats: Nats,
}

impl Place {
    /// How it is reached.
    pub fn url(&self) -> String {
        self.nats.url()
    }

    /// A connection of its own, with tasks that run beside everyone's.
    pub fn connect(&self) -> Client {
        self.connect_on(&self.runtime)
    }

    /// A connection of its own, with tasks that run here.
    pub fn connect_on(&self, runtime: &Runtime) -> Client {
        let connected = runtime.block_on(async_nats::connect(self.url()));
        connected.expect("the server takes connections")
    }
}

impl queue::Place for Place {
    fn start() -> Result<Self, String> {
        let nats = Nats::start().map_err(|error| error.to_string())?;
        Ok(Self {
            runtime: executors::everyones()?,
            apart: executors::of_a_client()?,
            nats,
        })
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
