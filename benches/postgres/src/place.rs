//! The server, and what is done on it beside the contenders' turns.

use bookdrop_bench_common::at_server::{executors, queue};
use bookdrop_test_servers::Postgres;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// A server of this run's own, which flushes as it does by default. It goes with the run.
pub struct Place {
    /// Goes first: it is connected.
    attendant: Client,
    /// Runs everyone's tasks, with a thread for each core.
    pub runtime: Runtime,
    /// Runs what clients do that have a thread of their own for that.
    pub apart: Runtime,
    postgres: Postgres,
}

impl Place {
    /// How it is reached.
    pub fn url(&self) -> String {
        self.postgres.url()
    }

    /// Does something that returns nothing.
    pub fn execute(&self, sql: &str) {
        let done = self.attendant.batch_execute(sql);
        self.runtime.block_on(done).expect("the server does it");
    }
}

impl queue::Place for Place {
    fn start() -> Result<Self, String> {
        let postgres = Postgres::start().map_err(|error| error.to_string())?;
        let runtime = executors::everyones()?;
        let attendant = runtime.block_on(connect(&postgres.url(), ""));
        Ok(Self {
            attendant,
            runtime,
            apart: executors::of_a_client()?,
            postgres,
        })
    }

    fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    fn conditions(&self) -> String {
        let shown = |setting: &str| -> String {
            let show = format!("SHOW {setting}");
            let row = self.runtime.block_on(self.attendant.query_one(&show, &[]));
            let row = row.expect("the setting is there");
            row.get(0)
        };
        format!(
            "{}, fsync {}, synchronous_commit {}",
            shown("server_version"),
            shown("fsync"),
            shown("synchronous_commit")
        )
    }

    /// Vacuums the tables.
    fn settle(&self, tables: &[String]) {
        for table in tables {
            self.execute(&format!("VACUUM {table}"));
        }
    }
}

/// A connection with these settings, as `-c name=value`.
pub async fn connect(url: &str, settings: &str) -> Client {
    let mut config: tokio_postgres::Config = url.parse().expect("the address is good");
    config.options(settings);
    let connected = config.connect(NoTls).await;
    let (client, connection) = connected.expect("the server takes connections");
    tokio::spawn(connection);
    client
}
