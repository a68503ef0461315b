//! The events: made anew each time, and read by the consumer.

use std::hint::black_box;

use bookdrop::Event;

use crate::alloc;

const NAME: &str = "S";
const TITLE: &str = "title";

/// A name, and one header with a string of the producer's.
#[inline]
pub(crate) fn ev() -> Event {
    Event::new(NAME).with_header(TITLE, text())
}

/// Reads all of an [`ev`].
#[inline]
pub(crate) fn read<T>(event: &Event<T>) {
    black_box(event.name());
    black_box(event.header(TITLE).expect("sent with the event"));
}

/// The same with the string in the body.
#[inline]
pub(crate) fn ev_body() -> Event<String> {
    Event::new(NAME).with_body(text())
}

/// Reads all of an event whose body says everything.
#[inline]
pub(crate) fn read_body<T>(event: &Event<T>) {
    black_box(event.name());
    black_box(event.body());
}

/// A number and nothing else.
#[inline]
pub(crate) fn number(number: u64) -> Event<u64> {
    Event::new(NAME).with_body(number)
}

/// So many bytes in the body itself.
#[inline]
pub(crate) fn bytes<const COUNT: usize>() -> Event<[u8; COUNT]> {
    Event::new(NAME).with_body(black_box([0; COUNT]))
}

/// A short string on the heap. It is the producer's own and so is not counted, but for its coming and going in the growth.
#[inline]
fn text() -> String {
    alloc::uncounted(|| String::from(black_box("hello world 0000")))
}
