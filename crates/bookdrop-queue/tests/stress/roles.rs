//! What each thread does.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use bookdrop_queue::park::{wait, wait_until};
use bookdrop_queue::{
    DeadReason, GroupId, Over, Queue, Reader, Refusal, Sending, Standing, Taken, ToWake,
};

use crate::Groups;
use crate::event::{Event, Outcome, Random, Requester};
use crate::ledger::{End, Heard, Ledger};

/// What everybody shares.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) queue: Arc<Queue<Event>>,
    pub(crate) groups: Groups,
    pub(crate) ledger: Arc<Ledger>,
    /// Steps of all senders so far.
    pub(crate) steps: AtomicU64,
    /// By group and key.
    pub(crate) keys: Mutex<HashMap<(usize, String), LastOfKey>>,
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Run {
    // ---- sending ----

    pub(crate) fn send(&self, sender: u64, steps: u64, random: &mut Random) {
        for step in 0..steps {
            self.steps.fetch_add(1, Ordering::Relaxed);
            let number = (sender + 1) * 1_000_000 + step;
            let closed = match random.below(100) {
                0..=54 => self.send_and_wait(sender, number, random),
                55..=64 => self.send_now(number, random),
                65..=74 => self.send_and_leave(number, random),
                _ => self.ask(number, random),
            };
            if closed {
                // The others need not wait for the steps that are left.
                self.steps.fetch_add(steps - step, Ordering::Relaxed);
                return;
            }
        }
    }

    /// An event, and when it is due.
    fn event(&self, number: u64, random: &mut Random) -> (Event, Option<Instant>) {
        let mut event = Event::new(number, &self.ledger);
        event.key = random
            .chance(30)
            .then(|| format!("key {}", random.below(4)));
        event.priority = if random.chance(20) {
            random.below(10) as u8
        } else {
            0
        };
        event.expires_at = random
            .chance(10)
            .then(|| Instant::now() + ms(random.below(10)));
        (
            event,
            random
                .chance(10)
                .then(|| Instant::now() + ms(random.below(5))),
        )
    }

    /// True when the queue was closed. What is refused has come back.
    fn sent(&self, number: u64, result: Result<(), Refusal>) -> bool {
        self.ledger
            .accepted(number, if result.is_ok() { 2 } else { 0 });
        result == Err(Refusal::Closed)
    }

    fn send_and_wait(&self, sender: u64, number: u64, random: &mut Random) -> bool {
        let (mut event, mut due) = self.event(number, random);
        if random.chance(30) {
            // These have to stay in order.
            (event.key, event.priority) = (Some(format!("in order {sender}")), 0);
            (event.expires_at, due) = (None, None);
        }
        let mut sending = Sending::new(event, due);
        let result = wait(poll_fn(|cx| self.queue.poll_send(&mut sending, cx)));
        self.sent(number, result.map_err(|refused| refused.why))
    }

    fn send_now(&self, number: u64, random: &mut Random) -> bool {
        let (event, due) = self.event(number, random);
        let result = self.queue.try_send(event, due);
        self.sent(number, result.map_err(|refused| refused.why))
    }

    /// Waits for a moment only.
    fn send_and_leave(&self, number: u64, random: &mut Random) -> bool {
        let (event, due) = self.event(number, random);
        let mut sending = Sending::new(event, due);
        let until = Instant::now() + Duration::from_micros(random.below(300));
        let poll = poll_fn(|cx| self.queue.poll_send(&mut sending, cx));
        match wait_until(pin!(poll), until) {
            Some(result) => self.sent(number, result.map_err(|refused| refused.why)),
            None => {
                let back = self.queue.cancel_send(&mut sending);
                self.sent(
                    number,
                    if back.is_some() {
                        Err(Refusal::Full)
                    } else {
                        Ok(())
                    },
                )
            }
        }
    }

    fn ask(&self, number: u64, random: &mut Random) -> bool {
        let (mut event, due) = self.event(number, random);
        let deadline = Instant::now() + ms(1 + random.below(20));
        let requester = event.make_request(deadline, random.chance(30));
        if let Err(refused) = self.queue.send_request(event, due) {
            self.ledger.accepted(number, 0);
            return refused.why == Refusal::Closed;
        }
        self.ledger.accepted(number, 1);
        let until = match random.below(4) {
            0 => Instant::now(),
            1 => Instant::now() + Duration::from_micros(random.below(500)),
            _ => requester.deadline,
        };
        let outcome = wait_until(pin!(poll_fn(|cx| requester.slot.poll(cx))), until);
        let heard = match outcome {
            Some(outcome) => self.hear(number, &outcome),
            None => self.give_up(number, &requester),
        };
        // An outcome is counted by who leaves it, perhaps a moment after it was heard.
        while heard != Heard::GaveUp(true)
            && heard != Heard::GaveUp(false)
            && requester.outcomes.load(Ordering::Relaxed) == 0
        {
            thread::yield_now();
        }
        self.ledger
            .heard(number, heard, requester.outcomes.load(Ordering::Relaxed));
        false
    }

    fn hear(&self, number: u64, outcome: &Outcome) -> Heard {
        match outcome {
            Outcome::Replied(reply) => {
                assert_eq!(*reply, number * 2, "an answer to another question");
                Heard::Reply
            }
            Outcome::Failed => Heard::Failure,
        }
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
            return self.hear(number, &outcome);
        }
        if let Some((event, _)) = &back {
            assert_eq!(event.number, number, "somebody else's event");
            self.ledger.end(number, End::GivenBack);
        }
        Heard::GaveUp(back.is_some())
    }

    // ---- receiving ----

    pub(crate) fn consume(&self, at: usize, group: GroupId, random: &mut Random) {
        let reader = Reader {
            group,
            auto_ack: false,
        };
        let mut hands = Vec::new();
        loop {
            if self.receive(reader, at, random, &mut hands) == Some(Err(Over)) {
                break;
            }
            if random.chance(3) {
                // Goes and comes again; what it has in hand it keeps.
                self.queue.leave(group);
                self.queue.join_again(group);
            }
            while !hands.is_empty() && random.chance(70) {
                let taken = hands.swap_remove(random.below(hands.len() as u64) as usize);
                self.settle(taken, at, random);
            }
        }
        hands
            .into_iter()
            .for_each(|taken| self.settle(taken, at, random));
        self.queue.leave(group);
    }

    /// `None` when it did not want to wait any longer.
    fn receive(
        &self,
        reader: Reader,
        at: usize,
        random: &mut Random,
        hands: &mut Vec<Taken<Event>>,
    ) -> Option<Result<(), Over>> {
        let max = if random.chance(70) {
            1
        } else {
            1 + random.below(4) as usize
        };
        // Who has something in hand does not wait for ever: others may wait for that.
        let patient = hands.is_empty() && random.chance(70);
        let limit = if patient {
            ms(10_000)
        } else {
            Duration::from_micros(random.below(500))
        };
        let mut waiting = None;
        let before = hands.len();
        let result = {
            let mut into = |taken| hands.push(taken);
            let poll = poll_fn(|cx| {
                self.queue
                    .poll_receive(reader, max, &mut waiting, cx, &mut into)
            });
            wait_until(pin!(poll), Instant::now() + limit)
        };
        self.queue.stop_receiving(reader.group, &mut waiting);
        assert!(waiting.is_none());
        let found = hands.len() - before;
        assert_eq!(
            found > 0,
            result == Some(Ok(())),
            "ready means that there is something"
        );
        assert!(found <= max);
        hands[before..]
            .iter()
            .for_each(|taken| self.took(taken, at));
        result
    }

    fn took(&self, taken: &Taken<Event>, at: usize) {
        let number = taken.item.number;
        self.ledger.handed_over(number, at);
        if let Some(key) = &taken.item.key {
            self.with_key(at, key, |last| {
                assert!(!last.in_hand, "two of {key} at once");
                last.in_hand = true;
                let is_ordered = taken.item.is_ordered();
                assert!(
                    !is_ordered || number > last.done,
                    "{number} of {key} after {}",
                    last.done
                );
            });
        }
        if let Some(requester) = &taken.item.requester {
            assert_eq!(requester.standing(), Standing::Elsewhere);
        }
    }

    fn settle(&self, taken: Taken<Event>, at: usize, random: &mut Random) {
        let (number, requester) = (taken.item.number, taken.item.requester.clone());
        if random.chance(5) {
            thread::sleep(Duration::from_micros(random.below(1500)));
        }
        let choice = random.below(100);
        if let Some(key) = &taken.item.key {
            self.with_key(at, key, |last| {
                last.in_hand = false;
                last.done = if choice < 75 { number } else { last.done };
            });
        }
        match (choice, requester) {
            (0..75, Some(requester)) => self.answer(taken, at, &requester, random),
            (0..75, None) => {
                self.ledger.end(number, End::Settled(at));
                drop(self.queue.ack(taken));
            }
            (75..85, _) => self.queue.failed(taken, None),
            (85..90, _) => self.queue.failed(taken, Some(ms(random.below(4)))),
            _ => self.queue.bury(taken, DeadReason::Rejected("no".into())),
        }
    }

    fn with_key(&self, group: usize, key: &str, look: impl FnOnce(&mut LastOfKey)) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        look(keys.entry((group, key.to_owned())).or_default());
    }

    fn answer(
        &self,
        taken: Taken<Event>,
        at: usize,
        requester: &Arc<Requester>,
        random: &mut Random,
    ) {
        let number = taken.item.number;
        if random.chance(20) {
            self.watch(requester, random);
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

    /// Waits for a moment, or until nobody wants the answer any more.
    fn watch(&self, requester: &Requester, random: &mut Random) {
        let mut watching = None;
        let until = Instant::now() + Duration::from_micros(random.below(2000));
        let poll = poll_fn(|cx| requester.slot.poll_unwanted(&mut watching, cx));
        if wait_until(pin!(poll), until).is_some() {
            assert!(!requester.slot.is_awaited());
        }
        requester.slot.stop_watching(&mut watching);
    }

    // ---- the one who looks after the rest ----

    pub(crate) fn tidy(&self, random: &mut Random) {
        while !self.queue.is_closed() {
            let (_, depths) = self.queue.counts();
            assert!(depths.waiting_consumers <= depths.consumers, "{depths:?}");
            let group = ["default", "audit"][random.below(2) as usize];
            for (id, is_ordered) in self
                .queue
                .dead(group, |dead| (dead.id, dead.item.is_ordered()))
            {
                match random.below(3) {
                    // It would come behind those that were sent after it.
                    0 if is_ordered => {}
                    0 => drop(self.queue.replay(group, id)),
                    1 => {
                        if let Some(dead) = self.queue.take_dead(group, id) {
                            self.ledger.end(dead.item.number, End::Dead);
                        }
                    }
                    _ => {}
                }
            }
            if random.chance(2) {
                self.queue.purge();
            }
            let poll = poll_fn(|_| Poll::<()>::Pending);
            wait_until(pin!(poll), Instant::now() + ms(random.below(4)));
        }
    }
}

/// What is known of one key in one group.
#[derive(Default)]
pub(crate) struct LastOfKey {
    in_hand: bool,
    done: u64,
}
