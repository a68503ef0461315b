//! Those who send and ask, in the way in which `bookdrop` does.

use std::future::poll_fn;
use std::mem::replace;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookdrop_queue::park::wait;
use bookdrop_queue::{Asking, CallId, Refused, Ticket, Waited, clock};

use crate::tools::{Note, Outcome, TestQueue, deaf};

/// A send under way.
pub(crate) struct Sender {
    queue: TestQueue,
    stage: Stage,
}

enum Stage {
    New(Note),
    InLine(Ticket),
    Ended,
}

impl Sender {
    pub(crate) fn new(queue: &TestQueue, note: Note) -> Self {
        Sender {
            queue: queue.clone(),
            stage: Stage::New(note),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused<Note>>> {
        let queue = &self.queue;
        match replace(&mut self.stage, Stage::Ended) {
            Stage::New(note) => match queue.send_express(note) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(note) => match queue.send(note, None, cx.waker().clone()) {
                    Ok(None) => Poll::Ready(Ok(())),
                    Ok(Some(ticket)) => {
                        self.stage = Stage::InLine(ticket);
                        Poll::Pending
                    }
                    Err(refused) => Poll::Ready(Err(refused)),
                },
            },
            Stage::InLine(ticket) => {
                let poll = queue.poll_line(ticket, cx);
                if poll.is_pending() {
                    self.stage = Stage::InLine(ticket);
                }
                poll
            }
            Stage::Ended => panic!("a send was polled after it had ended"),
        }
    }

    /// Gives it up. Returns the note if it was not taken in.
    pub(crate) fn give_up(&mut self) -> Option<Note> {
        match replace(&mut self.stage, Stage::Ended) {
            Stage::New(note) => Some(note),
            Stage::InLine(ticket) => self.queue.leave_line(ticket),
            Stage::Ended => None,
        }
    }
}

/// Sends on this thread, which waits for room.
pub(crate) fn send(queue: &TestQueue, note: Note) -> Result<(), Refused<Note>> {
    let mut sender = Sender::new(queue, note);
    wait(poll_fn(|cx| sender.poll(cx)))
}

/// Who waits for an answer.
#[derive(Clone)]
pub(crate) struct Requester {
    pub(crate) queue: TestQueue,
    pub(crate) call: CallId,
}

/// How a request is sent that waits for no consumer, and whose deadline is far away.
pub(crate) fn asking(waker: Waker) -> Asking {
    Asking {
        deadline: clock::after(clock::now(), Duration::from_secs(60)),
        waits_for_consumer: false,
        waker,
        wakes_at_deadline: false,
    }
}

/// Sends a request. Its requester does not look for the answer yet.
pub(crate) fn ask(queue: &TestQueue, note: Note) -> Result<Requester, Refused<Note>> {
    ask_with(queue, note, asking(deaf()))
}

pub(crate) fn ask_with(
    queue: &TestQueue,
    note: Note,
    asking: Asking,
) -> Result<Requester, Refused<Note>> {
    let call = queue.send_request(note, None, asking)?;
    let queue = queue.clone();
    Ok(Requester { queue, call })
}

/// Sends a request on this thread, which waits for the answer.
pub(crate) fn request(queue: &TestQueue, note: Note) -> Result<Outcome, Refused<Note>> {
    let (mut note, mut requester) = (Some(note), None);
    wait(poll_fn(|cx| match &requester {
        None => {
            let note = note.take().expect("it is sent once");
            match ask_with(queue, note, asking(cx.waker().clone())) {
                Ok(asked) => requester = Some(asked),
                Err(refused) => return Poll::Ready(Err(refused)),
            }
            Poll::Pending
        }
        Some(requester) => requester.poll(cx).map(Ok),
    }))
}

impl Requester {
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.queue.poll_answer(self.call, cx).map(|end| match end {
            Waited::Answered(outcome) => outcome,
            Waited::Overdue => panic!("the deadline is far away"),
        })
    }

    pub(crate) fn outcome(&self) -> Outcome {
        wait(poll_fn(|cx| self.poll(cx)))
    }

    /// Gives up: what came in the meantime, or else the note if it was queued.
    pub(crate) fn give_up(&self) -> (Option<Outcome>, Option<u32>) {
        let (outcome, queued) = self.queue.give_up(self.call);
        (outcome, queued.map(|(note, _)| note.number))
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.queue.is_awaited(self.call)
    }
}
