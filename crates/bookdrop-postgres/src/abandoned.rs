//! Connections that were given up, and what they still do at the server.
//!
//! The server does not see that a connection is gone while a statement on it waits for a lock, and carries that out. So each connection
//! on which something is done for users has a mark there, by which the driver finds the former ones when it connects again. The mark is an
//! advisory lock: it is gone together with the connection, after all that was done there, and a pooler that gives the server's end of a
//! connection to somebody else takes it away before.

use std::time::Duration;

use tokio_postgres::Client;

use crate::error::Trouble;

/// With the number of a driver it names the lock. "book", in letters.
const CLASS: i32 = 0x626f_6f6b;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Marks a connection as one of this driver.
pub(crate) async fn mark(client: &Client, driver: i64) -> Result<(), Trouble> {
    let statement = "SELECT pg_advisory_lock_shared($1, $2)";
    let object = object(driver);
    client.execute(statement, &[&CLASS, &object]).await?;
    Ok(())
}

/// Ends the marked connections of this driver, and waits until they are gone.
pub(crate) async fn end_all(client: &Client, driver: i64) -> Result<(), Trouble> {
    loop {
        match end(client, driver).await {
            Ok(0) => return Ok(()),
            Ok(_) => tokio::time::sleep(PAUSE).await,
            // Where the settings of the connection name another role, that may not. Then the server's bound of a statement ends them.
            Err(Trouble::Refused(_)) => return Ok(()),
            Err(trouble) => return Err(trouble),
        }
    }
}

/// How many there were.
async fn end(client: &Client, driver: i64) -> Result<u64, Trouble> {
    let statement = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.classid = $1::integer::oid AND l.objid = $2::integer::oid AND l.objsubid = 2
            AND d.datname = current_database()";
    let object = object(driver);
    Ok(client.execute(statement, &[&CLASS, &object]).await?)
}

/// The lock has no room for all of the number. Drivers that are alike in this part of it are not there at the same time.
fn object(driver: i64) -> i32 {
    driver as i32
}
