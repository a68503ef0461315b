//! Tests of the timer's thread. Time is only ever bounded from below; a hang is ended by a watchdog.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::ThreadId,
};

use super::*;

/// After this long without a ring a test has failed.
const WATCHDOG: Duration = Duration::from_secs(10);
/// Long enough for the thread to be asleep by then, on a core that is not overloaded.
const A_WHILE: Duration = Duration::from_millis(30);

/// A timer of the test's own. It and its thread stay to the end of the process.
fn timer() -> &'static Timer {
    Box::leak(Box::new(Timer::new()))
}

fn after(d: Duration) -> Instant {
    clock::after(clock::now(), d)
}

fn far() -> Instant {
    after(Duration::MAX)
}

/// Sends its number and the moment of its ring.
struct Bell(usize, Sender<(usize, Instant)>);

impl Alarm for Bell {
    fn ring(&self) {
        let _ = self.1.send((self.0, clock::now()));
    }
}

fn weak<A: Alarm + 'static>(alarm: &Arc<A>) -> Weak<dyn Alarm> {
    let weak: Weak<A> = Arc::downgrade(alarm);
    weak
}

/// Bells of the numbers up to `count`, and where their rings arrive.
fn bells(count: usize) -> (Vec<Arc<Bell>>, Receiver<(usize, Instant)>) {
    let (send, receive) = channel();
    (
        (0..count)
            .map(|number| Arc::new(Bell(number, send.clone())))
            .collect(),
        receive,
    )
}

/// Calls what it holds.
struct Calls<F>(F);

impl<F: Fn() + Send + Sync> Alarm for Calls<F> {
    fn ring(&self) {
        (self.0)();
    }
}

fn entries(timer: &Timer) -> usize {
    lock(&timer.state).wheel.entries()
}

