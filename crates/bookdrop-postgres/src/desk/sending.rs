//! What is sent: from the line to the server, and what came of it there.

use std::time::Instant;

use bookdrop_backend::{NotPublished, Why};
use bookdrop_queue::OnFull;
use tokio::task::{JoinHandle, spawn_local};

use super::Desk;
use super::line::{Measure, Taken};
use super::requests::unanswered;
use crate::asks::Standing;
use crate::commands::{Parcel, Question};
use crate::error::Trouble;
use crate::shipping::{self, Goods, Shipment};
use crate::sql::{Fate, Published};

/// A trip on its way.
pub(super) struct Trip {
    pub(super) since: Instant,
    /// How many sends and requests had come when it began.
    upto: u64,
    /// How often there had been hope for more room. What came since it has not seen.
    hopes: u64,
    shipping: JoinHandle<Landed>,
}

pub(super) type Landed = (Vec<Shipment>, Result<Published, Trouble>);

impl Trip {
    pub(super) async fn landed(&mut self) -> Landed {
        let landed = (&mut self.shipping).await;
        landed.expect("it does not panic, and nobody aborts it")
    }
}

impl Desk {
    /// Whether there is something to send.
    pub(super) fn has_goods(&self) -> bool {
        self.line.has_work(self.measure(), u64::MAX)
    }

    pub(super) fn measure(&self) -> Measure {
        Measure {
            // Where the oldest are dropped for new ones, none of these is to be dropped for another.
            records: match self.bounds.drops_oldest {
                true => self.shared.options.limits.capacity.max(1),
                false => usize::MAX,
            },
            compares_ids: self.bounds.id_window > 0,
        }
    }

    /// Sends what is in line.
    pub(super) fn send(&mut self) {
        let Some(database) = self.link.sender() else {
            return;
        };
        let (shipments, refused) = self.line.board(self.measure(), self.send_upto());
        refused
            .into_iter()
            .for_each(|parcel| self.refuse_full(parcel));
        if shipments.is_empty() {
            return;
        }
        {
            let mut asks = self.shared.asks();
            for shipment in &shipments {
                if let Goods::Question(question) = &shipment.goods {
                    asks.set(question.ask, Standing::OnItsWay);
                }
            }
        }
        let (session, bounds) = (self.link.session, self.bounds.clone());
        self.sending = Some(Trip {
            since: Instant::now(),
            upto: self.tries.upto(),
            hopes: self.line.hopes(),
            shipping: spawn_local(shipping::ship(database, session, bounds, shipments)),
        });
    }

    /// Tells those who sent what came of it.
    pub(super) fn land_sent(&mut self, (shipments, published): Landed) {
        let trip = self.sending.take();
        let (upto, hopes) = trip.map_or((0, 0), |trip| (trip.upto, trip.hopes));
        self.tries.land(upto);
        self.look_at_the_link();
        match published {
            Ok(published) => self.land_shipments(shipments, published, hopes),
            Err(trouble) => shipments
                .into_iter()
                .for_each(|shipment| self.land_unsent(shipment.goods, &trouble)),
        }
    }

    fn land_unsent(&mut self, goods: Goods, trouble: &Trouble) {
        match (goods, trouble) {
            (Goods::Parcel(parcel), trouble) => {
                parcel.progress.retreat(parcel.sure);
                let error = trouble.clone().into_outcome();
                self.tell(parcel.told, Err(NotPublished::Backend(error)));
            }
            // Whether the server has it is seen when it can be reached again.
            (Goods::Question(question), Trouble::Lost(_)) => {
                self.note_asked(question.ask);
                self.checks = true;
            }
            (Goods::Question(question), trouble) => {
                let why = Why::Backend(trouble.clone().into_outcome());
                self.end_request(question.ask, Err(unanswered(why, false)));
            }
        }
    }

