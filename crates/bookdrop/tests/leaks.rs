//! After any number of timeouts and cancellations nothing is left behind: no memory, no thread, no entry.
//!
//! All cases run in one test, one after the other, since the heap and the threads are the process's.

#[path = "support/heap.rs"]
mod heap;
mod support;

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bookdrop::operations::Request;
use bookdrop::{Answer, Consumer, Delivery, Driver, Event, Producer, RequestErrorKind, Stats};
use futures_lite::StreamExt;

use heap::CountedHeap;
use support::{FAR, WATCHDOG, Wakes, eventually, poll, poll_with, scaled, stats};

#[global_allocator]
static HEAP: CountedHeap = CountedHeap;

/// So many at once; half of them stand in line before the queue.
const AT_ONCE: usize = 2_000;
const CAPACITY: usize = AT_ONCE / 2;
/// More events than the process keeps spare ones.
const KEPT: usize = 20_000;
/// Long enough for a consumer to claim so many in a debug build, most of the time.
const SOON: Duration = Duration::from_millis(2);

struct Bench {
    driver: Driver,
    a: Producer,
    b: Consumer,
    count: usize,
}

/// What must be the same before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    bytes: isize,
    blocks: isize,
    threads: usize,
    entries: [usize; 8],
}

fn figures(driver: &Driver) -> Figures {
    let now = stats(driver);
    let threads = threads();
    let (bytes, blocks) = heap::alive();
    Figures {
        bytes,
        blocks,
        threads,
        entries: entries(&now),
    }
}

fn entries(now: &Stats) -> [usize; 8] {
    [
        now.queued,
        now.held,
        now.delayed,
        now.in_hand,
        now.dead,
        now.waiting_senders,
        now.waiting_consumers,
        now.waiting_requests,
    ]
}

/// Threads of this process, where the system lists them.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count())
}

/// Not so small that an event would do without the heap.
fn event() -> Event {
    Event::new(String::from("leak")).with_header(String::from("title"), "x".repeat(50))
}

/// Runs a case twice, and looks before and after the second time: the first one has grown what is kept for reuse.
fn check(name: &str, count: usize, report: &mut Vec<String>, case: impl Fn(&mut Bench)) {
    let driver = Driver::memory(CAPACITY);
    let (a, b) = (Producer::new(&driver), Consumer::new(&driver));
    let mut bench = Bench {
        driver,
        a,
        b,
        count,
    };
    case(&mut bench);
    empty_the_timer();
    let before = settled(&bench.driver);
    let start = Instant::now();
    case(&mut bench);
    let took = start.elapsed();

    empty_the_timer();
    let until = Instant::now() + WATCHDOG;
    let after = loop {
        let after = figures(&bench.driver);
        if after == before || Instant::now() >= until {
            break after;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    report.push(format!(
        "{name}: {count} in {took:.0?}; before {} bytes in {} blocks, {} threads, entries {:?}; \
         after {} bytes in {} blocks, {} threads, entries {:?}",
        before.bytes,
        before.blocks,
        before.threads,
        before.entries,
        after.bytes,
        after.blocks,
        after.threads,
        after.entries,
    ));
    assert_eq!(before, after, "{name} left something behind: {report:#?}");
}

/// What events leave behind is kept for others, up to a bound, with a place for what few events have. All of that is there
/// from now on.
fn fill_what_is_kept() {
    drop((0..KEPT).map(|_| event().with_key("k")).collect::<Vec<_>>());
}

/// The timer keeps some memory for the next deadlines, how much depends on how many there ever were at the same time. It
/// lets go of it when there were many and now there is none.
fn empty_the_timer() {
    let scratch = Driver::<()>::memory(1);
    let a = Producer::new(&scratch);
    let request = |_| a.request(event(), FAR).wait_for_consumer();
    let mut many: Vec<_> = (0..AT_ONCE).map(request).collect();
    assert!(many.iter_mut().all(|request| poll(request).is_pending()));
    drop(many);
    let wakes = Wakes::new();
    let mut last = a.request(event(), SOON).wait_for_consumer();
    assert!(poll_with(&mut last, &wakes).is_pending());
    eventually("the timer looks", || wakes.count() == 1);
}

/// The figures, once they are the same for a while: the timer's thread may still be at work.
fn settled(driver: &Driver) -> Figures {
    let mut last = figures(driver);
    let mut same = 0;
    eventually("figures that stay", || {
        let now = figures(driver);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 20
    });
    last
}

impl Bench {
    /// Begins so many requests, each polled once.
    fn begin(&self, limit: Duration, wakes: &Arc<Wakes>) -> Vec<Request<'_, (), bookdrop::Value>> {
        let mut requests: Vec<_> = (0..AT_ONCE)
            .map(|_| self.a.request(event(), limit))
            .collect();
        requests.retain_mut(|request| poll_with(request, wakes).is_pending());
        requests
    }

    fn rounds(&self) -> usize {
        self.count / AT_ONCE
    }
}

fn end_by_deadline(
    requests: Vec<Request<'_, (), bookdrop::Value>>,
    wakes: &Wakes,
    may_be_taken: bool,
) {
    eventually("the timer wakes them all", || {
        wakes.count() >= requests.len()
    });
    for mut request in requests {
        let Poll::Ready(Err(error)) = poll(&mut request) else {
            panic!("it was woken for this")
        };
        assert_eq!(error.kind(), &RequestErrorKind::Deadline);
        assert!(error.into_event().is_some() || may_be_taken);
    }
}

fn timed_out_unclaimed(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        let wakes = Wakes::new();
        end_by_deadline(bench.begin(SOON, &wakes), &wakes, false);
    }
}

