//! How far the goals are reached: the figures, in bold where they are what they are to be.

use super::goals::{Against, Bound, Figure, Goal, When};
use super::markdown::{times, words};
use super::ratio;
use super::record::{Condition, Record};
use crate::stats::geometric_mean;

/// What a cell of the table says where nothing was measured.
const NOT_MEASURED: &str = "-";

impl Goal {
    /// What the goal is about.
    pub(crate) fn name(&self) -> String {
        let rows = match self.rows {
            [] => String::new(),
            rows => format!(
                ", {}",
                rows.iter()
                    .map(|row| row.trim())
                    .collect::<Vec<_>>()
                    .join(" and ")
            ),
        };
        let when = match self.when {
            When::Always => "",
            When::WhileCoresAreFree => ", while cores are free",
            When::WhileBusy => ", on a busy machine",
        };
        let kinds = self.kinds.join(", ");
        format!("{}, {kinds}{rows}{when}: {}", self.group, self.ours)
    }

    /// Each kind of event with each beginning of a row; an empty one is that of every row.
    pub(crate) fn kinds_of_row(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let starts = match self.rows {
            [] => &[""],
            rows => rows,
        };
        let kinds = self.kinds.iter();
        kinds.flat_map(move |kind| starts.iter().map(move |start| (*kind, *start)))
    }

    /// What was reached in a run.
    pub(crate) fn reached(&self, condition: Condition, records: &[Record]) -> String {
        let asked = match self.when {
            When::Always => true,
            When::WhileCoresAreFree => !condition.busy,
            When::WhileBusy => condition.busy,
        };
        if !asked {
            return NOT_MEASURED.to_owned();
        }
        let rows = self.measured(records);
        let Some((figure, place)) = self.figure.over(&rows) else {
            return NOT_MEASURED.to_owned();
        };
        let text = self.figure.say(figure);
        let all = self.kinds_of_row().count();
        let there = self.kinds_of_row().filter(|kind| has_kind(&rows, *kind));
        let there = there.count();
        if there < all {
            // What was not measured may be what misses the goal.
            format!("{text} ({place}; {there} of {all} kinds of row)")
        } else if self.bound.holds(figure) {
            format!("**{text} ({place})**")
        } else {
            format!("{text} ({place})")
        }
    }

    /// The rows it is asked for in that have the figure.
    fn measured<'a>(&self, records: &'a [Record]) -> Vec<Measured<'a>> {
        let rows = records.iter().filter(|record| {
            record.group == self.group
                && record.contender == self.ours
                && self.kinds_of_row().any(|kind| record.is_of(kind))
        });
        rows.filter_map(|row| Some((self.figure.of_row(row, records)?, row)))
            .collect()
    }
}

/// What was measured in a row, and our record of it.
type Measured<'a> = (f64, &'a Record);

fn has_kind(rows: &[Measured], kind: (&str, &str)) -> bool {
    rows.iter().any(|(_, row)| row.is_of(kind))
}

impl Figure {
    /// What is looked at, in words.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Mean(against) => format!("geometric mean against {}", against.name()),
            Self::Least(against) => format!("least row against {}", against.name()),
            Self::LeastOfFirst => {
                "least speed against the best peer, over that in the first row".to_owned()
            }
            Self::Allocations => "allocations per million events".to_owned(),
            Self::Other(name) => format!("{}, least row", words(name)),
            Self::HeapGrowth => "bytes the heap grows by in a second run".to_owned(),
        }
    }

    /// What is looked at in one row.
    fn of_row(self, row: &Record, all: &[Record]) -> Option<f64> {
        let speed = |against: Against| ratio::against(row, all, |other| against.admits(other));
        match self {
            Self::Mean(against) | Self::Least(against) => speed(against),
            Self::LeastOfFirst => speed(Against::Peers),
            Self::Allocations => Some(row.heap?.allocations * 1e6),
            Self::Other(name) => Some(row.figure(name)?.median),
            Self::HeapGrowth => Some(row.heap?.growth),
        }
    }

    /// The figure over all rows, and where it is from.
    fn over(self, rows: &[Measured]) -> Option<(f64, String)> {
        match self {
            Self::Mean(_) => mean(rows),
            Self::Least(_) | Self::Other(_) => least(rows.iter().copied()),
            Self::LeastOfFirst => {
                let (&(first, _), others) = rows.split_first()?;
                least(others.iter().map(|(speed, row)| (speed / first, *row)))
            }
            Self::Allocations | Self::HeapGrowth => most(rows.iter().copied()),
        }
    }

    fn say(self, figure: f64) -> String {
        match self {
            Self::Mean(_) | Self::Least(_) | Self::LeastOfFirst => times(figure),
            Self::Other(_) => format!("{figure:.2}"),
            Self::Allocations | Self::HeapGrowth => format!("{figure:.0}"),
        }
    }
}

impl Against {
    fn name(self) -> &'static str {
        match self {
            Self::Peers => "the best peer",
            Self::SpinningPeers => "the best peer that spins (kanal, crossfire, crossbeam)",
            Self::ParkingPeers => "the best peer that parks (all others)",
            Self::Pools => "the best crate + pool",
            Self::TokioWithoutDeadline => "tokio without a deadline",
        }
    }
}

