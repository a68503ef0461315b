//! Somebody with a client of their own.

use bookdrop::Outgoing;
use tokio::runtime::{self, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls};

/// A connection of a user's, for a plain thread.
pub(crate) struct User {
    client: Client,
    // Dropped last: it runs the connection.
    runtime: Runtime,
}

impl User {
    /// Connects to the server behind this URL.
    pub(crate) fn at(url: &str) -> Self {
        User::try_at(url).expect("the server takes connections")
    }

    pub(crate) fn try_at(url: &str) -> Result<Self, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("there can be one more runtime");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })?;
        Ok(User { client, runtime })
    }

    /// Executes statements that have no parameters.
    pub(crate) fn try_does(&self, statements: &str) -> Result<(), Error> {
        self.runtime.block_on(self.client.batch_execute(statements))
    }

    pub(crate) fn does(&self, statements: &str) {
        let done = self.try_does(statements);
        done.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    pub(crate) fn try_executes(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.runtime
            .block_on(self.client.execute(statement, parameters))
    }

    /// Sends an event, within whatever transaction there is.
    pub(crate) fn try_sends(&self, outgoing: &Outgoing) -> Result<(), Error> {
        let sent = self.try_executes(outgoing.statement(), &[&outgoing.parameter()]);
        sent.map(drop)
    }

    pub(crate) fn sends(&self, outgoing: &Outgoing) {
        let sent = self.try_sends(outgoing);
        sent.unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// The only value of the only row that this query returns.
    pub(crate) fn number(&self, query: &str) -> i64 {
        let row = self.runtime.block_on(self.client.query_one(query, &[]));
        row.unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    /// The texts in the only column that this query returns.
    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        let rows = self.runtime.block_on(self.client.query(query, &[]));
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// How many events of this queue are in its outbox.
    pub(crate) fn in_outbox(&self, queue: &str) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM bookdrop.outbox o JOIN bookdrop.queue q ON q.id = o.queue WHERE q.name = '{queue}'"
        ))
    }
}

/// What the server says.
pub(crate) fn said(error: &Error) -> &str {
    error.as_db_error().expect("the server says it").message()
}
