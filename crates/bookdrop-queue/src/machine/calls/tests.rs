use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Duration;

use super::*;

/// Counts its wake-ups.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter() -> (Arc<Counter>, Waker) {
    let counter = Arc::new(Counter::default());
    (counter.clone(), counter.into())
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Calls, and the instant at which all happens.
struct Bench {
    calls: Calls<u32>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Bench {
            calls: Calls::new(),
            now: Instant::now(),
        }
    }

    fn open(&mut self, timeout: u64) -> CallId {
        self.calls.open(self.now + ms(timeout), false, None)
    }

    fn open_watched(&mut self, timeout: u64) -> CallId {
        let id = self.open(timeout);
        self.calls.watch(id);
        id
    }

    fn is_over(&self, id: CallId) -> bool {
        let call = self.calls.get(id).expect("somebody waits");
        call.is_over(|| self.now)
    }

    /// Whether somebody was told that the deadline has come.
    fn is_told(&self, id: CallId) -> bool {
        self.calls.get(id).expect("somebody waits").is_overdue
    }

    /// How many calls are told now that their deadline has come.
    fn advance(&mut self) -> usize {
        let told = std::iter::from_fn(|| self.calls.advance(self.now)).count();
        let next = self.calls.next_instant();
        assert!(next.is_none_or(|at| at > self.now), "it has not looked");
        told
    }

    fn entries(&self) -> usize {
        self.calls.deadlines.earliest_first.len()
    }

    /// The deadline of this call is told when it has come, and not before, in however many looks.
    fn is_told_at(&mut self, id: CallId, deadline: Instant) {
        let mut looks = 0;
        while !self.is_told(id) {
            let next = self.calls.next_instant().expect("it is watched");
            assert!(next <= deadline, "too late");
            self.now = next;
            self.advance();
            assert!(!self.is_told(id) || self.now == deadline, "too early");
            looks += 1;
        }
        assert!(looks <= 8, "{looks} looks for one deadline");
    }
}

// ---- answers ----

#[test]
fn the_first_answer_is_taken_and_every_other_is_given_back() {
    let mut bench = Bench::new();
    let id = bench.open(10);
    assert_eq!(bench.calls.take_answer(id), None);
    assert!(bench.calls.is_awaited(id));
    assert!(bench.calls.answer(id, 1).is_ok());
    assert!(!bench.calls.is_awaited(id));
    assert_eq!(bench.calls.answer(id, 2).err(), Some(2));
    assert_eq!(bench.calls.take_answer(id), Some(1));
    // The call is closed.
    assert_eq!(bench.calls.take_answer(id), None);
    assert_eq!(bench.calls.answer(id, 3).err(), Some(3));
    assert!(bench.calls.close(id).is_none());
    assert_eq!(bench.calls.len(), 0);
}

#[test]
fn who_gives_up_gets_the_answer_or_nobody_does() {
    let mut bench = Bench::new();
    let [answered, open] = [bench.open(10), bench.open(10)];
    assert!(bench.calls.answer(answered, 1).is_ok());
    assert_eq!(bench.calls.close(answered).unwrap().answer, Some(1));
    assert_eq!(bench.calls.close(open).unwrap().answer, None);
    for id in [answered, open] {
        assert!(!bench.calls.is_awaited(id));
        assert_eq!(bench.calls.answer(id, 2).err(), Some(2));
    }
}

#[test]
fn a_call_that_was_closed_names_nothing_when_its_place_is_used_again() {
    let mut bench = Bench::new();
    let old = bench.open(10);
    bench.calls.close(old);
    let new = bench.open(20);
    assert_eq!(old.place(), new.place());
    bench
        .calls
        .place(old, Standing::Queued(crate::Spot::Node(new)));
    assert!(bench.calls.register(old, Waker::noop().clone()).is_some());
    assert!(!bench.calls.is_registered(new, Waker::noop()));
    assert_eq!(bench.calls.answer(old, 1).err(), Some(1));
    assert!(bench.calls.close(old).is_none());
    let left = bench.calls.close(new).unwrap();
    assert_eq!((left.answer, left.standing), (None, Standing::Elsewhere));
}

#[test]
fn the_answer_wakes_the_last_waker_of_the_requester_and_no_other() {
    let mut bench = Bench::new();
    let (former, waker) = counter();
    let id = bench.calls.open(bench.now, false, Some(waker.clone()));
    assert!(bench.calls.is_registered(id, &waker));
    let (latter, other) = counter();
    assert!(!bench.calls.is_registered(id, &other));
    let replaced = bench.calls.register(id, other).expect("the former");
    assert!(replaced.will_wake(&waker));
    let wakers = bench.calls.answer(id, 1).unwrap();
    wakers.requester.into_iter().for_each(Waker::wake);
    assert_eq!(former.0.load(Ordering::Relaxed), 0);
    assert_eq!(latter.0.load(Ordering::Relaxed), 1);
}

