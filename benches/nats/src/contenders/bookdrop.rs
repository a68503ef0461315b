//! We: one driver, which keeps the queue itself; or two, one that sends and one that receives, which are guests of a third.

use bookdrop_bench_common::at_server::bookdrop::{Bookdrop, Hand, Library, driver};
use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::at_server::queue::Queue;

use crate::place::Place;

/// With one driver for all, which is the keeper.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let keeper = keeper(place, name);
    queue(place, work, tasks, keeper.clone(), [&keeper, &keeper])
}

/// With a keeper that neither sends nor receives, as it is where that is done by other processes. It fills and counts.
pub(crate) fn open_guests(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let keeper = keeper(place, name);
    // The queue is kept when it is open, so whoever comes now is a guest.
    let [sends, receives] = [(); 2].map(|()| self::keeper(place, name));
    queue(place, work, tasks, keeper, [&sends, &receives])
}

/// The keeper, where there is none yet.
fn keeper(place: &Place, name: &str) -> Library {
    driver(&format!("{}/{name}?max_bytes=1000000000000", place.url()))
}

fn queue(
    place: &Place,
    work: Work,
    tasks: usize,
    driver: Library,
    [sends, receives]: [&Library; 2],
) -> Box<dyn Queue> {
    let hand = || Hand::new(sends, receives);
    Box::new(Bookdrop {
        runtime: place.runtime.handle().clone(),
        driver,
        workers: work.workers(tasks, hand, hand),
        traces: Vec::new(),
    })
}
