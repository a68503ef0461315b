//! Where a consumer gets its events from.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bookdrop_backend::{Error as BackendError, ErrorKind, NotFetched, Wait};
use bookdrop_queue::{Hold, Lender, Lending, NotExpress, Reader, Taken, Waiting};

use crate::backed::{Backed, Fetching};
use crate::delivery::Delivery;
use crate::error::{ReceiveError, TryReceiveError};
use crate::memory::{Memory, Stored};
use crate::seat::Seat;
use crate::turn;

/// Where a consumer gets its events from.
pub(super) enum Source<T, R> {
    Memory(Queued<T, R>),
    Backed(Box<Distant<T, R>>),
}

/// A consumer of the queue in memory. It leaves when it is dropped.
pub(super) struct Queued<T, R> {
    pub(super) memory: Arc<Memory<T, R>>,
    pub(super) reader: Reader,
    hold: Hold<Stored<T, R>>,
    waiting: Waiting,
    /// Whether what it received last was a request.
    serves: bool,
}

/// A consumer at a backend.
pub(super) struct Distant<T, R> {
    pub(super) backed: Arc<Backed<T, R>>,
    pub(super) fetching: Fetching,
    pub(super) auto_ack: bool,
}

impl<T, R> Source<T, R> {
    pub(super) fn is_auto_acked(&self) -> bool {
        match self {
            Source::Memory(queued) => queued.reader.is_auto_acked(),
            Source::Backed(distant) => distant.auto_ack,
        }
    }

    /// Whether it most likely receives a request next: then somebody waits, and each moment counts.
    pub(super) fn serves(&self) -> bool {
        matches!(self, Source::Memory(queued) if queued.serves)
    }

    #[inline(always)]
    pub(super) fn stop_waiting(&mut self) {
        if !matches!(self, Source::Memory(queued) if queued.waiting.is_none()) {
            self.stop_for_real();
        }
    }

    #[cold]
    #[inline(never)]
    fn stop_for_real(&mut self) {
        match self {
            Source::Memory(queued) => queued.stop_waiting(),
            Source::Backed(distant) => distant.fetching.stop(),
        }
    }
}

impl<T, R> Queued<T, R> {
    pub(super) fn new(memory: Arc<Memory<T, R>>, reader: Reader) -> Self {
        Queued {
            memory,
            reader,
            hold: Hold::new(),
            waiting: None,
            serves: false,
        }
    }

    /// The next event, if there is one and it is as simple as it usually is.
    #[inline(always)]
    pub(super) fn receive_express(
        &mut self,
        seat: &mut Lender<Seat<T, R>>,
    ) -> Result<Delivery<T, R>, NotExpress> {
        if self.waiting.is_some() {
            return Err(NotExpress::Unknown);
        }
        let reader = self.reader;
        let queue = &self.memory.queue;
        let taken = queue.receive_express(reader, &mut self.hold)?;
        self.serves = taken.item.ask().is_some();
        let (seat, mut lending) = seat.split();
        let lends = !reader.is_auto_acked() || seat.group_name.is_some();
        let loan = lends.then(|| lending.lend());
        Ok(Delivery::new(taken, loan))
    }

    /// Receives in whatever way; `known` is what was found out about it before.
    pub(super) fn poll_receive(
        &mut self,
        seat: &mut Lender<Seat<T, R>>,
        max: usize,
        cx: &mut Context<'_>,
        known: NotExpress,
        into: &mut impl FnMut(Delivery<T, R>),
    ) -> Poll<Result<(), ReceiveError>> {
        let Queued {
            memory,
            reader,
            waiting,
            serves,
            ..
        } = self;
        let (seat, mut lending) = seat.split();
        let queue = &memory.queue;
        let mut hand_over = |taken: Taken<Stored<T, R>>| {
            *serves = taken.item.ask().is_some();
            into(delivery(seat, &mut lending, *reader, taken));
        };
        let poll = turn::uncount_if_pending(match known {
            NotExpress::HasToWait | NotExpress::HasToWaitBehindOthers => {
                queue.poll_sleep(*reader, max, waiting, cx, &mut hand_over)
            }
            NotExpress::Unknown => queue.poll_receive(*reader, max, waiting, cx, &mut hand_over),
        });
        poll.map_err(|_| ReceiveError::Closed)
    }