    fn land_shipments(&mut self, shipments: Vec<Shipment>, published: Published, hopes: u64) {
        let counters = &self.shared.counters;
        counters.dropped_when_full.add(published.dropped);
        counters.expired.add(published.expired);
        if published.fates.contains(&Fate::Sent) {
            self.note_events();
        }
        let mut fates = published.fates.into_iter();
        let (mut taken, mut left) = (Taken::default(), Vec::new());
        for shipment in shipments {
            let fates: Vec<_> = fates.by_ref().take(shipment.count).collect();
            if !shipment.is_probe {
                taken.add(&shipment, &fates);
            }
            let goods = match shipment.goods {
                Goods::Parcel(parcel) => self.land_parcel(parcel, &fates),
                Goods::Question(question) => self.land_question(question, &fates),
            };
            // A probe says nothing of the room that there is by now.
            let was_full = fates.contains(&Fate::Full) && !shipment.is_probe;
            if let Some(goods) = goods.as_ref().filter(|_| was_full) {
                self.line.set_full(goods, hopes);
            }
            left.extend(goods.map(|goods| (shipment.place, goods)));
        }
        self.line.learn(&taken);
        self.line.give_back(left);
    }

    /// What is left of a parcel, and waits.
    fn land_parcel(&mut self, mut parcel: Parcel, fates: &[Fate]) -> Option<Goods> {
        let taken = fates.iter().take_while(|fate| **fate != Fate::Full);
        let taken = taken.count();
        let sent = fates.iter().filter(|fate| **fate == Fate::Sent).count();
        self.shared.counters.sent.add(sent as u64);
        self.shared.counters.duplicates.add((taken - sent) as u64);
        parcel.sure += taken;
        parcel.progress.retreat(parcel.sure);
        parcel.records.drain(..taken);
        if taken > 0 {
            parcel.was_compared = false;
        }
        if parcel.records.is_empty() {
            self.tell(parcel.told, Ok(()));
            return None;
        }
        if self.shared.is_closed() {
            self.tell(parcel.told, Err(NotPublished::Closed));
            return None;
        }
        if parcel.is_dropped() {
            return None;
        }
        let is_full = taken < fates.len();
        if is_full && (!parcel.waits || self.shared.options.on_full != OnFull::Wait) {
            self.refuse_full(parcel);
            return None;
        }
        Some(Goods::Parcel(parcel))
    }

    /// A request that waits for room.
    fn land_question(&mut self, question: Question, fates: &[Fate]) -> Option<Goods> {
        let why = match fates.first()? {
            Fate::Sent | Fate::Duplicate => {
                self.shared.counters.sent.add(1);
                self.note_asked(question.ask);
                return None;
            }
            Fate::NoConsumer => Why::NoConsumer,
            Fate::Full if question.deadline <= Instant::now() => {
                self.give_up(question.ask, false);
                return None;
            }
            Fate::Full if self.shared.is_closed() => Why::Closed,
            Fate::Full if self.shared.options.on_full == OnFull::Wait => {
                return self.wait_for_room(question);
            }
            Fate::Full => {
                self.shared.counters.rejected_when_full.add(1);
                Why::Full
            }
        };
        self.end_request(question.ask, Err(unanswered(why, false)));
        None
    }

    /// Stands in line again, unless it was given up meanwhile.
    fn wait_for_room(&mut self, question: Question) -> Option<Goods> {
        let is_awaited = {
            let mut asks = self.shared.asks();
            asks.set(question.ask, Standing::InLine);
            asks.contains(question.ask)
        };
        is_awaited.then_some(Goods::Question(question))
    }

    /// The server has this request, or may have it. One that was given up on its way is taken out again.
    fn note_asked(&mut self, ask: i64) {
        let is_awaited = {
            let mut asks = self.shared.asks();
            asks.set(ask, Standing::Published);
            asks.contains(ask)
        };
        if !is_awaited {
            self.give_ups.push(ask);
        }
        // One that came in while the driver was being closed is told.
        self.must_close |= self.shared.is_closed();
    }

    /// There was no room for the next of its records.
    fn refuse_full(&mut self, parcel: Parcel) {
        self.shared.counters.rejected_when_full.add(1);
        self.tell(parcel.told, Err(NotPublished::Full));
    }
}