/// Waits up to the watchdog's time for something that the thread does unheard.
fn eventually(mut condition: impl FnMut() -> bool) {
    let end = after(WATCHDOG);
    while !condition() {
        assert!(clock::now() < end, "it does not come about");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn sleeps_without_limit(timer: &Timer) -> bool {
    lock(&timer.state).plan == NO_LIMIT
}

#[test]
fn never_early() {
    let timer = timer();
    let (bells, rings) = bells(60);
    let armed: Vec<_> = bells
        .iter()
        .map(|bell| {
            // From nothing to 177 ms, in no order, and with every fraction of a tick.
            let micros = (bell.0 as u64 * 37 % 60) * 3_001;
            let at = after(Duration::from_micros(micros));
            (at, timer.arm(at, weak(bell)))
        })
        .collect();
    for _ in &bells {
        let (number, rung) = rings.recv_timeout(WATCHDOG).unwrap();
        assert!(rung >= armed[number].0);
    }
    assert_eq!(timer.armed(), 0);
    drop(armed);
    assert_eq!(
        rings.try_recv(),
        Err(std::sync::mpsc::TryRecvError::Empty),
        "each rings once"
    );
}

#[test]
fn the_past_rings_too() {
    let timer = timer();
    let (bells, rings) = bells(2);
    // Before the timer was made, and with the thread not yet started and then asleep.
    for bell in &bells {
        let _armed = timer.arm(
            timer.start.checked_sub(A_WHILE).unwrap_or(timer.start),
            weak(bell),
        );
        assert_eq!(rings.recv_timeout(WATCHDOG).unwrap().0, bell.0);
        eventually(|| sleeps_without_limit(timer));
    }
}

#[test]
fn an_earlier_arm_shortens_the_sleep() {
    let timer = timer();
    let (bells, rings) = bells(3);
    let _never = timer.arm(far(), weak(&bells[0]));
    std::thread::sleep(A_WHILE);
    let _late = timer.arm(after(Duration::from_secs(3600)), weak(&bells[1]));
    std::thread::sleep(A_WHILE);
    let at = after(A_WHILE);
    let _soon = timer.arm(at, weak(&bells[2]));
    let (number, rung) = rings.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(number, 2);
    assert!(rung >= at);
    assert_eq!(timer.armed(), 2);
}

#[test]
fn a_later_arm_leaves_the_plan_alone() {
    let timer = timer();
    let (bells, _rings) = bells(1);
    let _first = timer.arm(after(Duration::from_secs(3600)), weak(&bells[0]));
    eventually(|| lock(&timer.state).plan != AWAKE);
    let plan = lock(&timer.state).plan;
    for seconds in [3600, 3601, 100_000] {
        let armed = timer.arm(after(Duration::from_secs(seconds)), weak(&bells[0]));
        assert_eq!(
            lock(&timer.state).plan,
            plan,
            "the thread has not been woken"
        );
        assert!(armed.cancel());
        assert_eq!(
            lock(&timer.state).plan,
            plan,
            "the thread has not been woken"
        );
    }
}

#[test]
fn the_thread_goes_back_to_sleep_when_everything_was_cancelled() {
    let timer = timer();
    let (bells, rings) = bells(1);
    for _ in 0..3 {
        assert!(timer.arm(after(A_WHILE), weak(&bells[0])).cancel());
        eventually(|| sleeps_without_limit(timer));
    }
    assert!(rings.try_recv().is_err());
}

#[test]
fn dropping_cancels() {
    let timer = timer();
    let (bells, rings) = bells(2);
    drop(timer.arm(after(A_WHILE), weak(&bells[0])));
    assert_eq!(timer.armed(), 0);
    let at = after(A_WHILE * 2);
    let armed = timer.arm(at, weak(&bells[1]));
    assert_eq!(rings.recv_timeout(WATCHDOG).unwrap().0, 1);
    assert!(!armed.cancel(), "too late");
}

#[test]
fn the_far_future_never_comes() {
    let timer = timer();
    let (bells, rings) = bells(3);
    let mut end = clock::now();
    for exponent in (0..64).rev() {
        end = end
            .checked_add(Duration::from_secs(1 << exponent))
            .unwrap_or(end);
    }
    let _never = [far(), end, after(Duration::from_secs(10 * 365 * 24 * 3600))]
        .map(|at| timer.arm(at, weak(&bells[0])));
    let _soon = timer.arm(after(A_WHILE), weak(&bells[1]));
    assert_eq!(rings.recv_timeout(WATCHDOG).unwrap().0, 1);
    let _soon = timer.arm(after(A_WHILE), weak(&bells[2]));
    assert_eq!(rings.recv_timeout(WATCHDOG).unwrap().0, 2);
    assert_eq!(timer.armed(), 3);
}

#[test]
fn an_alarm_that_is_gone_is_passed_over() {
    let timer = timer();
    let (mut bells, rings) = bells(2);
    let at = after(A_WHILE);
    let _gone = timer.arm(at, weak(&bells[0]));
    let _there = timer.arm(at, weak(&bells[1]));
    bells.remove(0);
    assert_eq!(rings.recv_timeout(WATCHDOG).unwrap().0, 1);
    eventually(|| timer.armed() == 0);
    assert!(rings.try_recv().is_err());
}

#[test]
fn a_panicking_alarm_does_not_stop_the_others() {
    /// Panics when dropped, as the payload of a panic may.
    struct Worse;
    impl Drop for Worse {
        fn drop(&mut self) {
            panic!("worse");
        }
    }
    let timer = timer();
    let (bells, rings) = bells(4);
    let panics = Arc::new(Calls(|| panic!("as the test wants it")));
    let worse = Arc::new(Calls(|| std::panic::panic_any(Worse)));
    let at = after(A_WHILE);
    let _armed = [
        timer.arm(at, weak(&bells[0])),
        timer.arm(at, weak(&panics)),
        timer.arm(at, weak(&bells[1])),
        timer.arm(at, weak(&worse)),
        timer.arm(at, weak(&bells[2])),
        timer.arm(after(A_WHILE * 2), weak(&bells[3])),
    ];
    let mut rung: Vec<_> = (0..4)
        .map(|_| rings.recv_timeout(WATCHDOG).unwrap().0)
        .collect();
    rung.sort_unstable();
    assert_eq!(rung, [0, 1, 2, 3]);
}

#[test]
fn an_alarm_may_arm_and_cancel() {
    type Slot = std::sync::Mutex<Vec<Armed>>;
    let timer = timer();
    let (bells, rings) = bells(1);
    let bell = Arc::clone(&bells[0]);
    let own: Arc<Slot> = Arc::default();
    let slot = Arc::clone(&own);
    let alarm = Arc::new(Calls(move || {
        let other = timer.arm(far(), weak(&bell));
        assert!(other.cancel());
        slot.lock()
            .unwrap()
            .push(timer.arm(clock::now(), weak(&bell)));
        assert_eq!(timer.armed(), 1);
    }));
    let armed = timer.arm(clock::now(), weak(&alarm));
    assert_eq!(rings.recv_timeout(WATCHDOG).unwrap().0, 0);
    assert!(!armed.cancel());
    own.lock().unwrap().clear();
}

#[test]
fn the_last_reference_to_an_alarm_may_be_the_timers() {
    /// Holds an `Armed`, which its drop cancels: on the timer's thread, where no lock may be held.
    struct Own(
        OnceLock<Armed>,
        Sender<ThreadId>,
        std::sync::Mutex<Receiver<()>>,
    );
    impl Alarm for Own {
        fn ring(&self) {
            self.1.send(std::thread::current().id()).unwrap();
            let _ = self.2.lock().unwrap().recv_timeout(WATCHDOG);
        }
    }
    impl Drop for Own {
        fn drop(&mut self) {
            self.1.send(std::thread::current().id()).unwrap();
        }
    }
    let timer = timer();
    let (go_on, gate) = channel();
    let (send, threads) = channel();
    let own = Arc::new(Own(OnceLock::new(), send, gate.into()));
    own.0.set(timer.arm(clock::now(), weak(&own))).unwrap();
    let rung_on = threads.recv_timeout(WATCHDOG).unwrap();
    drop(own);
    go_on.send(()).unwrap();
    assert_eq!(threads.recv_timeout(WATCHDOG), Ok(rung_on));
    assert_eq!(
        threads.recv_timeout(WATCHDOG),
        Err(RecvTimeoutError::Disconnected)
    );
}

#[test]
fn arming_and_cancelling_leaves_nothing() {
    const EACH: usize = 25_000;
    let timer = timer();
    let rung = Arc::new(AtomicUsize::new(0));
    let counts = Arc::new(Calls({
        let rung = Arc::clone(&rung);
        move || {
            rung.fetch_add(1, SeqCst);
        }
    }));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let armed = timer.arm(after(Duration::from_secs(3600)), weak(&counts));
                    assert!(armed.cancel());
                }
            });
        }
    });
    assert_eq!(timer.armed(), 0);
    assert_eq!(rung.load(SeqCst), 0);
    assert!(
        entries(timer) <= 4,
        "{} entries for four at a time",
        entries(timer)
    );
}

