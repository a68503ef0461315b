//! The hot paths, each through the public interface alone.

use std::pin::pin;
use std::time::Duration;

use bookdrop::{Answer, Consumer, Delivery, Driver, Event, Producer, SendErrorKind};

use crate::event::{bytes, ev, ev_body, number, read, read_body};
use crate::poll::{once, ready};

/// So many events each time; they stand in the queue together where the path lets them.
pub(crate) const BURST: u64 = 32;

/// A full queue is a path of its own.
const CAPACITY: usize = 2 * BURST as usize;

/// As in a service: seldom reached, always there.
const DEADLINE: Duration = Duration::from_secs(2);

const GROUPS: [&str; 4] = ["lend", "return", "shelve", "audit"];
const KEYS: [&str; 4] = ["book S", "book T", "book U", "book V"];

/// Queues that take turns where their random seeds matter: enough to level them out, few enough for each to be warm.
const QUEUES: usize = 32;

/// Runs one burst.
type Burst = Box<dyn FnMut()>;

/// One way through the product that is to stay cheap.
pub(crate) struct HotPath {
    pub(crate) name: &'static str,
    /// Makes the driver and its ends, to be used for every burst.
    pub(crate) open: fn() -> Burst,
}

/// Every hot path. A new one gets its figures by `cargo xtask guard --update`.
pub(crate) const ALL: &[HotPath] = &[
    path("ev", || one_way(ev, read)),
    path("ev-auto-ack", ev_auto_ack),
    path("ev-on-threads", ev_on_threads),
    path("ev-woken", ev_woken),
    path("in-vain", || ev_in_vain(1)),
    path("in-vain-1024", || ev_in_vain(1_024)),
    path("u64", || one_way(|| number(7), read_body)),
    path("ev-body", || one_way(ev_body, read_body)),
    path("bytes-100", || one_way(bytes::<100>, read_body)),
    path("bytes-2000", || one_way(bytes::<2_000>, read_body)),
    path("request", request),
    path("fan-out-4", fan_out),
    path("keyed", keyed),
    path("batch", batch),
    path("full", full),
];

const fn path(name: &'static str, open: fn() -> Burst) -> HotPath {
    HotPath { name, open }
}

fn ends<T: Send + 'static, R: Send + 'static>() -> (Producer<T, R>, Consumer<T, R>) {
    let driver = Driver::memory(CAPACITY);
    (Producer::new(&driver), Consumer::new(&driver))
}

fn send<T, R>(a: &Producer<T, R>, event: Event<T>) {
    ready(a.send(event)).expect("there is room");
}

fn receive<T, R>(b: &mut Consumer<T, R>) -> Delivery<T, R> {
    ready(b.receive()).expect("it is open")
}

fn ack<T, R>(delivery: Delivery<T, R>) {
    ready(delivery.ack()).expect("it is in hand");
}

/// Send, receive, ack.
fn one_way<T: Send + 'static>(make: fn() -> Event<T>, read: fn(&Event<T>)) -> Burst {
    let (a, mut b) = ends::<T, u64>();
    Box::new(move || {
        (0..BURST).for_each(|_| send(&a, make()));
        for _ in 0..BURST {
            let delivery = receive(&mut b);
            read(&delivery);
            ack(delivery);
        }
    })
}

fn ev_auto_ack() -> Burst {
    let (a, b) = ends::<(), u64>();
    let mut b = b.auto_ack();
    Box::new(move || {
        (0..BURST).for_each(|_| send(&a, ev()));
        (0..BURST).for_each(|_| read(&receive(&mut b)));
    })
}

/// The same futures, ended by `.wait()`.
fn ev_on_threads() -> Burst {
    let (a, mut b) = ends::<(), u64>();
    Box::new(move || {
        for _ in 0..BURST {
            a.send(ev()).wait().expect("there is room");
        }
        for _ in 0..BURST {
            let delivery = b.receive().wait().expect("it is open");
            read(&delivery);
            delivery.ack().wait().expect("it is in hand");
        }
    })
}

