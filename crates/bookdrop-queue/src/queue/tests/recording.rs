//! An item that writes down what it is told.

use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::item::{Cause, DeadReason, Item, Room};
use crate::machine::{CallId, GroupId, Hand, Limits, Taken};
use crate::note::Note;
use crate::queue::{OnFull, Queue, Reader};
use crate::slab::Ticket;

/// What all items were told, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// How much room is left beside the queue. Copies may take more than there is.
type Left = Arc<AtomicIsize>;

/// So much is left while room is being made.
pub(super) const MAKING: isize = -1;

/// So much is left where nothing that is queued could make any.
pub(super) const TAKEN: isize = -2;

/// An item with a number, which is not plain.
pub(super) struct Recording {
    pub(super) number: u32,
    pub(super) key: Option<&'static str>,
    pub(super) identity: Option<&'static str>,
    pub(super) expires: Option<Instant>,
    /// The room that it takes beside the queue, as does each of its copies.
    pub(super) size: isize,
    room: Left,
    call: Option<CallId>,
    hand: Hand,
    log: Log,
}

impl Recording {
    fn tell(&self, what: String) {
        let (number, hand) = (self.number, &self.hand);
        let line = match hand.group() == GroupId::default() {
            true => format!("{number}: {what}"),
            false => format!(
                "{number} in {}: {what} {}/{}",
                hand.group().index,
                hand.failures(),
                hand.deliveries()
            ),
        };
        self.log.lock().unwrap().push(line);
    }
}

pub(super) fn copy(of: &Recording) -> Recording {
    Recording {
        hand: Hand::default(),
        call: None,
        log: of.log.clone(),
        room: of.room.clone(),
        ..*of
    }
}

impl Item for Recording {
    type Answer = Cause;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    fn is_plain(&self) -> bool {
        false
    }

    fn key(&self) -> Option<&str> {
        self.key
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires
    }

    fn identity(&self) -> Option<&str> {
        self.identity
    }

    fn call(&self) -> Option<CallId> {
        self.call
    }

    fn ask_for(&mut self, call: CallId, _: Instant) {
        self.call = Some(call);
    }

    fn sever(&mut self) -> Option<CallId> {
        self.call.take()
    }

    fn room(&self) -> Room {
        match self.room.load(Relaxed) {
            MAKING => Room::Soon,
            TAKEN => Room::Taken,
            left if left >= self.size => Room::Enough,
            _ => Room::Full,
        }
    }

    fn note(&mut self, what: Note<'_>) {
        self.tell(match what {
            Note::Accepted { groups, due } => {
                let groups: Vec<_> = groups.map(|(_, name)| name).collect();
                self.room
                    .fetch_sub(groups.len() as isize * self.size, Relaxed);
                format!("accepted for {}{}", groups.join(", "), in_time(due))
            }
            Note::HandedOver => "handed over".into(),
            Note::Returned { due } => format!("returned{}", in_time(due)),
            Note::Due => "due".into(),
            Note::Buried { reason, id, .. } => {
                assert!(self.call.is_none(), "it is a request no more");
                format!("buried as {id}, {reason}")
            }
            Note::Replayed => "replayed".into(),
            Note::Gone => {
                self.room.fetch_add(self.size, Relaxed);
                "gone".into()
            }
        });
    }

    fn discarded(self, cause: Cause, _: u32, answer: impl FnOnce(Cause)) {
        answer(cause);
    }

    fn told(cause: Cause) -> Cause {
        cause
    }
}

fn in_time(due: Option<Instant>) -> String {
    let secs = due.map(|due| {
        due.saturating_duration_since(Instant::now())
            .as_secs_f64()
            .round()
    });
    secs.map_or_else(String::new, |secs| format!(" in {secs} s"))
}

/// A queue of such items, and what they were told.
pub(super) struct Recorded {
    pub(super) queue: Arc<Queue<Recording>>,
    log: Log,
    pub(super) room: Left,
}

impl Recorded {
    pub(super) fn new(limits: Limits, on_full: OnFull) -> Self {
        Recorded {
            queue: Queue::new(limits, on_full, 1),
            log: Log::default(),
            room: Left::default(),
        }
    }

    pub(super) fn join(&self, group: &str) -> Reader {
        self.queue.join(group, copy).reader()
    }

    pub(super) fn join_and_tell(&self, group: &str) -> Reader {
        let tell = |id| self.tell_of(id, "joined");
        self.queue.join_and_tell(group, copy, tell).reader()
    }

    pub(super) fn remove_and_tell(&self, group: &str) {
        let tell = |id| self.tell_of(id, "removed");
        assert!(self.queue.remove_group_and_tell(group, tell));
    }

    fn tell_of(&self, group: GroupId, what: &str) {
        let line = format!("group {}: {what}", group.index);
        self.log.lock().unwrap().push(line);
    }

    pub(super) fn item(&self, number: u32) -> Recording {
        Recording {
            number,
            key: None,
            identity: None,
            expires: None,
            size: 0,
            room: self.room.clone(),
            call: None,
            hand: Hand::default(),
            log: self.log.clone(),
        }
    }

    pub(super) fn sized(&self, number: u32, size: isize) -> Recording {
        Recording {
            size,
            ..self.item(number)
        }
    }

    /// Sends one that finds room.
    pub(super) fn put(&self, number: u32) {
        assert_eq!(self.send(self.item(number)), None);
    }

    /// Sends one; it may have to stand in line.
    pub(super) fn send(&self, item: Recording) -> Option<Ticket> {
        let sent = self.queue.send(item, None, Waker::noop().clone());
        sent.ok().expect("the queue is open")
    }

    pub(super) fn is_in_line(&self, ticket: Ticket) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        match self.queue.poll_line(ticket, &mut cx) {
            Poll::Pending => true,
            Poll::Ready(let_in) => let_in.is_err(),
        }
    }

    pub(super) fn take(&self, reader: Reader) -> Taken<Recording> {
        self.try_take(reader).expect("there is one")
    }

    pub(super) fn try_take(&self, reader: Reader) -> Option<Taken<Recording>> {
        self.queue.try_receive(reader).ok().flatten()
    }

    /// Takes the next one and is done with it.
    pub(super) fn finish(&self, reader: Reader) -> u32 {
        self.queue.ack(reader, self.take(reader)).number
    }

    pub(super) fn bury(&self, reader: Reader) {
        let taken = self.take(reader);
        let reason = DeadReason::Rejected("no".into());
        self.queue.bury(reader, taken, reason);
    }

    pub(super) fn dead(&self, group: &str) -> Vec<(u64, u32)> {
        self.queue.dead(group, |dead| (dead.id, dead.item.number))
    }

    /// What was told since the last look.
    pub(super) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    pub(super) fn forget(&self) {
        self.log.lock().unwrap().clear();
    }
}
