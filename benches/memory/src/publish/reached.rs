//! How far the goals are reached: the figures, in bold where they are what they are to be.

use super::goals::{Against, Bound, Figure, Goal, When};
use super::markdown::{times, words};
use super::ratio;
use super::record::{Condition, Record};
use crate::workloads::Row;
use bookdrop_bench_common::stats::geometric_mean;

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

    /// Whether it is about such rows.
    pub(crate) fn is_about(&self, group: &str, kind: &str, row: &str) -> bool {
        let starts = self.rows;
        self.group == group
            && self.kinds.contains(&kind)
            && (starts.is_empty() || starts.iter().any(|start| row.starts_with(start)))
    }

    /// How many of these rows it is about.
    pub(crate) fn count(&self, rows: &[Row]) -> usize {
        let ours = |row: &Row| row.cells.iter().any(|cell| cell.contender == self.ours);
        let asked = |row: &&Row| self.is_about(row.group, row.kind.name(), &row.name) && ours(row);
        rows.iter().filter(asked).count()
    }

    /// What was reached in a run, if it is about so many rows of all that there are.
    pub(crate) fn reached(
        &self,
        condition: Condition,
        records: &[Record],
        all_rows: usize,
    ) -> String {
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
        if rows.len() < all_rows {
            // What was not measured may be what misses the goal.
            format!("{text} ({place}; {} of {all_rows} rows)", rows.len())
        } else if self.bound.holds(figure) {
            format!("**{text} ({place})**")
        } else {
            format!("{text} ({place})")
        }
    }

    /// The rows it is about that have the figure.
    fn measured<'a>(&self, records: &'a [Record]) -> Vec<Measured<'a>> {
        let rows = records.iter().filter(|record| {
            record.contender == self.ours && self.is_about(&record.group, &record.kind, &record.row)
        });
        rows.filter_map(|row| Some((self.figure.of_row(row, records)?, row)))
            .collect()
    }
}

/// What was measured in a row, and our record of it.
type Measured<'a> = (f64, &'a Record);

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
        let reached = |figure| goal(figure).reached(FREE, &two_rows(), 2);
        assert_eq!(reached(Figure::Mean(Against::Peers)), "1.00x (2 rows)");
        let least = "0.50x (Ev, 4:4 cap 100, two workers)";
        assert_eq!(reached(Figure::Least(Against::Peers)), least);
        let least = "0.25x (Ev, 4:4 cap 100, two workers)";
        assert_eq!(reached(Figure::LeastOfFirst), least);
    }

    #[test]
    fn what_is_reached_is_in_bold() {
        let least = goal(Figure::Least(Against::Peers));
        let reached = |bound| Goal { bound, ..least }.reached(FREE, &two_rows(), 2);
        let text = "0.50x (Ev, 4:4 cap 100, two workers)";
        assert_eq!(reached(Bound::AtLeast(0.5)), format!("**{text}**"));
        assert_eq!(reached(Bound::Over(0.5)), text);
        assert_eq!(reached(Bound::AtMost(0.5)), format!("**{text}**"));
    }

    #[test]
    fn nothing_is_reached_while_a_row_is_missing() {
        let goal = Goal {
            bound: Bound::AtLeast(0.5),
            ..goal(Figure::Least(Against::Peers))
        };
        let reached = |records: &[Record], all_rows| goal.reached(FREE, records, all_rows);
        let text = "0.50x (Ev, 4:4 cap 100, two workers";
        assert_eq!(reached(&two_rows(), 2), format!("**{text})**"));
        assert_eq!(reached(&two_rows(), 3), format!("{text}; 2 of 3 rows)"));
        // A row without a peer has no speed.
        let text = "2.00x (Ev, 1:1 cap 100, two workers; 1 of 2 rows)";
        assert_eq!(reached(&two_rows()[..3], 2), text);
    }

    #[test]
    fn what_was_not_measured_is_not_said() {
        let pools = Figure::Mean(Against::Pools);
        assert_eq!(goal(pools).reached(FREE, &two_rows(), 2), NOT_MEASURED);
        let busy = Goal {
            when: When::WhileBusy,
            ..goal(Figure::Mean(Against::Peers))
        };
        assert_eq!(busy.reached(FREE, &two_rows(), 2), NOT_MEASURED);
    }
}