/// The consumer is there first, and is woken by each event.
fn ev_woken() -> Burst {
    let (a, mut b) = ends::<(), u64>();
    Box::new(move || {
        for _ in 0..BURST {
            let mut receive = pin!(b.receive());
            assert!(once(receive.as_mut()).is_pending(), "there is nothing yet");
            send(&a, ev());
            let delivery = ready(receive).expect("it is open");
            read(&delivery);
            ack(delivery);
        }
    })
}

/// Each event wakes one of so many sleepers, and somebody else takes it. When all were woken they go back to sleep: in the
/// order in which they came, and the next time the other way round.
fn ev_in_vain(sleepers: usize) -> Burst {
    let (a, mut quick) = ends::<(), u64>();
    let asleep = |mut b: Consumer<(), u64>| Box::pin(async move { b.receive().await.is_ok() });
    let mut sleepers: Vec<_> = (0..sleepers).map(|_| asleep(quick.clone())).collect();
    let mut left = 0;
    Box::new(move || {
        for _ in 0..BURST {
            if left == 0 {
                let sleep = |b| assert!(once(b).is_pending(), "somebody was quicker");
                sleepers.iter_mut().for_each(|b| sleep(b.as_mut()));
                sleepers.reverse();
                left = sleepers.len();
            }
            // Unlike `send` and `receive`, these never pause.
            ready(a.try_send(ev())).expect("there is room");
            let delivery = ready(quick.try_receive()).expect("it was sent just now");
            read(&delivery);
            ack(delivery);
            left -= 1;
        }
    })
}

fn request() -> Burst {
    let (a, mut b) = ends::<(), u64>();
    Box::new(move || {
        for _ in 0..BURST {
            let mut request = pin!(a.request(ev(), DEADLINE));
            assert!(once(request.as_mut()).is_pending(), "nobody answered yet");
            let delivery = receive(&mut b);
            read(&delivery);
            let answer = ready(delivery.reply(7)).expect("it is a request");
            assert_eq!(answer, Answer::Sent);
            assert_eq!(ready(request).expect("in time"), 7);
        }
    })
}

/// Per event that is sent, not per hand-over.
fn fan_out() -> Burst {
    let driver = Driver::<(), u64>::memory(CAPACITY);
    let a = Producer::new(&driver);
    let mut consumers =
        GROUPS.map(|group| Consumer::in_group(&driver, group).expect("a good name"));
    Box::new(move || {
        (0..BURST).for_each(|_| send(&a, ev()));
        for b in &mut consumers {
            for _ in 0..BURST {
                let delivery = receive(b);
                read(&delivery);
                ack(delivery);
            }
        }
    })
}

/// Two of each key in a row, so that there is always one that has to wait for its predecessor.
///
/// Maps of keys have random seeds, and some make for longer searches than others.
fn keyed() -> Burst {
    let mut queues: [_; QUEUES] = std::array::from_fn(|_| ends::<(), u64>());
    let mut turn = 0;
    Box::new(move || {
        let (a, b) = &mut queues[turn];
        turn = (turn + 1) % QUEUES;
        for n in 0..BURST as usize {
            send(a, ev().with_key(KEYS[n / 2 % KEYS.len()]));
        }
        for _ in 0..BURST as usize / KEYS.len() {
            let in_hand = KEYS.map(|_| receive(b));
            for delivery in in_hand {
                read(&delivery);
                ack(delivery);
            }
        }
    })
}

fn batch() -> Burst {
    let (a, mut b) = ends::<(), u64>();
    Box::new(move || {
        (0..BURST).for_each(|_| send(&a, ev()));
        let batch = ready(b.receive_batch(BURST as usize)).expect("it is open");
        assert_eq!(batch.len() as u64, BURST);
        for delivery in batch {
            read(&delivery);
            ack(delivery);
        }
    })
}

/// The queue is full all the time, and gives the event back.
fn full() -> Burst {
    let (a, b) = ends::<(), u64>();
    (0..CAPACITY).for_each(|_| send(&a, ev()));
    Box::new(move || {
        let _is_there = &b;
        for _ in 0..BURST {
            let error = ready(a.try_send(ev())).expect_err("it is full");
            assert_eq!(error.kind(), &SendErrorKind::Full);
            read(&error.into_event());
        }
    })
}
