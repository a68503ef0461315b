//! Bars: for each row its contenders, each with the spread of its rounds; run beside run on the same scale.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::goals::{AUTO_ACK, DEFAULT};
use super::plot::{
    Area, FAINT, GRID, INK, LETTERS, Measure, Trouble, card, color_of_ours, letters, on_axis,
    width_of,
};
use super::record::Record;
use super::saved::{Run, Saved};
use bookdrop_bench_common::stats::Spread;

const BEST: RGBColor = RGBColor(0xe3, 0xa0, 0x3b);
const PEER: RGBColor = RGBColor(0xc2, 0xc8, 0xd0);

/// The height of one bar with its gap.
const SLOT: i32 = 15;
/// Title and legend.
const HEAD: i32 = 58;
/// The axis above the bars and the one below them, both with the name of the run.
const AXES: [i32; 2] = [46, 52];
const PANEL: i32 = 400;
const MARGIN: i32 = 14;
/// A bar ends at so many times the slowest best peer, unless one of ours is longer: one slow peer must not make
/// all others unreadable.
const LONGEST: f64 = 2.5;
/// The part of a panel beside the longest bar, for the figure.
const ROOM: f64 = 0.18;

type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws all rows of a kind.
pub(crate) fn draw(
    saved: &Saved,
    group: &str,
    kind: &str,
    title: &str,
    measure: &Measure,
) -> Result<String, String> {
    let rows = saved.rows(group, kind);
    let lines = lines(&rows);
    let names = lines.iter().map(Line::width).max().unwrap_or(0) + 2 * MARGIN;
    let height = HEAD + AXES.iter().sum::<i32>() + lines.len() as i32 * SLOT;
    let width = names + saved.runs.len() as i32 * PANEL + MARGIN;
    let figures = saved.runs.iter().flat_map(|run| {
        let found = rows.iter().flatten().filter_map(|one| run.find(one));
        found.filter_map(|record| Some((record, (measure.of)(record)?)))
    });
    let longest = if measure.is_time {
        longest(figures)
    } else {
        let greatest = figures.map(|(_, spread)| spread.max).fold(0.0, f64::max);
        if greatest > 0.0 { greatest } else { 1.0 }
    };
    card((width as u32, height as u32), title, |root| {
        legend(root, measure)?;
        for (index, run) in saved.runs.iter().enumerate() {
            let left = names + index as i32 * PANEL;
            let area = root.clone().shrink((left, HEAD), (PANEL, height - HEAD));
            panel(&area, run, &lines, measure, longest)?;
        }
        write_names(root, &lines, names - MARGIN / 2)
    })
}

/// What stands on a line of the plot.
enum Line<'a> {
    Row(String),
    Contender(&'a Record),
    Gap,
}

impl Line<'_> {
    /// What it takes left of the bars; no bar stands beside the name of a row, so that may be longer.
    fn width(&self) -> i32 {
        match self {
            Self::Contender(record) => width_of(&record.contender),
            Self::Row(_) | Self::Gap => 0,
        }
    }
}

fn lines<'a>(rows: &[Vec<&'a Record>]) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(Line::Gap);
        }
        lines.push(Line::Row(row[0].label()));
        lines.extend(row.iter().copied().map(Line::Contender));
    }
    lines
}

/// How long a bar gets at most.
fn longest<'a>(figures: impl Iterator<Item = (&'a Record, Spread)>) -> f64 {
    let (mut wanted, mut all) = (0.0_f64, 0.0_f64);
    for (record, spread) in figures {
        all = all.max(spread.max);
        if record.is_ours() {
            wanted = wanted.max(spread.median * 1.2);
        } else if record.best {
            wanted = wanted.max(spread.median * LONGEST);
        }
    }
    let longest = if wanted > 0.0 { wanted.min(all) } else { all };
    if longest > 0.0 { longest } else { 1.0 }
}

fn legend(root: &Area<'_>, measure: &Measure) -> Result<(), Trouble> {
    let ours = [DEFAULT, AUTO_ACK].map(|name| (name, color_of_ours(name)));
    let best = measure
        .is_time
        .then_some(("best peer of the row", Some(BEST)));
    let others = [
        ("peer", Some(PEER)),
        ("control (less work, or a pool by hand)", None),
    ];
    let (mut x, y) = (MARGIN, 38);
    for (name, color) in ours.into_iter().chain(best).chain(others) {
        let corners = [(x, y), (x + 12, y + 10)];
        let style = match color {
            Some(color) => color.filled(),
            None => PEER.stroke_width(1),
        };
        root.draw(&Rectangle::new(corners, style))?;
        let style = letters(LETTERS, INK, HPos::Left, VPos::Center);
        root.draw(&Text::new(name, (x + 17, y + 6), style))?;
        x += 17 + width_of(name) + 18;
    }
    Ok(())
}

