//! The schema, made and brought up to date under a lock.

use bookdrop_backend::{Error, ErrorKind};
use tokio_postgres::Client;

use crate::error::Trouble;

/// The version that this library makes, and the only one that it knows.
const VERSION: i32 = 1;
/// Makes the schema where there is none.
const MAKE: &str = include_str!("schema.sql");
/// Version 13, in the numbers of the server.
const OLDEST_SERVER: i32 = 130_000;
/// What holds every text.
const ENCODING: &str = "UTF8";
/// Whoever changes the schema has this advisory lock. "bookdrop", in letters.
const LOCK: i64 = 0x626f_6f6b_6472_6f70;

/// Sees to it that the schema is there.
pub(crate) async fn ensure(client: &Client) -> Result<(), Trouble> {
    check(client).await?;
    if version(client).await? == Some(VERSION) {
        return Ok(());
    }
    client.batch_execute("BEGIN").await?;
    let made = make(client).await;
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await?;
    made
}

/// Whether the server and its database can do what is needed.
async fn check(client: &Client) -> Result<(), Trouble> {
    let statement = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')";
    let row = client.query_one(statement, &[]).await?;
    let (number, version, encoding): (i32, &str, &str) = (row.get(0), row.get(1), row.get(2));
    let message = if number < OLDEST_SERVER {
        format!("the server is PostgreSQL {version}; bookdrop needs version 13 or newer")
    } else if encoding != ENCODING {
        // One id that it cannot hold would fail all that are sent with it.
        format!(
            "the database keeps its texts in {encoding}, which does not hold every id and key; make one with `ENCODING 'UTF8'`"
        )
    } else {
        return Ok(());
    };
    let error = Error::new(ErrorKind::Unsupported, message);
    Err(Trouble::Refused(error))
}

/// Makes it, unless somebody else did meanwhile.
async fn make(client: &Client) -> Result<(), Trouble> {
    client
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    match version(client).await? {
        Some(VERSION) => Ok(()),
        // There is none before the first.
        Some(newer) => {
            let message = format!(
                "the schema `bookdrop` has version {newer}, and this version of the library knows {VERSION}; use a newer one"
            );
            Err(Trouble::Refused(Error::new(
                ErrorKind::NewerVersion,
                message,
            )))
        }
        None => Ok(client.batch_execute(MAKE).await?),
    }
}

/// The version of the schema that is there.
async fn version(client: &Client) -> Result<Option<i32>, Trouble> {
    // Looked up as a row: what the server remembers by name may be older than the lock.
    let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'bookdrop' AND tablename = 'version')";
    let is_there = client.query_one(statement, &[]).await?;
    if !is_there.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client
        .query_opt("SELECT version FROM bookdrop.version", &[])
        .await?;
    Ok(row.map(|row| row.get(0)))
}
