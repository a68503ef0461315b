//! Many consumers sleep: whose turn it is when some come for the first time, and others were woken in vain and come back.

mod support;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use bookdrop::{Consumer, Event, Producer};
use futures_lite::StreamExt;
use support::{library, scaled};

const STEPS: usize = 200;
const MOST_SLEEPERS: usize = 20;

/// Sleepers whose events somebody else is quicker to take, so that all are woken in vain.
struct Sleepers {
    a: Producer,
    quick: Consumer,
    /// By number, which is the order in which they came.
    all: BTreeMap<usize, Sleeper>,
    came: usize,
    woken: Log,
}

struct Sleeper {
    receive: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
    /// What the model says.
    is_asleep: bool,
    is_stream: bool,
}

/// The numbers of those who were woken, in order.
type Log = Arc<Mutex<Vec<usize>>>;

struct Number(usize, Log);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

impl Sleepers {
    fn new() -> Self {
        let (_driver, a, quick) = library(100);
        Sleepers {
            a,
            quick,
            all: BTreeMap::new(),
            came: 0,
            woken: Log::default(),
        }
    }

    fn come(&mut self, is_stream: bool) {
        let mut consumer = self.quick.clone();
        let receive = async move {
            let received = match is_stream {
                true => consumer.next().await.map(drop),
                false => consumer.receive().await.ok().map(drop),
            };
            panic!("somebody was quicker, but not this time: {received:?}");
        };
        let sleeper = Sleeper {
            receive: Box::pin(receive),
            waker: Arc::new(Number(self.came, self.woken.clone())).into(),
            is_asleep: false,
            is_stream,
        };
        self.all.insert(self.came, sleeper);
        self.sleep(self.came);
        self.came += 1;
    }

    /// For the first time, or again; or it sleeps, and is polled for another reason.
    fn sleep(&mut self, number: usize) {
        let sleeper = self.all.get_mut(&number).unwrap();
        let mut cx = Context::from_waker(&sleeper.waker);
        assert!(sleeper.receive.as_mut().poll(&mut cx).is_pending());
        sleeper.is_asleep = true;
    }

    fn leave(&mut self, number: usize) {
        self.all.remove(&number).unwrap();
    }

    /// Sends so many events and has them taken by somebody else. Returns who was woken.
    fn wake(&mut self, count: usize) -> Vec<usize> {
        for _ in 0..count {
            self.a.try_send(Event::new("S")).wait().unwrap();
        }
        for _ in 0..count {
            let event = self.quick.try_receive().wait().unwrap();
            event.ack().wait().unwrap();
        }
        std::mem::take(&mut *self.woken.lock().unwrap())
    }

    /// Who is to be woken by so many events: those who came first, and nobody relies on a stream.
    fn expect_woken(&mut self, count: usize) -> Vec<usize> {
        let (mut left, mut expected) = (count, Vec::new());
        for (number, sleeper) in self.all.iter_mut().filter(|(_, s)| s.is_asleep) {
            if left == 0 {
                break;
            }
            left -= usize::from(!sleeper.is_stream);
            sleeper.is_asleep = false;
            expected.push(*number);
        }
        expected
    }
}

#[test]
fn who_came_back_is_woken_before_who_came_later() {
    let mut sleepers = Sleepers::new();
    (0..6).for_each(|_| sleepers.come(false));
    assert_eq!(sleepers.wake(6), [0, 1, 2, 3, 4, 5]);
    (6..8).for_each(|_| sleepers.come(false));
    // One of them is late.
    [3, 1, 5, 0, 2]
        .into_iter()
        .for_each(|number| sleepers.sleep(number));
    assert_eq!(sleepers.wake(2), [0, 1]);
    sleepers.leave(3);
    [4, 1].into_iter().for_each(|number| sleepers.sleep(number));
    assert_eq!(sleepers.wake(5), [1, 2, 4, 5, 6]);
    sleepers.come(false);
    [6, 0].into_iter().for_each(|number| sleepers.sleep(number));
    assert_eq!(sleepers.wake(9), [0, 6, 7, 8]);
}

#[test]
fn who_came_back_and_leaves_is_not_asleep_any_more() {
    let mut sleepers = Sleepers::new();
    (0..3).for_each(|_| sleepers.come(false));
    assert_eq!(sleepers.wake(3), [0, 1, 2]);
    [0, 1, 2]
        .into_iter()
        .for_each(|number| sleepers.sleep(number));
    [0, 1, 2]
        .into_iter()
        .for_each(|number| sleepers.leave(number));
    assert!(sleepers.wake(1).is_empty());
    sleepers.come(false);
    assert_eq!(sleepers.wake(1), [3]);
}

/// Random histories beside a model that is a plain list.
#[test]
fn sleepers_are_woken_in_the_order_in_which_they_came() {
    for seed in 1..=scaled(200, 20_000) as u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut sleepers = Sleepers::new();
        for _ in 0..STEPS {
            let place = below(&mut random, MOST_SLEEPERS);
            let known = sleepers.all.keys().nth(place).copied();
            match (below(&mut random, 100), known) {
                (0..45, Some(number)) => sleepers.sleep(number),
                (45..60, Some(number)) => sleepers.leave(number),
                (60..80, None) => sleepers.come(below(&mut random, 4) == 0),
                (80..100, _) => {
                    let count = below(&mut random, MOST_SLEEPERS);
                    let expected = sleepers.expect_woken(count);
                    assert_eq!(sleepers.wake(count), expected, "with seed {seed}");
                }
                _ => {}
            }
        }
    }
}

fn below(random: &mut u64, bound: usize) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random >> 11) as usize % bound
}
