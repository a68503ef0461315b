//! The events: what a producer makes and a consumer reads, as the peers carry them.
//!
//! Every event carries its number in its text or body, so that a round can prove that all of them arrived.

use std::hint::black_box;

/// The name of every event.
pub(crate) const NAME: &str = "S";
/// The name of its one header.
pub(crate) const TITLE: &str = "title";
/// Numbers fit in the four characters that [`text`] gives them.
pub(crate) const MAX_NUMBER: u64 = 1 << 24;

/// A place for a reply: the sending half of some one-shot channel.
pub(crate) trait Slot: Send + Sync + Unpin + 'static {}

impl<S: Send + Sync + Unpin + 'static> Slot for S {}

/// A kind of event.
pub(crate) trait Kind: Send + Sync + Unpin + 'static {
    /// A one-way event.
    type Event: Send + Sync + Unpin + 'static;
    /// An event with a place for the reply.
    type Ask<S: Slot>: Send + Sync + Unpin + 'static;

    /// Makes the one-way event with this number.
    fn event(number: u64) -> Self::Event;
    /// Reads all of the event and finds its number.
    fn read(event: &Self::Event) -> u64;
    /// Makes a used event into the one with this number, in place.
    fn refill(event: &mut Self::Event, number: u64);
    /// Makes another of the same.
    fn copy(event: &Self::Event) -> Self::Event;
    /// Makes the request with this number.
    fn ask<S: Slot>(number: u64, reply: S) -> Self::Ask<S>;
    /// Reads all of the request and finds its number.
    fn read_ask<S: Slot>(ask: &Self::Ask<S>) -> u64;
    /// The place for the reply; the event is dropped.
    fn reply_of<S: Slot>(ask: Self::Ask<S>) -> S;
}

/// Which kind, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// [`Ev`]
    Ev,
    /// [`EvBody`]
    EvBody,
    /// [`Plain`]
    Plain,
    /// [`Bare`]
    Bare,
}

impl Which {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ev => "Ev",
            Self::EvBody => "EvBody",
            Self::Plain => "Plain",
            Self::Bare => "u64",
        }
    }
}

/// The realistic event: a name, one header with a heap string, an optional reply.
pub(crate) struct Ev;
/// The same with the string in the body.
pub(crate) struct EvBody;
/// A name, one static header and a number: no heap memory of the producer's at all.
pub(crate) struct Plain;
/// A bare number: the queue alone.
pub(crate) struct Bare;

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

/// A short heap string with the number in its last four characters.
#[inline]
pub(crate) fn text(number: u64) -> String {
    with_text(number, str::to_owned)
}

/// The same in a string that was used before.
#[inline]
fn refill(text: &mut String, number: u64) {
    text.clear();
    with_text(number, |new| text.push_str(new));
}

#[inline]
fn with_text<R>(number: u64, then: impl FnOnce(&str) -> R) -> R {
    let mut bytes = *b"hello world ....";
    for (place, byte) in bytes[12..].iter_mut().enumerate() {
        *byte = b'0' + ((number >> (6 * place)) & 63) as u8;
    }
    then(str::from_utf8(&bytes).expect("ASCII"))
}

/// The number in a [`text`].
#[inline]
pub(crate) fn number(text: &str) -> u64 {
    let digits = black_box(text).as_bytes().iter().rev().take(4);
    digits.fold(0, |number, &byte| number << 6 | u64::from(byte - b'0'))
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
    fn every_kind_carries_its_number() {
        for n in [0, 1, 63, 64, 4_095, 1_000_000, MAX_NUMBER - 1] {
            assert_eq!(number(&text(n)), n);
            assert_eq!(Ev::read(&Ev::event(n)), n);
            assert_eq!(EvBody::read(&EvBody::event(n)), n);
            assert_eq!(Plain::read(&Plain::event(n)), n);
            assert_eq!(Bare::read(&Bare::event(n)), n);
        }
    }

    #[test]
    fn a_used_event_carries_its_new_number_and_a_copy_the_same() {
        fn check<K: Kind>() {
            let mut event = K::event(MAX_NUMBER - 1);
            K::refill(&mut event, 7);
            assert_eq!((K::read(&event), K::read(&K::copy(&event))), (7, 7));
        }
        check::<Ev>();
        check::<EvBody>();
        check::<Plain>();
        check::<Bare>();
    }

    #[test]
    fn peers_carry_about_60_bytes_in_line() {
        assert_eq!(size_of::<Headed>(), 56);
        assert_eq!(size_of::<Bodied>(), 56);
    }
}
