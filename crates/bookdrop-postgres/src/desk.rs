//! The driver's thread at work: it takes what users ask for, plays it at the server in rounds, and tells them what came of it.

mod boarding;
mod handing;
mod intake;
mod landing;
mod lease;
mod line;
mod outbox;
mod readers;
mod refused;
mod requests;
mod sending;
mod settling;
mod tries;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use bookdrop_backend::Error;
use bookdrop_backend::telling::Promise;
use bookdrop_queue::OnFull;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::commands::{Command, Deed, Look, Settling};
use crate::hands::Hand;
use crate::link::{Event, Link};
use crate::round::{Results, Round, SeatChange};
use crate::shared::Shared;
use crate::sql::{Bounds, in_nanoseconds};
use crate::warnings::Warnings;
use lease::Beat;
use line::Line;
use outbox::{Outbox, Relay};
use readers::Readers;
use refused::Refused;
use sending::Trip;
use tries::Tries;

/// Whoever waits for what others do looks by itself so often, in case that no notification came.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// A round that takes longer is given up, and the connection with it: the other end does not answer.
const LONGEST_ROUND: Duration = Duration::from_secs(90);
/// The server is told so long, at most, that the driver goes.
const FAREWELL: Duration = Duration::from_secs(4);

pub(crate) struct Desk {
    shared: Arc<Shared>,
    bounds: Bounds,
    link: Link,
    orders: UnboundedReceiver<Command>,
    /// What is being sent.
    sending: Option<Trip>,
    /// Everything else that is under way. It has a connection of its own, so that who receives does not wait for who sends.
    working: Option<Flight>,
    /// What users sent within transactions of their own, on its way into the queue.
    relaying: Option<Relay>,
    outbox: Outbox,
    line: Line,
    readers: Readers,
    seats: Vec<SeatChange>,
    give_ups: Vec<i64>,
    put_backs: Vec<i64>,
    drops: Vec<(i64, i32, bool)>,
    settles: Vec<Settling>,
    closes: Vec<Promise<Result<(), Error>>>,
    must_close: bool,
    deeds: Vec<(Instant, Deed)>,
    looks: Vec<(Instant, Look)>,
    tries: Tries,
    /// Deadlines of requests, and when to stop waiting for the server's word on one that has passed.
    deadlines: BinaryHeap<Reverse<(Instant, i64)>>,
    reads_told: bool,
    reclaims: bool,
    checks: bool,
    others: u64,
    wakes: Wakes,
    beat: Beat,
    /// Whether the lease has ended, and others have what was in hand here. Nothing goes out any more until the driver begins anew, which it
    /// does when all that is under way has landed.
    is_forgotten: bool,
    /// Whether drivers that died are to be looked for.
    looks_after: bool,
    next_look: Instant,
    farewell: Option<Sender<()>>,
    /// When the connection was lost.
    lost_at: Instant,
    refused: Refused,
    warnings: Warnings,
    /// Hand-overs, by number and attempt, that nobody wants an answer to: heard of while they may be on their way.
    unwanted: Vec<(i64, i32)>,
}

/// What the other drivers of the queue are to hear.
#[derive(Clone, Copy, Default)]
struct Wakes {
    events: bool,
    room: bool,
}

