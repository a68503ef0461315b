//! Contents of events, as both codecs read them, for bodies of some types.
//!
//! What is no event becomes a dead letter, which can be looked at. What is one can be sent again, and stays the same.

use std::collections::BTreeMap;
use std::fmt::Debug;

use arbitrary::Arbitrary;
use bookdrop::{Codec, Consumer, Driver, OnFull, Producer};
use bookdrop_backend::{Backend, Progress, Record};
use bookdrop_queue::Limits;
use bookdrop_queue::park::wait;
use bookdrop_records::Records;

/// The content of a record, and how it is read.
#[derive(Arbitrary, Debug)]
pub struct Input {
    is_message_pack: bool,
    content: Vec<u8>,
}

/// Reads it as an event with bodies of each type.
pub fn run(input: &Input) {
    let codec = match input.is_message_pack {
        false => Codec::Json,
        true => Codec::MessagePack,
    };
    read(&Driver::<String>::with_codec(records(input), codec));
    read(&Driver::<()>::with_codec(records(input), codec));
    type Table = BTreeMap<String, Vec<Option<i64>>>;
    read(&Driver::<Table>::with_codec(records(input), codec));
}

/// A queue with one record.
fn records(input: &Input) -> Records {
    let records = Records::in_memory(Limits::default(), OnFull::Reject);
    let record = Record {
        id: "one".into(),
        content: input.content.clone().into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), false)).expect("there is room");
    records
}

fn read<T: Clone + Debug + PartialEq + Send + 'static>(driver: &Driver<T>) {
    let mut consumer = Consumer::new(driver);
    let Ok(delivery) = consumer.try_receive().wait() else {
        let dead = driver.dead_letters().list().wait();
        assert_eq!(dead.expect("it is in memory").len(), 1);
        return;
    };
    let event = delivery.into_event().wait().expect("it is in memory");
    let (name, body) = (event.name().to_owned(), event.body().clone());
    // Its name may be longer than that of one that is sent.
    if Producer::new(driver).try_send(event).wait().is_ok() {
        let again = consumer.try_receive().wait().expect("it was sent");
        assert_eq!((again.name(), again.body()), (&*name, &body));
    }
}
