//! Every history of a few keepers at a stream that loses, delays and repeats what is published, and says nothing of it.

use std::collections::HashSet;

use bytes::Bytes;

use super::chain::{Chain, Written};
use super::claim::{Claim, ClaimAnswer, ClaimAsk, Claimed};
use super::page::{DriverId, Epoch, Kind, Page, Unreadable};
use super::placing::{Answer, Ask, Bounds, Placing};

/// Copies that are on their way at a time.
const LATE: usize = 1;
/// Pages that each keeper writes.
const PAGES: usize = 2;

/// All that there is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    stream: Vec<Bytes>,
    /// What was published and has not come yet: the end that it expects, and the message.
    late: Vec<(u64, Bytes)>,
    drivers: Vec<Driver>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Driver {
    Claiming(Claim),
    Keeping {
        chain: Chain,
        /// Where its pages lie, as it was told.
        written: Vec<u64>,
    },
    Beaten,
    Replaced {
        written: Vec<u64>,
    },
}

fn driver(name: u8) -> DriverId {
    DriverId([name; 16])
}

fn beginning(name: u8) -> Bytes {
    let page = Page {
        kind: Kind::Epoch,
        driver: driver(name),
        at: 0,
        body: Bytes::new(),
    };
    page.encode()
}

/// A keeper at work, and two drivers that take it for dead.
fn world() -> World {
    let epoch = Epoch {
        sequence: 1,
        driver: driver(b'a'),
    };
    World {
        stream: vec![beginning(b'a')],
        late: Vec::new(),
        drivers: vec![
            Driver::Keeping {
                chain: Chain::new(epoch),
                written: Vec::new(),
            },
            Driver::Claiming(Claim::new(driver(b'b'), Some(epoch), 0)),
            Driver::Claiming(Claim::new(driver(b'c'), Some(epoch), 0)),
        ],
    }
}

impl World {
    fn bounds(&self) -> Bounds {
        Bounds {
            first: 1,
            last: self.stream.len() as u64,
        }
    }

    /// That of the last message, which says it itself.
    fn last_epoch(&self) -> Option<Epoch> {
        let page = page_in(self.stream.last()?);
        let sequence = match page.kind {
            Kind::Epoch => self.stream.len() as u64,
            Kind::Notes { epoch, .. } | Kind::Reserve { epoch } => epoch,
        };
        Some(Epoch {
            sequence,
            driver: page.driver,
        })
    }

    /// What comes to the server is put there if it expects the end that there is.
    fn publish(&mut self, after: u64, message: &Bytes) -> bool {
        let is_end = self.stream.len() as u64 == after;
        if is_end {
            self.stream.push(message.clone());
        }
        is_end
    }

    fn delay(&mut self, placing: &Placing) {
        self.late.push((placing.after(), placing.message().clone()));
        self.late.sort_unstable();
    }

    /// Whatever may become of a question, and what is said of it.
    fn answers(&self, ask: Ask, placing: &Placing) -> Vec<(World, Answer)> {
        let place = placing.after() as usize;
        let same = |answer| (self.clone(), answer);
        let mut all = match ask {
            Ask::Put => self.answers_to_put(placing),
            Ask::Look => vec![
                same(Answer::Found(self.stream.get(place).cloned())),
                // A replica may lag behind.
                same(Answer::Found(None)),
            ],
            Ask::Bounds => vec![same(Answer::Bounds(self.bounds()))],
        };
        all.push(same(Answer::Nothing));
        all
    }

    fn answers_to_put(&self, placing: &Placing) -> Vec<(World, Answer)> {
        let mut done = self.clone();
        let is_put = done.publish(placing.after(), placing.message());
        let said = match is_put {
            true => Answer::Put,
            false => Answer::NotTheEnd,
        };
        let mut all = vec![
            (done.clone(), said.clone()),
            (done.clone(), Answer::Nothing),
        ];
        if self.late.len() < LATE {
            let mut late = self.clone();
            late.delay(placing);
            all.push((late, Answer::Nothing));
            let mut twice = done;
            twice.delay(placing);
            all.push((twice, said));
        }
        all
    }