fn timed_out_without_consumer(bench: &mut Bench) {
    let nobody = Driver::<()>::memory(CAPACITY);
    let a = Producer::new(&nobody);
    for _ in 0..bench.rounds() {
        let wakes = Wakes::new();
        let request = |_| a.request(event(), SOON).wait_for_consumer();
        let mut requests: Vec<_> = (0..AT_ONCE).map(request).collect();
        requests.retain_mut(|request| poll_with(request, &wakes).is_pending());
        end_by_deadline(requests, &wakes, false);
    }
    assert_eq!(entries(&stats(&nobody)), [0; 8]);
}

fn dropped_unclaimed(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        drop(bench.begin(FAR, &Wakes::new()));
        assert_eq!(entries(&stats(&bench.driver)), [0; 8]);
    }
}

/// Claims what is there, and what comes from the line.
fn claim(b: &mut Consumer) -> Vec<Delivery> {
    let mut claimed = Vec::with_capacity(AT_ONCE);
    while let Ok(delivery) = b.try_receive().wait() {
        claimed.push(delivery);
    }
    claimed
}

/// Settles late, in every way there is.
fn settle_late(claimed: Vec<Delivery>) {
    for (n, delivery) in claimed.into_iter().enumerate() {
        assert!(delivery.is_cancelled());
        let answer = match n % 6 {
            0 => delivery.reply("too late".into()).wait().unwrap(),
            1 => delivery
                .fail(bookdrop::Failure::new("too late"))
                .wait()
                .unwrap(),
            2 => delivery
                .reply_with(async |_| panic!("not begun"))
                .wait()
                .unwrap(),
            3 => delivery
                .into_parts()
                .wait()
                .unwrap()
                .1
                .send("too late".into())
                .wait()
                .unwrap(),
            4 => {
                delivery.nack().wait().unwrap();
                Answer::NotWanted
            }
            _ => {
                drop(delivery);
                Answer::NotWanted
            }
        };
        assert_eq!(answer, Answer::NotWanted);
    }
}

fn timed_out_in_hand(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        let wakes = Wakes::new();
        let mut b = bench.b.clone();
        let requests = bench.begin(5 * SOON, &wakes);
        let claimed = claim(&mut b);
        end_by_deadline(requests, &wakes, true);
        settle_late(claimed);
    }
}

fn dropped_in_hand(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        let mut b = bench.b.clone();
        let requests = bench.begin(FAR, &Wakes::new());
        let claimed = claim(&mut b);
        assert_eq!(claimed.len(), AT_ONCE);
        drop(requests);
        settle_late(claimed);
        assert_eq!(entries(&stats(&bench.driver)), [0; 8]);
    }
}

fn timed_out_on_a_thread(bench: &mut Bench) {
    for _ in 0..bench.count {
        let error = bench
            .a
            .request(event(), Duration::from_micros(100))
            .wait()
            .unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::Deadline);
        assert!(
            bench
                .b
                .receive()
                .wait_for(Duration::from_micros(1))
                .is_err()
        );
    }
}

fn answered(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        let mut b = bench.b.clone();
        let requests = bench.begin(FAR, &Wakes::new());
        for delivery in claim(&mut b) {
            assert_eq!(delivery.reply("done".into()).wait().unwrap(), Answer::Sent);
        }
        // Every other answer is looked at.
        for mut request in requests.into_iter().step_by(2) {
            assert!(matches!(poll(&mut request), Poll::Ready(Ok(_))));
        }
    }
}

