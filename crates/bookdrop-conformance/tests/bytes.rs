//! A driver that writes its events down does what every driver must do, with each codec.

use bookdrop::{Codec, Driver};
use bookdrop_conformance::{Book, Condition, Setup};
use bookdrop_queue::{Backoff, Limits};
use bookdrop_records::Records;

fn build(setup: &Setup, codec: Codec) -> Driver<Book, Condition> {
    let limits = Limits {
        capacity: setup.capacity,
        max_delayed: setup.max_delayed,
        max_attempts: setup.max_attempts,
        max_deliveries: setup.max_deliveries,
        max_dead: setup.max_dead,
        backoff: Backoff {
            first: setup.backoff_first,
            max: setup.backoff_max,
        },
        duplicate_window: setup.duplicate_window,
        ..Limits::default()
    };
    Driver::with_codec(Records::in_memory(limits, setup.on_full), codec)
}

bookdrop_conformance::suite!(json, |setup| build(setup, Codec::Json));
bookdrop_conformance::suite!(message_pack, |setup| build(setup, Codec::MessagePack));
