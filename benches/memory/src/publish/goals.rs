//! What the project wants to reach. The pages set beside it what was reached.

use super::record::Record;
use bookdrop_bench_common::stats::TIE;

/// We with our default, at least once.
pub(crate) const DEFAULT: &str = "bookdrop";
/// We as every peer does it.
pub(crate) const AUTO_ACK: &str = "bookdrop, auto ack";

/// Less than this is ahead by no more than a tie.
const AHEAD: Bound = Bound::Over(TIE);
/// More than this is behind by no more than a tie.
const NO_SLOWER_THAN_A_TIE: Bound = Bound::Over(1.0 / TIE);
const NOT_SLOWER: Bound = Bound::AtLeast(1.0);
const ONE_WAY_MEAN: Bound = Bound::AtLeast(2.0);
const ONE_WAY_LEAST: Bound = Bound::AtLeast(1.5);
const REQUEST_MEAN: Bound = Bound::AtLeast(1.7);
const REQUEST_LEAST: Bound = Bound::AtLeast(1.3);
const WITHIN_TWICE: Bound = Bound::AtLeast(0.5);
const ALLOCATIONS_PER_MILLION: Bound = Bound::AtMost(100.0);
const HALF_OF_ITS_SHARE: Bound = Bound::FigureAtLeast(0.5);
/// A thread pauses after 128 sends or receives that were ready: 1,000 / 128, less what the end of a round cuts off. So this
/// goal guards the documented constant rather than compares with peers.
const TURNS_PER_1000: Bound = Bound::FigureAtLeast(7.8);
/// The executor's own timers and I/O are looked after at all.
const ANY: Bound = Bound::FigureOver(0.0);
const NO_HEAP_GROWTH: Bound = Bound::AtMost(0.0);

/// Peers whose blocking calls spin for as long as a round trip takes, before they park. Their names begin like this.
const SPINNING: [&str; 3] = ["kanal", "crossfire", "crossbeam"];

/// One goal.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    /// The group of rows.
    pub group: &'static str,
    /// The kinds of event.
    pub kinds: &'static [&'static str],
    /// The row begins with one of these; none of them means every row.
    pub rows: &'static [&'static str],
    /// Which of us.
    pub ours: &'static str,
    /// What is looked at.
    pub figure: Figure,
    /// What it is to be.
    pub bound: Bound,
    /// In which runs it is asked for.
    pub when: When,
}

/// What a goal looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// The geometric mean of the speeds in all rows.
    Mean(Against),
    /// The least speed of a row.
    Least(Against),
    /// The least speed against the best peer, as a part of that in the first row.
    LeastOfFirst,
    /// The most allocations per million events.
    Allocations,
    /// The most bytes that the heap grew by.
    HeapGrowth,
    /// The least of a figure that is no time, by its name.
    Other(&'static str),
}

/// Whom a speed is taken against: the best of these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// Everyone who does the same work.
    Peers,
    /// Peers that spin before they park.
    SpinningPeers,
    /// Peers that park at once, or nearly so.
    ParkingPeers,
    /// Crates that recycle events by hand, which is less work.
    Pools,
    /// tokio without a deadline, which is less work.
    TokioWithoutDeadline,
}

/// What a figure is to be.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    Over(f64),
    AtMost(f64),
    FigureAtLeast(f64),
    FigureOver(f64),
}

/// The runs in which a goal is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    WhileCoresAreFree,
    WhileBusy,
}

impl Against {
    /// Whether this contender is one of them.
    pub(crate) fn admits(self, other: &Record) -> bool {
        let name = other.contender.as_str();
        let spins = || SPINNING.iter().any(|spinning| name.starts_with(spinning));
        match self {
            Self::Peers => other.is_peer(),
            Self::SpinningPeers => other.is_peer() && spins(),
            Self::ParkingPeers => other.is_peer() && !spins(),
            Self::Pools => other.role == "pool",
            Self::TokioWithoutDeadline => name == "tokio, no deadline",
        }
    }
}

/// All goals, in the order of the page.
pub(crate) fn all() -> Vec<Goal> {
    let mut goals = one_way();
    goals.extend(request());
    goals.extend(threads("one way, threads", &["Ev", "EvBody", "u64"]));
    goals.extend(threads("request, threads", &["Ev", "u64"]));
    goals.extend(growth_and_groups());
    goals.extend(cost());
    goals.extend(fairness());
    goals
}

