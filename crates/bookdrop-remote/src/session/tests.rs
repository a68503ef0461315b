//! Both sides of a session, over a way that loses, repeats and delays.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Session, over};
use crate::names::GuestId;
use crate::packet::{Between, Kind, read};
use crate::terms::{Terms, WINDOW_BYTES, WINDOW_PACKETS};
use crate::wire::Contents;
use crate::words::Word;

const BETWEEN: Between = Between {
    guest: GuestId([3; 16]),
    epoch: 7,
    session: 1,
};

fn terms() -> Terms {
    Terms {
        max_packet: Terms::LEAST_PACKET,
        ..Terms::default()
    }
}

/// A word of this number, with so many bytes behind it.
fn word(number: u64, bytes: usize) -> Word {
    let content = Bytes::from(vec![number as u8; bytes]);
    Word::new(&number, Contents(vec![content]))
}

/// One side, and what it has heard.
struct Side {
    session: Session,
    said: u64,
    heard: Vec<(u64, usize)>,
}

impl Side {
    fn new() -> Self {
        Side {
            session: Session::new(BETWEEN, &terms()),
            said: 0,
            heard: Vec::new(),
        }
    }

    fn say(&mut self, bytes: usize, now: Instant) {
        self.said += 1;
        let number = self.session.say(word(self.said, bytes), now);
        assert_eq!(number, self.said);
    }

    fn hear(&mut self, packet: &Bytes, now: Instant) {
        let (head, body) = read(packet.clone()).expect("it is a packet");
        self.session.hear(&head, body, now);
        self.take();
    }

    fn take(&mut self) {
        while let Some(heard) = self.session.next_word().expect("they are words") {
            let (number, rest) = postcard::take_from_bytes(&heard.bytes).expect("it is a word");
            assert!(rest.iter().all(|byte| *byte == number as u8));
            self.heard.push((number, rest.len()));
        }
    }

    fn assert_heard(&self, sizes: &[usize]) {
        let all: Vec<_> = (1..).zip(sizes.iter().copied()).collect();
        assert_eq!(self.heard, all);
    }
}

/// Packets on their way to one side.
type Way = Vec<Bytes>;

/// Numbers that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}

/// Everything that gets through, until nobody has anything to say.
fn run_to_the_end(sides: &mut [Side; 2], now: &mut Instant) {
    for _ in 0..100_000 {
        let mut is_quiet = true;
        for from in 0..2 {
            for packet in sides[from].session.packets(*now) {
                sides[1 - from].hear(&packet, *now);
                is_quiet = false;
            }
        }
        if is_quiet {
            let wakes = sides.iter().filter_map(|side| side.session.wakes_at());
            match wakes.min() {
                Some(wakes) => *now = wakes.max(*now),
                None => return,
            }
        }
    }
    panic!("it never ends");
}

fn assert_done(sides: &[Side; 2], sizes: [&[usize]; 2]) {
    for from in 0..2 {
        sides[1 - from].assert_heard(sizes[from]);
        assert!(sides[from].session.is_quiet());
        assert_eq!(sides[from].session.confirmed(), sides[from].said);
    }
}

/// What may happen next in a short history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// This side says a word, and sends what it has.
    Say(usize),
    /// This side sends what it has after a while.
    Wait(usize),
    /// The first packet to this side comes, or the last one.
    First(usize),
    Last(usize),
    /// The first packet to this side comes, and is still on its way.
    Repeat(usize),
    /// The first packet to this side is lost.
    Lose(usize),
}

const STEPS: [Step; 12] = [
    Step::Say(0),
    Step::Say(1),
    Step::Wait(0),
    Step::Wait(1),
    Step::First(0),
    Step::First(1),
    Step::Last(0),
    Step::Last(1),
    Step::Repeat(0),
    Step::Repeat(1),
    Step::Lose(0),
    Step::Lose(1),
];

struct History {
    sides: [Side; 2],
    ways: [Way; 2],
    now: Instant,
}

impl History {
    fn new() -> Self {
        History {
            sides: [Side::new(), Side::new()],
            ways: Default::default(),
            now: Instant::now(),
        }
    }

    fn send(&mut self, from: usize) {
        let packets = self.sides[from].session.packets(self.now);
        self.ways[1 - from].extend(packets);
    }

    /// False if it cannot happen.
    fn take(&mut self, step: Step, bytes: usize) -> bool {
        match step {
            Step::Say(from) => {
                self.sides[from].say(bytes, self.now);
                self.send(from);
                true
            }
            Step::Wait(from) => {
                self.now += Duration::from_secs(1);
                self.send(from);
                true
            }
            Step::First(to) | Step::Last(to) | Step::Repeat(to) | Step::Lose(to) => {
                let way = &mut self.ways[to];
                let packet = match step {
                    _ if way.is_empty() => return false,
                    Step::Last(_) if way.len() == 1 => return false,
                    Step::Last(_) => way.pop().expect("there is one"),
                    Step::Repeat(_) => way[0].clone(),
                    _ => way.remove(0),
                };
                if !matches!(step, Step::Lose(_)) {
                    self.sides[to].hear(&packet, self.now);
                }
                true
            }
        }
    }
}

#[test]
fn every_short_history_comes_to_the_same() {
    // As long as the number of histories allows, behind the first word.
    const LENGTH: u32 = 4;
    // The second size takes two packets.
    for bytes in [5, 200] {
        for number in 0..STEPS.len().pow(LENGTH) {
            let mut history = History::new();
            history.take(Step::Say(0), bytes);
            let mut rest = number;
            let is_possible = (0..LENGTH).all(|_| {
                let step = STEPS[rest % STEPS.len()];
                rest /= STEPS.len();
                history.take(step, bytes)
            });
            if is_possible {
                let History {
                    mut sides, mut now, ..
                } = history;
                let sizes = [0, 1].map(|side: usize| vec![bytes; sides[side].said as usize]);
                run_to_the_end(&mut sides, &mut now);
                assert_done(&sides, [&sizes[0], &sizes[1]]);
            }
        }
    }
}

