//! The express lane beside the rest of the machine, one rule each.

use super::bench::Bench;
use super::thing::{Answer, Thing, at, ms};
use crate::item::{Cause, DeadReason, Item, Standing};
use crate::machine::{CallId, Lane, Limits, Spot, Taken};

impl Bench {
    /// The numbers of what stands in the lane.
    fn lane(&self) -> Vec<u32> {
        let lane = &self.machine.group(self.group).unwrap().lane;
        lane.check();
        lane.iter().map(|(_, thing)| thing.number).collect()
    }

    fn push_plain(&mut self, numbers: impl IntoIterator<Item = u32>) {
        numbers.into_iter().for_each(|n| self.push(self.thing(n)));
    }

    fn push_request(&mut self, number: u32) -> CallId {
        let request = self.request(number, self.now + ms(1000));
        let call = request.call.unwrap();
        self.push(request);
        call
    }

    /// What a requester takes with it that gives up.
    fn give_up(&mut self, call: CallId) -> Option<u32> {
        match self.machine.calls.close(call)?.standing {
            Standing::Queued(spot) => self.machine.remove(spot).map(|(thing, _)| thing.number),
            _ => None,
        }
    }
}

#[test]
fn only_what_needs_nothing_but_its_turn_stands_in_the_lane() {
    let mut bench = Bench::new(Limits::default());
    bench.push_plain([1]);
    bench.push_request(2);
    bench.push(bench.thing(3).with_key("k"));
    bench.push(bench.thing(4).with_priority(1));
    bench.push(bench.thing(5).expiring(bench.now + ms(10)));
    bench.push_due(bench.thing(6), Some(bench.now + ms(10)));
    bench.push_plain([7]);
    assert_eq!(bench.lane(), [1, 2, 7]);
    assert_eq!(bench.machine.depths(bench.group), [6, 1, 0, 0]);
    assert_eq!(bench.take_all_numbers(), [4, 1, 2, 3, 5, 7]);
}

