//! Lines: the time of each contender over the length of the queue, or over the number of those who wait.

use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::plot::{
    Area, FAINT, GRID, INK, LETTERS, Trouble, card, color_of_ours, letters, of_each_power, on_axis,
    round_figures, width_of,
};
use super::record::Record;
use super::saved::{Run, Saved};
use bookdrop_bench_common::stats::Spread;

/// Peers, in the order in which they come; told apart by their order at the end of the lines as well.
const COLORS: [RGBColor; 12] = [
    RGBColor(0xd9, 0x7a, 0x0f),
    RGBColor(0x3a, 0x94, 0x5f),
    RGBColor(0xb5, 0x47, 0x8e),
    RGBColor(0x6f, 0x76, 0x80),
    RGBColor(0xc9, 0x3a, 0x34),
    RGBColor(0x2b, 0x9c, 0xa8),
    RGBColor(0x6a, 0x55, 0xc0),
    RGBColor(0x8c, 0x82, 0x1e),
    RGBColor(0x5c, 0x3a, 0x21),
    RGBColor(0xe3, 0x8a, 0xb5),
    RGBColor(0x1d, 0x4e, 0x4a),
    RGBColor(0xa4, 0xb4, 0x2f),
];
const HEAD: i32 = 40;
const CHART: (i32, i32) = (330, 300);
/// Left of a chart, for the figures of the axis, and below it.
const AXES: (i32, i32) = (78, 44);
const NAME_OF_RUN: i32 = 22;
const MARGIN: i32 = 14;
/// Between a line's end and its name.
const LEADER: i32 = 16;
const LINE_OF_TEXT: i32 = 14;

type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

/// Whether the rows of a group are points of a line.
pub(crate) fn fits(group: &str) -> bool {
    group.starts_with("growth")
}

/// Draws all rows of a kind.
pub(crate) fn draw(saved: &Saved, group: &str, kind: &str, title: &str) -> Result<String, String> {
    let rows = saved.rows(group, kind);
    let contenders = contenders(&rows);
    let names = contenders.iter().map(|name| width_of(name)).max();
    let names = LEADER + names.unwrap_or(0) + MARGIN;
    let each = AXES.0 + CHART.0 + names;
    let space = CHART.1.max(contenders.len() as i32 * LINE_OF_TEXT);
    let height = HEAD + NAME_OF_RUN + space + AXES.1 + MARGIN;
    let width = saved.runs.len() as i32 * each + MARGIN;
    card((width as u32, height as u32), title, |root| {
        let scale = Scale::of(saved, &rows);
        for (index, run) in saved.runs.iter().enumerate() {
            let area = root
                .clone()
                .shrink((index as i32 * each, HEAD), (each, height - HEAD));
            panel(&area, run, &rows, &contenders, &scale, names)?;
        }
        Ok(())
    })
}

/// From where to where the axes go, in all runs.
struct Scale {
    lengths: (f64, f64),
    times: (f64, f64),
    /// What the lengths are of.
    axis: String,
}

impl Scale {
    fn of(saved: &Saved, rows: &[Vec<&Record>]) -> Self {
        let (mut lengths, mut times) = ((f64::MAX, 1.0), (f64::MAX, 1.0));
        for one in rows.iter().flatten() {
            widen(&mut lengths, length(one));
            let found = saved.runs.iter().filter_map(|run| run.find(one));
            for Spread { q1, q3, .. } in found.map(|record| record.wall) {
                widen(&mut times, q1);
                widen(&mut times, q3);
            }
        }
        let name = rows.first().map_or("", |row| row[0].row.as_str());
        let axis = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        Self {
            lengths: (lengths.0 / 1.4, lengths.1 * 1.4),
            times: (times.0 / 1.15, times.1 * 1.15),
            axis: axis.to_owned(),
        }
    }
}

fn widen((from, to): &mut (f64, f64), figure: f64) {
    *from = from.min(figure);
    *to = to.max(figure);
}

/// The number that the name of the row begins with.
fn length(record: &Record) -> f64 {
    let digits = record.row.split(' ').next().unwrap_or_default();
    digits.parse().unwrap_or(1.0)
}

fn contenders<'a>(rows: &[Vec<&'a Record>]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for one in rows.iter().flatten() {
        if !names.contains(&one.contender.as_str()) {
            names.push(&one.contender);
        }
    }
    names
}

/// The lines of one run.
fn panel(
    area: &Area<'_>,
    run: &Run,
    rows: &[Vec<&Record>],
    contenders: &[&str],
    scale: &Scale,
    names: i32,
) -> Result<(), Trouble> {
    let style = letters(LETTERS + 1.0, INK, HPos::Left, VPos::Top);
    area.draw(&Text::new(run.condition.name(), (AXES.0, 0), style))?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(NAME_OF_RUN)
        .margin_left(AXES.0)
        .margin_bottom(AXES.1 + MARGIN)
        .margin_right(names)
        .build_cartesian_2d(
            (scale.lengths.0..scale.lengths.1).log_scale(),
            (scale.times.0..scale.times.1).log_scale(),
        )?;
    mesh(area, &chart, scale)?;
    let mut ends = Vec::new();
    let mut peers = COLORS.iter().cycle();
    for &contender in contenders {
        let color = color_of_ours(contender);
        let width = if color.is_some() { 3 } else { 1 };
        let color = color.unwrap_or_else(|| *peers.next().expect("they go round"));
        let found = rows
            .iter()
            .flatten()
            .filter(|one| one.contender == contender);
        let found = found.filter_map(|one| run.find(one));
        let points: Vec<_> = found.map(|record| (length(record), record.wall)).collect();
        line(&mut chart, &points, color, width)?;
        if let Some((length, wall)) = points.last() {
            let end = inside(area, &chart, (*length, wall.median));
            ends.push((end, contender, color));
        }
    }
    let (_, lowest) = inside(area, &chart, (scale.lengths.0, scale.times.0));
    write_names(area, ends, lowest - LINE_OF_TEXT / 2)
}