// ---- those who work on it ----

#[test]
fn workers_are_told_once_that_no_answer_is_wanted_any_more() {
    for is_answered in [true, false] {
        let mut bench = Bench::new();
        let id = bench.open(10);
        let (one, other) = (counter(), counter());
        assert!(bench.calls.work(id, 1, one.1.clone()).0);
        assert!(bench.calls.work(id, 2, other.1).0);
        // The same one again: its former waker is given back.
        let (waits, former) = bench.calls.work(id, 1, one.1.clone());
        assert!(waits && former.is_some_and(|former| former.will_wake(&one.1)));
        let wakers = match is_answered {
            true => bench.calls.answer(id, 1).unwrap(),
            false => bench.calls.close(id).unwrap().wakers,
        };
        assert_eq!(wakers.workers.len(), 2);
        wakers
            .workers
            .into_iter()
            .for_each(|(_, waker)| waker.wake());
        assert_eq!(
            [one.0, other.0].map(|c| c.0.load(Ordering::Relaxed)),
            [1, 1]
        );
        let (waits, back) = bench.calls.work(id, 1, one.1);
        assert!(!waits && back.is_some(), "there is nothing to wait for");
    }
}

#[test]
fn who_stops_working_is_not_told() {
    let mut bench = Bench::new();
    let id = bench.open(10);
    for worker in 1..=3 {
        assert!(bench.calls.work(id, worker, Waker::noop().clone()).0);
    }
    assert!(bench.calls.stop_work(id, 2).is_some());
    assert!(bench.calls.stop_work(id, 2).is_none());
    let wakers = bench.calls.close(id).unwrap().wakers;
    let workers: Vec<_> = wakers.workers.iter().map(|(worker, _)| *worker).collect();
    assert_eq!(workers, [1, 3]);
    assert!(bench.calls.stop_work(id, 1).is_none());
}

// ---- deadlines ----

#[test]
fn a_watched_deadline_is_told_at_its_time_and_not_before() {
    let mut bench = Bench::new();
    let (woken, waker) = counter();
    let deadline = bench.now + ms(10);
    let id = bench.calls.open(deadline, false, Some(waker));
    bench.calls.watch(id);
    assert_eq!(bench.calls.next_instant(), Some(deadline));
    bench.now = deadline - Duration::from_nanos(1);
    assert_eq!((bench.advance(), bench.is_over(id)), (0, false));
    bench.now = deadline;
    let told = bench.calls.advance(bench.now).expect("it has come");
    told.expect("the requester waits").wake();
    assert!(bench.is_told(id));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    // Once, also when somebody watches it again.
    bench.calls.watch(id);
    assert_eq!((bench.advance(), bench.is_over(id)), (0, true));
    assert!(bench.calls.answer(id, 1).is_ok(), "its requester is there");
}

#[test]
fn a_call_is_over_when_the_clock_says_so_whether_or_not_anybody_was_told() {
    let mut bench = Bench::new();
    let id = bench.open(10);
    assert_eq!((bench.calls.next_instant(), bench.entries()), (None, 0));
    let call = bench.calls.get(id).unwrap();
    assert!(!call.is_over(|| call.deadline - Duration::from_nanos(1)));
    assert!(call.is_over(|| call.deadline));
    let watched = bench.open_watched(10);
    let call = bench.calls.get(watched).unwrap();
    assert!(!call.is_over(|| call.deadline - Duration::from_nanos(1)));
    assert!(call.is_over(|| call.deadline) && !bench.is_told(watched));
    bench.calls.close(watched);
    bench.now += ms(10);
    assert_eq!(bench.advance(), 0, "nobody is to be told");
    // From now on somebody is, though it is late.
    bench.calls.watch(id);
    assert!(!bench.is_told(id));
    assert_eq!((bench.advance(), bench.is_told(id)), (1, true));
}

#[test]
fn nobody_is_told_of_a_call_that_has_ended() {
    let mut bench = Bench::new();
    let [closed, answered] = [bench.open_watched(10), bench.open_watched(10)];
    bench.calls.close(closed);
    assert!(bench.calls.answer(answered, 1).is_ok());
    assert_eq!(bench.calls.take_answer(answered), Some(1));
    bench.now += ms(10);
    assert_eq!(bench.advance(), 0);
    assert_eq!(bench.calls.next_instant(), None);
}

#[test]
fn those_with_one_deadline_are_all_told_at_once() {
    let mut bench = Bench::new();
    let all: Vec<_> = (0..10).map(|_| bench.open_watched(10)).collect();
    let later = bench.open_watched(11);
    bench.now += ms(10);
    assert_eq!(bench.advance(), 10);
    assert!(all.iter().all(|id| bench.is_over(*id)) && !bench.is_over(later));
}

