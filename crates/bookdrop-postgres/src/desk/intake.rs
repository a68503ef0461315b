//! What users ask for.

use std::time::Instant;

use bookdrop_backend::telling::Promise;
use bookdrop_backend::{NotFetched, NotPublished, Receipt, Wait, Why};

use super::Desk;
use super::requests::unanswered;
use crate::commands::{Coming, Command, How, Look, Seat, Settling, Waiter};
use crate::error::unreachable;
use crate::round::SeatChange;
use crate::shipping::Goods;

impl Desk {
    /// Takes this, and all that was asked for meanwhile, so that it goes to the server together.
    pub(super) fn take_all(&mut self, first: Command) {
        self.take(first);
        while let Ok(next) = self.orders.try_recv() {
            self.take(next);
        }
    }

    fn take(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Publish(parcel) if self.shared.is_closed() => {
                self.tell(parcel.told, Err(NotPublished::Closed))
            }
            Command::Publish(parcel) => {
                self.tries.note();
                self.line.push(Goods::Parcel(parcel));
            }
            Command::Request(question) => {
                self.tries.note();
                self.ask(question);
            }
            Command::GiveUp(ask) => {
                if !self.line.remove(ask) {
                    self.give_ups.push(ask);
                }
            }
            Command::Come(coming) => self.come(coming),
            Command::Beside(reader, told) => match self.readers.group_of(reader) {
                Some(group) => self.sit_beside(group, told),
                None => self.tell(told, Err(unknown_reader())),
            },
            Command::Leave(reader) => {
                if let Some(group) = self.readers.remove(reader) {
                    self.count_seats(group);
                }
            }
            Command::Fetch(waiter) => self.wait(waiter),
            Command::StopFetching(reader, number) => self.readers.stop(reader, number),
            Command::PutBack(receipts) => self.put_back(receipts),
            Command::Settle(settling) => self.settles.push(settling),
            Command::Do(deed) => {
                self.want_to_look();
                self.deeds.push((now, deed));
            }
            Command::Look(look) => {
                self.want_to_look();
                self.looks.push((now, look));
            }
            Command::Close(told) => {
                self.closes.push(told);
                self.close();
            }
            Command::Drain => {
                for waiter in self.readers.take_waiters(None) {
                    self.tell(waiter.told, Err(NotFetched::Closed));
                }
            }
            Command::Bye(told) => self.farewell = Some(told),
        }
    }

    /// Somebody wants to see what came of all that was sent so far.
    fn want_to_look(&mut self) {
        self.tries.want_to_look(self.sending.is_some());
    }

    fn sit_beside(&mut self, group: i32, told: Promise<Result<Seat, bookdrop_backend::Error>>) {
        let reader = self.readers.add(group);
        let seat = SeatChange::Beside {
            group,
            reader,
            readers: 0,
            told,
        };
        self.seats.push(seat);
    }

    /// Those that were given up meanwhile come no more.
    fn come(&mut self, coming: Coming) {
        self.seats
            .retain(|seat| !matches!(seat, SeatChange::Come(coming) if !coming.told.is_awaited()));
        self.seats.push(SeatChange::Come(coming));
    }

    /// The server is to hear how many sit in this group.
    pub(super) fn count_seats(&mut self, group: i32) {
        let is_it =
            |seat: &SeatChange| matches!(seat, SeatChange::Count { group: of, .. } if *of == group);
        if !self.seats.iter().any(is_it) {
            self.seats.push(SeatChange::Count { group, readers: 0 });
        }
    }

    fn wait(&mut self, waiter: Waiter) {
        if self.shared.is_draining() {
            return self.tell(waiter.told, Err(NotFetched::Closed));
        }
        if waiter.wait == Wait::No && !self.is_at_work() {
            return self.tell(waiter.told, Err(NotFetched::Empty));
        }
        if let Err(waiter) = self.readers.wait(waiter) {
            self.tell(waiter.told, Err(NotFetched::Closed));
        }
    }

    /// Nothing new is taken: who waits with something new is told, and consumers look whether there is anything left.
    fn close(&mut self) {
        for goods in self.line.take_if(|_| true) {
            match goods {
                Goods::Parcel(parcel) => self.tell(parcel.told, Err(NotPublished::Closed)),
                Goods::Question(question) => {
                    self.end_request(question.ask, Err(unanswered(Why::Closed, false)));
                }
            }
        }
        self.readers.doubt_all();
        self.must_close = true;
        if !self.is_at_work() {
            self.end_closes();
        }
    }

    /// The server hears of it when it can be reached; nobody here waits for that.
    pub(super) fn end_closes(&mut self) {
        for told in std::mem::take(&mut self.closes) {
            self.tell(told, Ok(()));
        }
    }

    /// Those that did not want to wait do not wait for the server either.
    pub(super) fn end_short_waits(&mut self) {
        for waiter in self.readers.take_all_if(|waiter| waiter.wait == Wait::No) {
            self.tell(waiter.told, Err(NotFetched::Empty));
        }
    }

    /// What was handed over goes back as if it had not been.
    pub(super) fn put_back(&mut self, receipts: Vec<Receipt>) {
        if receipts.is_empty() {
            return;
        }
        {
            let mut hands = self.shared.hands();
            for receipt in receipts {
                if let Some(hand) = hands.begin(receipt) {
                    hands.end(receipt, hand.stage);
                    self.put_backs.push(hand.number);
                }
            }
        }
        self.readers.doubt_all();
        self.shared.look_at_hands();
    }

    /// When somebody stops waiting for a server that cannot be reached.
    pub(super) fn impatient_at(&self) -> Option<Instant> {
        if self.link.is_up() {
            return None;
        }
        let parcels = self.line.parcels().map(|parcel| parcel.since);
        // What nobody waits for is done whenever that is possible.
        let awaited = self
            .settles
            .iter()
            .filter(|settling| settling.told.is_awaited());
        let settles = awaited.map(|settling| self.waits_since(settling));
        let deeds = self.deeds.iter().map(|(since, _)| *since);
        let looks = self.looks.iter().map(|(since, _)| *since);
        let others = parcels.chain(deeds).chain(looks);
        let others = others.map(|since| since.max(self.lost_at));
        let first = others.chain(settles).min();
        first.map(|since| since + self.shared.options.patience)
    }

    /// Since when it waits for a server that cannot be reached: one that is lost with each connection waits no longer for that.
    fn waits_since(&self, settling: &Settling) -> Instant {
        settling
            .lost_at
            .unwrap_or_else(|| settling.since.max(self.lost_at))
    }

    /// Tells those that waited too long for the server that nothing was done.
    pub(super) fn lose_patience(&mut self, now: Instant) {
        let patience = self.shared.options.patience;
        let lost_at = self.lost_at;
        let is_over = |since: Instant| now >= since.max(lost_at) + patience;
        let error = unreachable(patience, self.link.last_error.as_ref());
        // Requests wait until their deadline.
        let is_parcel =
            |goods: &Goods| matches!(goods, Goods::Parcel(parcel) if is_over(parcel.since));
        for goods in self.line.take_if(is_parcel) {
            if let Goods::Parcel(parcel) = goods {
                self.tell(parcel.told, Err(NotPublished::Backend(error.clone())));
            }
        }
        let (over, rest): (Vec<_>, _) = std::mem::take(&mut self.settles)
            .into_iter()
            .partition(|it| now >= self.waits_since(it) + patience && it.told.is_awaited());
        self.settles = rest;
        over.into_iter().for_each(|settling| {
            let error = match settling.lost_at {
                Some(_) => crate::error::unknown(error.clone()),
                None => error.clone(),
            };
            self.unsettle(settling, error);
        });
        let (over, rest): (Vec<_>, _) = std::mem::take(&mut self.deeds)
            .into_iter()
            .partition(|(since, _)| is_over(*since));
        self.deeds = rest;
        over.into_iter()
            .for_each(|(_, deed)| self.end_deed(deed, Err(error.clone())));
        let (over, rest): (Vec<_>, _) = std::mem::take(&mut self.looks)
            .into_iter()
            .partition(|(since, _)| is_over(*since));
        self.looks = rest;
        over.into_iter()
            .for_each(|(_, look)| self.refuse_look(look, error.clone()));
        // Consumers that come wait as those that are there do.
    }

    /// It stands as before, and its holder is told why.
    pub(super) fn unsettle(&mut self, settling: Settling, error: bookdrop_backend::Error) {
        match settling.how {
            How::Owe => self.shared.hands().disown(settling.receipt),
            _ => self.shared.hands().put(settling.receipt, settling.former()),
        }
        self.tell(settling.told, Err(error));
    }

    pub(super) fn refuse_look(&mut self, look: Look, error: bookdrop_backend::Error) {
        match look {
            Look::Stats(_, told) => self.tell(told, Err(error)),
            Look::Groups(told) => self.tell(told, Err(error)),
            Look::Dead(_, _, told) => self.tell(told, Err(error)),
        }
    }
}

fn unknown_reader() -> bookdrop_backend::Error {
    let message = "there is no such consumer any more";
    bookdrop_backend::Error::new(bookdrop_backend::ErrorKind::Invalid, message)
}
