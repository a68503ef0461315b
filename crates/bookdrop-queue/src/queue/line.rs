//! The line before a full queue: senders leave what they send here, and it is let in when there is room.
//!
//! Because the item itself stands in line, a place that becomes free is filled at once, by whoever freed it: no woken
//! sender has to come first, nobody can barge in, and a sender that is dropped takes its item (and no place) with it.

use std::task::Waker;
use std::time::Instant;

use crate::effects::Effects;
use crate::item::{Cause, Item, Standing};
use crate::machine::{Call, Calls};
use crate::slab::{List, Slab, Ticket};

/// What somebody wants to send.
pub(crate) struct Offer<I> {
    pub(crate) item: I,
    /// One for each further group. They are made before the lock is taken, since that runs code of the user.
    pub(crate) copies: Vec<I>,
    /// When it is to be handed over, if not as soon as possible.
    pub(crate) due: Option<Instant>,
}

impl<I> Offer<I> {
    pub(super) fn new(item: I, due: Option<Instant>) -> Self {
        Offer {
            item,
            copies: Vec::new(),
            due,
        }
    }
}

impl<I: Item> Offer<I> {
    pub(super) fn row(&self) -> Row {
        match (self.due.is_some(), self.is_request()) {
            (true, _) => Row::Delayed,
            (false, true) => Row::Request,
            (false, false) => Row::OneWay,
        }
    }

    /// What makes it the same as another one; requests are never compared.
    pub(super) fn identity(&self) -> Option<&str> {
        self.item.identity().filter(|_| !self.is_request())
    }

    pub(super) fn is_request(&self) -> bool {
        self.item.call().is_some()
    }

    pub(super) fn discard(self, cause: Cause, fx: &mut Effects<I>) {
        self.copies
            .into_iter()
            .for_each(|copy| fx.discard(copy, cause.clone(), 0));
        fx.discard(self.item, cause, 0);
    }

    /// As [`discard`](Offer::discard), for what may be a request: its requester waits until it is told.
    fn let_go(self, cause: Cause, calls: &mut Calls<I::Answer>, fx: &mut Effects<I>) {
        if let Some(call) = self.item.call() {
            calls.place(call, Standing::Leaving);
        }
        self.discard(cause, fx);
    }
}

/// What waits for different room stands in different rows, so that none blocks another: one-way items need room in
/// every group, requests in the default group, delayed ones among the delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    OneWay,
    Request,
    Delayed,
}

pub(super) const ROWS: [Row; 3] = [Row::OneWay, Row::Request, Row::Delayed];

/// All who stand before the queue, first come, first served within a row.
pub(super) struct Line<I> {
    all: Slab<InLine<I>>,
    rows: [List; 3],
    arrivals: u64,
}

struct InLine<I> {
    offer: Offer<I>,
    /// Its sender's; a requester waits for the answer instead.
    waker: Option<Waker>,
    arrival: u64,
    /// The queue was closed: the item waits for its sender to take it back.
    refused: bool,
}

/// How things stand with a sender's offer.
pub(super) enum Progress<I> {
    LetIn,
    Waits,
    Refused(Offer<I>),
}

impl<I: Item> Line<I> {
    pub(super) fn new() -> Self {
        Line {
            all: Slab::new(),
            rows: Default::default(),
            arrivals: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.iter().map(List::len).sum()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.all.len() == 0
    }

    pub(super) fn is_row_empty(&self, row: Row) -> bool {
        self.rows[row as usize].is_empty()
    }

    pub(super) fn enter(&mut self, offer: Offer<I>, waker: Option<Waker>) -> Ticket {
        let row = offer.row();
        self.arrivals += 1;
        let ticket = self.all.insert(InLine {
            offer,
            waker,
            arrival: self.arrivals,
            refused: false,
        });
        self.all.push_back(&mut self.rows[row as usize], ticket);
        ticket
    }

    /// The first of a row, and when it came.
    pub(super) fn first(&self, row: Row) -> Option<(u64, &Offer<I>)> {
        let first = self.all.get(self.all.first(&self.rows[row as usize])?)?;
        Some((first.arrival, &first.offer))
    }

    /// Takes the first of a row out, to let it in; its sender is woken.
    pub(super) fn let_in(&mut self, row: Row, fx: &mut Effects<I>) -> Option<Offer<I>> {
        let ticket = self.all.pop_front(&mut self.rows[row as usize])?;
        let place = self.all.remove(ticket)?;
        if let Some(waker) = place.waker {
            fx.wake(waker);
        }
        Some(place.offer)
    }

    /// How things stand with the offer that this ticket was given for.
    pub(super) fn progress(&mut self, ticket: Ticket) -> Progress<I> {
        match self.all.get(ticket) {
            None => Progress::LetIn,
            Some(place) if !place.refused => Progress::Waits,
            Some(_) => self
                .all
                .remove(ticket)
                .map_or(Progress::LetIn, |p| Progress::Refused(p.offer)),
        }
    }

    pub(super) fn is_registered(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.all
            .get(ticket)
            .and_then(|p| p.waker.as_ref())
            .is_some_and(|known| known.will_wake(waker))
    }

    pub(super) fn set_waker(&mut self, ticket: Ticket, waker: Waker, fx: &mut Effects<I>) {
        match self.all.get_mut(ticket).filter(|place| !place.refused) {
            None => fx.drop_waker(waker),
            Some(place) => {
                if let Some(old) = place.waker.replace(waker) {
                    fx.drop_waker(old);
                }
            }
        }
    }

    /// Takes one out of the line: its sender has left.
    pub(super) fn leave(&mut self, ticket: Ticket, fx: &mut Effects<I>) -> Option<Offer<I>> {
        let place = self.all.get(ticket)?;
        if !place.refused {
            let row = place.offer.row() as usize;
            self.all.unlink(&mut self.rows[row], ticket);
        }
        let place = self.all.remove(ticket)?;
        if let Some(waker) = place.waker {
            fx.drop_waker(waker);
        }
        Some(place.offer)
    }

    /// Refuses everybody: senders find their item here, requesters are given theirs.
    pub(super) fn refuse_all(&mut self, calls: &mut Calls<I::Answer>, fx: &mut Effects<I>) {
        for row in ROWS {
            while let Some(ticket) = self.all.pop_front(&mut self.rows[row as usize]) {
                let Some(place) = self.all.get_mut(ticket) else {
                    continue;
                };
                place.refused = true;
                match place.waker.take() {
                    Some(waker) => fx.wake(waker),
                    None => {
                        if let Some(place) = self.all.remove(ticket) {
                            place.offer.let_go(Cause::Closed, calls, fx);
                        }
                    }
                }
            }
        }
    }

    /// Takes out every request that `goes` says by its call.
    pub(super) fn discard_requests(
        &mut self,
        calls: &mut Calls<I::Answer>,
        cause: Cause,
        goes: impl Fn(&Call<I::Answer>) -> bool,
        fx: &mut Effects<I>,
    ) {
        let goes = |place: &InLine<I>| {
            let call = place.offer.item.call().filter(|_| !place.refused);
            call.is_some_and(|call| calls.get(call).is_none_or(&goes))
        };
        let found: Vec<_> = self
            .all
            .iter()
            .filter(|(_, p)| goes(p))
            .map(|(ticket, _)| ticket)
            .collect();
        for ticket in found {
            if let Some(offer) = self.leave(ticket, fx) {
                offer.let_go(cause.clone(), calls, fx);
            }
        }
    }
}
