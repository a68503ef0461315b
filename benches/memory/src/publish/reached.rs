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

    /// Whether it is asked for in a row of this name.
    pub(crate) fn admits_row(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|start| row.starts_with(start))
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
        let rows = records.iter().filter(|record| {
            record.group == self.group
                && record.contender == self.ours
                && self.kinds.contains(&record.kind.as_str())
                && self.admits_row(&record.row)
        });
        let rows: Vec<&Record> = rows.collect();
        match reached(self.figure, &rows, records) {
            None => NOT_MEASURED.to_owned(),
            Some((figure, text)) if self.bound.holds(figure) => format!("**{text}**"),
            Some((_, text)) => text,
        }
    }
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

/// The figure, and how it is said.
fn reached(figure: Figure, rows: &[&Record], all: &[Record]) -> Option<(f64, String)> {
    let speeds = |against: Against| {
        let speed = move |row: &&Record| {
            ratio::against(row, all, |other| against.admits(other))
                .map(|speed| (speed, row.place()))
        };
        rows.iter().filter_map(speed).collect::<Vec<_>>()
    };
    match figure {
        Figure::Mean(against) => mean(&speeds(against)),
        Figure::Least(against) => least(speeds(against)),
        Figure::LeastOfFirst => {
            let speeds = speeds(Against::Peers);
            let (&(first, _), others) = speeds.split_first()?;
            least(
                others
                    .iter()
                    .map(|(speed, row)| (speed / first, row.clone()))
                    .collect(),
            )
        }
        Figure::Allocations => most(rows.iter().filter_map(|row| {
            let heap = row.heap?;
            Some((heap.allocations * 1e6, row.place()))
        })),
        Figure::Other(name) => {
            let figures = rows
                .iter()
                .filter_map(|row| Some((row.figure(name)?.median, row.place())));
            let least = figures.min_by(|a, b| a.0.total_cmp(&b.0));
            least.map(|(figure, row)| (figure, format!("{figure:.2} ({row})")))
        }
        Figure::HeapGrowth => most(rows.iter().filter_map(|row| {
            let heap = row.heap?;
            Some((heap.growth, row.place()))
        })),
    }
}

impl Record {
    /// The row, and the kind of event.
    fn place(&self) -> String {
        format!("{}, {}", self.kind, self.label())
    }
}

fn mean(speeds: &[(f64, String)]) -> Option<(f64, String)> {
    let only: Vec<f64> = speeds.iter().map(|(speed, _)| *speed).collect();
    let rows = if only.len() == 1 { "row" } else { "rows" };
    let mean = (!only.is_empty()).then(|| geometric_mean(&only))?;
    Some((mean, format!("{} ({} {rows})", times(mean), only.len())))
}

fn least(speeds: Vec<(f64, String)>) -> Option<(f64, String)> {
    let least = speeds.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    least.map(|(speed, row)| (speed, format!("{} ({row})", times(speed))))
}

fn most(figures: impl Iterator<Item = (f64, String)>) -> Option<(f64, String)> {
    let most = figures.max_by(|a, b| a.0.total_cmp(&b.0));
    most.map(|(figure, row)| (figure, format!("{figure:.0} ({row})")))
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
