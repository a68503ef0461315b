//! Random histories of plain events on one thread, beside a model that is a plain list: whatever way an event takes through
//! the queue, all figures are exact.

mod support;

use std::collections::VecDeque;
use std::time::Duration;

use bookdrop::{Consumer, Delivery, Driver, Event, Producer};
use support::scaled;

const STEPS: usize = 400;
const MOST_CONSUMERS: u64 = 4;

/// What one history does to a queue, and what the model says of it.
struct History {
    random: u64,
    driver: Driver<u64>,
    a: Producer<u64>,
    consumers: Vec<Consumer<u64>>,
    is_auto_acked: bool,
    /// Whether there was ever more than one consumer: then the order is not that of sending any more.
    had_rivals: bool,
    in_hand: Vec<Delivery<u64>>,
    queued: VecDeque<u64>,
    sent: u64,
    acked: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let driver = Driver::memory(1 + below(&mut random, 70) as usize);
        let is_auto_acked = below(&mut random, 2) == 0;
        let first = Consumer::new(&driver);
        History {
            random,
            a: Producer::new(&driver),
            consumers: vec![if is_auto_acked {
                first.auto_ack()
            } else {
                first
            }],
            driver,
            is_auto_acked,
            had_rivals: false,
            in_hand: Vec::new(),
            queued: VecDeque::new(),
            sent: 0,
            acked: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        below(&mut self.random, bound)
    }

    fn step(&mut self) {
        match self.below(100) {
            0..45 => self.send_some(),
            45..85 => self.receive_some(),
            85..90 => self.look(),
            90..95 => self.ack_some(),
            95..97 => self.join(),
            97..99 => self.leave(),
            _ => self.nack_one(),
        }
    }

    fn send_some(&mut self) {
        for _ in 0..=self.below(40) {
            let event = Event::new("S").with_body(self.sent);
            let went_in = self.a.try_send(event).wait().is_ok();
            let has_room = self.queued.len() < self.driver.capacity();
            assert_eq!(went_in, has_room, "the bound is exact");
            if went_in {
                self.queued.push_back(self.sent);
                self.sent += 1;
            }
        }
    }

    fn receive_some(&mut self) {
        let consumer = self.below(self.consumers.len() as u64) as usize;
        for _ in 0..=self.below(40) {
            let receive = self.consumers[consumer].receive();
            let Ok(event) = { receive }.wait_for(Duration::ZERO) else {
                assert!(self.queued.is_empty(), "there is something");
                return;
            };
            let event = event.unwrap();
            let place = self.queued.iter().position(|body| body == event.body());
            let place = place.expect("it is queued, and comes once");
            assert!(place == 0 || self.had_rivals, "in order");
            self.queued.remove(place);
            match self.is_auto_acked {
                true => self.acked += 1,
                false => self.in_hand.push(event),
            }
        }
    }

    fn look(&mut self) {
        let stats = self.driver.stats().wait().unwrap();
        assert_eq!(
            (stats.queued, stats.in_hand, stats.sent, stats.acked),
            (self.queued.len(), self.in_hand.len(), self.sent, self.acked)
        );
    }

    fn ack_some(&mut self) {
        for _ in 0..self.below(10).min(self.in_hand.len() as u64) {
            let place = self.below(self.in_hand.len() as u64) as usize;
            self.in_hand.swap_remove(place).ack().wait().unwrap();
            self.acked += 1;
        }
    }

    fn join(&mut self) {
        if (self.consumers.len() as u64) < MOST_CONSUMERS {
            self.consumers.push(self.consumers[0].clone());
            self.had_rivals = true;
        }
    }

    fn leave(&mut self) {
        if self.consumers.len() > 1 {
            let place = self.below(self.consumers.len() as u64) as usize;
            self.consumers.swap_remove(place);
        }
    }

    /// The first time one fails it comes back at once, to where it stood. It needs no room.
    fn nack_one(&mut self) {
        let first = |event: &Delivery<u64>| event.attempt() == 1;
        let Some(place) = self.in_hand.iter().position(first) else {
            return;
        };
        let event = self.in_hand.swap_remove(place);
        let body = *event.body();
        event.nack().wait().unwrap();
        let later = self.queued.iter().position(|other| *other > body);
        let place = later.unwrap_or(self.queued.len());
        self.queued.insert(place, body);
    }
}

fn below(random: &mut u64, bound: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random >> 11) % bound
}

#[test]
fn histories_are_as_the_model_says() {
    for seed in 1..=scaled(300, 20_000) as u64 {
        let checked = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            for _ in 0..STEPS {
                history.step();
            }
            history.look();
        });
        assert!(checked.is_ok(), "the history of seed {seed}");
    }
}
