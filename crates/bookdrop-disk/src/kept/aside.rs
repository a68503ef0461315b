//! Reading beside those who ask for it: they may not wait for a folder that is far.

use std::sync::{Arc, mpsc};

use bookdrop_backend::{Error, ErrorKind, Record};
use bookdrop_records::Unread;
use futures_channel::oneshot;

use crate::event::Event;
use crate::keeper::Keep;

/// What was read, or why it was not.
type Read = Result<Arc<Record>, Unread>;

/// The end of those who ask. Dropped, no more is read.
///
/// What is asked for is in hand, so there are never more than consumers fetch.
pub(super) struct Aside(mpsc::Sender<Question>);

/// The end of the thread that reads.
pub(super) struct Asked(mpsc::Receiver<Question>);

struct Question {
    event: Arc<Event>,
    answer: oneshot::Sender<Read>,
}

impl Aside {
    pub(super) fn new() -> (Self, Asked) {
        let (ask, asked) = mpsc::channel();
        (Aside(ask), Asked(asked))
    }

    /// The whole of an event. Dropped, it is read for nobody.
    pub(super) async fn read(&self, event: Arc<Event>) -> Read {
        let (answer, read) = oneshot::channel();
        // Where nobody takes it, nobody answers either.
        let _ = self.0.send(Question { event, answer });
        let read = read.await.unwrap_or_else(|_| {
            let message = "the queue is not open any more";
            Err(Unread::ForNow(Error::new(ErrorKind::Broken, message)))
        });
        read.map_err(|unread| match unread {
            // A folder that is far is asked until it answers, or nobody keeps the queue there any more.
            Unread::ForNow(error) => Unread::OutOfReach(error),
            unread => unread,
        })
    }
}

impl Asked {
    /// Reads what is asked for, until nobody can ask any more.
    pub(super) fn read_all(self, keep: &dyn Keep) {
        for Question { event, answer } in self.0 {
            if !answer.is_canceled() {
                // Who asked may have gone meanwhile.
                let _ = answer.send(keep.read(&event));
            }
        }
    }
}
