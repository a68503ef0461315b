//! Those who send, in line.

use std::collections::VecDeque;
use std::sync::PoisonError;

use bookdrop_backend::Record;

use crate::commands::{Parcel, Question};
use crate::shipping::{Goods, Shipment};
use crate::sql::Fate;

/// So many records go to the server at once, at most,
const MAX_RECORDS: usize = 512;
/// and so many bytes, but for one record that is larger.
const MAX_BYTES: usize = 4 << 20;
/// So many bytes of a kind go at once, however little room there was for it.
const MIN_BYTES: usize = 64 << 10;
/// Events, delayed events, requests and delayed requests wait for different room, and none of them holds the others up.
const KINDS: usize = 4;

/// Sends and requests that are not published yet, in the order in which they came.
pub(super) struct Line {
    came: u64,
    all: VecDeque<(u64, Goods)>,
    /// Whether there was no room for this kind, and nothing happened since.
    is_full: [bool; KINDS],
    /// How many bytes of this kind go at once: about twice what there was room for. What comes back is sent again.
    most: [usize; KINDS],
    /// How often there may have been more room.
    hopes: u64,
    /// All up to this place may go, whatever else there is to do: what came before them is done.
    due: u64,
}

/// How much may go to the server at once.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) records: usize,
    /// Whether a duplicate is let in where there is no room.
    pub(super) compares_ids: bool,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            came: 0,
            all: VecDeque::new(),
            is_full: [false; KINDS],
            most: [MAX_BYTES; KINDS],
            hopes: 0,
            due: 0,
        }
    }
}

impl Line {
    pub(super) fn push(&mut self, goods: Goods) {
        self.came += 1;
        self.all.push_back((self.came, goods));
    }

    /// The place of the one that came last.
    pub(super) fn last(&self) -> u64 {
        self.came
    }

    /// All up to this place may go now.
    pub(super) fn call_up(&mut self, place: u64) {
        self.due = self.due.max(place);
    }

    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// What was not published after all stands where it stood.
    pub(super) fn give_back(&mut self, goods: Vec<(u64, Goods)>) {
        self.all.extend(goods);
        self.all.make_contiguous().sort_by_key(|(place, _)| *place);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn requests(&self) -> usize {
        let goods = self.all.iter();
        goods
            .filter(|(_, goods)| matches!(goods, Goods::Question(_)))
            .count()
    }

    pub(super) fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.all.iter().filter_map(|(_, goods)| match goods {
            Goods::Parcel(parcel) => Some(parcel),
            Goods::Question(_) => None,
        })
    }

    /// Takes out those for which this is so.
    pub(super) fn take_if(&mut self, is_wanted: impl Fn(&Goods) -> bool) -> Vec<Goods> {
        let all = std::mem::take(&mut self.all).into_iter();
        let (wanted, rest): (Vec<_>, Vec<_>) = all.partition(|(_, goods)| is_wanted(goods));
        self.all = rest.into();
        wanted.into_iter().map(|(_, goods)| goods).collect()
    }

    /// Takes a request out. Whether it was in line still.
    pub(super) fn remove(&mut self, ask: i64) -> bool {
        let is_it = |goods: &Goods| matches!(goods, Goods::Question(Question { ask: of, .. }) if *of == ask);
        let before = self.all.len();
        self.all.retain(|(_, goods)| !is_it(goods));
        self.all.len() < before
    }

    /// There may be room now.
    pub(super) fn try_again(&mut self) {
        self.is_full = [false; KINDS];
        self.hopes += 1;
    }

    /// How often there may have been more room so far.
    pub(super) fn hopes(&self) -> u64 {
        self.hopes
    }

    /// There was no room for goods of this kind when there had been so many hopes.
    pub(super) fn set_full(&mut self, goods: &Goods, hopes: u64) {
        if hopes == self.hopes {
            self.is_full[kind_of(goods)] = true;
        }
    }

    /// This came of a trip.
    pub(super) fn learn(&mut self, taken: &Taken) {
        for (most, taken) in self.most.iter_mut().zip(taken.0) {
            *most = match taken {
                Some((bytes, true)) => (2 * bytes).clamp(MIN_BYTES, MAX_BYTES),
                Some((_, false)) => (2 * *most).min(MAX_BYTES),
                None => *most,
            };
        }
    }

    /// Whether the turn of somebody up to this place may have come.
    pub(super) fn has_work(&self, measure: Measure, upto: u64) -> bool {
        let mut all = self.all.iter().take_while(|(place, _)| *place <= upto);
        all.any(|(_, goods)| {
            !self.is_full[kind_of(goods)] || !waits(goods) || asks_first(goods, measure)
        })
    }

    /// Puts on their way those up to this place whose turn may have come. Those that do not want to wait, where there is no room, are given back.
    pub(super) fn board(&mut self, measure: Measure, upto: u64) -> (Vec<Shipment>, Vec<Parcel>) {
        let mut boarding = Boarding::new(measure, self.most);
        let later = self.all.partition_point(|(place, _)| *place <= upto);
        let mut later = self.all.split_off(later);
        for (place, goods) in std::mem::take(&mut self.all) {
            let is_full = self.is_full[kind_of(&goods)];
            boarding.take(place, goods, is_full);
        }
        self.all = boarding.rest;
        self.all.append(&mut later);
        (boarding.shipments, boarding.refused)
    }
}

