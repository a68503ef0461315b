//! What becomes of an answer.

use bookdrop_backend::Settled;

/// What became of an answer.
///
/// ```
/// # use std::time::Duration;
/// # use bookdrop::{Answer, Consumer, Driver, Event, Producer};
/// # let library: Driver = Driver::memory(10);
/// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
/// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
/// # let _ = request.wait_for(Duration::ZERO);
/// let book = b.receive().wait()?;
/// drop(request); // the requester leaves
/// assert_eq!(book.reply("fine".into()).wait()?, Answer::NotWanted);
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It reached the requester.
    Sent,
    /// The requester had given up, or had an answer already.
    NotWanted,
}

impl Answer {
    /// What came of one that was given to a backend.
    pub(crate) fn of(settled: Settled) -> Self {
        match settled {
            Settled::Yes => Answer::Sent,
            _ => Answer::NotWanted,
        }
    }
}
