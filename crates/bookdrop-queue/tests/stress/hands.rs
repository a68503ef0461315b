//! Consumers with what they have in hand, and senders, each of whom uses the queue in the way in which `bookdrop` does.

use std::mem::replace;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bookdrop_queue::{
    CallId, DeadReason, GroupId, Hold, Item, Lender, Lending, Loan, NotExpress, Over, Queue,
    Reader, Refusal, Refused, Seat, Taken, Ticket, Waiting,
};

use crate::event::{Event, Outcome};

/// Receives, and lends its desk to what it has in hand.
pub(crate) struct Consumer {
    desk: Lender<Desk>,
    reader: Reader,
    hold: Hold<Event>,
    waiting: Waiting,
}

struct Desk {
    queue: Arc<Queue<Event>>,
    reader: Reader,
}

/// An event in hand, to be settled once.
pub(crate) struct Delivery {
    taken: Taken<Event>,
    of: Of,
}

enum Of {
    Desk(Loan<Desk>),
    /// It was settled with the hand-over, and can still be answered.
    AutoAcked(Loan<Desk>),
    /// It was settled with the hand-over.
    Nobody,
}

impl Consumer {
    pub(crate) fn new(queue: &Arc<Queue<Event>>, group: GroupId, auto_ack: bool) -> Self {
        Consumer::seated(queue, queue.join_again(group, auto_ack))
    }

    pub(crate) fn seated(queue: &Arc<Queue<Event>>, seat: Seat) -> Self {
        let reader = seat.reader();
        let queue = queue.clone();
        Consumer {
            desk: seat.lender(Desk { queue, reader }),
            reader,
            hold: Hold::new(),
            waiting: None,
        }
    }

    pub(crate) fn group(&self) -> GroupId {
        self.reader.group
    }

    /// What is simple only.
    pub(crate) fn express(&mut self) -> Result<Delivery, NotExpress> {
        if self.waiting.is_some() {
            return Err(NotExpress::Unknown);
        }
        let (desk, mut lending) = self.desk.split();
        let taken = desk.queue.receive_express(self.reader, &mut self.hold)?;
        Ok(delivery(self.reader, &mut lending, taken))
    }

    pub(crate) fn poll(
        &mut self,
        max: usize,
        cx: &mut Context<'_>,
        hands: &mut Vec<Delivery>,
    ) -> Poll<Result<(), Over>> {
        let known = match self.express() {
            Ok(delivery) => {
                hands.push(delivery);
                return Poll::Ready(Ok(()));
            }
            Err(known) => known,
        };
        let reader = self.reader;
        let (desk, mut lending) = self.desk.split();
        let mut into = |taken| hands.push(delivery(reader, &mut lending, taken));
        let (queue, waiting) = (&desk.queue, &mut self.waiting);
        match known {
            NotExpress::HasToWait | NotExpress::HasToWaitBehindOthers => {
                queue.poll_sleep(reader, max, waiting, cx, &mut into)
            }
            NotExpress::Unknown => queue.poll_receive(reader, max, waiting, cx, &mut into),
        }
    }

    pub(crate) fn stop_waiting(&mut self) {
        let queue = &self.desk.queue;
        queue.stop_receiving(self.reader.group, &mut self.waiting);
    }
}

fn delivery(reader: Reader, lending: &mut Lending<'_, Desk>, taken: Taken<Event>) -> Delivery {
    // Some loans are for the group's name alone.
    let lends = taken.item.call().is_some() || taken.item.number & 1 == 0;
    let of = match (reader.is_auto_acked(), lends) {
        (false, _) => Of::Desk(lending.lend()),
        (true, true) => Of::AutoAcked(lending.lend()),
        (true, false) => Of::Nobody,
    };
    Delivery { taken, of }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop_waiting();
        self.desk.queue.leave(self.reader);
    }
}

impl Delivery {
    pub(crate) fn event(&self) -> &Event {
        &self.taken.item
    }

    pub(crate) fn call(&self) -> Option<CallId> {
        self.event().call()
    }

    pub(crate) fn was_settled(&self) -> bool {
        !matches!(self.of, Of::Desk(_))
    }