#[test]
fn a_place_is_used_again_with_any_deadlines() {
    let timeouts = [0, 1, 5, 10, 20];
    let pairs = |a: u64| timeouts.into_iter().map(move |b| [a, b]);
    for [first, second] in timeouts.into_iter().flat_map(pairs) {
        for third in timeouts {
            for until in 0..3 {
                let mut bench = Bench::new();
                for timeout in [first, second] {
                    let id = bench.open_watched(timeout);
                    bench.now += ms(until * timeout / 2);
                    bench.advance();
                    bench.calls.close(id);
                }
                let id = bench.open_watched(third);
                assert_eq!(id.place(), 0);
                let deadline = bench.now + ms(third);
                bench.is_told_at(id, deadline);
            }
        }
    }
}

/// Entries that were forgotten are not missed.
#[test]
fn each_of_many_deadlines_is_told_at_its_time() {
    let mut bench = Bench::new();
    let mut random = 1_u64;
    let mut waiting: Vec<(Instant, CallId)> = Vec::new();
    for round in 0..5_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let timeout = (random >> 33) % 50;
        let watched = bench.open_watched(timeout);
        waiting.push((bench.now + ms(timeout), watched));
        if !(random >> 40).is_multiple_of(3) {
            let (_, gone) = waiting.swap_remove((random >> 20) as usize % waiting.len());
            bench.calls.close(gone);
        }
        bench.now += ms(u64::from(round % 4 == 0));
        let due = waiting.iter().filter(|(at, _)| *at <= bench.now).count();
        assert_eq!(bench.advance(), due);
        for (_, id) in waiting.extract_if(.., |(at, _)| *at <= bench.now) {
            assert!(bench.is_told(id));
            bench.calls.close(id);
        }
        assert!(waiting.iter().all(|(_, id)| !bench.is_told(*id)));
    }
}

/// Entries are cleared out when they are many, but not those that somebody needs.
#[test]
fn others_are_told_although_one_place_makes_many_entries() {
    let mut bench = Bench::new();
    let others: Vec<_> = (1..=5).map(|n| bench.open_watched(n)).collect();
    let start = bench.now;
    let mut most = 0;
    for n in 0..1_000 {
        let falling = bench.open_watched(10_000 - n);
        bench.calls.close(falling);
        most = most.max(bench.entries());
    }
    assert!(
        most > bench.entries() && most <= 2 * 6 + STALE + 1,
        "{most}"
    );
    let last = bench.open_watched(9_000);
    for (id, n) in others.into_iter().zip(1..) {
        bench.is_told_at(id, start + ms(n));
    }
    bench.is_told_at(last, start + ms(9_000));
}

// ---- how much is kept ----

/// A stream of requests, eight at a time, with these timeouts, which are answered long before. Returns the most entries
/// that there ever were.
fn most_entries(timeout: impl Fn(u64) -> u64) -> usize {
    let mut bench = Bench::new();
    let mut open = std::collections::VecDeque::new();
    let mut most = 0;
    let requests = if cfg!(miri) { 2_000 } else { 1_000_000 };
    for n in 0..requests {
        open.push_back(bench.open_watched(timeout(n)));
        if open.len() == 8 {
            let id = open.pop_front().unwrap();
            assert!(bench.calls.answer(id, 1).is_ok());
            assert_eq!(bench.calls.take_answer(id), Some(1));
        }
        bench.now += Duration::from_micros(1);
        bench.advance();
        most = most.max(bench.entries());
    }
    most
}

#[test]
fn a_million_requests_leave_few_entries() {
    let bound = 2 * 8 + STALE;
    assert!(most_entries(|_| 30_000) <= 8, "one for each place");
    for most in [
        most_entries(|n| 2_000_000 - n),
        most_entries(|n| 1_000 + n),
        most_entries(|n| n * 7_919 % 30_000),
        most_entries(|n| if n % 2 == 0 { 1 } else { 30_000 }),
    ] {
        assert!(most <= bound, "{most} entries");
    }
}

/// All of them end at one instant, as where somebody has a budget of time, and between them are some that fail at once.
#[test]
fn equal_deadlines_leave_few_entries() {
    let mut bench = Bench::new();
    let end = bench.now + ms(1_000_000);
    for _ in 0..10_000 {
        let long = bench.calls.open(end, false, None);
        bench.calls.watch(long);
        bench.calls.close(long);
        let short = bench.open_watched(0);
        assert_eq!((long.place(), bench.advance()), (short.place(), 1));
        bench.calls.close(short);
        assert!(bench.entries() <= 2 + STALE, "{} entries", bench.entries());
    }
}