    /// Whatever may happen next.
    fn next(&self) -> Vec<World> {
        let mut all = Vec::new();
        for at in 0..self.late.len() {
            let mut world = self.clone();
            let (after, message) = world.late.remove(at);
            world.publish(after, &message);
            all.push(world);
        }
        for at in 0..self.drivers.len() {
            self.go_on(at, &mut all);
        }
        all
    }

    /// Whatever may happen next to one driver.
    fn go_on(&self, at: usize, all: &mut Vec<World>) {
        match &self.drivers[at] {
            Driver::Claiming(claim) => {
                for (mut world, answer) in self.answers_to_claim(claim) {
                    world.drivers[at] = claimed(claim.clone(), answer);
                    all.push(world);
                }
            }
            Driver::Keeping { chain, written } => {
                let mut chain = chain.clone();
                if !chain.is_busy() {
                    if written.len() == PAGES {
                        return;
                    }
                    chain.write(vec![written.len() as u8].into(), 0);
                }
                let (ask, placing) = chain.asks().expect("a page is on its way");
                for (mut world, answer) in self.answers(ask, placing) {
                    world.drivers[at] = kept(chain.clone(), written.clone(), answer);
                    all.push(world);
                }
            }
            Driver::Beaten | Driver::Replaced { .. } => {}
        }
    }

    fn answers_to_claim(&self, claim: &Claim) -> Vec<(World, ClaimAnswer)> {
        let same = |answer| vec![(self.clone(), answer)];
        match claim.asks() {
            ClaimAsk::Bounds => same(ClaimAnswer::Bounds(self.bounds())),
            ClaimAsk::LastEpoch => same(ClaimAnswer::LastEpoch(self.last_epoch())),
            ClaimAsk::Of(ask, placing) => {
                let answers = self.answers(ask, placing).into_iter();
                answers
                    .map(|(world, answer)| (world, ClaimAnswer::Of(answer)))
                    .collect()
            }
        }
    }

    /// Each message lies there once, each page behind the one before of its epoch, and none behind a later epoch.
    fn check(&self) {
        let distinct: HashSet<_> = self.stream.iter().collect();
        assert_eq!(distinct.len(), self.stream.len(), "one lies there twice");
        for (at, message) in self.stream.iter().enumerate() {
            let page = page_in(message);
            if let Kind::Notes { epoch, number } = page.kind {
                let page = (epoch, page.driver, number);
                assert_eq!(page, expected(&self.stream[..at]), "at {at}");
            }
        }
        for (name, one) in (b'a'..).zip(&self.drivers) {
            match one {
                Driver::Keeping { written, .. } => self.check_what_was_written(name, written),
                Driver::Replaced { written } => {
                    self.check_what_was_written(name, written);
                    let last = self.last_epoch().map(|epoch| epoch.driver);
                    assert_ne!(last, Some(driver(name)), "nobody else is the keeper");
                }
                Driver::Beaten => assert!(self.stream.len() > 1, "nobody was quicker"),
                Driver::Claiming(_) => {}
            }
        }
    }

    /// What a keeper was told of its pages is so.
    fn check_what_was_written(&self, name: u8, written: &[u64]) {
        for (page, at) in (1..).zip(written) {
            let found = page_in(&self.stream[*at as usize - 1]);
            assert_eq!(found.driver, driver(name));
            assert!(matches!(found.kind, Kind::Notes { number, .. } if number == page));
        }
    }
}

fn page_in(message: &Bytes) -> Page {
    Page::decode(message).expect("only drivers publish")
}

/// Which page comes behind these.
fn expected(before: &[Bytes]) -> (u64, DriverId, u64) {
    let pages: Vec<_> = before.iter().map(page_in).collect();
    let begins = pages.iter().rposition(|page| page.kind == Kind::Epoch);
    let begins = begins.expect("an epoch comes first");
    let number = (pages.len() - begins) as u64;
    (begins as u64 + 1, pages[begins].driver, number)
}

fn claimed(mut claim: Claim, answer: ClaimAnswer) -> Driver {
    match claim.told(answer) {
        None => Driver::Claiming(claim),
        Some(Claimed::Beaten) => Driver::Beaten,
        Some(Claimed::Epoch(epoch)) => Driver::Keeping {
            chain: Chain::new(epoch),
            written: Vec::new(),
        },
    }
}

