//! Looking for the keeper of the queue. Where there is none any more, this driver becomes it.

use std::time::Duration;

use bookdrop_backend::Error;
use tokio::time::sleep;

use crate::clock::ServerClock;
use crate::journal::{DriverId, Epoch, Journal, Writer};
use crate::link::{Called, Link};
use crate::names::Names;

/// Whoever does not listen, or listens and says nothing for a second, is called so often before it is taken for gone: after a restart of
/// the server it may come a moment later.
const CALLS: u32 = 3;
/// Between these calls.
const CALLS_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Those who find at the same time that there is no keeper claim one after the other, within so many milliseconds.
const CLAIMS_WITHIN: u64 = 50;

/// What came of it.
pub(crate) enum Sought {
    /// This is the keeper. It answers.
    Keeper(Epoch),
    /// This driver is, from now on.
    Mine(Box<Mine>),
}

/// The queue is this driver's to keep.
pub(crate) struct Mine {
    pub(crate) writer: Writer,
    /// Whether there was another keeper before.
    pub(crate) follows: bool,
    pub(crate) clock: ServerClock,
}

/// Looks for the keeper until there is one. That of an epoch that is known to be gone is called once more, and this driver itself is not.
///
/// # Errors
/// Whatever the server says. While it cannot be reached it is asked again.
pub(crate) async fn seek(
    link: &Link,
    names: &Names,
    journal: &Journal,
    me: DriverId,
    gone: Option<Epoch>,
) -> Result<Sought, Error> {
    loop {
        let last = journal.last_epoch().await?;
        let calls = if last == gone { 1 } else { CALLS };
        if let Some(epoch) = last.filter(|epoch| epoch.driver != me)
            && answers_to(calls, link, names, epoch).await
        {
            return Ok(Sought::Keeper(epoch));
        }
        sleep(Duration::from_millis(fastrand::u64(..CLAIMS_WITHIN))).await;
        let clock = journal.clock().await?;
        if let Some(writer) = journal.begin(last, clock.millis()).await? {
            return Ok(Sought::Mine(Box::new(Mine {
                writer,
                follows: last.is_some(),
                clock,
            })));
        }
    }
}

/// Whether the keeper of this epoch is there.
pub(crate) async fn answers(link: &Link, names: &Names, epoch: Epoch) -> bool {
    answers_to(CALLS, link, names, epoch).await
}

/// Whether it answers to one of so many calls. Whoever is cut off itself hears nobody, so that does not count.
async fn answers_to(calls: u32, link: &Link, names: &Names, epoch: Epoch) -> bool {
    let mut called = 0;
    while called < calls {
        link.is_there().await;
        match link.calls(names.keeper(epoch)).await {
            Called::Answered => return true,
            Called::Nobody => {
                called += 1;
                sleep(CALLS_AGAIN_AFTER).await;
            }
            Called::Silence if link.is_connected() => called += 1,
            Called::Silence => called = 0,
        }
    }
    false
}
