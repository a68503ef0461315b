//! The events as structs of the peers, and what is done with them.

use std::hint::black_box;

use super::text::{number, refill, text};
use super::{Bare, Ev, EvBody, Kind, NAME, Plain, Slot};

/// What peers carry for [`Ev`], 56 bytes in line: their users have a field where ours have a header.
pub(crate) struct Headed<S = NoReply> {
    name: &'static str,
    title: String,
    reply: Option<S>,
}

/// What peers carry for [`EvBody`], 56 bytes in line.
pub(crate) struct Bodied<S = NoReply> {
    name: &'static str,
    body: Body,
    reply: Option<S>,
}

/// What peers carry for [`Plain`].
pub(crate) struct Fixed<S = NoReply> {
    name: &'static str,
    title: &'static str,
    body: u64,
    reply: Option<S>,
}

/// The place of the reply in a one-way event of the peers, where none is ever put.
pub(crate) type NoReply = tokio::sync::oneshot::Sender<u64>;

/// The body of [`EvBody`].
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// The heap string.
    pub title: String,
}

impl Body {
    /// Makes the body with this number.
    #[inline]
    pub(crate) fn new(number: u64) -> Self {
        Self {
            title: text(number),
        }
    }

    /// Reads all of it.
    #[inline]
    pub(crate) fn read(&self) -> u64 {
        number(&self.title)
    }
}

impl Kind for Ev {
    type Event = Headed;
    type Ask<S: Slot> = Headed<S>;

    #[inline]
    fn event(number: u64) -> Headed {
        Headed {
            name: NAME,
            title: text(number),
            reply: None,
        }
    }

    #[inline]
    fn read(event: &Headed) -> u64 {
        Self::read_ask(event)
    }

    #[inline]
    fn refill(event: &mut Headed, number: u64) {
        event.name = NAME;
        refill(&mut event.title, number);
    }

    #[inline]
    fn copy(event: &Headed) -> Headed {
        Headed {
            name: event.name,
            title: event.title.clone(),
            reply: None,
        }
    }

    #[inline]
    fn ask<S: Slot>(number: u64, reply: S) -> Headed<S> {
        Headed {
            name: NAME,
            title: text(number),
            reply: Some(reply),
        }
    }

    #[inline]
    fn read_ask<S: Slot>(ask: &Headed<S>) -> u64 {
        black_box(ask.name);
        number(&ask.title)
    }

    #[inline]
    fn reply_of<S: Slot>(ask: Headed<S>) -> S {
        ask.reply.expect("a request")
    }
}

impl Kind for EvBody {
    type Event = Bodied;
    type Ask<S: Slot> = Bodied<S>;

    #[inline]
    fn event(number: u64) -> Bodied {
        Bodied {
            name: NAME,
            body: Body::new(number),
            reply: None,
        }
    }

    #[inline]
    fn read(event: &Bodied) -> u64 {
        Self::read_ask(event)
    }

    #[inline]
    fn refill(event: &mut Bodied, number: u64) {
        event.name = NAME;
        refill(&mut event.body.title, number);
    }

    #[inline]
    fn copy(event: &Bodied) -> Bodied {
        Bodied {
            name: event.name,
            body: event.body.clone(),
            reply: None,
        }
    }

    #[inline]
    fn ask<S: Slot>(number: u64, reply: S) -> Bodied<S> {
        Bodied {
            name: NAME,
            body: Body::new(number),
            reply: Some(reply),
        }
    }

    #[inline]
    fn read_ask<S: Slot>(ask: &Bodied<S>) -> u64 {
        black_box(ask.name);
        ask.body.read()
    }

    #[inline]
    fn reply_of<S: Slot>(ask: Bodied<S>) -> S {
        ask.reply.expect("a request")
    }
}

impl Kind for Plain {
    type Event = Fixed;
    type Ask<S: Slot> = Fixed<S>;

    #[inline]
    fn event(number: u64) -> Fixed {
        Fixed {
            name: NAME,
            title: "hello world",
            body: number,
            reply: None,
        }
    }

    #[inline]
    fn read(event: &Fixed) -> u64 {
        Self::read_ask(event)
    }

    #[inline]
    fn refill(event: &mut Fixed, number: u64) {
        event.name = NAME;
        event.body = number;
    }

    #[inline]
    fn copy(event: &Fixed) -> Fixed {
        Fixed {
            name: event.name,
            title: event.title,
            body: event.body,
            reply: None,
        }
    }

    #[inline]
    fn ask<S: Slot>(number: u64, reply: S) -> Fixed<S> {
        Fixed {
            name: NAME,
            title: "hello world",
            body: number,
            reply: Some(reply),
        }
    }

    #[inline]
    fn read_ask<S: Slot>(ask: &Fixed<S>) -> u64 {
        black_box((ask.name, ask.title));
        black_box(ask.body)
    }

    #[inline]
    fn reply_of<S: Slot>(ask: Fixed<S>) -> S {
        ask.reply.expect("a request")
    }
}

impl Kind for Bare {
    type Event = u64;
    type Ask<S: Slot> = (u64, S);

    #[inline]
    fn event(number: u64) -> u64 {
        number
    }

    #[inline]
    fn read(event: &u64) -> u64 {
        black_box(*event)
    }

    #[inline]
    fn refill(event: &mut u64, number: u64) {
        *event = number;
    }

    #[inline]
    fn copy(event: &u64) -> u64 {
        *event
    }

    #[inline]
    fn ask<S: Slot>(number: u64, reply: S) -> (u64, S) {
        (number, reply)
    }

    #[inline]
    fn read_ask<S: Slot>(ask: &(u64, S)) -> u64 {
        black_box(ask.0)
    }

    #[inline]
    fn reply_of<S: Slot>(ask: (u64, S)) -> S {
        ask.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_carry_about_60_bytes_in_line() {
        assert_eq!(size_of::<Headed>(), 56);
        assert_eq!(size_of::<Bodied>(), 56);
    }
}