#[test]
fn a_plain_item_that_comes_back_has_its_old_place_again() {
    let mut bench = Bench::new(Limits::default());
    bench.push(bench.thing(1).with_key("a"));
    bench.push_plain([2, 3]);
    bench.push(bench.thing(4).with_key("b"));
    bench.push_plain([5, 6]);
    let taken: Vec<_> = (1..=5).map(|_| bench.take().unwrap()).collect();
    bench.push(bench.thing(7).with_key("c"));
    // In no order of their own: 4, 2, 5, 1, 3.
    let mut taken: Vec<_> = taken.into_iter().map(Some).collect();
    for at in [3, 1, 4, 0, 2] {
        let taken = taken[at].take().unwrap();
        bench.failed(taken, None);
    }
    assert_eq!(bench.lane(), [6]);
    assert_eq!(bench.take_all_numbers(), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn the_oldest_is_displaced_wherever_it_stands() {
    let mut bench = Bench::new(Limits::default());
    bench.push_plain([1]);
    bench.push(bench.thing(2).with_priority(5));
    bench.push_plain([3]);
    bench.push(bench.thing(4).with_key("k"));
    let displaced: Vec<_> = (0..5).map(|_| bench.displace()).collect();
    assert_eq!(displaced, [true, true, true, true, false]);
    let log: Vec<_> = (1..=4).map(|n| (n, Cause::Displaced, 0)).collect();
    assert_eq!(*bench.log.borrow(), log);
    assert_eq!(bench.machine.depths(bench.group), [0; 4]);
}

#[test]
fn whoever_empties_the_queue_empties_the_lane() {
    let mut bench = Bench::new(Limits::default());
    let fill = |bench: &mut Bench| {
        bench.push_plain([1]);
        bench.push(bench.thing(2).with_key("k"));
        bench.push_plain([3]);
    };
    fill(&mut bench);
    let purged = bench.change(|machine, fx| machine.discard_where(Cause::Purged, |_| true, fx));
    assert_eq!((purged, bench.lane().len()), (3, 0));
    let log: Vec<_> = (1..=3).map(|n| (n, Cause::Purged, 0)).collect();
    assert_eq!(*bench.log.borrow(), log);
    fill(&mut bench);
    let all = bench.machine.take_all();
    let all: Vec<_> = all.into_iter().map(|(.., thing)| thing.number).collect();
    assert_eq!((all, bench.lane()), (vec![1, 2, 3], vec![]));
    assert_eq!(bench.machine.depths(bench.group), [0; 4]);
}

#[test]
fn a_first_group_gets_what_stood_in_the_lane() {
    let mut bench = Bench::new(Limits::default());
    bench.push_plain([1]);
    bench.push_request(2);
    bench.push(bench.thing(3).with_key("k"));
    bench.push_plain([4]);
    bench.fresh();
    let old = bench.group;
    let new = bench.machine.add_group("first", true);
    bench.machine.move_one_way(old, new);
    assert_eq!(bench.lane(), [2], "requests stay");
    bench.group = new;
    assert_eq!(bench.lane(), [1, 4]);
    assert_eq!(bench.machine.take_fresh(new.index as usize), 3);
    assert_eq!(bench.take_all_numbers(), [1, 3, 4]);
}

#[test]
fn a_dead_letter_that_was_a_request_comes_back_as_a_plain_item() {
    let mut bench = Bench::new(Limits::default());
    let call = bench.push_request(1);
    let taken = bench.take().unwrap();
    let reason = DeadReason::Rejected("no".into());
    bench.change(|machine, fx| machine.bury(taken, reason.clone(), fx));
    bench.push_plain([2]);
    let mut dead = bench.machine.take_all_dead(bench.group);
    bench.push(dead.remove(0).item);
    assert_eq!((bench.lane(), bench.machine.requests), (vec![2, 1], 0));
    bench.now += ms(2000);
    assert_eq!(bench.take_all_numbers(), [2, 1], "it has no deadline");
    let told = Answer::Told(Cause::Buried(reason));
    assert_eq!(bench.machine.calls.take_answer(call), Some(told));
}

// ---- requests in the lane ----

#[test]
fn a_request_leaves_the_lane_from_wherever_it_is_moved_to() {
    let mut bench = Bench::new(Limits::default());
    bench.push_plain([0]);
    let mut waiting = Vec::new();
    for n in 1..500 {
        waiting.push((n, bench.push_request(n)));
        if n % 10 != 0 {
            // Somewhere in the middle.
            let (number, call) = waiting.swap_remove(waiting.len() / 2);
            assert_eq!(bench.give_up(call), Some(number));
        }
    }
    assert_eq!(bench.lane().len(), 1 + waiting.len());
    for (number, call) in waiting {
        assert_eq!(bench.give_up(call), Some(number));
    }
    assert_eq!((bench.lane(), bench.machine.requests), (vec![0], 0));
}

/// Its requester may give up before it is told.
#[test]
fn a_request_that_was_let_go_of_takes_no_other_one_with_it() {
    let mut bench = Bench::new(Limits::default());
    bench.push_plain([0]);
    let calls: Vec<_> = (1..100).map(|n| bench.push_request(n)).collect();
    bench.change(|machine, fx| machine.discard_requests(Cause::NoConsumer, |_| true, fx));
    // Their places are free again.
    let others: Vec<_> = (100..200).map(|n| bench.push_request(n)).collect();
    for call in calls {
        assert_eq!(bench.give_up(call), None);
    }
    for (call, number) in others.into_iter().zip(100..) {
        assert_eq!(bench.give_up(call), Some(number));
    }
}

/// The one behind it left a hole, and its requester gives it up before anybody else looks.
#[test]
fn an_overdue_request_that_is_not_taken_stays_where_its_requester_finds_it() {
    let mut bench = Bench::new(Limits::default());
    let overdue = bench.request(1, bench.now);
    let call = overdue.call.unwrap();
    bench.push(overdue);
    let other = bench.push_request(2);
    bench.push_request(3);
    assert_eq!(bench.give_up(other), Some(2));
    let mut now = at(bench.now);
    let taken = bench.machine.take_from_lane(bench.group, false, &mut now);
    assert!(taken.is_none(), "its deadline has come");
    assert_eq!(bench.give_up(call), Some(1));
    assert_eq!(bench.take_all_numbers(), [3]);
}

// ---- lending ----

#[test]
fn a_lane_is_lent_while_nothing_else_is_there() {
    let mut bench = Bench::new(Limits::default());
    let may =
        |bench: &Bench| bench.machine.is_lane_next(bench.group) && !bench.machine.has_requests();
    assert!(may(&bench));
    bench.push_plain([1, 2]);
    assert!(may(&bench));
    let first = bench.take().unwrap();
    assert!(may(&bench));
    bench.failed(first, None);
    assert!(!may(&bench), "one came back");
    let first = bench.take().unwrap();
    bench.machine.done(&first);
    bench.push_due(bench.thing(3), Some(bench.now + ms(10)));
    assert!(may(&bench), "the alarm rings when it is due");
    bench.now += ms(10);
    assert_eq!(bench.take_all_numbers(), [2, 3]);
    let call = bench.push_request(4);
    assert!(!may(&bench), "a deadline matters");
    assert_eq!(bench.give_up(call), Some(4));
    assert!(may(&bench));
    bench.push(bench.thing(5).with_key("k"));
    assert!(!may(&bench), "it stands elsewhere");
    let leads = bench.take().unwrap();
    bench.push(bench.thing(6).with_key("k"));
    assert!(bench.take().is_none());
    assert!(may(&bench), "it waits for its key");
    bench.machine.done(&leads);
    assert!(!may(&bench));
}

#[test]
fn what_came_and_went_while_the_lane_was_lent_is_counted_afterwards() {
    let mut bench = Bench::new(Limits {
        capacity: 10,
        ..Limits::default()
    });
    bench.push(bench.thing(1).with_key("k"));
    bench.push(bench.thing(2).with_key("k"));
    bench.push_plain([3, 4]);
    // One is in a hand, one waits for its key.
    let leads = bench.take().unwrap();
    let third = bench.take().unwrap();
    bench.machine.done(&third);
    bench.machine.counters = Default::default();
    let mut lane = Lane::new();
    let (limit, order) = bench.machine.lend_lane(bench.group, &mut lane);
    assert_eq!((limit, lane.len(), bench.lane().len()), (9, 1, 0));
    for (n, order) in (5..=8).zip(order + 1..) {
        lane.push(order, bench.thing(n));
    }
    let mut taken: Vec<Thing> = std::iter::from_fn(|| lane.pop()).take(3).collect();
    let group = bench.group;
    bench.machine.take_lane_back(group, &mut lane, order + 4, 2);
    assert_eq!((lane.len(), bench.lane()), (0, vec![7, 8]));
    assert_eq!(bench.machine.depths(group), [3, 0, 2, 0]);
    let counters = &bench.machine.counters;
    assert_eq!(
        (counters.sent, counters.handed_over, counters.acked),
        (4, 3, 2)
    );
    // The one of them that is not settled comes back to its place, before what is sent now.
    bench.push_plain([9]);
    let mut item = taken.remove(0);
    let hand = item.hand_mut();
    *hand = hand.first(group);
    bench.failed(Taken { item }, None);
    bench.machine.done(&leads);
    assert_eq!(bench.take_all_numbers(), [2, 4, 7, 8, 9]);
}

/// More may stand in a queue than it has room for: what falls due or is sent again asks nobody.
#[test]
fn a_lane_that_has_no_room_is_not_lent() {
    let mut bench = Bench::new(Limits {
        capacity: 2,
        ..Limits::default()
    });
    bench.push(bench.thing(1).with_key("k"));
    let leads = bench.take().unwrap();
    bench.push(bench.thing(2).with_key("k"));
    bench.push(bench.thing(3).with_key("k"));
    assert_eq!(bench.take_number(), None);
    bench.push_plain([4]);
    assert!(bench.machine.is_lane_next(bench.group) && !bench.machine.has_requests());
    let mut lane = Lane::new();
    let (limit, _) = bench.machine.lend_lane(bench.group, &mut lane);
    assert_eq!((limit, lane.len(), bench.lane()), (0, 0, vec![4]));
    bench.machine.done(&leads);
    let second = bench.take().unwrap();
    bench.machine.done(&second);
    assert_eq!(bench.take_all_numbers(), [3, 4]);
}

#[test]
fn a_stale_spot_names_nothing() {
    let mut bench = Bench::new(Limits::default());
    bench.push_plain([1, 2, 3]);
    let at = bench.machine.group(bench.group).unwrap().lane.iter();
    let spots: Vec<_> = at.map(|(at, _)| Spot::Lane(bench.group, at)).collect();
    let group = bench.group;
    assert!(bench.take().is_some());
    assert!(bench.machine.remove(spots[0]).is_none());
    let middle = bench.machine.remove(spots[1]).unwrap();
    assert_eq!((middle.0.number, middle.1), (2, 0));
    assert!(bench.machine.remove(spots[1]).is_none());
    bench.change(|machine, fx| machine.remove_group(group, fx));
    bench.group = bench.machine.add_group("default", true);
    bench.push_plain([4, 5, 6]);
    assert!(bench.machine.remove(spots[2]).is_none());
    assert_eq!(bench.take_all_numbers(), [4, 5, 6]);
}