/// How many bytes of each kind that went on a trip were taken, and whether there was no room for more.
#[derive(Default)]
pub(super) struct Taken([Option<(usize, bool)>; KINDS]);

impl Taken {
    pub(super) fn add(&mut self, shipment: &Shipment, fates: &[Fate]) {
        let taken = fates.iter().take_while(|fate| **fate != Fate::Full).count();
        let of_kind = &mut self.0[kind_of(&shipment.goods)];
        let (bytes, is_full) = of_kind.unwrap_or_default();
        *of_kind = Some((
            bytes + size_of(shipment.records().take(taken)),
            is_full || taken < fates.len(),
        ));
    }
}

/// What goes to the server together, while it is being put together.
struct Boarding {
    measure: Measure,
    most: [usize; KINDS],
    records: usize,
    bytes: [usize; KINDS],
    /// Whether one of this kind waits for the next round. Nobody overtakes it.
    is_over: [bool; KINDS],
    shipments: Vec<Shipment>,
    refused: Vec<Parcel>,
    rest: VecDeque<(u64, Goods)>,
}

impl Boarding {
    fn new(measure: Measure, most: [usize; KINDS]) -> Self {
        Boarding {
            measure: Measure {
                records: measure.records.min(MAX_RECORDS),
                ..measure
            },
            most,
            records: 0,
            bytes: [0; KINDS],
            is_over: [false; KINDS],
            shipments: Vec::new(),
            refused: Vec::new(),
            rest: VecDeque::new(),
        }
    }

    fn take(&mut self, place: u64, goods: Goods, is_full: bool) {
        let is_probe = is_full && asks_first(&goods, self.measure);
        match goods {
            Goods::Parcel(parcel) if is_full && !is_probe && !parcel.waits => {
                self.refused.push(parcel)
            }
            goods if is_full && !is_probe => self.rest.push_back((place, goods)),
            goods => self.board(place, goods, is_probe),
        }
    }

    fn board(&mut self, place: u64, mut goods: Goods, is_probe: bool) {
        let kind = kind_of(&goods);
        let fitting = self.fitting(&goods, kind);
        self.is_over[kind] |= !is_probe && fitting < goods.records().count();
        if fitting == 0 {
            self.rest.push_back((place, goods));
            return;
        }
        let count = if is_probe { 1 } else { fitting };
        if !begin(&mut goods, count) {
            return;
        }
        let shipment = Shipment {
            place,
            goods,
            count,
            is_probe,
        };
        self.records += count;
        self.bytes[kind] += size_of(shipment.records());
        self.shipments.push(shipment);
    }

    /// How many of its records go along: the first ones, of one kind.
    fn fitting(&self, goods: &Goods, kind: usize) -> usize {
        if self.is_over[kind] {
            return 0;
        }
        let of_others: usize = self.bytes.iter().sum::<usize>() - self.bytes[kind];
        let (mut records, mut bytes) = (self.records, self.bytes[kind]);
        let is_delayed = is_delayed(goods);
        let fitting = goods.records().take_while(|record| {
            let (is_first, is_first_of_kind) = (records == 0, bytes == 0);
            records += 1;
            bytes += record.content.len();
            records <= self.measure.records
                && (is_first || of_others + bytes <= MAX_BYTES)
                && (is_first_of_kind || bytes <= self.most[kind])
                && record.delay.is_some() == is_delayed
        });
        fitting.count()
    }
}

fn size_of<'a>(records: impl Iterator<Item = &'a Record>) -> usize {
    records.map(|record| record.content.len()).sum()
}

/// Counts records of a parcel as taken in, unless their sender lost interest.
fn begin(goods: &mut Goods, count: usize) -> bool {
    let Goods::Parcel(parcel) = goods else {
        return true;
    };
    parcel.was_compared = true;
    let is_dropped = parcel
        .is_dropped
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if !*is_dropped {
        (0..count).for_each(|_| parcel.progress.advance());
    }
    !*is_dropped
}

/// Whether the server is asked, though there is no room: what was sent before needs none.
fn asks_first(goods: &Goods, measure: Measure) -> bool {
    let Goods::Parcel(parcel) = goods else {
        return false;
    };
    let has_id = parcel
        .records
        .front()
        .is_some_and(|record| record.is_id_given);
    measure.compares_ids && has_id && !parcel.was_compared
}

/// A request waits until its deadline.
fn waits(goods: &Goods) -> bool {
    match goods {
        Goods::Parcel(parcel) => parcel.waits,
        Goods::Question(_) => true,
    }
}

/// What its next record is.
fn kind_of(goods: &Goods) -> usize {
    let is_request = matches!(goods, Goods::Question(_));
    2 * usize::from(is_request) + usize::from(is_delayed(goods))
}

fn is_delayed(goods: &Goods) -> bool {
    goods
        .records()
        .next()
        .is_some_and(|record| record.delay.is_some())
}