/// A round on its way.
struct Flight {
    since: Instant,
    playing: JoinHandle<(Round, Results)>,
    closes: Vec<Promise<Result<(), Error>>>,
    /// Whether who comes later sends nothing before it has ended.
    comes_first: bool,
    /// Who was last in line when it began, and whether a relay was wanted: all that came before them goes with it, or went before.
    last_in_line: u64,
    is_relay_wanted: bool,
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>, link: Link, orders: UnboundedReceiver<Command>) -> Self {
        let now = Instant::now();
        Desk {
            bounds: bounds(&shared),
            others: link.session.others,
            shared,
            link,
            orders,
            sending: None,
            working: None,
            relaying: None,
            outbox: Outbox::default(),
            line: Line::default(),
            readers: Readers::default(),
            seats: Vec::new(),
            give_ups: Vec::new(),
            put_backs: Vec::new(),
            drops: Vec::new(),
            settles: Vec::new(),
            closes: Vec::new(),
            must_close: false,
            deeds: Vec::new(),
            looks: Vec::new(),
            tries: Tries::default(),
            deadlines: BinaryHeap::new(),
            reads_told: false,
            reclaims: false,
            checks: false,
            wakes: Wakes::default(),
            beat: Beat::At(now),
            is_forgotten: false,
            looks_after: false,
            next_look: now + LOOKS_EVERY,
            farewell: None,
            lost_at: now,
            refused: Refused::default(),
            warnings: Warnings::default(),
            unwanted: Vec::new(),
        }
    }

    /// Works until nobody has the driver any more.
    pub(crate) async fn run(mut self) {
        loop {
            self.take_off();
            if self.farewell.is_some() && self.under_way().is_none() {
                return self.leave().await;
            }
            let wakes_at = self.wakes_at();
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.take_all(order),
                    None => return self.leave().await,
                },
                landed = landed(self.sending.as_mut().map(Trip::landed)) => self.land_sent(landed),
                landed = landed(self.working.as_mut().map(Flight::landed)) => self.land_work(landed),
                landed = landed(self.relaying.as_mut().map(Relay::landed)) => self.land_relay(landed),
                prolonged = self.beat.landed() => self.land_beat(prolonged),
                event = self.link.event() => self.hear(event),
                () = sleep_until(wakes_at) => self.look_at_the_clock(),
            }
        }
    }

    /// Whether the server can be asked for something.
    fn is_at_work(&self) -> bool {
        self.link.is_up() && !self.is_forgotten
    }

    /// Since when the oldest of what is under way is.
    fn under_way(&self) -> Option<Instant> {
        let sending = self.sending.as_ref().map(|trip| trip.since);
        let working = self.working.as_ref().map(|flight| flight.since);
        let relaying = self.relaying.as_ref().map(|relay| relay.since);
        sending.into_iter().chain(working).chain(relaying).min()
    }

    /// Has somebody told.
    fn tell<V: Send + 'static>(&self, told: Promise<V>, word: V) {
        self.shared.teller.send(told, word);
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Note(note) => self.hear_note(&note),
            Event::Lost => self.lose(),
            Event::Back { is_same } => self.come_back(is_same),
        }
    }

    fn hear_note(&mut self, note: &str) {
        let mut words = note.split(' ');
        match words.next() {
            Some("outcome") => self.reads_told = true,
            Some("outbox") => self.outbox.doubt(),
            Some("hello") => {
                self.others += 1;
                self.readers.doubt_all();
            }
            Some("unwanted") => {
                let number = words.next().and_then(|number| number.parse().ok());
                let attempt = words.next().and_then(|attempt| attempt.parse().ok());
                if let (Some(number), Some(attempt)) = (number, attempt) {
                    self.set_gone(number, attempt);
                }
            }
            _ => {
                if note.contains("events") {
                    self.readers.doubt_all();
                }
                if note.contains("room") {
                    self.line.try_again();
                    self.outbox.try_again();
                }
            }
        }
    }

    /// The connection is gone, with the rounds that were on their way.
    fn lose(&mut self) {
        let now = Instant::now();
        // Otherwise it has been of no use since it was lost before.
        if !self.link.is_doubtful() {
            self.lost_at = now;
        }
        self.link.cut();
        self.beat = Beat::At(now);
        self.is_forgotten = false;
        self.end_closes();
        self.end_short_waits();
    }

    /// The connection is there again.
    fn come_back(&mut self, is_same: bool) {
        self.shared.reconnects.fetch_add(1, Ordering::SeqCst);
        if is_same {
            self.reclaims = true;
            self.checks = true;
        } else {
            self.begin_anew();
        }
        for group in self.readers.groups() {
            self.count_seats(group);
        }
        self.reads_told = true;
        self.readers.doubt_all();
        self.line.try_again();
        self.outbox.doubt();
        self.others = self.link.session.others;
        self.looks_after = true;
    }

    /// The lease had ended: others have what was in hand here, and what was asked from here is gone.
    fn begin_anew(&mut self) {
        let lost = self.shared.hands().lose_if(|_| true);
        self.let_go(lost);
        self.put_backs.clear();
        self.drops.clear();
        let asks = self.shared.asks().published();
        asks.into_iter().for_each(|ask| self.tell_unknown(ask));
        self.must_close |= self.shared.is_closed();
    }

    /// This is not in hand here any more: whoever works on it sees that nobody waits.
    fn let_go(&self, lost: Vec<Hand>) {
        let askers = lost.into_iter().filter_map(|hand| hand.asker);
        for gone in askers.map(|asker| asker.gone) {
            self.shared.teller.tell(move || gone.set());
        }
        self.shared.look_at_hands();
    }

    /// When there is something to do next, whatever happens.
    fn wakes_at(&self) -> Instant {
        let mut at = match self.is_at_work() {
            true => self.beats_at(),
            false => Instant::now() + LONGEST_ROUND,
        };
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let patience = self.impatient_at();
        let round = self.under_way().map(|since| since + LONGEST_ROUND);
        let look = self.is_waiting().then_some(self.next_look);
        let others = [
            deadline,
            patience,
            round,
            look,
            self.readers.wakes_at(),
            self.shared.teller.overtake(),
        ];
        for other in others.into_iter().flatten() {
            at = at.min(other);
        }
        at
    }

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        self.pass_deadlines(now);
        self.readers.look_at_the_clock(now);
        let taken_back = self.readers.take_back(now);
        self.put_back(taken_back);
        if now >= self.next_look {
            self.next_look = now + LOOKS_EVERY;
            self.try_refused_again();
            self.readers.doubt_all();
            self.line.try_again();
            self.outbox.doubt();
            // What a requester here was told may still be there: it could not be read when that was said.
            self.reads_told |= self.shared.asks().len() > 0;
        }
        let is_too_long = self
            .under_way()
            .is_some_and(|since| now >= since + LONGEST_ROUND);
        if is_too_long || self.hears_nothing(now) {
            self.lose();
        }
        if !self.link.is_up() {
            self.lose_patience(now);
        }
    }

    /// Tells the server that the driver goes, so that nobody has to wait for the end of its lease.
    async fn leave(self) {
        if let Some(database) = self.link.database() {
            let driver = self.link.session.driver;
            let statement = "SELECT bookdrop.leave($1, $2, $3)";
            let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
                &[&driver, &self.bounds.max_deliveries, &self.bounds.max_dead];
            // Where it fails, the lease ends by itself.
            let _ = tokio::time::timeout(FAREWELL, database.rarely(statement, parameters)).await;
        }
        if let Some(farewell) = self.farewell {
            let _ = farewell.send(());
        }
    }
}

