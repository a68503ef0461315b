//! What can happen between two looks under the lock, told step by step.

mod giving_back;
mod notes;
mod other_limits;
mod recording;
mod restore;
mod room;

use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

use super::*;
use crate::item::DeadReason;
use crate::lock::BEFORE_THE_VALUE;
use crate::machine::{CallId, Hand, Taken};

/// What each send and receive writes lies in the line of the lock.
#[test]
fn the_express_writes_one_cache_line() {
    let end = BEFORE_THE_VALUE + Guarded::<Note>::WRITTEN;
    assert!(end <= 64, "{end} bytes");
}

type Hook = Box<dyn FnOnce() + Send>;

/// An item with a number.
struct Note {
    number: u32,
    key: Option<&'static str>,
    call: Option<CallId>,
    hand: Hand,
    /// What happens when the queue lets go of it.
    hook: Option<Hook>,
}

impl Note {
    fn new(number: u32) -> Self {
        Note {
            number,
            key: None,
            call: None,
            hand: Hand::default(),
            hook: None,
        }
    }

    fn with_key(number: u32) -> Self {
        Note {
            key: Some("k"),
            ..Note::new(number)
        }
    }
}

impl Item for Note {
    type Answer = Cause;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    fn is_plain(&self) -> bool {
        self.key.is_none()
    }

    fn key(&self) -> Option<&str> {
        self.key
    }

    fn call(&self) -> Option<CallId> {
        self.call
    }

    fn ask_for(&mut self, call: CallId, _: Instant) {
        self.call = Some(call);
    }

    fn sever(&mut self) -> Option<CallId> {
        self.call.take()
    }

    fn discarded(self, cause: Cause, _: u32, answer: impl FnOnce(Cause)) {
        self.hook.into_iter().for_each(|hook| hook());
        answer(cause);
    }

    fn told(cause: Cause) -> Cause {
        cause
    }
}

fn queue(capacity: usize) -> (Arc<Queue<Note>>, Reader) {
    let limits = Limits {
        capacity,
        ..Limits::default()
    };
    let queue = Queue::new(limits, OnFull::Reject, 1);
    let reader = queue.join_default().reader();
    (queue, reader)
}

fn asking(timeout: Duration, is_patient: bool) -> Asking {
    Asking {
        deadline: Instant::now() + timeout,
        waits_for_consumer: is_patient,
        waker: Waker::noop().clone(),
        wakes_at_deadline: true,
    }
}

impl Queue<Note> {
    fn ask(&self, note: Note, timeout: Duration, is_patient: bool) -> CallId {
        let asked = self.send_request(note, None, asking(timeout, is_patient));
        asked.ok().expect("room")
    }

    fn put(&self, note: Note) {
        // What is plain goes the short way first, as a producer's send does.
        if let Err(note) = self.send_express(note) {
            assert!(self.try_send(note, None).is_ok());
        }
    }

    fn short_way(&self, reader: Reader) -> Option<Taken<Note>> {
        self.receive_express(reader, &mut Hold::new()).ok()
    }

    fn numbers(&self, reader: Reader) -> Vec<u32> {
        let next = || self.try_receive(reader).ok().flatten();
        std::iter::from_fn(next)
            .map(|taken| self.ack(reader, taken).number)
            .collect()
    }
}

const LONG: Duration = Duration::from_secs(100);

/// The deadline is told while a requester changes its waker: it goes to the former one, so the new one must not wait.
#[test]
fn a_deadline_that_comes_while_the_waker_is_cloned_is_seen() {
    let (queue, _) = queue(8);
    let call = queue.ask(Note::new(1), Duration::from_millis(20), false);
    let other = Waker::from(Arc::new(Nobody));
    assert!(queue.look_for_answer(call, &other).is_none());
    std::thread::sleep(Duration::from_millis(30));
    queue.ring();
    let (end, _) = queue.wait_for_answer(call, other);
    assert!(matches!(end, Poll::Ready(Waited::Overdue)));
}

struct Nobody;