fn cancelled_sends(bench: &mut Bench) {
    let full: Vec<_> = (0..CAPACITY).map(|_| event()).collect();
    bench.a.send_batch(full).wait().unwrap();
    for _ in 0..bench.rounds() {
        let mut sends: Vec<_> = (0..AT_ONCE).map(|_| bench.a.send(event())).collect();
        for send in &mut sends {
            assert!(poll_with(send, &Wakes::new()).is_pending());
        }
        // From the middle of the line, too; and every third is taken apart.
        for n in 0..sends.len() {
            let send = sends.swap_remove((n * 7) % sends.len());
            match n % 3 {
                0 => assert!(send.into_event().is_some()),
                _ => drop(send),
            }
        }
        let mut batch = bench.a.send_batch([event(), event()]);
        assert!(poll(&mut batch).is_pending());
    }
    assert_eq!(bench.driver.purge().wait().unwrap(), CAPACITY);
}

fn cancelled_receives(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        let mut consumers: Vec<_> = (0..AT_ONCE / 4).map(|_| bench.b.clone()).collect();
        for _ in 0..4 {
            let mut receives: Vec<_> = consumers.iter_mut().map(|b| b.receive()).collect();
            for receive in &mut receives {
                assert!(poll_with(receive, &Wakes::new()).is_pending());
            }
        }
        for b in &mut consumers {
            assert!(poll(&mut b.receive_batch(10)).is_pending());
            assert!(b.try_receive().wait().is_err());
            assert!(poll_with(&mut b.next(), &Wakes::new()).is_pending());
        }
        // Woken, and dropped without a look.
        bench.a.send(event()).wait().unwrap();
        drop(consumers);
        bench.b.try_receive().wait().unwrap().ack().wait().unwrap();
    }
}

fn cancelled_watches(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        let mut request = bench.a.request(event(), FAR);
        assert!(poll(&mut request).is_pending());
        let delivery = bench.b.try_receive().wait().unwrap();
        let mut watches: Vec<_> = (0..AT_ONCE)
            .map(|_| Box::pin(delivery.cancelled()))
            .collect();
        for watch in &mut watches {
            assert!(poll_with(watch, &Wakes::new()).is_pending());
        }
        watches.truncate(AT_ONCE / 2);
        drop(request);
        assert!(watches.iter_mut().all(|watch| poll(watch).is_ready()));
    }
}

fn delayed_expired_and_buried(bench: &mut Bench) {
    for _ in 0..bench.rounds() {
        for n in 0..AT_ONCE / 4 {
            let soon = Duration::from_micros(n as u64);
            bench
                .a
                .try_send(event().with_delay(soon).with_key("k"))
                .wait()
                .unwrap();
            bench
                .a
                .try_send(event().with_time_to_live(soon))
                .wait()
                .unwrap();
        }
        let mut buried = 0;
        while buried < AT_ONCE / 4 {
            if let Ok(delivery) = bench.b.try_receive().wait() {
                match delivery.key() {
                    Some(_) => buried += 1,
                    None => {
                        delivery.ack().wait().unwrap();
                        continue;
                    }
                }
                delivery.reject("a reason on the heap, too").wait().unwrap();
            }
        }
        eventually("the others expire", || stats(&bench.driver).queued == 0);
        assert_eq!(
            bench.driver.dead_letters().discard_all().wait().unwrap(),
            AT_ONCE / 4
        );
    }
}

#[test]
fn nothing_is_left_behind() {
    fill_what_is_kept();
    let report = &mut Vec::new();
    let many = scaled(100_000, 1_000_000);
    check(
        "timed out, never claimed",
        many,
        report,
        timed_out_unclaimed,
    );
    check(
        "timed out, no consumer",
        many / 5,
        report,
        timed_out_without_consumer,
    );
    check(
        "timed out in hand, answered late",
        many,
        report,
        timed_out_in_hand,
    );
    check("dropped, never claimed", many, report, dropped_unclaimed);
    check(
        "dropped in hand, answered late",
        many,
        report,
        dropped_in_hand,
    );
    check(
        "timed out on a thread",
        many / 500,
        report,
        timed_out_on_a_thread,
    );
    check("answered", many / 5, report, answered);
    check("cancelled sends", many, report, cancelled_sends);
    check("cancelled receives", many, report, cancelled_receives);
    check("cancelled watches", many / 5, report, cancelled_watches);
    check(
        "delayed, expired, buried",
        many / 5,
        report,
        delayed_expired_and_buried,
    );
    report.iter().for_each(|line| println!("{line}"));
}
