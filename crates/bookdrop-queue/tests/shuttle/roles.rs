//! What each thread does.

use std::collections::HashMap;
use std::future::poll_fn;
// These are no part of the model: no thread is ever interrupted while it holds one of these locks.
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bookdrop_queue::park::wait;
use bookdrop_queue::{
    DeadReason, Over, Queue, Reader, Refusal, Sending, Standing, Taken, ToWake, clock,
};
use shuttle::thread;

use crate::Groups;
use crate::event::{Event, Outcome, Random, Requester};
use crate::ledger::{End, Heard, Ledger};

/// Events of each sender.
const STEPS: u64 = 4;

/// What everybody shares.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) queue: Arc<Queue<Event>>,
    pub(crate) groups: Groups,
    pub(crate) ledger: Arc<Ledger>,
    /// By group and key.
    keys: Mutex<HashMap<(usize, String), LastOfKey>>,
}

/// What is known of one key in one group.
#[derive(Default)]
struct LastOfKey {
    in_hand: bool,
    done: u64,
}

/// Polls on this thread up to some times, whether it was woken or not; `None` when that was not enough.
fn briefly<T>(random: &mut Random, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let mut left = random.below(3);
    wait(poll_fn(|cx| {
        if let Poll::Ready(output) = poll(cx) {
            return Poll::Ready(Some(output));
        }
        // Here the wake-up may come that nobody will look for.
        thread::yield_now();
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
}

impl Run {
    pub(crate) fn new(queue: Arc<Queue<Event>>, seed: u64) -> Self {
        let groups = [queue.join_default(), queue.join("audit", Event::copy)];
        Run {
            seed,
            queue,
            groups,
            ledger: Arc::new(Ledger::new()),
            keys: Mutex::default(),
        }
    }

    // ---- sending ----

    pub(crate) fn send(&self, sender: u64, random: &mut Random) {
        for step in 1..=STEPS {
            let mut event = Event::new(sender * 100 + step, &self.ledger);
            let closed = match random.below(100) {
                0..=24 => {
                    event.key = Some(format!("in order {sender}"));
                    self.send_and_wait(event)
                }
                25..=54 => {
                    event.key = random.chance(50).then(|| "shared".to_owned());
                    self.send_and_wait(event)
                }
                55..=64 => self.send_now(event),
                _ => {
                    event.priority = random.below(3) as u8;
                    self.send_and_leave(event, random)
                }
            };
            if closed {
                return;
            }
        }
    }

    /// True when the queue was closed. What is refused has come back.
    fn sent(&self, number: u64, result: Result<(), Refusal>) -> bool {
        let copies = if result.is_ok() { 2 } else { 0 };
        self.ledger.accepted(number, copies);
        result == Err(Refusal::Closed)
    }

    fn send_and_wait(&self, event: Event) -> bool {
        let number = event.number;
        let mut sending = Sending::new(event, None);
        let result = wait(poll_fn(|cx| self.queue.poll_send(&mut sending, cx)));
        self.sent(number, result.map_err(|refused| refused.why))
    }

    fn send_now(&self, event: Event) -> bool {
        let number = event.number;
        let result = self.queue.try_send(event, None);
        self.sent(number, result.map_err(|refused| refused.why))
    }

    fn send_and_leave(&self, event: Event, random: &mut Random) -> bool {
        let number = event.number;
        let mut sending = Sending::new(event, None);
        let result = briefly(random, |cx| self.queue.poll_send(&mut sending, cx));
        let result = match result {
            Some(result) => result.map_err(|refused| refused.why),
            None => match self.queue.cancel_send(&mut sending) {
                Some(_) => Err(Refusal::Full),
                None => Ok(()),
            },
        };
        self.sent(number, result)
    }

    // ---- asking ----

    /// So many percent of the requests wait for a consumer to come.
    pub(crate) fn ask(&self, sender: u64, wait: u64, random: &mut Random) {
        for step in 1..=STEPS {
            if self.ask_once(sender * 100 + step, wait, random) {
                return;
            }
        }
    }

    fn ask_once(&self, number: u64, wait_percent: u64, random: &mut Random) -> bool {
        let mut event = Event::new(number, &self.ledger);
        event.key = random.chance(30).then(|| "shared".to_owned());
        // It never comes: the clock stands still.
        let deadline = clock::after(clock::now(), Duration::from_secs(60));
        let requester = event.make_request(deadline, random.chance(wait_percent));
        if let Err(refused) = self.queue.send_request(event, None) {
            self.ledger.accepted(number, 0);
            return refused.why == Refusal::Closed;
        }
        self.ledger.accepted(number, 1);
        let outcome = match random.chance(50) {
            true => Some(wait(poll_fn(|cx| requester.slot.poll(cx)))),
            false => briefly(random, |cx| requester.slot.poll(cx)),
        };
        let heard = match outcome {
            Some(outcome) => hear(number, &outcome),
            None => self.give_up(number, &requester),
        };
        self.note(number, heard, &requester);
        false
    }

    fn note(&self, number: u64, heard: Heard, requester: &Requester) {
        let outcomes = || requester.outcomes.load(Ordering::Relaxed);
        // An outcome is counted by who leaves it, perhaps a moment after it was heard.
        while !matches!(heard, Heard::GaveUp(_)) && outcomes() == 0 {
            thread::yield_now();
        }
        self.ledger.heard(number, heard, outcomes());
    }

    fn give_up(&self, number: u64, requester: &Requester) -> Heard {
        let (mut outcome, mut to_wake) = (None, None);
        let back = self.queue.give_up(|| match requester.slot.give_up() {
            Err(there) => {
                outcome = Some(there);
                None
            }
            Ok(workers) => {
                to_wake = Some(workers);
                Some(requester.standing())
            }
        });
        to_wake.into_iter().for_each(ToWake::wake);
        if let Some(outcome) = outcome {
            assert!(back.is_none());
            return hear(number, &outcome);
        }
        if let Some((event, _)) = &back {
            assert_eq!(event.number, number, "somebody else's event");
            self.ledger.end(number, End::GivenBack);
        }
        Heard::GaveUp(back.is_some())
    }

    // ---- receiving ----

    /// One who is not patient drops its waits, and may go for good: what it was woken for is then for the patient one.
    pub(crate) fn consume(&self, at: usize, is_patient: bool, random: &mut Random) {
        let group = self.groups[at];
        let mut hands = Vec::new();
        loop {
            let result = self.receive(at, is_patient, random, &mut hands);
            let goes = !is_patient && random.chance(20);
            if goes || result == Some(Err(Over)) {
                break;
            }
            if random.chance(5) {
                // Goes and comes again; what it has in hand it keeps.
                self.queue.leave(group);
                self.queue.join_again(group);
            }
            while !hands.is_empty() && random.chance(80) {
                let taken = hands.swap_remove(random.below(hands.len() as u64) as usize);
                self.settle(taken, at, random);
            }
        }
        for taken in hands {
            self.settle(taken, at, random);
        }
        self.queue.leave(group);
    }

    /// `None` when it did not want to wait any longer.
    fn receive(
        &self,
        at: usize,
        is_patient: bool,
        random: &mut Random,
        hands: &mut Vec<Taken<Event>>,
    ) -> Option<Result<(), Over>> {
        let group = self.groups[at];
        let reader = Reader {
            group,
            auto_ack: false,
        };
        let (max, before) = (1 + random.below(2) as usize, hands.len());
        let mut waiting = None;
        let poll = |cx: &mut Context<'_>| {
            let mut into = |taken| hands.push(taken);
            self.queue
                .poll_receive(reader, max, &mut waiting, cx, &mut into)
        };
        // Who has something in hand does not wait for ever: others may wait for that.
        let result = match is_patient && before == 0 {
            true => Some(wait(poll_fn(poll))),
            false => briefly(random, poll),
        };
        self.queue.stop_receiving(group, &mut waiting);
        assert!(waiting.is_none());
        let found = &hands[before..];
        let is_ready = result == Some(Ok(()));
        assert_eq!(!found.is_empty(), is_ready, "ready means there is one");
        found.iter().for_each(|taken| self.took(taken, at));
        result
    }

    fn took(&self, taken: &Taken<Event>, at: usize) {
        let number = taken.item.number;
        self.ledger.handed_over(number, at);
        self.with_key(at, &taken.item, |last, is_ordered| {
            assert!(!last.in_hand, "two of one key at once");
            last.in_hand = true;
            let done = last.done;
            assert!(!is_ordered || number > done, "{number} after {done}");
        });
        if let Some(requester) = &taken.item.requester {
            assert_eq!(requester.standing(), Standing::Elsewhere);
            assert!(clock::now() < requester.deadline, "nobody waits any more");
        }
    }

    fn settle(&self, taken: Taken<Event>, at: usize, random: &mut Random) {
        let (number, requester) = (taken.item.number, taken.item.requester.clone());
        let choice = random.below(100);
        self.with_key(at, &taken.item, |last, _| {
            last.in_hand = false;
            last.done = if choice < 75 { number } else { last.done };
        });
        match (choice, requester) {
            (0..75, Some(requester)) => self.answer(taken, at, &requester, random),
            (0..75, None) => {
                self.ledger.end(number, End::Settled(at));
                drop(self.queue.ack(taken));
            }
            (75..92, _) => self.queue.failed(taken, None),
            _ => self.queue.bury(taken, DeadReason::Rejected("no".into())),
        }
    }

    fn with_key(&self, group: usize, event: &Event, look: impl FnOnce(&mut LastOfKey, bool)) {
        if let Some(key) = &event.key {
            let mut keys = self.keys.lock().unwrap();
            let last = keys.entry((group, key.clone())).or_default();
            look(last, event.is_ordered());
        }
    }

    fn answer(&self, taken: Taken<Event>, at: usize, requester: &Requester, random: &mut Random) {
        let number = taken.item.number;
        let mut watching = None;
        if random.chance(30) {
            let unwanted = |cx: &mut Context<'_>| requester.slot.poll_unwanted(&mut watching, cx);
            if briefly(random, unwanted).is_some() {
                assert!(!requester.slot.is_awaited());
            }
            requester.slot.stop_watching(&mut watching);
        }
        self.ledger.end(number, End::Settled(at));
        let mut left = None;
        let event = self.queue.answer(taken, || {
            left = requester.leave(Outcome::Replied(number * 2));
            left.is_some()
        });
        if let Some(to_wake) = left {
            self.ledger.replied(number);
            to_wake.wake();
        }
        drop(event);
    }

    // ---- the one who looks after the rest ----

    pub(crate) fn tidy(&self, random: &mut Random) {
        let group = ["default", "audit"][random.below(2) as usize];
        let look = |dead: &bookdrop_queue::Dead<Event>| (dead.id, dead.item.is_ordered());
        for (id, is_ordered) in self.queue.dead(group, look) {
            // One in order would come behind those that were sent after it.
            if !is_ordered && random.chance(50) {
                self.queue.replay(group, id);
            } else if let Some(dead) = self.queue.take_dead(group, id) {
                self.ledger.end(dead.item.number, End::Dead);
            }
        }
        if random.chance(10) {
            self.queue.purge();
        }
    }
}

fn hear(number: u64, outcome: &Outcome) -> Heard {
    match outcome {
        Outcome::Replied(reply) => {
            assert_eq!(*reply, number * 2, "an answer to another question");
            Heard::Reply
        }
        Outcome::Failed => Heard::Failure,
    }
}