    /// It is done, without an answer.
    pub(crate) fn ack(self) {
        let call = self.call();
        let queue = match &self.of {
            Of::Desk(desk) | Of::AutoAcked(desk) if call.is_some() => Some(desk.queue.clone()),
            _ => None,
        };
        drop(self.let_go());
        if let Some((queue, call)) = queue.zip(call) {
            queue.end_call(call, Outcome::Failed);
        }
    }

    fn let_go(self) -> Event {
        let Delivery { taken, of } = self;
        let Of::Desk(desk) = of else {
            return taken.item;
        };
        let desk = match taken.leads_nobody() {
            true => match desk.give_back() {
                Ok(()) => return taken.item,
                Err(desk) => desk,
            },
            false => desk,
        };
        let event = desk.queue.ack(desk.reader, taken);
        give_back(desk);
        event
    }

    /// Answers a request; true if that reached somebody.
    pub(crate) fn answer(self, outcome: Outcome) -> bool {
        let call = self.call().expect("it is a request");
        match self.of {
            Of::Desk(desk) => {
                let (event, result) = desk.queue.answer(desk.reader, self.taken, outcome);
                give_back(desk);
                drop(event);
                result.is_ok()
            }
            Of::AutoAcked(desk) => desk.queue.answer_later(call, outcome).is_ok(),
            Of::Nobody => unreachable!("a request is lent the desk"),
        }
    }

    pub(crate) fn failed(self, after: Option<Duration>) {
        self.come_back(|desk, taken| desk.queue.failed(desk.reader, taken, after));
    }

    pub(crate) fn bury(self) {
        let reason = DeadReason::Rejected("no".into());
        self.come_back(|desk, taken| desk.queue.bury(desk.reader, taken, reason));
    }

    fn come_back(self, settle: impl FnOnce(&Desk, Taken<Event>)) {
        let Of::Desk(desk) = self.of else {
            panic!("it was settled with the hand-over");
        };
        settle(&desk, self.taken);
        give_back(desk);
    }
}

/// Gives the loan of a delivery back that was settled through the queue.
fn give_back(desk: Loan<Desk>) {
    if let Err(desk) = desk.give_back() {
        let queue = desk.queue.clone();
        drop(desk);
        queue.recount();
    }
}

/// A send under way.
pub(crate) struct Sending<'a> {
    queue: &'a Queue<Event>,
    stage: Stage,
}

enum Stage {
    New(Event, Option<std::time::Instant>),
    InLine(Ticket),
    Ended,
}

impl<'a> Sending<'a> {
    pub(crate) fn new(
        queue: &'a Queue<Event>,
        event: Event,
        due: Option<std::time::Instant>,
    ) -> Self {
        Sending {
            queue,
            stage: Stage::New(event, due),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let why = |refused: Refused<Event>| refused.why;
        let poll = match replace(&mut self.stage, Stage::Ended) {
            Stage::New(event, due) => self.begin(event, due, cx),
            Stage::InLine(ticket) => {
                self.stage = Stage::InLine(ticket);
                self.queue.poll_line(ticket, cx)
            }
            Stage::Ended => panic!("a send was polled after it had ended"),
        };
        if poll.is_ready() {
            self.stage = Stage::Ended;
        }
        poll.map_err(why)
    }

    fn begin(
        &mut self,
        mut event: Event,
        due: Option<std::time::Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refused<Event>>> {
        if due.is_none() {
            match self.queue.send_express(event) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(back) => event = back,
            }
        }
        match self.queue.send(event, due, cx.waker().clone()) {
            Ok(None) => Poll::Ready(Ok(())),
            Ok(Some(ticket)) => {
                self.stage = Stage::InLine(ticket);
                Poll::Pending
            }
            Err(refused) => Poll::Ready(Err(refused)),
        }
    }

    /// Gives it up; true if the event was not taken in.
    pub(crate) fn give_up(&mut self) -> bool {
        match replace(&mut self.stage, Stage::Ended) {
            Stage::New(..) => true,
            Stage::InLine(ticket) => self.queue.leave_line(ticket).is_some(),
            Stage::Ended => false,
        }
    }
}
