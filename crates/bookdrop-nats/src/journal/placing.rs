//! Puts one message behind another one, and nowhere else, whatever becomes of what is said to the server and of what it says.
//!
//! Nothing is assumed of a word that did not come: the same is asked again, on the same condition. So however often a message is
//! published, and however late, it lies where it belongs, or not at all.

use bytes::Bytes;

/// A message on its way to its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Placing {
    message: Bytes,
    /// It is to lie right behind this sequence.
    after: u64,
    asks: Ask,
}

/// What the server is to be asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// To put the message there, if it still is the end of the stream.
    Put,
    /// What lies there.
    Look,
    /// How far the stream goes.
    Bounds,
}

/// What the server said.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The message lies there now.
    Put,
    /// The end of the stream is elsewhere, so it was not put there now.
    NotTheEnd,
    /// What lies there, if anything does.
    Found(Option<Bytes>),
    /// How far the stream goes.
    Bounds(Bounds),
    /// Nothing, or not in time. What was asked for may be done, or be done yet.
    Nothing,
}

/// How far a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The first sequence that was not purged; one behind the last where all were.
    pub(crate) first: u64,
    /// The last sequence that there ever was.
    pub(crate) last: u64,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It lies there, confirmed by the server.
    There,
    /// Another one lies there.
    Taken(Bytes),
    /// What lay there was purged.
    Purged,
    /// The stream ends before: the server lost what was confirmed.
    Cut(u64),
}

impl Placing {
    pub(crate) fn new(message: Bytes, after: u64) -> Self {
        Placing {
            message,
            after,
            asks: Ask::Put,
        }
    }

    pub(crate) fn asks(&self) -> Ask {
        self.asks
    }

    pub(crate) fn message(&self) -> &Bytes {
        &self.message
    }

    pub(crate) fn after(&self) -> u64 {
        self.after
    }

    /// The sequence of its place.
    pub(crate) fn place(&self) -> u64 {
        self.after + 1
    }

    /// What the server said to what it was asked last. `None` while it is to be asked for more.
    pub(crate) fn told(&mut self, answer: Answer) -> Option<Placed> {
        self.asks = match answer {
            Answer::Put => return Some(Placed::There),
            // An earlier copy may be what lies there.
            Answer::NotTheEnd => Ask::Look,
            Answer::Found(Some(message)) if message == self.message => return Some(Placed::There),
            Answer::Found(Some(other)) => return Some(Placed::Taken(other)),
            Answer::Found(None) => Ask::Bounds,
            Answer::Bounds(bounds) if bounds.first > self.place() => return Some(Placed::Purged),
            Answer::Bounds(bounds) if bounds.last < self.after => {
                return Some(Placed::Cut(bounds.last));
            }
            Answer::Bounds(bounds) if bounds.last == self.after => Ask::Put,
            // It came there meanwhile, or was not seen by the server that was asked.
            Answer::Bounds(_) => Ask::Look,
            Answer::Nothing => self.asks,
        };
        None
    }
}
