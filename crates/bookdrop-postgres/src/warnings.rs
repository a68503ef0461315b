//! What no error says, since nobody waits for it or whoever does goes on waiting, and has to be known.

use std::mem;

use bookdrop_backend::Error;

use crate::error::Trouble;

/// Each is given once, and once more when it had been in order meanwhile.
#[derive(Default)]
pub(crate) struct Warnings {
    of_fetch: bool,
    of_relay: bool,
}

impl Warnings {
    pub(crate) fn of_fetch<V>(&mut self, queue: &str, fetched: &Result<V, Trouble>) {
        if let Some(error) = news(&mut self.of_fetch, fetched) {
            tracing::warn!(
                target: "bookdrop",
                queue,
                %error,
                "the server refuses to hand events over, so consumers wait; it is tried again each second. See that the driver's user may do \
                 what the guide lists, and that nobody locks or changes the tables in the schema `bookdrop`"
            );
        }
    }

    pub(crate) fn of_relay<V>(&mut self, queue: &str, relayed: &Result<V, Trouble>) {
        if let Some(error) = news(&mut self.of_relay, relayed) {
            tracing::warn!(
                target: "bookdrop",
                queue,
                %error,
                "the server refuses to put what transactions sent into the queue, so it waits in `bookdrop.outbox`; it is tried again when the \
                 lease is prolonged. See that the driver's user may do what the guide lists, and that nobody locks or changes the tables in \
                 the schema `bookdrop`"
            );
        }
    }
}

/// The connection was lost, and could not be made again at once. Nobody is told of it who waits for events.
pub(crate) fn of_lost_connection(queue: &str, error: &Error) {
    tracing::warn!(
        target: "bookdrop",
        queue,
        %error,
        "the connection to the server is lost. The driver goes on trying to connect, and consumers wait meanwhile"
    );
}

/// Why the server refused it, if it had not before.
fn news<'a, V>(was_refused: &mut bool, ended: &'a Result<V, Trouble>) -> Option<&'a Error> {
    match ended {
        Ok(_) => {
            *was_refused = false;
            None
        }
        Err(Trouble::Refused(error)) => (!mem::replace(was_refused, true)).then_some(error),
        Err(_) => None,
    }
}
