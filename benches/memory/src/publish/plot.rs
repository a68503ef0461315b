//! What the plots have in common: colours, letters, the card they are drawn on.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::goals::{AUTO_ACK, DEFAULT};
use super::record::Record;
use super::saved::Saved;
use bookdrop_bench_common::stats::Spread;

/// The area of a plot, or a part of it.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What can go wrong when one draws.
pub(crate) type Trouble = Box<dyn std::error::Error>;

/// A card of its own colour reads on a white page and on a dark one.
const CARD: RGBColor = RGBColor(0xfb, 0xfb, 0xfc);
const EDGE: RGBColor = RGBColor(0xd0, 0xd4, 0xda);
/// Letters and whiskers.
pub(crate) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
/// Axes and what is beside the point.
pub(crate) const FAINT: RGBColor = RGBColor(0x6a, 0x73, 0x7d);
/// Lines behind the figures.
pub(crate) const GRID: RGBColor = RGBColor(0xe1, 0xe4, 0xe8);
/// We with our default.
pub(crate) const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xc4);
/// We with automatic ack.
pub(crate) const OURS_AUTO_ACK: RGBColor = RGBColor(0x7f, 0xb8, 0xf0);

/// The height of the letters.
pub(crate) const LETTERS: f64 = 11.0;
/// The height of the letters of titles.
pub(crate) const TITLE_LETTERS: f64 = 15.0;
/// So many figures are enough for an axis.
const ENOUGH: usize = 3;
/// plotters makes all letters smaller by this.
const SHRINK: f64 = 1.24;

/// What a plot shows of each contender.
pub(crate) struct Measure {
    /// The name and the unit on the axis.
    pub axis: String,
    /// The figure.
    pub of: Box<dyn Fn(&Record) -> Option<Spread>>,
    /// How it is written beside its bar.
    pub written: fn(f64) -> String,
    /// Whether it is what makes a peer the best of its row.
    pub is_time: bool,
}

/// The title of a plot.
pub(crate) fn title(saved: &Saved, group: &str, kind: &str) -> String {
    let is_quick = saved.records().any(|record| record.quick);
    let quick = if is_quick {
        " (a smoke run: means nothing)"
    } else {
        ""
    };
    format!("{group}, {kind}, {}{quick}", saved.allocator)
}

/// Draws on a card of this size.
pub(crate) fn card(
    (width, height): (u32, u32),
    title: &str,
    draw: impl FnOnce(&Area<'_>) -> Result<(), Trouble>,
) -> Result<String, String> {
    let mut svg = String::new();
    let drawn = (|| {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&CARD)?;
        let edge = [(0, 0), (width as i32 - 1, height as i32 - 1)];
        root.draw(&Rectangle::new(edge, EDGE))?;
        root.draw(&Text::new(
            title,
            (14, 10),
            letters(TITLE_LETTERS, INK, HPos::Left, VPos::Top),
        ))?;
        draw(&root)?;
        root.present()?;
        Ok(())
    })();
    drawn.map_err(|error: Trouble| format!("{title}: {error}"))?;
    Ok(svg)
}

/// Letters of a size and a colour, and where they stand.
pub(crate) fn letters(height: f64, color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    let font = ("sans-serif", height * SHRINK).into_font();
    font.color(&color).pos(Pos::new(h, v))
}

/// About how wide a text is; whoever shows the plot has the font, not we.
pub(crate) fn width_of(text: &str) -> i32 {
    (text.chars().count() as f64 * LETTERS * 0.58).ceil() as i32
}

/// The color of one of us.
pub(crate) fn color_of_ours(contender: &str) -> Option<RGBColor> {
    match contender {
        DEFAULT => Some(OURS),
        AUTO_ACK => Some(OURS_AUTO_ACK),
        _ => None,
    }
}

/// Round figures from one to the other: 1, 2 and 5 of each power of ten, or all digits where these are few.
pub(crate) fn round_figures(from: f64, to: f64) -> Vec<f64> {
    let few = of_each_power(&[1.0, 2.0, 5.0], from, to);
    if few.len() >= ENOUGH {
        return few;
    }
    let digits: Vec<f64> = (1..10).map(f64::from).collect();
    of_each_power(&digits, from, to)
}

/// These digits of each power of ten.
pub(crate) fn of_each_power(digits: &[f64], from: f64, to: f64) -> Vec<f64> {
    let powers = from.log10().floor() as i32..=to.log10().ceil() as i32;
    let figures =
        powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
    figures
        .filter(|figure| (from..=to).contains(figure))
        .collect()
}

/// A figure on an axis, with the thousands set apart.
pub(crate) fn on_axis(figure: f64) -> String {
    if figure < 10.0 {
        let text = format!("{figure:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_on_axes() {
        assert_eq!(round_figures(30.0, 600.0), [50.0, 100.0, 200.0, 500.0]);
        assert_eq!(round_figures(0.15, 1.0), [0.2, 0.5, 1.0]);
        assert_eq!(round_figures(250.0, 550.0), [300.0, 400.0, 500.0]);
        assert_eq!(of_each_power(&[1.0], 5.0, 200.0), [10.0, 100.0]);
        let texts = [0.0, 0.5, 50.0, 1_000.0, 1_000_000.0].map(on_axis);
        assert_eq!(texts, ["0", "0.5", "50", "1 000", "1 000 000"]);
    }

    #[test]
    fn a_card_is_an_svg_with_its_title() {
        let svg = card((200, 100), "a < b", |_| Ok(())).expect("drawn");
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("a &lt; b"));
    }
}
