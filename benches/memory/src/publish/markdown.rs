//! Tables in Markdown.

use super::record::Record;
use crate::rounds::TIE;
use crate::stats::Spread;

/// A table: the first `texts` columns hold text, the others figures.
pub(crate) fn table(head: &[String], texts: usize, rows: &[Vec<String>]) -> String {
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
pub(crate) fn median_and_extremes(spread: &Spread) -> String {
    let Spread {
        min, median, max, ..
    } = *spread;
    format!("{} ({}..{})", digits(median), digits(min), digits(max))
}

/// The same of a figure of which the third decimal counts.
pub(crate) fn exactly(spread: &Spread) -> String {
    let Spread {
        min, median, max, ..
    } = *spread;
    format!("{median:.3} ({min:.3}..{max:.3})")
}

/// The name of a figure in words.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// So many times as fast, with two digits that mean something.
pub(crate) fn times(ratio: f64) -> String {
    match ratio < 0.1 {
        true => format!("{ratio:.3}x"),
        false => format!("{ratio:.2}x"),
    }
}

/// A speed against the best peer, with its quartiles.
pub(crate) fn speed(record: &Record) -> String {
    let Some(speed) = &record.speed else {
        return String::new();
    };
    if record.best {
        return "best peer".to_owned();
    }
    let is_tie = speed.median < TIE && speed.median > 1.0 / TIE;
    let tie = if is_tie { ", a tie" } else { "" };
    format!(
        "{:.2}x [{:.2}..{:.2}]{tie}",
        speed.median, speed.q1, speed.q3
    )
}

/// No more digits than mean something.
pub(crate) fn digits(figure: f64) -> String {
    if figure.abs() < 100.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}

/// Begins with a capital.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::record::tests::record;

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
        assert_eq!(exactly(&Spread::of([0.5])), "0.500 (0.500..0.500)");
        assert_eq!(words("least_share"), "least share");
        let mut ours = record("bookdrop", "ours", &[1.0]);
        assert_eq!(speed(&ours), "");
        ours.speed = Some(Spread::of([1.0, 1.2, 1.4]));
        assert_eq!(speed(&ours), "1.20x [1.10..1.30], a tie");
        ours.speed = Some(Spread::of([2.0]));
        assert_eq!(speed(&ours), "2.00x [2.00..2.00]");
        assert_eq!(capital("fan-out, async"), "Fan-out, async");
    }
}