/// Where a point of the chart is in the panel.
fn inside(area: &Area<'_>, chart: &Panel<'_, '_>, point: (f64, f64)) -> (i32, i32) {
    let (x, y) = chart.backend_coord(&point);
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

/// plotters' own labels of a logarithmic axis leave out all that are no power of ten.
fn mesh(area: &Area<'_>, chart: &Panel<'_, '_>, scale: &Scale) -> Result<(), Trouble> {
    let ((left, right), (low, high)) = (scale.lengths, scale.times);
    let (x0, y0) = inside(area, chart, (left, low));
    let (x1, y1) = inside(area, chart, (right, high));
    for time in round_figures(low, high) {
        let (_, y) = inside(area, chart, (left, time));
        area.draw(&PathElement::new([(x0, y), (x1, y)], GRID))?;
        let style = letters(LETTERS, FAINT, HPos::Right, VPos::Center);
        area.draw(&Text::new(on_axis(time), (x0 - 6, y), style))?;
    }
    for length in of_each_power(&[1.0], left, right) {
        let (x, _) = inside(area, chart, (length, low));
        area.draw(&PathElement::new([(x, y0), (x, y1)], GRID))?;
        let style = letters(LETTERS, FAINT, HPos::Center, VPos::Top);
        area.draw(&Text::new(on_axis(length), (x, y0 + 6), style))?;
    }
    area.draw(&PathElement::new([(x0, y1), (x0, y0), (x1, y0)], FAINT))?;
    let below = letters(LETTERS, INK, HPos::Center, VPos::Top);
    area.draw(&Text::new(
        scale.axis.as_str(),
        ((x0 + x1) / 2, y0 + 24),
        below,
    ))?;
    let beside = letters(LETTERS, INK, HPos::Center, VPos::Center);
    let beside = beside.transform(FontTransform::Rotate270);
    let unit = "ns per event (median; whiskers: quartiles)";
    area.draw(&Text::new(unit, (MARGIN, (y0 + y1) / 2), beside))?;
    Ok(())
}

fn line(
    chart: &mut Panel<'_, '_>,
    points: &[(f64, Spread)],
    color: RGBColor,
    width: u32,
) -> Result<(), Trouble> {
    let medians = points.iter().map(|(length, wall)| (*length, wall.median));
    let path = PathElement::new(
        medians.clone().collect::<Vec<_>>(),
        color.stroke_width(width),
    );
    chart.draw_series([path])?;
    chart.draw_series(medians.map(|point| Circle::new(point, width + 1, color.filled())))?;
    chart.draw_series(points.iter().map(|(length, wall)| {
        let spread = [(*length, wall.q1), (*length, wall.q3)];
        PathElement::new(spread, color.mix(0.6))
    }))?;
    Ok(())
}

/// Each name beside the end of its line, or as near to it as the other names leave room.
fn write_names(
    area: &Area<'_>,
    mut ends: Vec<((i32, i32), &str, RGBColor)>,
    last: i32,
) -> Result<(), Trouble> {
    ends.sort_by_key(|((_, y), ..)| *y);
    let wanted: Vec<i32> = ends.iter().map(|((_, y), ..)| *y).collect();
    let places = spread_out(&wanted, last);
    for (((x, y), name, color), place) in ends.into_iter().zip(places) {
        let leader = [(x + 4, y), (x + LEADER - 3, place)];
        area.draw(&PathElement::new(leader, color))?;
        let style = letters(LETTERS, color, HPos::Left, VPos::Center);
        area.draw(&Text::new(name, (x + LEADER, place), style))?;
    }
    Ok(())
}

/// Moves sorted places apart, so that a line of text fits into each, and none is beyond the last.
fn spread_out(wanted: &[i32], last: i32) -> Vec<i32> {
    let mut places: Vec<i32> = Vec::with_capacity(wanted.len());
    for &place in wanted {
        let least = places.last().map_or(0, |above| above + LINE_OF_TEXT);
        places.push(place.max(least));
    }
    let mut most = last;
    for place in places.iter_mut().rev() {
        *place = (*place).min(most);
        most = *place - LINE_OF_TEXT;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_overlap() {
        assert_eq!(spread_out(&[10, 11, 100], 200), [10, 24, 100]);
        assert_eq!(spread_out(&[90, 95, 99], 100), [72, 86, 100]);
        assert_eq!(spread_out(&[], 100), Vec::<i32>::new());
    }
}