/// A goal for every row of these kinds, by our default, in all runs.
fn goal(group: &'static str, kinds: &'static [&'static str], figure: Figure, bound: Bound) -> Goal {
    Goal {
        group,
        kinds,
        rows: &[],
        ours: DEFAULT,
        figure,
        bound,
        when: When::Always,
    }
}

fn one_way() -> Vec<Goal> {
    use Against::{Peers, Pools};
    use Figure::{Least, Mean};
    let group = "one way, async";
    let auto_ack = |goal| Goal {
        ours: AUTO_ACK,
        ..goal
    };
    vec![
        goal(group, &["Ev"], Mean(Peers), ONE_WAY_MEAN),
        goal(group, &["Ev"], Least(Peers), ONE_WAY_LEAST),
        goal(group, &["Ev"], Mean(Pools), NOT_SLOWER),
        goal(group, &["Ev"], Least(Pools), NO_SLOWER_THAN_A_TIE),
        goal(group, &["EvBody"], Least(Peers), NO_SLOWER_THAN_A_TIE),
        auto_ack(goal(group, &["u64"], Least(Peers), NO_SLOWER_THAN_A_TIE)),
        auto_ack(Goal {
            rows: &["1:1 "],
            ..goal(group, &["u64"], Least(Peers), AHEAD)
        }),
    ]
}

fn request() -> Vec<Goal> {
    use Against::{Peers, TokioWithoutDeadline};
    use Figure::{Least, Mean};
    let group = "request, async";
    vec![
        goal(group, &["Ev"], Mean(Peers), REQUEST_MEAN),
        goal(group, &["Ev"], Least(Peers), REQUEST_LEAST),
        goal(group, &["Ev"], Least(TokioWithoutDeadline), NOT_SLOWER),
    ]
}

fn threads(group: &'static str, kinds: &'static [&'static str]) -> Vec<Goal> {
    use Against::{ParkingPeers, SpinningPeers};
    use Figure::Least;
    vec![
        goal(group, kinds, Least(ParkingPeers), AHEAD),
        Goal {
            when: When::WhileCoresAreFree,
            ..goal(group, kinds, Least(SpinningPeers), WITHIN_TWICE)
        },
        Goal {
            when: When::WhileBusy,
            ..goal(group, kinds, Least(SpinningPeers), AHEAD)
        },
    ]
}

fn growth_and_groups() -> Vec<Goal> {
    use Figure::{Least, LeastOfFirst};
    let backlog = "growth with a standing backlog";
    vec![
        goal(backlog, &["Ev"], LeastOfFirst, NOT_SLOWER),
        goal("growth with waiters", &["Ev"], LeastOfFirst, NOT_SLOWER),
        Goal {
            rows: &["1 to 4 ", "1 to 16 "],
            ..goal("fan-out, async", &["Ev"], Least(Against::Peers), AHEAD)
        },
    ]
}

/// For bodies that own no heap memory, under headers that own none.
fn cost() -> Vec<Goal> {
    let cost = |figure, bound| goal("cost per event", &["Plain", "u64"], figure, bound);
    vec![
        cost(Figure::Allocations, ALLOCATIONS_PER_MILLION),
        cost(Figure::HeapGrowth, NO_HEAP_GROWTH),
    ]
}

/// Among equals, and towards other tasks.
fn fairness() -> Vec<Goal> {
    use Figure::Other;
    let share = |name| goal("fairness", &["Ev"], Other(name), HALF_OF_ITS_SHARE);
    let turns = |rows, bound| Goal {
        rows,
        ..goal("cooperation", &["Ev"], Other("other_turns_per_1000"), bound)
    };
    let auto_ack = |goal| Goal {
        ours: AUTO_ACK,
        ..goal
    };
    vec![
        share("least_producer_share"),
        auto_ack(share("least_producer_share")),
        share("least_consumer_share"),
        auto_ack(share("least_consumer_share")),
        turns(
            &[
                "a full queue beside a task that is ready",
                "an empty queue beside a task that is ready",
            ],
            TURNS_PER_1000,
        ),
        turns(
            &[
                "a full queue beside a task that waits for the driver",
                "an empty queue beside a task that waits for the driver",
            ],
            ANY,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders;
    use crate::options::Options;
    use crate::publish::record::tests::record;
    use crate::workloads;

    #[test]
    fn each_kind_and_row_of_a_goal_is_one_that_we_are_in() {
        let catalogue = contenders::catalogue();
        let rows = workloads::rows(&catalogue, &Options::default());
        for goal in all() {
            for kinds in goal.kinds.chunks(1) {
                assert!(
                    Goal { kinds, ..goal }.count(&rows) > 0,
                    "{}, {kinds:?}",
                    goal.group
                );
            }
            for starts in goal.rows.chunks(1) {
                let goal = Goal {
                    rows: starts,
                    ..goal
                };
                assert!(goal.count(&rows) > 0, "{}, {starts:?}", goal.group);
            }
        }
    }

    #[test]
    fn who_is_measured_against() {
        let kanal = record("kanal + kanal(1)", "peer", &[1.0]);
        let std = record("std + std(1)", "peer", &[1.0]);
        let pool = record("kanal + pool", "pool", &[1.0]);
        assert!(Against::SpinningPeers.admits(&kanal) && !Against::ParkingPeers.admits(&kanal));
        assert!(Against::ParkingPeers.admits(&std) && !Against::SpinningPeers.admits(&std));
        assert!(Against::Pools.admits(&pool) && !Against::Peers.admits(&pool));
    }
}