impl std::task::Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// What was let go of is told without the lock, and much may happen before.
#[test]
fn who_gives_up_before_it_is_told_takes_no_other_request_with_it() {
    let (queue, reader) = queue(100);
    queue.put(Note::new(0));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let found = Arc::new(Mutex::new(Vec::new()));
    let mut first = Note::new(1);
    let (in_hook, calls_in_hook, notes) = (queue.clone(), calls.clone(), found.clone());
    first.hook = Some(Box::new(move || {
        // Enough to stand at every position that is free again.
        for number in 100..150 {
            in_hook.ask(Note::new(number), LONG, true);
        }
        for call in std::mem::take(&mut *calls_in_hook.lock().unwrap()) {
            let (_, item) = in_hook.give_up(call);
            notes
                .lock()
                .unwrap()
                .extend(item.map(|(note, _)| note.number));
        }
    }));
    let first = queue.ask(first, LONG, false);
    let others = (2..50).map(|number| queue.ask(Note::new(number), LONG, false));
    *calls.lock().unwrap() = others.chain([first]).collect();
    // Nobody is there to answer: the requests end, from the first on.
    queue.leave(reader);
    assert_eq!(*found.lock().unwrap(), []);
    let expected: Vec<_> = [0].into_iter().chain(100..150).collect();
    assert_eq!(queue.numbers(reader), expected);
}

/// Consumers that were there before come again one after the other, and the first may leave before the second is there.
#[test]
fn nobody_is_told_that_there_is_no_consumer_while_some_are_expected() {
    let (queue, reader) = queue(100);
    queue.expect_consumers();
    queue.leave(reader);
    let (patient, impatient) = (
        queue.ask(Note::new(1), LONG, true),
        queue.ask(Note::new(2), LONG, false),
    );
    let reader = queue.join_default().reader();
    queue.leave(reader);
    let told = |call| queue.look_for_answer(call, Waker::noop());
    assert!(
        [patient, impatient]
            .into_iter()
            .all(|call| !is_ready(told(call)))
    );
    queue.expect_no_more_consumers();
    assert!(!is_ready(told(patient)));
    let told = told(impatient);
    assert!(matches!(
        told,
        Some(Poll::Ready(Waited::Answered(Cause::NoConsumer)))
    ));
    let refused = queue.send_request(Note::new(3), None, asking(LONG, false));
    assert_eq!(
        refused.err().map(|refused| refused.why),
        Some(Refusal::NoConsumer)
    );
    let reader = queue.join_default().reader();
    assert_eq!(queue.numbers(reader), [1]);
}

fn is_ready<T>(poll: Option<Poll<T>>) -> bool {
    poll.is_some_and(|poll| poll.is_ready())
}

/// A dead letter that is sent again asks nobody whether there is room.
#[test]
fn what_has_no_room_beside_those_that_wait_for_their_key_is_handed_over() {
    let (queue, reader) = queue(2);
    queue.put(Note::new(1));
    let dead = queue.try_receive(reader).unwrap().unwrap();
    queue.bury(reader, dead, DeadReason::Rejected("no".into()));
    queue.put(Note::with_key(2));
    let leads = queue.try_receive(reader).unwrap().unwrap();
    queue.put(Note::with_key(3));
    queue.put(Note::with_key(4));
    assert!(queue.try_receive(reader).unwrap().is_none());
    let [dead] = queue.dead(DEFAULT_GROUP, |dead| dead.id)[..] else {
        panic!("there is one");
    };
    assert!(queue.replay(DEFAULT_GROUP, dead));
    assert_eq!(queue.counts().1.queued, 3);
    assert_eq!(queue.numbers(reader), [1]);
    queue.ack(reader, leads);
    assert_eq!(queue.numbers(reader), [3, 4]);
    assert_eq!(
        queue.counts().1,
        Depths {
            consumers: 1,
            ..Depths::default()
        }
    );
}

