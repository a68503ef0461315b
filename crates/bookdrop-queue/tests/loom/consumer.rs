//! Those who receive, in the way in which `bookdrop` does.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bookdrop_queue::park::wait;
use bookdrop_queue::{
    CallId, DeadReason, Hold, Item, Lender, Lending, Loan, NotExpress, Over, Reader, Seat, Taken,
    Waiting,
};

use crate::tools::{Note, Outcome, TestQueue};

/// Receives, and lends its desk to what it has in hand.
pub(crate) struct Consumer {
    desk: Lender<Desk>,
    pub(crate) reader: Reader,
    hold: Hold<Note>,
    waiting: Waiting,
}

/// What a consumer shares with its deliveries.
pub(crate) struct Desk {
    queue: TestQueue,
    reader: Reader,
}

/// A note in hand, to be settled.
pub(crate) struct Delivery {
    taken: Taken<Note>,
    of: Of,
}

enum Of {
    Desk(Loan<Desk>),
    /// It was settled with the hand-over.
    Nobody,
}

impl Consumer {
    pub(crate) fn new(queue: &TestQueue) -> Self {
        Consumer::seated(queue, queue.join_default())
    }

    pub(crate) fn in_group(queue: &TestQueue, name: &str) -> Self {
        Consumer::seated(queue, queue.join(name, Note::copy))
    }

    /// One more of the same group.
    pub(crate) fn another(&self) -> Self {
        self.beside(false)
    }

    fn seated(queue: &TestQueue, seat: Seat) -> Self {
        let reader = seat.reader();
        let queue = queue.clone();
        Consumer {
            desk: seat.lender(Desk { queue, reader }),
            reader,
            hold: Hold::new(),
            waiting: None,
        }
    }

    /// The same with automatic ack.
    pub(crate) fn auto_ack(self) -> Self {
        self.beside(true)
    }

    fn beside(&self, auto_ack: bool) -> Self {
        let queue = &self.desk.queue;
        Consumer::seated(queue, queue.join_again(self.reader.group, auto_ack))
    }

    /// A look by one who does not wait, for what is simple only.
    pub(crate) fn express(&mut self) -> Option<Delivery> {
        self.try_express().ok()
    }

    fn try_express(&mut self) -> Result<Delivery, NotExpress> {
        if self.waiting.is_some() {
            return Err(NotExpress::Unknown);
        }
        let (desk, mut lending) = self.desk.split();
        let taken = desk.queue.receive_express(self.reader, &mut self.hold)?;
        Ok(delivery(self.reader, &mut lending, taken))
    }

    fn poll(&mut self, cx: &mut Context<'_>, is_stream: bool) -> Poll<Result<Delivery, Over>> {
        let known = match self.try_express() {
            Ok(delivery) => return Poll::Ready(Ok(delivery)),
            Err(known) => known,
        };
        let (reader, mut found) = (self.reader, None);
        let (desk, mut lending) = self.desk.split();
        let mut into = |taken| found = Some(delivery(reader, &mut lending, taken));
        let (queue, waiting) = (&desk.queue, &mut self.waiting);
        let poll = match (is_stream, known) {
            (true, _) => queue.poll_next(reader, waiting, cx, &mut into),
            (false, NotExpress::HasToWait | NotExpress::HasToWaitBehindOthers) => {
                queue.poll_sleep(reader, 1, waiting, cx, &mut into)
            }
            (false, NotExpress::Unknown) => queue.poll_receive(reader, 1, waiting, cx, &mut into),
        };
        poll.map_ok(|()| found.expect("ready means that there is one"))
    }

    /// Receives one on this thread, which waits for it.
    pub(crate) fn receive(&mut self) -> Result<Delivery, Over> {
        let result = wait(poll_fn(|cx| self.poll(cx, false)));
        assert!(self.waiting.is_none(), "who found something waits no more");
        result
    }