fn kept(mut chain: Chain, mut written: Vec<u64>, answer: Answer) -> Driver {
    match chain.told(answer) {
        None => Driver::Keeping { chain, written },
        Some(Written::At(at)) => {
            written.push(at);
            Driver::Keeping { chain, written }
        }
        Some(Written::Replaced) => Driver::Replaced { written },
        Some(other) => panic!("nobody did that: {other:?}"),
    }
}

#[test]
fn whatever_becomes_of_what_is_published_the_stream_is_a_chain_and_what_was_confirmed_lies_there() {
    let first = world();
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    let (mut replaced, mut all_beaten) = (0, 0);
    while let Some(world) = open.pop() {
        world.check();
        let ended = |one: &Driver| matches!(one, Driver::Replaced { .. });
        replaced += usize::from(world.drivers.iter().any(ended));
        all_beaten += usize::from(world.drivers[1..].iter().all(|one| *one == Driver::Beaten));
        for next in world.next() {
            if !seen.contains(&next) {
                seen.insert(next.clone());
                open.push(next);
            }
        }
    }
    assert!(seen.len() > 30_000 && replaced > 0 && all_beaten > 0);
}

fn chain() -> Chain {
    Chain::new(Epoch {
        sequence: 5,
        driver: driver(b'a'),
    })
}

fn page_of(name: u8, epoch: u64) -> Bytes {
    let page = Page {
        kind: Kind::Notes { epoch, number: 1 },
        driver: driver(name),
        at: 0,
        body: Bytes::new(),
    };
    page.encode()
}

/// The server lost the end of the stream, and then a page came that had expected it to be there.
#[test]
fn a_late_page_of_an_earlier_epoch_is_passed_over() {
    let mut chain = chain();
    chain.write(Bytes::from_static(b"mine"), 0);
    assert_eq!(chain.told(Answer::NotTheEnd), None);
    assert_eq!(chain.told(Answer::Found(Some(page_of(b'b', 2)))), None);
    let (ask, placing) = chain.asks().expect("it is on its way still");
    assert_eq!((ask, placing.place()), (Ask::Put, 7));
    assert_eq!(chain.told(Answer::Put), Some(Written::At(7)));
}

#[test]
fn a_keeper_is_told_what_is_in_its_way() {
    let bounds = |first, last| Answer::Bounds(Bounds { first, last });
    let foreign = Bytes::from_static(b"hello world");
    let ends: [(Answer, Written); 4] = [
        (Answer::Found(Some(beginning(b'b'))), Written::Replaced),
        (
            Answer::Found(Some(foreign)),
            Written::Broken(6, Unreadable::Foreign),
        ),
        (bounds(8, 9), Written::Replaced),
        (bounds(1, 3), Written::Cut(3)),
    ];
    for (last, end) in ends {
        let mut chain = chain();
        chain.write(Bytes::from_static(b"mine"), 0);
        assert_eq!(chain.told(Answer::NotTheEnd), None);
        if matches!(last, Answer::Bounds(_)) {
            assert_eq!(chain.told(Answer::Found(None)), None);
        }
        assert_eq!(chain.told(last), Some(end));
    }
}

#[test]
fn a_page_that_says_nothing_has_no_number_and_may_be_given_up_or_come_late() {
    let mut chain = chain();
    chain.reserve(Bytes::from_static(&[0]), 0);
    let late = chain.asks().expect("it is on its way").1.message().clone();
    chain.give_up_reserve();
    assert!(!chain.is_busy());
    chain.write(Bytes::from_static(b"one"), 0);
    chain.give_up_reserve();
    assert!(chain.is_busy(), "that is a page");
    assert_eq!(chain.told(Answer::NotTheEnd), None);
    assert_eq!(chain.told(Answer::Found(Some(late))), None);
    assert_eq!(chain.told(Answer::Put), Some(Written::At(7)));
    chain.reserve(Bytes::from_static(&[0]), 0);
    assert_eq!(chain.told(Answer::Put), Some(Written::At(8)));
    chain.write(Bytes::from_static(b"two"), 0);
    let (_, placing) = chain.asks().expect("it is on its way");
    let second = Kind::Notes {
        epoch: 5,
        number: 2,
    };
    assert_eq!(page_in(placing.message()).kind, second);
}
