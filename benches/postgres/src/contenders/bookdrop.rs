//! We: a driver with bodies of bytes as MessagePack. Requests are answered by another driver, as in another process, or by the
//! same.

use bookdrop_bench_common::at_server::bookdrop::{Bookdrop, Hand, Library, driver};
use bookdrop_bench_common::at_server::load::Work;
use bookdrop_bench_common::at_server::queue::Queue;

use crate::place::Place;

/// Where rows come and go.
const TABLES: [&str; 5] = ["queue", "consumer_group", "driver", "event", "outcome"];

/// With a driver of their own for those who answer.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let asking = driver(&address(place, name));
    let answering = match work {
        Work::Request => driver(&address(place, name)),
        Work::Send | Work::Receive | Work::AllThree => asking.clone(),
    };
    queue(place, work, tasks, asking, &answering)
}

/// With one driver for all.
pub(crate) fn open_alone(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let driver = driver(&address(place, name));
    queue(place, work, tasks, driver.clone(), &driver)
}

fn address(place: &Place, name: &str) -> String {
    format!("{}?queue={name}", place.url())
}

fn queue(
    place: &Place,
    work: Work,
    tasks: usize,
    driver: Library,
    answering: &Library,
) -> Box<dyn Queue> {
    let asks = || Hand::new(&driver, &driver);
    let workers = work.workers(tasks, asks, || Hand::new(answering, answering));
    Box::new(Bookdrop {
        runtime: place.runtime.handle().clone(),
        driver,
        workers,
        traces: TABLES.map(|table| format!("bookdrop.{table}")).into(),
    })
}
