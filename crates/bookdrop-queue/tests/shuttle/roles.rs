//! What each thread does.

use std::collections::HashMap;
use std::future::poll_fn;
// These are no part of the model: no thread is ever interrupted while it holds one of these locks.
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bookdrop_queue::park::wait;
use bookdrop_queue::{Asking, CallId, GroupId, Over, Queue, Refusal, Waited, clock};
use shuttle::thread;

use crate::event::{Event, Outcome, Random};
use crate::hands::{Consumer, Delivery, Sending};
use crate::ledger::{End, Heard, Ledger};

/// Events of each sender.
const STEPS: u64 = 4;

/// What everybody shares.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) queue: Arc<Queue<Event>>,
    /// Only where there is one does the express run.
    pub(crate) groups: Vec<GroupId>,
    pub(crate) ledger: Arc<Ledger>,
    /// By group and key.
    keys: Mutex<HashMap<(usize, String), LastOfKey>>,
    /// Deliveries that another thread than their consumer's is to settle, with the place of their group.
    bench: Mutex<Vec<(Delivery, usize)>>,
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
    /// A run, and the first consumer of each of its groups.
    pub(crate) fn new(
        queue: Arc<Queue<Event>>,
        seed: u64,
        random: &mut Random,
    ) -> (Self, Vec<Consumer>) {
        let mut first = vec![Consumer::seated(&queue, queue.join_default())];
        if random.chance(50) {
            let seat = queue.join("audit", Event::copy);
            first.push(Consumer::seated(&queue, seat));
        }
        let run = Run {
            seed,
            groups: first.iter().map(Consumer::group).collect(),
            queue,
            ledger: Arc::new(Ledger::new()),
            keys: Mutex::default(),
            bench: Mutex::default(),
        };
        (run, first)
    }

    // ---- sending ----

    pub(crate) fn send(&self, sender: u64, random: &mut Random) {
        for step in 1..=STEPS {
            let mut event = Event::new(sender * 100 + step, &self.ledger);
            let closed = match random.below(100) {
                0..=19 => {
                    event.key = Some(format!("in order {sender}"));
                    self.send_and_wait(event)
                }
                20..=54 => {
                    event.key = random.chance(25).then(|| "shared".to_owned());
                    self.send_and_wait(event)
                }
                55..=64 => self.send_now(event),
                _ => {
                    event.priority = random.below(3) as u8;
                    self.send_and_leave(event, random)
                }
            };
            if random.chance(30) {
                self.settle_others(random);
            }
            if closed {
                return;
            }
        }
    }

    /// True when the queue was closed. What is refused has come back.
    fn sent(&self, number: u64, result: Result<(), Refusal>) -> bool {
        let copies = result.map_or(0, |()| self.groups.len());
        self.ledger.accepted(number, copies);
        result == Err(Refusal::Closed)
    }

    fn send_and_wait(&self, event: Event) -> bool {
        let number = event.number;
        let mut sending = Sending::new(&self.queue, event, None);
        self.sent(number, wait(poll_fn(|cx| sending.poll(cx))))
    }

    fn send_now(&self, event: Event) -> bool {
        let number = event.number;
        let result = self.queue.try_send(event, None);
        self.sent(number, result.map_err(|refused| refused.why))
    }

    fn send_and_leave(&self, event: Event, random: &mut Random) -> bool {
        let number = event.number;
        let mut sending = Sending::new(&self.queue, event, None);
        let result = briefly(random, |cx| sending.poll(cx));
        let result = result.unwrap_or_else(|| match sending.give_up() {
            true => Err(Refusal::Full),
            false => Ok(()),
        });
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
        let (mut event, mut call) = (Some(event), None);
        let waits_for_consumer = random.chance(wait_percent);
        let poll = |cx: &mut Context<'_>| {
            if let Some(call) = call {
                return self.queue.poll_answer(call, cx).map(Ok);
            }
            let asking = Asking {
                // It never comes: the clock stands still.
                deadline: clock::after(clock::now(), Duration::from_secs(60)),
                waits_for_consumer,
                waker: cx.waker().clone(),
                wakes_at_deadline: false,
            };
            let event = event.take().expect("it is sent once");
            match self.queue.send_request(event, None, asking) {
                Ok(asked) => call = Some(asked),
                Err(refused) => return Poll::Ready(Err(refused.why)),
            }
            Poll::Pending
        };
        let end = match random.chance(50) {
            true => Some(wait(poll_fn(poll))),
            false => briefly(random, poll),
        };
        let heard = match (end, call) {
            (Some(Err(why)), _) => {
                self.ledger.accepted(number, 0);
                return why == Refusal::Closed;
            }
            (Some(Ok(Waited::Answered(outcome))), _) => hear(number, &outcome),
            (None, Some(call)) => self.give_up(number, call),
            _ => unreachable!("it is sent at the first poll, and its deadline never comes"),
        };
        self.ledger.accepted(number, 1);
        self.ledger.heard(number, heard);
        false
    }

    fn give_up(&self, number: u64, call: CallId) -> Heard {
        let (outcome, back) = self.queue.give_up(call);
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
    pub(crate) fn consume(
        &self,
        at: usize,
        mut consumer: Consumer,
        is_patient: bool,
        random: &mut Random,
    ) {
        let mut hands = Vec::new();
        loop {
            let result = self.receive(&mut consumer, at, is_patient, random, &mut hands);
            let goes = !is_patient && random.chance(20);
            if goes || result == Some(Err(Over)) {
                break;
            }
            if random.chance(5) {
                // Goes and comes again; what it has in hand it keeps.
                let group = consumer.group();
                drop(consumer);
                consumer = Consumer::new(&self.queue, group, random.chance(15));
            }
            while !hands.is_empty() && random.chance(80) {
                let delivery = hands.swap_remove(random.below(hands.len() as u64) as usize);
                match random.chance(25) {
                    true => self.bench.lock().unwrap().push((delivery, at)),
                    false => self.settle(delivery, at, random),
                }
            }
        }
        // It may go before what it has in hand is settled, or after.
        let mut consumer = Some(consumer);
        if random.chance(50) {
            consumer = None;
        }
        for delivery in hands {
            self.settle(delivery, at, random);
        }
        self.settle_others(random);
        drop(consumer);
    }

    /// `None` when it did not want to wait any longer.
    fn receive(
        &self,
        consumer: &mut Consumer,
        at: usize,
        is_patient: bool,
        random: &mut Random,
        hands: &mut Vec<Delivery>,
    ) -> Option<Result<(), Over>> {
        let (max, before) = (1 + random.below(2) as usize, hands.len());
        // Who has something in hand does not wait for ever: others may wait for that.
        let waits = is_patient && before == 0;
        if waits {
            self.settle_others(random);
        }
        let poll = |cx: &mut Context<'_>| consumer.poll(max, cx, hands);
        let result = match waits {
            true => Some(wait(poll_fn(poll))),
            false => briefly(random, poll),
        };
        consumer.stop_waiting();
        let found = &hands[before..];
        let is_ready = result == Some(Ok(()));
        assert_eq!(!found.is_empty(), is_ready, "ready means there is one");
        found.iter().for_each(|delivery| self.took(delivery, at));
        result
    }

    fn took(&self, delivery: &Delivery, at: usize) {
        let event = delivery.event();
        let number = event.number;
        self.ledger.handed_over(number, at);
        if let Some(deadline) = event.deadline {
            assert!(clock::now() < deadline, "nobody waits any more");
        }
        if delivery.was_settled() {
            self.ledger.end(number, End::Settled(at));
            if delivery.call().is_none() {
                self.ledger.acked();
            }
            return;
        }
        self.with_key(at, event, |last, is_ordered| {
            assert!(!last.in_hand, "two of one key at once");
            last.in_hand = true;
            let done = last.done;
            assert!(!is_ordered || number > done, "{number} after {done}");
        });
    }

    /// Settles what was left for others.
    pub(crate) fn settle_others(&self, random: &mut Random) {
        loop {
            let next = self.bench.lock().unwrap().pop();
            let Some((delivery, at)) = next else { return };
            self.settle(delivery, at, random);
        }
    }

    fn settle(&self, delivery: Delivery, at: usize, random: &mut Random) {
        let (number, was_settled) = (delivery.event().number, delivery.was_settled());
        let choice = if was_settled { 0 } else { random.below(100) };
        if !was_settled {
            self.with_key(at, delivery.event(), |last, _| {
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
            (75..92, _) => delivery.failed(None),
            _ => delivery.bury(),
        }
    }

    fn with_key(&self, group: usize, event: &Event, look: impl FnOnce(&mut LastOfKey, bool)) {
        if let Some(key) = &event.key {
            let mut keys = self.keys.lock().unwrap();
            let last = keys.entry((group, key.clone())).or_default();
            look(last, event.is_ordered());
        }
    }

    fn answer(&self, delivery: Delivery, call: CallId, at: usize, random: &mut Random) {
        let (number, was_settled) = (delivery.event().number, delivery.was_settled());
        let mut working = None;
        if random.chance(30) {
            let unwanted = |cx: &mut Context<'_>| self.queue.poll_unwanted(call, &mut working, cx);
            if briefly(random, unwanted).is_some() {
                assert!(!self.queue.is_awaited(call));
            }
            self.queue.stop_working(call, &mut working);
        }
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