/// Whichever way items come and go, they are counted, and their order is kept.
#[test]
fn the_short_way_and_the_long_way_go_together() {
    let (queue, reader) = queue(8);
    queue.put(Note::new(1));
    queue.put(Note::with_key(2));
    queue.put(Note::new(3));
    assert!(queue.short_way(reader).is_none(), "a key matters");
    let first = queue.try_receive(reader).unwrap().unwrap();
    let second = queue.try_receive(reader).unwrap().unwrap();
    queue.put(Note::new(4));
    let third = queue.short_way(reader).expect("only plain ones are left");
    assert_eq!(
        [1, 2, 3],
        [&first, &second, &third].map(|taken| taken.item.number)
    );
    assert_eq!(third.attempt(), 1);
    // It comes back before what came after it.
    queue.failed(reader, third, None);
    assert!(queue.short_way(reader).is_none());
    queue.put(Note::new(5));
    for taken in [first, second] {
        queue.ack(reader, taken);
    }
    let settled = queue.join_again(reader.group, true).reader();
    assert_eq!(queue.try_receive(reader).unwrap().unwrap().item.number, 3);
    assert_eq!(queue.short_way(settled).unwrap().item.number, 4);
    assert_eq!(queue.short_way(reader).unwrap().item.number, 5);
    assert!(queue.short_way(reader).is_none());
    let (counters, depths) = queue.counts();
    assert_eq!(
        (counters.sent, counters.handed_over, counters.acked),
        (5, 6, 3)
    );
    assert_eq!((depths.queued, depths.in_hand), (0, 2));
}

/// While one group alone is left, its items are for its consumers only.
#[test]
fn a_consumer_of_a_group_that_was_removed_gets_nothing_of_another() {
    let (queue, reader) = queue(8);
    let other = queue.join("other", |note| Note::new(note.number)).reader();
    assert!(queue.remove_group("other"));
    queue.put(Note::new(1));
    assert!(queue.short_way(other).is_none());
    assert!(matches!(queue.try_receive(other), Err(Over)));
    assert_eq!(queue.short_way(reader).unwrap().item.number, 1);
}

/// What a consumer holds ahead is still queued: it counts, and whoever looks at the queue calls it back.
#[test]
fn what_is_held_ahead_stands_in_front_again_when_somebody_looks() {
    let (queue, reader) = queue(8);
    let rival = queue.join_again(reader.group, false).reader();
    let mut hold = Hold::new();
    (1..=8).for_each(|number| queue.put(Note::new(number)));
    queue.state.lock().hold_ahead(&mut hold, true);
    let held = |hold: &mut Hold<Note>, auto_ack| {
        let reader = Reader { auto_ack, ..reader };
        let taken = queue.receive_express(reader, hold).ok();
        taken.map(|taken| taken.item.number)
    };
    let ninth = queue.state.lock().send(Note::new(9));
    assert!(ninth.is_err(), "it is full");
    assert_eq!(held(&mut hold, false), Some(1));
    assert_eq!(held(&mut hold, true), Some(2));
    assert_eq!(queue.short_way(rival).unwrap().item.number, 5);
    let (counters, depths) = queue.counts();
    assert_eq!((depths.queued, depths.in_hand), (5, 2));
    assert_eq!(
        (counters.sent, counters.handed_over, counters.acked),
        (8, 3, 1)
    );
    // Nothing is held any more, whatever its consumer believes.
    assert_eq!(held(&mut hold, false), Some(3));
    // Nobody holds one a second time.
    queue.state.lock().hold_ahead(&mut hold, true);
    assert!(!hold.has_some());
    assert_eq!(queue.short_way(rival).unwrap().item.number, 4);
    // What is held by one who goes is not lost.
    queue.state.lock().hold_ahead(&mut hold, true);
    assert!(hold.has_some());
    drop(hold);
    assert_eq!(queue.numbers(rival), [6, 7, 8]);
}

/// A single consumer takes along what is there. What it has handed over makes room at once, and no more than that.
#[test]
fn what_a_single_consumer_holds_counts_until_it_is_handed_over() {
    let (queue, reader) = queue(4);
    let mut hold = Hold::new();
    let mut receive = || {
        queue
            .receive_express(reader, &mut hold)
            .unwrap()
            .item
            .number
    };
    let send = |number| queue.state.lock().send(Note::new(number));
    (1..=4).for_each(|number| queue.put(Note::new(number)));
    assert_eq!(receive(), 1);
    assert!(send(5).is_ok(), "three are held");
    assert!(send(6).is_err(), "and one stands in the lane");
    assert_eq!((receive(), receive()), (2, 3));
    assert!(send(6).is_ok() && send(7).is_ok() && send(8).is_err());
    assert_eq!([(); 4].map(|()| receive()), [4, 5, 6, 7]);
    assert_eq!(queue.counts().1.queued, 0);
}

