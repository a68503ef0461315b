//! The events: what a producer makes and a consumer reads, as the peers carry them.
//!
//! Every event carries its number in its text or body, so that a round can prove that all of them arrived.

mod events;
mod text;

pub(crate) use self::events::Body;
pub(crate) use self::text::{MAX_NUMBER, number, text};

/// The name of every event.
pub(crate) const NAME: &str = "S";
/// The name of its one header.
pub(crate) const TITLE: &str = "title";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_carries_its_number() {
        for n in [0, 1, 63, 64, 4_095, 1_000_000, MAX_NUMBER - 1] {
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
}