#[test]
fn long_histories_come_to_the_same() {
    for seed in 1..=10 {
        let mut seeded = Seeded(seed * 0x9E37_79B9);
        let mut history = History::new();
        let mut sizes = [Vec::new(), Vec::new()];
        for _ in 0..1_000 {
            let step = STEPS[seeded.below(STEPS.len())];
            let bytes = match seeded.below(20) {
                0 => seeded.below(4_000),
                _ => seeded.below(40),
            };
            history.take(step, bytes);
            if let Step::Say(from) = step {
                sizes[from].push(bytes);
            }
            if seeded.below(200) == 0 {
                history.sides[0].session.send_again();
            }
        }
        let History {
            mut sides, mut now, ..
        } = history;
        run_to_the_end(&mut sides, &mut now);
        assert_done(&sides, [&sizes[0], &sizes[1]]);
    }
}

#[test]
fn what_is_there_goes_in_one_packet() {
    let mut session = Session::new(BETWEEN, &Terms::default());
    let now = Instant::now();
    for number in 1..=64 {
        session.say(word(number, 300), now);
    }
    assert_eq!(session.packets(now).len(), 1);
    // Nothing is said twice while it may be on its way.
    assert_eq!(session.packets(now).len(), 0);
}

#[test]
fn what_is_not_acknowledged_is_said_again_in_time_or_with_the_connection() {
    let mut session = Session::new(BETWEEN, &Terms::default());
    let now = Instant::now();
    session.say(word(1, 1), now);
    assert_eq!(session.packets(now).len(), 1);
    let later = now + Duration::from_secs(1);
    assert_eq!(session.wakes_at(), Some(later));
    let again = session.packets(later);
    assert_eq!(again.len(), 1);
    let (head, _) = read(again[0].clone()).expect("it is a packet");
    // Whoever hears it knows how old it is.
    assert_eq!((head.number, head.age), (1, 1_000_000_000));
    session.send_again();
    assert_eq!(session.packets(later).len(), 1);
}

#[test]
fn no_more_is_on_its_way_than_the_window_holds() {
    let now = Instant::now();
    let mut session = Session::new(BETWEEN, &terms());
    for number in 0..3 * WINDOW_PACKETS {
        session.say(word(number, 150), now);
    }
    assert_eq!(session.packets(now).len() as u64, WINDOW_PACKETS);
    let mut session = Session::new(BETWEEN, &Terms::default());
    for number in 0..8 {
        session.say(word(number, 2 << 20), now);
    }
    let bytes: usize = session.packets(now).iter().map(Bytes::len).sum();
    assert!(
        (3 << 20..=WINDOW_BYTES + (1 << 20)).contains(&bytes),
        "{bytes}"
    );
    assert!(!session.has_room());
}

#[test]
fn whoever_takes_nothing_is_sent_no_more_than_a_window_until_it_does() {
    let mut now = Instant::now();
    let mut sides = [Side::new(), Side::new()];
    let count = 3 * WINDOW_PACKETS as usize;
    (0..count).for_each(|_| sides[0].say(150, now));
    let [from, to] = &mut sides;
    let mut numbers = HashSet::new();
    for _ in 0..5 {
        for packet in from.session.packets(now) {
            let (head, body) = read(packet).expect("it is a packet");
            numbers.insert(head.number);
            to.session.hear(&head, body, now);
        }
        for packet in to.session.packets(now) {
            from.hear(&packet, now);
        }
        now += Duration::from_secs(1);
    }
    numbers.remove(&0);
    assert_eq!(numbers.len() as u64, WINDOW_PACKETS);
    to.take();
    // The word that says so is lost: it is asked for.
    drop(to.session.packets(now));
    run_to_the_end(&mut sides, &mut now);
    assert_done(&sides, [&vec![150; count], &[]]);
}

#[test]
fn what_is_no_packet_is_refused() {
    let mut session = Session::new(BETWEEN, &Terms::default());
    let now = Instant::now();
    session.say(word(1, 40), now);
    let whole = session.packets(now).remove(0);
    // Cut off anywhere it is refused, or says nothing more than it does.
    for length in 0..whole.len() {
        let mut heard = Session::new(BETWEEN, &Terms::default());
        if let Ok((head, body)) = read(whole.slice(..length)) {
            heard.hear(&head, body, now);
            assert!(!matches!(heard.next_word(), Ok(Some(_))));
        }
    }
    // Anything else in it does no harm.
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut other = whole.to_vec();
            other[at] ^= 1 << bit;
            let mut heard = Session::new(BETWEEN, &Terms::default());
            if let Ok((head, body)) = read(other.into()) {
                heard.hear(&head, body, now);
                while let Ok(Some(_)) = heard.next_word() {}
                heard.packets(now);
            }
        }
    }
    let mut newer = whole.to_vec();
    newer[0] = 9;
    let refused = read(newer.into()).expect_err("it has another format");
    assert!(refused.to_string().contains("format 9"), "{refused}");
}

#[test]
fn the_end_of_a_session_is_told_in_a_packet() {
    let (head, body) = read(over(BETWEEN)).expect("it is a packet");
    assert_eq!((head.kind, head.between), (Kind::Over, BETWEEN));
    assert!(body.is_empty());
}
