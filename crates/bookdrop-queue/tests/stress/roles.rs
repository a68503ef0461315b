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
use bookdrop_queue::{Asking, CallId, GroupId, Over, Queue, Refusal, Waited};

use crate::event::{Event, Outcome, Random};
use crate::hands::{Consumer, Delivery, Sending};
use crate::ledger::{End, Heard, Ledger};

/// What everybody shares.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) queue: Arc<Queue<Event>>,
    /// Only where there is one does the express run.
    pub(crate) groups: Vec<GroupId>,
    pub(crate) ledger: Arc<Ledger>,
    /// Steps of all senders so far.
    pub(crate) steps: AtomicU64,
    /// By group and key.
    pub(crate) keys: Mutex<HashMap<(usize, String), LastOfKey>>,
    /// Deliveries that another thread than their consumer's is to settle, with the place of their group.
    pub(crate) bench: Mutex<Vec<(Delivery, usize)>>,
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
                0..=39 => self.send_plain(number),
                40..=64 => self.send_and_wait(sender, number, random),
                65..=72 => self.send_now(number, random),
                73..=80 => self.send_and_leave(number, random),
                _ => self.ask(number, random),
            };
            if random.chance(20) {
                self.settle_others(random);
            }
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
            .accepted(number, if result.is_ok() { self.groups.len() } else { 0 });
        result == Err(Refusal::Closed)
    }

    /// As most events are: it takes the express where that runs.
    fn send_plain(&self, number: u64) -> bool {
        let event = Event::new(number, &self.ledger);
        let mut sending = Sending::new(&self.queue, event, None);
        self.sent(number, wait(poll_fn(|cx| sending.poll(cx))))
    }

    fn send_and_wait(&self, sender: u64, number: u64, random: &mut Random) -> bool {
        let (mut event, mut due) = self.event(number, random);
        if random.chance(30) {
            // These have to stay in order.
            (event.key, event.priority) = (Some(format!("in order {sender}")), 0);
            (event.expires_at, due) = (None, None);
        }
        let mut sending = Sending::new(&self.queue, event, due);
        self.sent(number, wait(poll_fn(|cx| sending.poll(cx))))
    }

    fn send_now(&self, number: u64, random: &mut Random) -> bool {
        let (event, due) = self.event(number, random);
        let result = self.queue.try_send(event, due);
        self.sent(number, result.map_err(|refused| refused.why))
    }

    /// Waits for a moment only.
    fn send_and_leave(&self, number: u64, random: &mut Random) -> bool {
        let (event, due) = self.event(number, random);
        let mut sending = Sending::new(&self.queue, event, due);
        let until = Instant::now() + Duration::from_micros(random.below(300));
        let result = wait_until(pin!(poll_fn(|cx| sending.poll(cx))), until);
        let result = result.unwrap_or_else(|| match sending.give_up() {
            true => Err(Refusal::Full),
            false => Ok(()),
        });
        self.sent(number, result)
    }

    fn ask(&self, number: u64, random: &mut Random) -> bool {
        let (event, due) = self.event(number, random);
        let deadline = Instant::now() + ms(1 + random.below(20));
        let (waits_for_consumer, wakes_at_deadline) = (random.chance(30), random.chance(50));
        let until = match random.below(4) {
            0 => Instant::now(),
            1 => Instant::now() + Duration::from_micros(random.below(500)),
            // The queue's alarm wakes it, or nobody does.
            _ if wakes_at_deadline => deadline + ms(20_000),
            _ => deadline,
        };
        let (mut event, mut call) = (Some(event), None);
        let poll = poll_fn(|cx| {
            if let Some(call) = call {
                return self.queue.poll_answer(call, cx).map(Ok);
            }
            let asking = Asking {
                deadline,
                waits_for_consumer,
                waker: cx.waker().clone(),
                wakes_at_deadline,
            };
            let event = event.take().expect("it is sent once");
            match self.queue.send_request(event, due, asking) {
                Ok(asked) => call = Some(asked),
                Err(refused) => return Poll::Ready(Err(refused.why)),
            }
            Poll::Pending
        });
        let end = wait_until(pin!(poll), until);
        let is_late = Instant::now() > deadline + ms(10_000);
        assert!(!is_late, "seed {}: nobody woke {number}", self.seed);
        let heard = match (end, call) {
            (Some(Err(why)), _) => {
                self.ledger.accepted(number, 0);
                return why == Refusal::Closed;
            }
            (Some(Ok(Waited::Answered(outcome))), _) => self.hear(number, &outcome),
            (_, Some(call)) => self.give_up(number, call),
            (_, None) => unreachable!("it is sent at the first poll"),
        };
        self.ledger.accepted(number, 1);
        self.ledger.heard(number, heard);
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

    fn give_up(&self, number: u64, call: CallId) -> Heard {
        let (outcome, back) = self.queue.give_up(call);
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

    pub(crate) fn consume(&self, at: usize, mut consumer: Consumer, random: &mut Random) {
        let mut hands = Vec::new();
        loop {
            if self.receive(&mut consumer, at, random, &mut hands) == Some(Err(Over)) {
                break;
            }
            if random.chance(3) {
                // Goes and comes again; what it has in hand it keeps.
                let group = consumer.group();
                drop(consumer);
                consumer = Consumer::new(&self.queue, group, random.chance(15));
            }
            while !hands.is_empty() && random.chance(70) {
                let delivery = hands.swap_remove(random.below(hands.len() as u64) as usize);
                match random.chance(25) {
                    true => self.at_the_bench(|bench| bench.push((delivery, at))),
                    false => self.settle(delivery, at, random),
                }
            }
        }
        drop(consumer);
        for delivery in hands {
            self.settle(delivery, at, random);
        }
        self.settle_others(random);
    }

    /// `None` when it did not want to wait any longer.
    fn receive(
        &self,
        consumer: &mut Consumer,
        at: usize,
        random: &mut Random,
        hands: &mut Vec<Delivery>,
    ) -> Option<Result<(), Over>> {
        let max = if random.chance(70) {
            1
        } else {
            1 + random.below(4) as usize
        };
        // Who has something in hand does not wait for ever: others may wait for that.
        let patient = hands.is_empty() && random.chance(70);
        if patient {
            self.settle_others(random);
        }
        let limit = if patient {
            ms(10_000)
        } else {
            Duration::from_micros(random.below(500))
        };
        let before = hands.len();
        let result = {
            let poll = poll_fn(|cx| consumer.poll(max, cx, hands));
            wait_until(pin!(poll), Instant::now() + limit)
        };
        consumer.stop_waiting();
        let found = hands.len() - before;
        assert_eq!(
            found > 0,
            result == Some(Ok(())),
            "ready means that there is something"
        );
        assert!(found <= max);
        hands[before..]
            .iter()
            .for_each(|delivery| self.took(delivery, at));
        result
    }

    fn took(&self, delivery: &Delivery, at: usize) {
        let event = delivery.event();
        let number = event.number;
        self.ledger.handed_over(number, at);
        if delivery.was_settled() {
            self.ledger.end(number, End::Settled(at));
            if delivery.call().is_none() {
                self.ledger.acked();
            }
            return;
        }
        if let Some(key) = &event.key {
            self.with_key(at, key, |last| {
                assert!(!last.in_hand, "two of {key} at once");
                last.in_hand = true;
                assert!(
                    !event.is_ordered() || number > last.done,
                    "{number} of {key} after {}",
                    last.done
                );
            });
        }
    }

    /// Settles what was left for others.
    pub(crate) fn settle_others(&self, random: &mut Random) {
        while let Some((delivery, at)) = self.at_the_bench(Vec::pop) {
            self.settle(delivery, at, random);
        }
    }

    fn at_the_bench<R>(&self, act: impl FnOnce(&mut Vec<(Delivery, usize)>) -> R) -> R {
        act(&mut self.bench.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn settle(&self, delivery: Delivery, at: usize, random: &mut Random) {
        let number = delivery.event().number;
        if random.chance(5) {
            thread::sleep(Duration::from_micros(random.below(1500)));
        }
        let was_settled = delivery.was_settled();
        let choice = if was_settled { 0 } else { random.below(100) };
        if let Some(key) = delivery.event().key.as_ref().filter(|_| !was_settled) {
            self.with_key(at, key, |last| {
                last.in_hand = false;
                last.done = if choice < 75 { number } else { last.done };
            });
        }
        match (choice, delivery.call()) {
            (0..75, Some(call)) => self.answer(delivery, call, at, random),
            (0..75, None) => {
                if !was_settled {
                    self.ledger.end(number, End::Settled(at));
                    self.ledger.acked();
                }
                delivery.ack();
            }
            (75..85, _) => delivery.failed(None),
            (85..90, _) => delivery.failed(Some(ms(random.below(4)))),
            _ => delivery.bury(),
        }
    }

    fn with_key(&self, group: usize, key: &str, look: impl FnOnce(&mut LastOfKey)) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        look(keys.entry((group, key.to_owned())).or_default());
    }

    fn answer(&self, delivery: Delivery, call: CallId, at: usize, random: &mut Random) {
        let number = delivery.event().number;
        if random.chance(20) {
            self.watch(call, random);
        }
        let was_settled = delivery.was_settled();
        if !was_settled {
            self.ledger.end(number, End::Settled(at));
        }
        match random.chance(10) {
            // Its requester hears that there is no answer.
            true => {
                if !was_settled {
                    self.ledger.acked();
                }
                delivery.ack();
            }
            false => {
                if delivery.answer(Outcome::Replied(number * 2)) {
                    self.ledger.replied(number);
                }
            }
        }
    }

    /// Waits for a moment, or until nobody wants the answer any more.
    fn watch(&self, call: CallId, random: &mut Random) {
        let mut working = None;
        let until = Instant::now() + Duration::from_micros(random.below(2000));
        let poll = poll_fn(|cx| self.queue.poll_unwanted(call, &mut working, cx));
        if wait_until(pin!(poll), until).is_some() {
            assert!(!self.queue.is_awaited(call));
        }
        self.queue.stop_working(call, &mut working);
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