/// Handed over from a shelf that was counted anew since: whoever looks still hears of it.
#[test]
fn what_was_settled_with_the_hand_over_from_a_shelf_is_not_in_hand() {
    let (queue, first) = queue(4);
    let reader = queue.join_again(first.group, true).reader();
    queue.leave(first);
    let mut hold = Hold::new();
    for _ in 0..2 {
        (1..=4).for_each(|number| queue.put(Note::new(number)));
        let receive = |hold: &mut Hold<Note>| queue.receive_express(reader, hold).map(drop);
        (1..=4).for_each(|_| receive(&mut hold).unwrap());
        // The second one finds the queue full, counts again, and finds that it is not.
        (5..=8).for_each(|number| assert!(queue.state.lock().send(Note::new(number)).is_ok()));
        let (counters, depths) = queue.counts();
        assert_eq!((depths.queued, depths.in_hand), (4, 0));
        assert_eq!(counters.acked, counters.handed_over);
        while receive(&mut hold).is_ok() {}
        assert_eq!(queue.counts().1.in_hand, 0);
    }
}

/// Who may try again before it waits: one who finds no room, unless there is more to it than that.
#[test]
fn a_sender_is_told_whether_it_may_try_again() {
    let (rejecting, _) = queue(1);
    let why = rejecting.try_send_express(Note::new(1)).unwrap_err().1;
    assert_eq!(why, NotExpress::Unknown, "nobody waits there");

    let limits = Limits {
        capacity: 1,
        ..Limits::default()
    };
    let queue = Queue::new(limits, OnFull::Wait, 1);
    let reader = queue.join_default().reader();
    let why = |number| queue.try_send_express(Note::new(number)).unwrap_err().1;
    assert!(queue.try_send_express(Note::new(1)).is_ok());
    assert_eq!(why(2), NotExpress::HasToWait);
    let first = queue.send(Note::new(2), None, Waker::noop().clone());
    let Ok(Some(ticket)) = first else {
        panic!("it stands in line");
    };
    assert_eq!(why(3), NotExpress::Unknown, "somebody stands in line");
    assert!(queue.leave_line(ticket).is_some());
    assert_eq!(why(3), NotExpress::HasToWait);
    queue.close();
    assert_eq!(why(3), NotExpress::Unknown, "it is closed");
    assert_eq!(queue.numbers(reader), [1]);
}

/// Nor past a consumer that waits for an event, also when that one was woken and has not come yet.
#[test]
fn a_consumer_is_told_whether_another_one_waits() {
    let (queue, reader) = queue(4);
    let other = queue.join_again(reader.group, false).reader();
    let mut why = {
        let (queue, mut hold) = (queue.clone(), Hold::new());
        move || queue.receive_express(reader, &mut hold).err()
    };
    assert_eq!(why(), Some(NotExpress::HasToWait));
    let (mut waiting, mut cx) = (None, Context::from_waker(Waker::noop()));
    let mut sleeps = |waiting: &mut Waiting| {
        let into = &mut |_: Taken<Note>| panic!("there is nothing");
        queue.poll_receive(other, 1, waiting, &mut cx, into)
    };
    assert!(sleeps(&mut waiting).is_pending());
    queue.put(Note::new(1));
    assert_eq!(
        why(),
        None,
        "it takes the event that the other was woken for"
    );
    assert_eq!(why(), Some(NotExpress::HasToWaitBehindOthers));
    queue.stop_receiving(other.group, &mut waiting);
    assert_eq!(why(), Some(NotExpress::HasToWait));
}

/// While a consumer sleeps each send has to wake one, also when it was woken before; when it has left, none has to.
#[test]
fn the_express_runs_again_when_a_sleeper_that_came_back_leaves() {
    let (queue, reader) = queue(4);
    let other = queue.join_again(reader.group, false).reader();
    let (mut waiting, mut cx) = (None, Context::from_waker(Waker::noop()));
    let mut sleeps = |waiting: &mut Waiting| {
        let into = &mut |_: Taken<Note>| panic!("there is nothing");
        assert!(
            queue
                .poll_receive(other, 1, waiting, &mut cx, into)
                .is_pending()
        );
    };
    sleeps(&mut waiting);
    queue.put(Note::new(1));
    assert_eq!(queue.numbers(reader), [1], "it was woken in vain");
    sleeps(&mut waiting);
    let by_express = |number| queue.state.lock().send(Note::new(number)).is_ok();
    assert!(!by_express(2));
    queue.stop_receiving(other.group, &mut waiting);
    assert!(by_express(3));
}
