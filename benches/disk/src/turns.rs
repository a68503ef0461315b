//! Contenders with open folders, and their turns.

use std::ops::Deref;
use std::path::PathBuf;

use bookdrop_bench_common::measured::Measurement;
use bookdrop_bench_common::turns;

use crate::place::Place;
use crate::queue::{Contender, Durability, Queue};
use crate::rows::Context;

/// No turn has more events.
const MOST: u64 = 1 << 21;

/// A contender whose queue is open.
pub(crate) type Seat = turns::Seat<InFolder>;

/// A queue, and the folder that it lies in.
pub(crate) struct InFolder {
    queue: Box<dyn Queue>,
    folder: PathBuf,
}

impl Deref for InFolder {
    type Target = dyn Queue;

    fn deref(&self) -> &Self::Target {
        &*self.queue
    }
}

/// Opens the queue that lies in a folder of this name.
pub(crate) fn open(
    contender: &Contender,
    place: &Place,
    folder: &str,
    durability: Durability,
) -> Seat {
    let folder = place.folder(&format!("{folder} {}", contender.name));
    let queue = (contender.open)(&folder, durability);
    Seat::new(contender.name, contender.role, InFolder { queue, folder })
}

/// Closes them, and removes their folders.
pub(crate) fn remove(seats: Vec<Seat>, place: &Place) {
    for seat in seats {
        drop(seat.queue.queue);
        place.remove(&seat.queue.folder);
    }
}

/// Lets all of them have their turn in each round; nobody pays for what another one has left behind.
pub(crate) fn rounds(
    name: &str,
    seats: &mut [Seat],
    context: &Context<'_>,
    mut turn: impl FnMut(usize, &Seat, u64) -> f64,
) -> Vec<Measurement> {
    turns::rounds(name, seats, context.options, MOST, |index, seat, events| {
        context.watchdog.round(format!("{name}, {}", seat.name));
        let rate = turn(index, seat, events);
        context.place.settle();
        rate
    })
}
