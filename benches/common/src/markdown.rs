//! Tables in Markdown.

use crate::stats::Spread;

/// Stands at the head of every page that a benchmark writes.
pub const GENERATED: &str =
    "<!-- Made by the benchmark itself (see docs/benchmarks.md); changes by hand are lost. -->";

/// A table: the first `texts` columns hold text, the others figures.
pub fn table(head: &[String], texts: usize, rows: &[Vec<String>]) -> String {
    let rule = (0..head.len()).map(|column| if column < texts { "---" } else { "---:" });
    let rule: Vec<String> = rule.map(str::to_owned).collect();
    let mut table = String::new();
    for cells in [head, &rule]
        .into_iter()
        .chain(rows.iter().map(Vec::as_slice))
    {
        table += &format!("| {} |\n", cells.join(" | "));
    }
    table
}

/// A median and its extremes.
pub fn median_and_extremes(spread: &Spread) -> String {
    let Spread {
        min, median, max, ..
    } = *spread;
    format!("{} ({}..{})", digits(median), digits(min), digits(max))
}

/// So many times as fast, with two digits that mean something.
pub fn times(ratio: f64) -> String {
    match ratio < 0.1 {
        true => format!("{ratio:.3}x"),
        false => format!("{ratio:.2}x"),
    }
}

/// So many times as fast, with the quartiles, and whether that is a tie.
pub fn ratio(ratio: &Spread) -> String {
    let tie = if ratio.is_tie() { ", a tie" } else { "" };
    let median = times(ratio.median);
    format!("{median} [{:.2}..{:.2}]{tie}", ratio.q1, ratio.q3)
}

/// No more digits than mean something.
pub fn digits(figure: f64) -> String {
    if figure.abs() < 100.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}

/// Begins with a capital.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_row() {
        let head = ["row".to_owned(), "ns".to_owned()];
        let rows = [vec!["1:1".to_owned(), "5.0".to_owned()]];
        let expected = "| row | ns |\n| --- | ---: |\n| 1:1 | 5.0 |\n";
        assert_eq!(table(&head, 1, &rows), expected);
    }

    #[test]
    fn cells() {
        let spread = Spread::of([99.94, 150.4, 1000.0]);
        assert_eq!(median_and_extremes(&spread), "150 (99.9..1000)");
        let tie = Spread::of([1.0, 1.2, 1.4]);
        assert_eq!(ratio(&tie), "1.20x [1.10..1.30], a tie");
        assert_eq!(ratio(&Spread::of([2.0])), "2.00x [2.00..2.00]");
        assert_eq!([times(0.05), times(1.5)], ["0.050x", "1.50x"]);
        assert_eq!(capital("fan-out, async"), "Fan-out, async");
    }
}
