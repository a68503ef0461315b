//! Senders in line.

use std::collections::VecDeque;
use std::sync::PoisonError;

use crate::commands::Parcel;
use crate::round::Shipment;

/// So many records go to the server at once, at most,
const MAX_RECORDS: usize = 512;
/// and so many bytes, but for one record that is larger.
const MAX_BYTES: usize = 4 << 20;

/// Senders whose records are not published yet, in the order in which they came. Records with a delay wait for other room than those
/// without, and neither holds the other up.
#[derive(Default)]
pub(super) struct Line {
    parcels: VecDeque<Parcel>,
    /// Whether there was no room, for those without a delay and with one, and nothing happened since.
    is_full: [bool; 2],
}

impl Line {
    pub(super) fn push(&mut self, parcel: Parcel) {
        self.parcels.push_back(parcel);
    }

    /// Those whose turn did not come are as they were.
    pub(super) fn push_front(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels.into_iter().rev() {
            self.parcels.push_front(parcel);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter()
    }

    pub(super) fn take_all(&mut self) -> VecDeque<Parcel> {
        std::mem::take(&mut self.parcels)
    }

    /// Takes out those for whom this is so.
    pub(super) fn take_if(&mut self, is_wanted: impl Fn(&Parcel) -> bool) -> Vec<Parcel> {
        let all = std::mem::take(&mut self.parcels).into_iter();
        let (wanted, rest): (Vec<_>, Vec<_>) = all.partition(|parcel| is_wanted(parcel));
        self.parcels = rest.into();
        wanted
    }

    /// There may be room now.
    pub(super) fn try_again(&mut self) {
        self.is_full = [false; 2];
    }

    pub(super) fn set_full(&mut self, parcel: &Parcel) {
        self.is_full[kind_of(parcel)] = true;
    }

    /// Whether somebody's turn may have come.
    pub(super) fn has_work(&self) -> bool {
        self.parcels
            .iter()
            .any(|parcel| !self.is_full[kind_of(parcel)] || !parcel.waits)
    }

    /// Puts on their way those whose turn may have come, at most so many records. Those who do not want to wait, where there is no room, are given back.
    pub(super) fn board(&mut self, most: usize) -> (Vec<Shipment>, Vec<Parcel>) {
        let most = most.min(MAX_RECORDS);
        let (mut shipments, mut refused, mut rest) = (Vec::new(), Vec::new(), VecDeque::new());
        let (mut records, mut bytes) = (0, 0);
        for parcel in std::mem::take(&mut self.parcels) {
            if self.is_full[kind_of(&parcel)] {
                match parcel.waits {
                    true => rest.push_back(parcel),
                    false => refused.push(parcel),
                }
                continue;
            }
            let count = fitting(&parcel, records, bytes, most);
            if count == 0 {
                // Its kind waits for the next round, so that nobody overtakes it.
                rest.push_back(parcel);
                records = most;
                continue;
            }
            if !begin(&parcel, count) {
                continue;
            }
            records += count;
            bytes += parcel
                .records
                .iter()
                .take(count)
                .map(|record| record.content.len())
                .sum::<usize>();
            shipments.push(Shipment { parcel, count });
        }
        self.parcels = rest;
        (shipments, refused)
    }
}

/// How many records of a parcel go along with so much: the first ones, of one kind.
fn fitting(parcel: &Parcel, mut records: usize, mut bytes: usize, most: usize) -> usize {
    let kind = kind_of(parcel);
    let mut count = 0;
    for record in &parcel.records {
        let is_too_much =
            records >= most || records > 0 && bytes + record.content.len() > MAX_BYTES;
        if is_too_much || usize::from(record.delay.is_some()) != kind {
            break;
        }
        count += 1;
        records += 1;
        bytes += record.content.len();
    }
    count
}

/// Counts them as taken in, unless their sender lost interest.
fn begin(parcel: &Parcel, count: usize) -> bool {
    let is_dropped = parcel
        .is_dropped
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if !*is_dropped {
        (0..count).for_each(|_| parcel.progress.advance());
    }
    !*is_dropped
}

/// What its next record is: one without a delay, or one with.
fn kind_of(parcel: &Parcel) -> usize {
    parcel
        .records
        .front()
        .is_some_and(|record| record.delay.is_some())
        .into()
}