impl Bound {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) | Self::FigureAtLeast(bound) => figure >= bound,
            Self::Over(bound) | Self::FigureOver(bound) => figure > bound,
            Self::AtMost(bound) => figure <= bound,
        }
    }

    /// What the figure is to be, in words.
    pub(crate) fn name(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {bound:.2}x"),
            Self::Over(bound) => format!("over {bound:.2}x"),
            Self::FigureAtLeast(bound) => format!("at least {bound:.2}"),
            Self::FigureOver(bound) => format!("over {bound:.0}"),
            Self::AtMost(bound) => format!("at most {bound:.0}"),
        }
    }
}

impl Record {
    /// The row, and the kind of event.
    fn place(&self) -> String {
        format!("{}, {}", self.kind, self.label())
    }

    /// Whether its event is of this kind, and its row begins like this.
    fn is_of(&self, (kind, start): (&str, &str)) -> bool {
        self.kind == kind && self.row.starts_with(start)
    }
}

fn mean(rows: &[Measured]) -> Option<(f64, String)> {
    let speeds: Vec<f64> = rows.iter().map(|(speed, _)| *speed).collect();
    let word = if speeds.len() == 1 { "row" } else { "rows" };
    let mean = (!speeds.is_empty()).then(|| geometric_mean(&speeds))?;
    Some((mean, format!("{} {word}", speeds.len())))
}

fn least<'a>(rows: impl Iterator<Item = Measured<'a>>) -> Option<(f64, String)> {
    let least = rows.min_by(|a, b| a.0.total_cmp(&b.0));
    least.map(|(figure, row)| (figure, row.place()))
}

fn most<'a>(rows: impl Iterator<Item = Measured<'a>>) -> Option<(f64, String)> {
    let most = rows.max_by(|a, b| a.0.total_cmp(&b.0));
    most.map(|(figure, row)| (figure, row.place()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::goals::{self, DEFAULT};
    use crate::publish::record::tests::record;

    const FREE: Condition = Condition {
        busy: false,
        pinned: false,
    };

    fn goal(figure: Figure) -> Goal {
        let first = goals::all().into_iter().next().expect("there are goals");
        Goal { figure, ..first }
    }

    /// Twice as fast in the first row, half as fast in the second.
    fn two_rows() -> Vec<Record> {
        let mut records = vec![
            record(DEFAULT, "ours", &[10.0]),
            record("tokio", "peer", &[20.0]),
            record(DEFAULT, "ours", &[10.0]),
            record("tokio", "peer", &[5.0]),
        ];
        for record in &mut records[2..] {
            record.row = "4:4 cap 100".to_owned();
        }
        records
    }

    #[test]
    fn means_and_least_rows() {
        let (mean, least) = (Figure::Mean(Against::Peers), Figure::Least(Against::Peers));
        assert_eq!(goal(mean).reached(FREE, &two_rows()), "1.00x (2 rows)");
        assert_eq!(
            goal(least).reached(FREE, &two_rows()),
            "0.50x (Ev, 4:4 cap 100, two workers)"
        );
        assert_eq!(
            goal(Figure::LeastOfFirst).reached(FREE, &two_rows()),
            "0.25x (Ev, 4:4 cap 100, two workers)"
        );
    }

    #[test]
    fn what_is_reached_is_in_bold() {
        let least = goal(Figure::Least(Against::Peers));
        let reached = |bound| Goal { bound, ..least }.reached(FREE, &two_rows());
        let text = "0.50x (Ev, 4:4 cap 100, two workers)";
        assert_eq!(reached(Bound::AtLeast(0.5)), format!("**{text}**"));
        assert_eq!(reached(Bound::Over(0.5)), text);
        assert_eq!(reached(Bound::AtMost(0.5)), format!("**{text}**"));
    }

    #[test]
    fn nothing_is_reached_while_a_kind_of_row_is_missing() {
        let goal = Goal {
            kinds: &["Ev", "u64"],
            rows: &["1:1 ", "4:4 "],
            bound: Bound::AtLeast(0.5),
            ..goal(Figure::Least(Against::Peers))
        };
        let mut records = two_rows();
        for mut record in two_rows() {
            record.kind = "u64".to_owned();
            records.push(record);
        }
        let text = "0.50x (Ev, 4:4 cap 100, two workers";
        let reached = |records| goal.reached(FREE, records);
        assert_eq!(reached(&records), format!("**{text})**"));
        // A row without a peer has no speed; nor has one that is not there at all.
        assert_eq!(
            reached(&records[..7]),
            format!("{text}; 3 of 4 kinds of row)")
        );
        assert_eq!(
            reached(&records[..4]),
            format!("{text}; 2 of 4 kinds of row)")
        );
    }

    #[test]
    fn what_was_not_measured_is_not_said() {
        let pools = Figure::Mean(Against::Pools);
        assert_eq!(goal(pools).reached(FREE, &two_rows()), NOT_MEASURED);
        let busy = Goal {
            when: When::WhileBusy,
            ..goal(Figure::Mean(Against::Peers))
        };
        assert_eq!(busy.reached(FREE, &two_rows()), NOT_MEASURED);
    }
}
