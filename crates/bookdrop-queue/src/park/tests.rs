//! Tests of waiting. Time is only ever bounded from below; a hang is ended by the watchdog.

use std::{
    cell::RefCell,
    future::{Ready, poll_fn, ready},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread::{self, Thread},
    time::Duration,
};

use super::*;

/// Runs `body` in a thread of its own and fails if it has not ended after ten seconds.
fn watched<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || done.send(body()));
    match result.recv_timeout(Duration::from_secs(10)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the wait does not end"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// Pending until it is opened, with room for the waker of one future.
#[derive(Default)]
struct Gate {
    open: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn open(&self) {
        self.open.store(true, SeqCst);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        if self.open.load(SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    async fn passed(&self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

/// Opens the gate from another thread after a while.
fn open_later(gate: &Arc<Gate>, after: Duration) {
    let gate = Arc::clone(gate);
    thread::spawn(move || {
        thread::sleep(after);
        gate.open();
    });
}

/// Longer than the spinning, so that the thread is really parked.
const A_WHILE: Duration = Duration::from_millis(20);

fn in_future(d: Duration) -> Instant {
    clock::after(clock::now(), d)
}

fn far() -> Instant {
    in_future(Duration::MAX)
}

#[test]
fn a_ready_future_is_not_waited_for() {
    assert_eq!(wait(ready(7)), 7);
    assert_eq!(wait(async { "borrowed".len() }), 8);
}

#[test]
fn a_wake_before_the_park_is_kept() {
    let polls = watched(|| {
        let mut polls = 0;
        wait(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 3 {
                Poll::Ready(polls)
            } else {
                Poll::Pending
            }
        }))
    });
    assert_eq!(polls, 3);
}

#[test]
fn a_wake_from_another_thread_ends_the_park() {
    watched(|| {
        for after in [Duration::ZERO, Duration::from_micros(5), A_WHILE] {
            let gate = Gate::new();
            open_later(&gate, after);
            wait(gate.passed());
        }
    });
}

#[test]
fn many_wakes_from_another_thread() {
    watched(|| {
        let (send, receive) = mpsc::channel::<Arc<Gate>>();
        thread::spawn(move || receive.iter().for_each(|gate| gate.open()));
        for _ in 0..20_000 {
            let gate = Gate::new();
            send.send(Arc::clone(&gate)).unwrap();
            wait(gate.passed());
        }
    });
}

#[test]
fn a_late_wake_of_an_earlier_wait_is_harmless() {
    watched(|| {
        let mut old = None;
        wait(poll_fn(|cx| {
            old = Some(cx.waker().clone());
            Poll::Ready(())
        }));
        old.unwrap().wake();
        let gate = Gate::new();
        open_later(&gate, A_WHILE);
        wait(gate.passed());
    });
}

#[test]
fn a_wake_during_the_wait_of_a_poll_is_not_lost() {
    watched(|| {
        // The outer future is woken while an inner wait parks the same thread.
        let (outer, inner) = (Gate::new(), Gate::new());
        let mut first = true;
        wait(poll_fn(|cx| {
            let poll = outer.poll(cx);
            if std::mem::take(&mut first) {
                assert!(poll.is_pending());
                open_later(&outer, A_WHILE);
                open_later(&inner, A_WHILE * 3);
                wait(inner.passed());
                return Poll::Pending;
            }
            poll
        }));
    });
}

#[test]
fn a_waker_may_wait() {
    struct Waits(Arc<Gate>, AtomicUsize);
    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            wait(self.0.passed());
            self.1.fetch_add(1, SeqCst);
        }
    }
    watched(|| {
        let waits = Arc::new(Waits(Gate::new(), AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&waits));
        open_later(&waits.0, A_WHILE);
        wait(poll_fn(|_| {
            waker.wake_by_ref();
            Poll::Ready(())
        }));
        // Outside of every wait as well.
        waker.wake();
        assert_eq!(waits.1.load(SeqCst), 2);
    });
}

#[test]
fn a_panic_of_the_future_leaves_the_thread_fit_for_waiting() {
    watched(|| {
        for _ in 0..3 {
            let caught = std::panic::catch_unwind(|| wait(poll_fn(|_| -> Poll<()> { panic!() })));
            assert!(caught.is_err());
        }
        assert!(!park_limit(Waker::noop(), far()));
        let gate = Gate::new();
        open_later(&gate, A_WHILE);
        wait(gate.passed());
    });
}

#[test]
fn stray_unparks_do_not_end_a_wait() {
    fn pester(thread: Thread, stop: Arc<AtomicBool>) {
        while !stop.load(SeqCst) {
            thread.unpark();
            thread::sleep(Duration::from_micros(200));
        }
    }
    watched(|| {
        let (stop, me) = (Arc::new(AtomicBool::new(false)), thread::current());
        let pest = thread::spawn({
            let stop = Arc::clone(&stop);
            move || pester(me, stop)
        });
        thread::current().unpark();
        let gate = Gate::new();
        open_later(&gate, A_WHILE);
        let mut polls = 0;
        wait(poll_fn(|cx| {
            polls += 1;
            gate.poll(cx)
        }));
        assert!(gate.open.load(SeqCst));
        assert_eq!(polls, 2, "an unpark without a wake-up is no reason to poll");

        let until = in_future(A_WHILE);
        assert_eq!(wait_until(pin!(std::future::pending::<()>()), until), None);
        assert!(clock::now() >= until);
        stop.store(true, SeqCst);
        pest.join().unwrap();
    });
}

#[test]
fn the_limit_is_not_early() {
    watched(|| {
        for limit in [Duration::ZERO, Duration::from_micros(3), A_WHILE] {
            let until = in_future(limit);
            assert_eq!(wait_until(pin!(std::future::pending::<()>()), until), None);
            assert!(clock::now() >= until);
        }
    });
}

#[test]
fn a_future_that_is_ready_at_once_is_never_timed_out() {
    let past = clock::now();
    thread::sleep(Duration::from_millis(1));
    let mut f: Ready<u8> = ready(3);
    assert_eq!(wait_until(Pin::new(&mut f), past), Some(3));
    // Not sized, as a boxed future is.
    let mut boxed: Pin<Box<dyn Future<Output = u8>>> = Box::pin(ready(4));
    assert_eq!(wait_until(boxed.as_mut(), past), Some(4));
}

#[test]
fn the_future_is_polled_once_more_at_the_limit() {
    watched(|| {
        let until = in_future(A_WHILE);
        // Gets ready without waking anyone.
        let f = pin!(poll_fn(|_| {
            if clock::now() >= until {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        assert_eq!(wait_until(f, until), Some(()));
    });
}

#[test]
fn a_future_that_always_wakes_itself_is_timed_out() {
    watched(|| {
        let until = in_future(A_WHILE);
        let f = pin!(poll_fn(|cx| -> Poll<()> {
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        assert_eq!(wait_until(f, until), None);
        assert!(clock::now() >= until);
    });
}

#[test]
fn after_none_the_future_can_go_on() {
    watched(|| {
        let gate = Gate::new();
        let mut f = pin!(gate.passed());
        assert_eq!(wait_until(f.as_mut(), clock::now()), None);
        open_later(&gate, A_WHILE);
        assert_eq!(wait_until(f.as_mut(), far()), Some(()));
    });
}

/// Pending up to `at` with nothing but the note to the park.
async fn noted(at: Instant) {
    poll_fn(|cx| {
        if clock::now() >= at {
            return Poll::Ready(());
        }
        assert!(park_limit(cx.waker(), at));
        Poll::Pending
    })
    .await;
}

#[test]
fn a_noted_limit_ends_the_park() {
    watched(|| {
        let at = in_future(A_WHILE);
        wait(noted(at));
        assert!(clock::now() >= at);
        // Also with a limit of the whole wait that comes later.
        let at = in_future(A_WHILE);
        assert_eq!(wait_until(pin!(noted(at)), far()), Some(()));
        assert!(clock::now() >= at);
        // And one that comes earlier.
        let until = in_future(A_WHILE);
        assert_eq!(wait_until(pin!(noted(far())), until), None);
        assert!(clock::now() >= until);
    });
}

#[test]
fn the_earliest_of_the_noted_limits_counts() {
    watched(|| {
        let at = in_future(A_WHILE);
        for order in [[at, far()], [far(), at]] {
            wait(poll_fn(|cx| {
                if clock::now() >= at {
                    return Poll::Ready(());
                }
                assert!(order.iter().all(|&at| park_limit(cx.waker(), at)));
                Poll::Pending
            }));
            assert!(clock::now() >= at);
        }
    });
}

#[test]
fn the_limit_of_an_earlier_poll_is_forgotten() {
    watched(|| {
        let (gate, mut polls) = (Gate::new(), 0);
        wait(poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                assert!(park_limit(cx.waker(), in_future(A_WHILE)));
                cx.waker().wake_by_ref();
                open_later(&gate, A_WHILE * 3);
            }
            gate.poll(cx)
        }));
        assert_eq!(polls, 3);
    });
}

#[test]
fn no_limit_is_noted_outside_of_a_wait() {
    assert!(!park_limit(Waker::noop(), far()));
    let mut waker = None;
    wait(poll_fn(|cx| {
        waker = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    assert!(!park_limit(&waker.unwrap(), far()));
}

#[test]
fn no_limit_is_noted_for_a_foreign_waker() {
    struct Forward(Waker);
    impl Wake for Forward {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    wait(poll_fn(|cx| {
        // As a `join` does that gives each of its futures a waker of its own.
        let waker = Waker::from(Arc::new(Forward(cx.waker().clone())));
        assert!(!park_limit(&waker, far()));
        assert!(!park_limit(Waker::noop(), far()));
        assert!(park_limit(cx.waker(), far()));
        assert!(park_limit(&cx.waker().clone(), far()));
        Poll::Ready(())
    }));
}

#[test]
fn no_limit_is_noted_on_another_thread() {
    wait(poll_fn(|cx| {
        let waker = cx.waker().clone();
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(!park_limit(&waker, far()));
                wait(poll_fn(|_| {
                    assert!(!park_limit(&waker, far()));
                    Poll::Ready(())
                }));
            });
        });
        Poll::Ready(())
    }));
}

#[test]
fn only_the_innermost_wait_notes_a_limit() {
    watched(|| {
        wait(poll_fn(|outer| {
            wait(poll_fn(|inner| {
                assert!(!inner.waker().will_wake(outer.waker()));
                assert!(!park_limit(outer.waker(), far()));
                assert!(park_limit(inner.waker(), far()));
                Poll::Ready(())
            }));
            // The outer one is the running one again.
            assert!(park_limit(outer.waker(), far()));
            Poll::Ready(())
        }));
        let at = in_future(A_WHILE);
        wait(async {
            wait(noted(at));
            noted(clock::after(at, A_WHILE)).await;
        });
        assert!(clock::now() >= clock::after(at, A_WHILE));
    });
}

#[test]
fn the_end_of_a_thread_may_wait() {
    struct WaitsAtTheEnd(Arc<Gate>);
    impl Drop for WaitsAtTheEnd {
        fn drop(&mut self) {
            wait(self.0.passed());
            let _ = park_limit(Waker::noop(), far());
        }
    }
    // Destructors run in an order of the platform's choosing, so one before and one after ours.
    std::thread_local! {
        static BEFORE: RefCell<Option<WaitsAtTheEnd>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<WaitsAtTheEnd>> = const { RefCell::new(None) };
    }
    watched(|| {
        let gates = [Gate::new(), Gate::new()];
        let [before, after] = gates.clone();
        let thread = thread::spawn(move || {
            BEFORE.set(Some(WaitsAtTheEnd(before)));
            wait(ready(()));
            AFTER.set(Some(WaitsAtTheEnd(after)));
        });
        gates.iter().for_each(|gate| open_later(gate, A_WHILE));
        thread.join().unwrap();
    });
}
