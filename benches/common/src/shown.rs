//! How a row that was measured is shown: in words, as a table, and in lines for machines.

use serde_json::json;

use crate::machine::Origin;
use crate::markdown::{self, table};
use crate::measured::{Measured, Measurement, OURS, Role, Unit};
use crate::stats::Spread;

/// How a row was measured, for those who read its lines.
pub struct Conditions<'a> {
    /// It was a smoke run.
    pub quick: bool,
    /// About how long each round of a contender took.
    pub seconds: f64,
    /// Where and when.
    pub origin: &'a Origin,
}

/// A median and its extremes, with as many digits as mean something.
pub fn figure(spread: &Spread, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!(
            "{:.3} ({:.3}..{:.3})",
            spread.median, spread.min, spread.max
        ),
        Unit::EventsPerSecond | Unit::Microseconds => markdown::median_and_extremes(spread),
    }
}

/// Prints everyone's figures of a row.
pub fn print(measured: &Measured) {
    println!("\n{} ({})", measured.row, measured.unit.name());
    for result in &measured.results {
        println!(
            "  {:<18} {:<32} {}",
            result.contender,
            figure(&result.spread(), measured.unit),
            comparisons(measured, result).join("; ")
        );
    }
}

/// What is said of a contender in words.
fn comparisons(measured: &Measured, result: &Measurement) -> Vec<String> {
    let to_limit =
        to_limit(measured, result).map(|ratio| markdown::ratio(&ratio) + " of the limit");
    let ours =
        ours_to_it(measured, result).map(|ratio| format!("{OURS} {}", markdown::ratio(&ratio)));
    to_limit.into_iter().chain(ours).collect()
}

/// Its part of what is possible at all.
fn to_limit(measured: &Measured, result: &Measurement) -> Option<Spread> {
    let limit = measured.limit().filter(|_| result.role != Role::Limit)?;
    Some(measured.against(result, limit))
}

/// How many times as good as a peer we are.
fn ours_to_it(measured: &Measured, result: &Measurement) -> Option<Spread> {
    let ours = measured.ours().filter(|_| result.role == Role::Peer)?;
    Some(measured.against(ours, result))
}

/// The table of a row, only with the columns of which there is something to say.
pub fn row_table(measured: &Measured) -> String {
    let has_limit = measured.limit().is_some();
    let mut head = vec!["contender".to_owned(), measured.unit.name().to_owned()];
    if has_limit {
        head.push("of the raw limit".to_owned());
    }
    head.push(format!("{OURS} against it"));
    let rows = measured.results.iter().map(|result| {
        let written = |spread: Option<_>| spread.as_ref().map_or_else(String::new, markdown::ratio);
        let mut row = vec![name(result), figure(&result.spread(), measured.unit)];
        if has_limit {
            row.push(written(to_limit(measured, result)));
        }
        row.push(written(ours_to_it(measured, result)));
        row
    });
    table(&head, 1, &rows.collect::<Vec<_>>())
}

/// The table of where and when a page was measured, with further columns.
pub fn conditions_table(origin: &Origin, further: &[(&str, String)]) -> String {
    let known = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut columns = vec![
        ("processor", known(&origin.processor)),
        ("kernel", known(&origin.kernel)),
        ("rustc", known(&origin.rustc)),
        ("commit", known(&origin.commit)),
        ("date", known(&origin.date)),
    ];
    let texts = columns.len();
    columns.extend_from_slice(further);
    let (head, row): (Vec<String>, Vec<String>) = columns
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text))
        .unzip();
    table(&head, texts, &[row])
}

/// One line for machines.
pub fn machine_line(
    measured: &Measured,
    result: &Measurement,
    conditions: &Conditions<'_>,
) -> String {
    let to_limit = to_limit(measured, result);
    let ours_to_it = ours_to_it(measured, result);
    let origin = conditions.origin;
    json!({
        "group": measured.group,
        "row": measured.row,
        "unit": measured.unit.name(),
        "contender": result.contender,
        "role": result.role.name(),
        "figure": spread(&result.spread()),
        "each_round": result.rounds,
        "to_limit": to_limit.as_ref().map(spread),
        "ours_to_it": ours_to_it.as_ref().map(spread),
        "quick": conditions.quick,
        "seconds": conditions.seconds,
        "processor": origin.processor,
        "kernel": origin.kernel,
        "rustc": origin.rustc,
        "commit": origin.commit,
        "date": origin.date,
    })
    .to_string()
}

fn name(result: &Measurement) -> String {
    match result.role {
        Role::Ours => format!("**{}**", result.contender),
        Role::Limit | Role::Peer => result.contender.to_owned(),
    }
}

fn spread(spread: &Spread) -> serde_json::Value {
    let Spread {
        min,
        q1,
        median,
        q3,
        max,
    } = *spread;
    json!({ "min": min, "q1": q1, "median": median, "q3": q3, "max": max })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Unit::EventsPerSecond;
    use crate::measured::tests::row;

    #[test]
    fn a_row_is_a_table_with_the_ratios_that_it_has() {
        let with_limit = row("a", "b", EventsPerSecond, [100.0, 80.0, 10.0, 40.0]);
        let text = row_table(&with_limit);
        assert!(
            text.starts_with("| contender | events/s | of the raw limit | bookdrop against it |")
        );
        assert!(
            text.contains("| **bookdrop** | 80.0 (80.0..80.0) | 0.80x [0.80..0.80], a tie |  |")
        );
        assert!(
            text.contains("| fast | 40.0 (40.0..40.0) | 0.40x [0.40..0.40] | 2.00x [2.00..2.00] |")
        );
        let mut without = with_limit;
        without.results.remove(0);
        assert!(!row_table(&without).contains("raw limit"));
    }
}
