//! Whether a stream that is there can be the journal of a queue.

use bookdrop_backend::{Error, ErrorKind};
use serde_json::Value;

use super::{CODEC, FORMAT};
use crate::names::Names;

/// What has to be as it was made.
const KEPT: &[&str] = &[
    "subjects",
    "retention",
    "storage",
    "discard",
    "allow_direct",
    "deny_delete",
];
/// What has no bound: the server would throw away what is confirmed, or take nothing more. The queue has bounds of its own.
const UNBOUNDED: &[(&str, i64)] = &[
    ("max_age", 0),
    ("max_msgs", -1),
    ("max_bytes", -1),
    ("max_msgs_per_subject", -1),
    ("max_msg_size", -1),
];
/// What has to be off: with it the stream cannot be written or let go of, has what no driver wrote, or confirms what it does not have.
const OFF: &[&str] = &[
    "sealed",
    "deny_purge",
    "no_ack",
    "mirror",
    "sources",
    "subject_transform",
    "allow_msg_counter",
];
/// What helps against these: some of them no server undoes.
const OFF_AGAIN: &str = "turn it off; where the server refuses that, give the queue another name, or delete the stream with all that is in it";
/// How the server writes messages, from version 2.12 on. Otherwise it confirms them before they are written.
const PERSIST_MODE: (&str, &str) = ("persist_mode", "default");

/// Whether this stream is one of this driver, for events in the same codec, and keeps what it confirms.
///
/// # Errors
/// `Invalid`, with what to do.
pub(super) fn check(names: &Names, found: &Value, wanted: &Value) -> Result<(), Error> {
    let stream = &*names.stream();
    let (format, codec) = (&found["metadata"][FORMAT], &found["metadata"][CODEC]);
    if *format != wanted["metadata"][FORMAT] {
        return refused(format!(
            "the stream {stream} says that it has format {format}, and not \"1\": it is no queue of bookdrop, or one of a newer version. \
             Give the queue another name, or delete the stream if nobody needs it"
        ));
    }
    if *codec != wanted["metadata"][CODEC] {
        let queue = names.queue();
        let written = |codec: &Value| codec.as_str().unwrap_or("nothing known").to_owned();
        let (codec, wanted) = (written(codec), written(&wanted["metadata"][CODEC]));
        return refused(format!(
            "the events of queue `{queue}` are written in `{codec}`, and not in `{wanted}`; open it with `codec={codec}`, or give another \
             name"
        ));
    }
    for name in KEPT {
        if found[name] != wanted[name] {
            let again = format!("make it {} again", wanted[name]);
            return changed(stream, name, &found[name], &again);
        }
    }
    for (name, none) in UNBOUNDED {
        if found[name].as_i64().is_some_and(|bound| bound > 0) {
            return changed(stream, name, &found[name], &format!("make it {none} again"));
        }
    }
    for name in OFF {
        let is_off = match &found[name] {
            Value::Null | Value::Bool(false) => true,
            Value::Array(several) => several.is_empty(),
            _ => false,
        };
        if !is_off {
            return changed(stream, name, &found[name], OFF_AGAIN);
        }
    }
    let (name, mode) = PERSIST_MODE;
    if found[name].as_str().is_some_and(|found| found != mode) {
        return changed(stream, name, &found[name], OFF_AGAIN);
    }
    Ok(())
}

/// Somebody changed it by hand.
fn changed(stream: &str, name: &str, found: &Value, again: &str) -> Result<(), Error> {
    refused(format!(
        "`{name}` of the stream {stream} is {found}, so that what is confirmed might be lost, or the queue come to a stop; {again}"
    ))
}

fn refused(message: String) -> Result<(), Error> {
    Err(Error::new(ErrorKind::Invalid, message))
}