    /// The next event of a stream; `None` at its end.
    pub(super) fn poll_next(
        &mut self,
        seat: &mut Lender<Seat<T, R>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Delivery<T, R>>> {
        let reader = self.reader;
        let (seat, mut lending) = seat.split();
        let mut found = None;
        let mut hand_over = |taken: Taken<Stored<T, R>>| {
            self.serves = taken.item.ask().is_some();
            found = Some(delivery(seat, &mut lending, reader, taken));
        };
        let queue = &self.memory.queue;
        let waiting = &mut self.waiting;
        let poll = turn::uncount_if_pending(queue.poll_next(reader, waiting, cx, &mut hand_over));
        poll.map(|_| found)
    }

    pub(super) fn try_receive(
        &mut self,
        seat: &mut Lender<Seat<T, R>>,
    ) -> Result<Delivery<T, R>, TryReceiveError> {
        let (seat, mut lending) = seat.split();
        let taken = self.memory.queue.try_receive(self.reader);
        let taken = taken.map_err(|_| TryReceiveError::Closed)?;
        self.serves = taken
            .as_ref()
            .is_some_and(|taken| taken.item.ask().is_some());
        let taken = taken.ok_or(TryReceiveError::Empty)?;
        Ok(delivery(seat, &mut lending, self.reader, taken))
    }

    fn stop_waiting(&mut self) {
        if self.waiting.is_some() {
            let group = self.reader.group;
            let queue = &self.memory.queue;
            queue.stop_receiving(group, &mut self.waiting);
        }
    }
}

impl<T, R> Drop for Queued<T, R> {
    fn drop(&mut self) {
        self.stop_waiting();
        self.memory.queue.leave(self.reader);
    }
}

/// What was handed over, as the consumer with this seat gives it out.
#[inline]
fn delivery<T, R>(
    seat: &Seat<T, R>,
    lending: &mut Lending<'_, Seat<T, R>>,
    reader: Reader,
    taken: Taken<Stored<T, R>>,
) -> Delivery<T, R> {
    let lends = !reader.is_auto_acked() || seat.group_name.is_some() || taken.item.ask().is_some();
    let loan = lends.then(|| lending.lend());
    Delivery::new(taken, loan)
}

impl<T, R> Distant<T, R> {
    /// Receives at least one event that can be read, and at most so many.
    pub(super) fn poll_receive(
        &mut self,
        seat: &mut Lender<Seat<T, R>>,
        max: usize,
        wait: Wait,
        cx: &mut Context<'_>,
        into: &mut impl FnMut(Delivery<T, R>),
    ) -> Poll<Result<(), NotFetched>> {
        let (_, mut lending) = seat.split();
        let mut hand_over =
            |item: Stored<T, R>| into(Delivery::new(Taken { item }, Some(lending.lend())));
        loop {
            let fetched = turn::uncount_if_pending(self.fetching.poll(max, wait, cx));
            let fetched = ready!(fetched)?;
            if self.backed.read(fetched, self.auto_ack, &mut hand_over) > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// The next event of a stream. An end that is an error is told once.
    pub(super) fn poll_next(
        &mut self,
        seat: &mut Lender<Seat<T, R>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery<T, R>, ReceiveError>>> {
        let mut found = None;
        let mut into = |delivery| found = Some(delivery);
        let ended = ready!(self.poll_receive(seat, 1, Wait::Loosely, cx, &mut into));
        Poll::Ready(match ended.map_err(not_received) {
            Ok(()) => found.map(Ok),
            Err(ReceiveError::Closed) => None,
            Err(error) => {
                let is_first = !std::mem::replace(&mut self.fetching.has_told, true);
                is_first.then_some(Err(error))
            }
        })
    }
}

/// Why a consumer that waits received nothing.
pub(super) fn not_received(why: NotFetched) -> ReceiveError {
    match why {
        NotFetched::Closed => ReceiveError::Closed,
        NotFetched::Backend(error) => ReceiveError::Backend(error),
        other => {
            let message = format!("the backend ended a wait for an event by {other:?}");
            ReceiveError::Backend(BackendError::new(ErrorKind::Broken, message))
        }
    }
}

/// Why a consumer that does not wait received nothing.
pub(super) fn not_received_now(why: NotFetched) -> TryReceiveError {
    match why {
        NotFetched::Empty => TryReceiveError::Empty,
        other => not_received(other).into(),
    }
}
