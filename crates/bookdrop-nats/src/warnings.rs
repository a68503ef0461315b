//! What no error says, and has to be known.

use bookdrop_backend::Error;
use bookdrop_disk::Report;
use bookdrop_remote::is_of_other_format;

/// A queue was opened, and nobody said how the server flushes: no account but the system's can see it.
pub(crate) fn of_loss(queue: &str) {
    tracing::warn!(
        target: "bookdrop",
        queue,
        "what is confirmed may be lost when the server's machine loses its power: unless it is told otherwise, a server of NATS flushes \
         every two minutes, and not before it confirms. Set `sync_interval: always` in its `jetstream` settings, and open the queue with \
         `sync_interval=always`; or, where such a loss is accepted, open it with the server's interval, as in `sync_interval=2m`"
    );
}

/// Drivers of the queue that are of another version: of them it is warned once.
#[derive(Default)]
pub(crate) struct OtherVersions {
    are_known: bool,
}

impl OtherVersions {
    /// A packet was not understood. Whether by that it is known that somebody is of another version: what is no packet at all was said
    /// by somebody else.
    pub(crate) fn hear(&mut self, queue: &str, error: &Error) -> bool {
        let is_one = is_of_other_format(error);
        if is_one && !std::mem::replace(&mut self.are_known, true) {
            tracing::warn!(
                target: "bookdrop",
                queue,
                %error,
                "another driver of the queue is of another version of the library, and the two cannot work together: where one of them keeps \
                 the queue, all that is asked of the other one fails"
            );
        }
        is_one
    }
}

/// Nobody is told of it who waits for events.
pub(crate) fn of_lost_connection(queue: &str, hosts: &str) {
    tracing::warn!(
        target: "bookdrop",
        queue,
        hosts,
        "the connection to the server is lost. The driver connects again by itself, and consumers wait meanwhile"
    );
}

/// The connection was made again, to a server that is too old.
pub(crate) fn of_an_old_server(queue: &str, error: &Error) {
    tracing::warn!(
        target: "bookdrop",
        queue,
        %error,
        "the connection was made again, and the server there is too old. The driver goes on with it, though nobody has tried whether a \
         queue is safe there: give all servers one of the versions that it takes"
    );
}

/// This driver keeps the queue from now on, and found it so in the stream, where so many pages cannot be read. What was written last
/// is not in the report: nobody can tell there whether it was written to its end.
pub(crate) fn of_damage(stream: &str, pages: u64, report: &Report) {
    if pages > 0 || !report.damage.is_empty() {
        tracing::warn!(
            target: "bookdrop",
            stream,
            pages,
            damage = ?report.damage,
            "pages of the queue are missing or damaged, and what was written there is lost: an event is gone, and where it was an ack, its \
             event comes back. All else is there. Look for what was purged by hand, and at the disk of the server"
        );
    }
    if !report.renamed_groups.is_empty() {
        tracing::warn!(
            target: "bookdrop",
            stream,
            groups = ?report.renamed_groups,
            "the names of groups are lost, and they are called so now; they get all that is sent, so consume what stands in them by these \
             names, or remove them"
        );
    }
}