fn write_names(root: &Area<'_>, lines: &[Line<'_>], right: i32) -> Result<(), Trouble> {
    for (index, line) in lines.iter().enumerate() {
        let middle = HEAD + AXES[0] + index as i32 * SLOT + SLOT / 2 + 1;
        match line {
            Line::Row(name) => {
                let style = letters(LETTERS, INK, HPos::Left, VPos::Center);
                let style = TextStyle {
                    font: style.font.style(FontStyle::Bold),
                    ..style
                };
                root.draw(&Text::new(name.as_str(), (MARGIN, middle), style))?;
            }
            Line::Contender(record) => {
                let color = if record.is_ours() { INK } else { FAINT };
                let style = letters(LETTERS, color, HPos::Right, VPos::Center);
                root.draw(&Text::new(
                    record.contender.as_str(),
                    (right, middle),
                    style,
                ))?;
            }
            Line::Gap => {}
        }
    }
    Ok(())
}

/// The bars of one run.
fn panel(
    area: &Area<'_>,
    run: &Run,
    lines: &[Line<'_>],
    measure: &Measure,
    longest: f64,
) -> Result<(), Trouble> {
    let end = longest / (1.0 - ROOM);
    let mut chart = ChartBuilder::on(area)
        .top_x_label_area_size(AXES[0])
        .x_label_area_size(AXES[1] - MARGIN)
        .margin_bottom(MARGIN)
        .margin_right(MARGIN)
        .build_cartesian_2d(0.0..end, lines.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_max_light_lines(1)
        .x_labels(5)
        .x_label_formatter(&|figure| on_axis(*figure))
        .x_desc(format!("{}: {}", run.condition.name(), measure.axis))
        .label_style(letters(LETTERS, FAINT, HPos::Center, VPos::Center))
        .axis_desc_style(letters(LETTERS, INK, HPos::Center, VPos::Center))
        .axis_style(FAINT)
        .bold_line_style(GRID)
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        if let Line::Contender(one) = line
            && let Some(record) = run.find(one)
            && let Some(spread) = (measure.of)(record)
        {
            bar(&mut chart, index as f64, record, &spread, measure, longest)?;
        }
    }
    Ok(())
}

fn bar(
    chart: &mut Panel<'_, '_>,
    top: f64,
    record: &Record,
    spread: &Spread,
    measure: &Measure,
    longest: f64,
) -> Result<(), Trouble> {
    let area = chart.plotting_area();
    let middle = top + 0.5;
    let is_cut = spread.median > longest;
    let corners = [(0.0, top + 0.12), (spread.median.min(longest), top + 0.88)];
    let color = match color_of_ours(&record.contender) {
        Some(color) => color,
        None if record.best && measure.is_time => BEST,
        None => PEER,
    };
    let is_control = !record.is_ours() && !record.is_peer();
    let style = if is_control {
        color.stroke_width(1)
    } else {
        color.filled()
    };
    area.draw(&Rectangle::new(corners, style))?;
    let (from, to) = (spread.min.min(longest), spread.max.min(longest));
    if to > from {
        area.draw(&PathElement::new([(from, middle), (to, middle)], INK))?;
        for (end, is_shown) in [(from, true), (to, spread.max <= longest)] {
            if is_shown {
                area.draw(&PathElement::new([(end, top + 0.3), (end, top + 0.7)], INK))?;
            }
        }
    }
    let figure = if is_cut {
        format!("\u{2192} {}", (measure.written)(spread.median))
    } else {
        (measure.written)(spread.median)
    };
    let style = letters(LETTERS - 1.0, INK, HPos::Left, VPos::Center);
    let beside = spread.median.min(longest).max(to);
    area.draw(&(EmptyElement::at((beside, middle)) + Text::new(figure, (5, 0), style)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::record::tests::record;

    #[test]
    fn a_slow_peer_is_cut_and_we_are_not() {
        let mut best = record("best", "peer", &[10.0]);
        best.best = true;
        let slow = record("slow", "peer", &[1000.0]);
        let ours = record("bookdrop", "ours", &[100.0]);
        let of = |records: &[&Record]| longest(records.iter().map(|one| (*one, one.wall)));
        assert_eq!(of(&[&best, &slow]), 25.0);
        assert_eq!(of(&[&best, &slow, &ours]), 120.0);
        assert_eq!(of(&[&best, &ours]), 100.0);
        assert_eq!(of(&[&slow]), 1000.0);
        assert_eq!(of(&[]), 1.0);
    }
}
