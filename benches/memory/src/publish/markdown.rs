//! Tables in Markdown.

pub(crate) use bookdrop_bench_common::markdown::{
    GENERATED, capital, digits, median_and_extremes, table, times,
};

use bookdrop_bench_common::markdown::ratio;
use bookdrop_bench_common::stats::Spread;

use super::record::Record;

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

/// A speed against the best peer, with its quartiles.
pub(crate) fn speed(record: &Record) -> String {
    let Some(speed) = &record.speed else {
        return String::new();
    };
    if record.best {
        return "best peer".to_owned();
    }
    ratio(speed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::record::tests::record;

    #[test]
    fn cells() {
        assert_eq!(exactly(&Spread::of([0.5])), "0.500 (0.500..0.500)");
        assert_eq!(words("least_share"), "least share");
        let mut ours = record("bookdrop", "ours", &[1.0]);
        assert_eq!(speed(&ours), "");
        ours.speed = Some(Spread::of([1.0, 1.2, 1.4]));
        assert_eq!(speed(&ours), "1.20x [1.10..1.30], a tie");
        ours.speed = Some(Spread::of([2.0]));
        assert_eq!(speed(&ours), "2.00x [2.00..2.00]");
    }
}