    pub(crate) fn receive_and_ack(&mut self) -> Result<u32, Over> {
        self.receive().map(Delivery::ack)
    }

    /// A look by one who waits: what is there, or `None` while there is nothing.
    pub(crate) fn look(&mut self, waker: &Waker) -> Option<Delivery> {
        match self.poll(&mut Context::from_waker(waker), false) {
            Poll::Ready(found) => found.ok(),
            Poll::Pending => None,
        }
    }

    /// A look by a stream, which may not be polled again.
    pub(crate) fn look_as_stream(&mut self, waker: &Waker) -> Option<Delivery> {
        match self.poll(&mut Context::from_waker(waker), true) {
            Poll::Ready(found) => found.ok(),
            Poll::Pending => None,
        }
    }

    pub(crate) fn stop_waiting(&mut self) {
        let queue = &self.desk.queue;
        queue.stop_receiving(self.reader.group, &mut self.waiting);
    }

    /// A look by one who does not wait.
    pub(crate) fn try_receive(&mut self) -> Result<Option<Delivery>, Over> {
        let (desk, mut lending) = self.desk.split();
        let taken = desk.queue.try_receive(self.reader)?;
        Ok(taken.map(|taken| delivery(self.reader, &mut lending, taken)))
    }

    /// What is known to be there.
    pub(crate) fn take(&mut self) -> Delivery {
        let found = self.try_receive().expect("it is not over");
        found.expect("there is one")
    }

    /// Takes out what is left, without waiting.
    pub(crate) fn rest(&mut self) -> Vec<u32> {
        let next = || self.try_receive().ok().flatten();
        std::iter::from_fn(next).map(Delivery::ack).collect()
    }
}

fn delivery(reader: Reader, lending: &mut Lending<'_, Desk>, taken: Taken<Note>) -> Delivery {
    let of = match reader.is_auto_acked() {
        false => Of::Desk(lending.lend()),
        true => Of::Nobody,
    };
    Delivery { taken, of }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // A run that has failed may have failed under the lock.
        if !std::thread::panicking() {
            self.stop_waiting();
            self.desk.queue.leave(self.reader);
        }
    }
}

impl Delivery {
    pub(crate) fn number(&self) -> u32 {
        self.taken.item.number
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.taken.attempt()
    }

    /// It is done; who asked for it is told that there is no answer. Returns its number.
    pub(crate) fn ack(self) -> u32 {
        self.finish().number
    }

    pub(crate) fn finish(self) -> Note {
        let call = self.taken.item.call();
        let queue = match &self.of {
            Of::Desk(desk) if call.is_some() => Some(desk.queue.clone()),
            _ => None,
        };
        let note = self.let_go();
        if let Some((queue, call)) = queue.zip(call) {
            queue.end_call(call, Outcome::Unanswered);
        }
        note
    }

    fn let_go(self) -> Note {
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
        let note = desk.queue.ack(desk.reader, taken);
        give_back(desk);
        note
    }

    pub(crate) fn failed(self) {
        self.settle(|desk, taken| desk.queue.failed(desk.reader, taken, None));
    }

    pub(crate) fn bury(self, reason: DeadReason) {
        self.settle(|desk, taken| desk.queue.bury(desk.reader, taken, reason));
    }

    /// Answers; false when nobody wants the answer.
    pub(crate) fn answer(self, with: u32) -> bool {
        self.settle(|desk, taken| {
            let answer = Outcome::Replied(with);
            let (note, result) = desk.queue.answer(desk.reader, taken, answer);
            drop(note);
            result.is_ok()
        })
    }

    fn settle<R>(self, settle: impl FnOnce(&Desk, Taken<Note>) -> R) -> R {
        let Of::Desk(desk) = self.of else {
            panic!("it was settled with the hand-over");
        };
        let result = settle(&desk, self.taken);
        give_back(desk);
        result
    }

    pub(crate) fn call(&self) -> CallId {
        self.taken.item.call().expect("it is a request")
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