impl Flight {
    async fn landed(&mut self) -> (Round, Results) {
        let landed = (&mut self.playing).await;
        landed.expect("a round does not panic, and nobody aborts it")
    }
}

/// What comes of what is under way, if it is.
async fn landed<V>(flight: Option<impl Future<Output = V>>) -> V {
    match flight {
        Some(flight) => flight.await,
        None => pending().await,
    }
}

async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at.into()).await;
}

fn bounds(shared: &Shared) -> Bounds {
    let (limits, on_full) = (&shared.options.limits, shared.options.on_full);
    let number = |number: usize| number.try_into().unwrap_or(i64::MAX);
    let times = |times: u32| times.try_into().unwrap_or(i32::MAX);
    let max_ids = number(limits.max_remembered_ids);
    Bounds {
        capacity: number(limits.capacity),
        max_delayed: number(limits.max_delayed),
        id_window: if max_ids == 0 {
            0
        } else {
            in_nanoseconds(limits.duplicate_window)
        },
        max_ids,
        drops_oldest: on_full == OnFull::DropOldest,
        max_outbox: number(shared.options.max_outbox),
        backoff_first: in_nanoseconds(limits.backoff.first),
        backoff_max: in_nanoseconds(limits.backoff.max),
        max_attempts: times(limits.max_attempts),
        max_deliveries: times(limits.max_deliveries),
        max_dead: number(limits.max_dead),
    }
}