#[test]
fn arming_against_ringing_loses_none() {
    const EACH: usize = 5_000;
    let timer = timer();
    let rung = Arc::new(AtomicUsize::new(0));
    let counts = Arc::new(Calls({
        let rung = Arc::clone(&rung);
        move || {
            rung.fetch_add(1, SeqCst);
        }
    }));
    let cancelled = AtomicUsize::new(0);
    let kept: Vec<Armed> = std::thread::scope(|scope| {
        let arm = |thread: usize| {
            let mut kept = Vec::new();
            for n in 0..EACH {
                let micros = (n * 7 + thread) % 3_000;
                let armed = timer.arm(after(Duration::from_micros(micros as u64)), weak(&counts));
                if n % 3 > 0 {
                    kept.push(armed);
                } else if armed.cancel() {
                    cancelled.fetch_add(1, SeqCst);
                }
            }
            kept
        };
        let threads = [1, 2, 3].map(|thread| scope.spawn(move || arm(thread)));
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    eventually(|| timer.armed() == 0);
    // Those of the last batch may still be ringing.
    eventually(|| rung.load(SeqCst) + cancelled.load(SeqCst) == 3 * EACH);
    drop(kept);
    std::thread::sleep(A_WHILE);
    assert_eq!(rung.load(SeqCst) + cancelled.load(SeqCst), 3 * EACH);
}

#[test]
fn memory_is_given_back_when_nothing_is_armed() {
    let timer = timer();
    let (bells, _rings) = bells(1);
    let at = after(A_WHILE);
    let armed: Vec<_> = (0..5_000).map(|_| timer.arm(at, weak(&bells[0]))).collect();
    assert!(entries(timer) > 0);
    drop(armed);
    eventually(|| entries(timer) == 0);
}

#[test]
fn there_is_one_timer() {
    let (bells, rings) = bells(1);
    assert!(std::ptr::eq(Timer::global(), Timer::global()));
    let (send, name) = channel();
    let named = Arc::new(Calls(move || {
        send.send(std::thread::current().name().map(String::from))
            .unwrap();
    }));
    let _armed = Timer::global().arm(clock::now(), weak(&bells[0]));
    let _named = Timer::global().arm(clock::now(), weak(&named));
    rings.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(
        name.recv_timeout(WATCHDOG).unwrap().as_deref(),
        Some("bookdrop-timer")
    );
}
