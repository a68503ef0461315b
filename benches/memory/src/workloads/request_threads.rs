//! Requests between threads, each with a deadline of two seconds.

use std::ops::Range;

use tokio::runtime::Runtime;

use super::one_way::shares;
use super::one_way_threads::Crew;
use super::request::requesters;
use super::{DEADLINE, Row, cells};
use crate::clock::Round;
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{BlockingClient, BlockingServer, BlockingService, Shape, answer_to};

const GROUP: &str = "request, threads";
const EVENTS: u64 = 4_000;
const CAPACITY: usize = 100;

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    for kind in [Which::Ev, Which::Bare] {
        for producers in [1, 8] {
            let shape = Shape {
                producers,
                consumers: 1,
                capacity: CAPACITY,
            };
            let cells = cells(&all.blocking_services, options, kind, shape, |service| {
                move |_: Option<&Runtime>| service.request(kind, shape, events)
            });
            let name = requesters(producers);
            rows.push(Row {
                group: GROUP,
                name,
                kind,
                executor: None,
                events,
                cells,
            });
        }
    }
}

/// One round: from the moment all threads stand ready to the end of the last.
pub(crate) fn run<K: 'static, Q: BlockingService<K>>(shape: Shape, events: u64) -> Round {
    let mut ends = Q::open(shape);
    let crew = Crew::new(shape.producers + 1);
    let server = ends.consumers.remove(0);
    let server = crew.start(1, move || serve(server));
    let shares = shares(events, shape.producers);
    let clients = ends.producers.into_iter().zip(shares).zip(0..);
    let clients: Vec<_> = clients
        .map(|((client, share), index)| crew.start(2 * index, move || ask(client, share)))
        .collect();
    let clock = crew.go();
    for client in clients {
        client.join().expect("a requester that ends");
    }
    (ends.close)();
    let served = server.join().expect("a server that ends");
    let round = clock.stop(events);
    assert_eq!(served, events, "requests served");
    round
}

fn ask(mut client: impl BlockingClient, share: Range<u64>) {
    for number in share {
        let answer = client.request(number, DEADLINE);
        assert_eq!(
            answer,
            answer_to(number),
            "the answer belongs to the request"
        );
    }
}

fn serve(mut server: impl BlockingServer) -> u64 {
    let mut served = 0;
    while server.serve() {
        served += 1;
    }
    served
}
