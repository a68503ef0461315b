//! The steps of a history that requesters and those who answer take.

use super::asked::Asked;
use super::entry::Entry;
use super::history::History;
use super::thing::{Answer, Thing, ms, waker};
use crate::item::{Cause, Standing};
use crate::machine::CallId;

impl History {
    /// The item is a request: its requester waits from now on.
    pub(super) fn open_call(&mut self, thing: &mut Thing) {
        let deadline = self.now + ms(self.random.below(60));
        let waits_for_consumer = self.random.chance(30);
        let is_watched = self.random.chance(50);
        let sleeper = waker(thing.number, &self.woken);
        let calls = &mut self.machine.calls;
        let call = calls.open(deadline, waits_for_consumer, Some(sleeper));
        if is_watched {
            calls.watch(call);
        }
        thing.call = Some(call);
        self.calls.insert(thing.number, call);
        self.reference.asked.push(Asked {
            number: thing.number,
            deadline,
            waits_for_consumer,
            is_watched,
            is_overdue: false,
            answer: None,
            sleeps: true,
        });
    }

    pub(super) fn change_calls(&mut self) {
        let open: Vec<_> = self
            .reference
            .asked
            .iter()
            .map(|asked| asked.number)
            .collect();
        let Some(&number) = self.random.one_of(&open) else {
            return;
        };
        match self.random.below(6) {
            0 => self.give_up(number),
            1 => self.watch(number),
            // Who answers may still have the request in hand, and give it back undone.
            2 => self.answer_one_in_hand(),
            _ => self.look_for_answer(number),
        }
    }

    fn call_of(&self, number: u32) -> CallId {
        self.calls[&number]
    }

    /// The requester goes, and what it asked for goes with it if nobody has it.
    pub(super) fn give_up(&mut self, number: u32) {
        let call = self.call_of(number);
        let Some(closed) = self.machine.calls.close(call) else {
            return assert!(self.reference.call(number).is_none());
        };
        let is_inside = |e: &&Entry| e.number == number && e.is_inside();
        let inside = self.reference.entries.iter().find(is_inside);
        let expected = inside.map(|e| (number, e.deliveries));
        let answer = self.reference.close(number);
        assert_eq!(closed.answer, answer, "the answer to {number}");
        // Where there is an answer nobody looks for the item: it has left.
        if answer.is_some() {
            return assert!(self.machine.calls.get(call).is_none());
        }
        let queued = match closed.standing {
            Standing::Queued(spot) => self.machine.remove(spot),
            _ => None,
        };
        let queued = queued.map(|(thing, deliveries)| (thing.number, deliveries));
        assert_eq!(queued, expected, "where request {number} stood");
        if queued.is_some() {
            self.reference.remove(number);
        }
        assert!(self.machine.calls.close(call).is_none());
    }

    pub(super) fn give_all_up(&mut self) {
        let asked = self.reference.asked.iter();
        let numbers: Vec<_> = asked.map(|asked| asked.number).collect();
        numbers.into_iter().for_each(|number| self.give_up(number));
    }

    /// The requester cannot look at the clock by itself any more.
    fn watch(&mut self, number: u32) {
        let call = self.call_of(number);
        self.machine.calls.watch(call);
        self.reference.call_mut(number).unwrap().is_watched = true;
    }

    /// The requester takes the answer, goes at its deadline, or waits on.
    fn look_for_answer(&mut self, number: u32) {
        let call = self.call_of(number);
        let found = self.machine.calls.take_answer(call);
        let expected = self.reference.call(number).unwrap().answer.clone();
        assert_eq!(found, expected, "the answer to {number}");
        if found.is_some() {
            self.reference.close(number);
            return assert!(self.machine.calls.get(call).is_none());
        }
        let is_over = self.machine.calls.get(call).unwrap().is_over(|| self.now);
        assert_eq!(is_over, self.reference.is_over(number, self.now));
        if is_over {
            return self.give_up(number);
        }
        let sleeper = waker(number, &self.woken);
        self.machine.calls.register(call, sleeper);
        self.reference.call_mut(number).unwrap().sleeps = true;
    }

    fn answer_one_in_hand(&mut self) {
        let requests: Vec<_> = self
            .in_hand
            .values()
            .filter(|taken| taken.item.call.is_some())
            .map(|taken| taken.item.number)
            .collect();
        if let Some(&number) = self.random.one_of(&requests) {
            self.answer(number);
        }
    }

    /// Somebody answers, whether or not anybody waits.
    pub(super) fn answer(&mut self, number: u32) {
        let reply = Answer::Reply(self.random.below(100) as u32);
        let call = self.call_of(number);
        assert_eq!(
            self.machine.calls.is_awaited(call),
            self.reference.is_awaited(number)
        );
        let reaches = self.reference.answer(number, reply.clone());
        match self.machine.calls.answer(call, reply.clone()) {
            Ok(wakers) => {
                assert!(reaches, "{number} was answered twice, or nobody waits");
                wakers.requester.into_iter().for_each(|waker| waker.wake());
            }
            Err(refused) => assert_eq!((refused, reaches), (reply, false)),
        }
    }

    /// Requests end, but for those that wait for a consumer.
    pub(super) fn discard_requests(&mut self) {
        let reference = &mut self.reference;
        let stays = |asked: &&Asked| asked.waits_for_consumer;
        let patient = reference.asked.iter().filter(stays);
        let patient: Vec<_> = patient.map(|asked| asked.number).collect();
        reference.discard_where(&Cause::NoConsumer, |e| {
            e.is_request && !patient.contains(&e.number)
        });
        self.change(|machine, fx| {
            machine.discard_requests(Cause::NoConsumer, |call| !call.waits_for_consumer, fx)
        });
    }
}
