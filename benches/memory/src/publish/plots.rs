//! Which plots a group has, and the names of their files.

use super::markdown::{digits, words};
use super::plot::{self, Measure};
use super::saved::{Saved, Subject, slug};
use super::{bars, lines};
use bookdrop_bench_common::stats::Spread;

/// The plots of one kind of event in a group: the names of their files, and what is in them. Busy runs have their own.
pub(crate) fn draw(
    saved: &Saved,
    group: &str,
    kind: &str,
) -> Result<Vec<(String, String)>, String> {
    let name = slug(&format!("{group} {kind}"));
    let mut plots = Vec::new();
    for (part, saved) in saved.free_and_busy() {
        let title = plot::title(&saved, group, kind);
        if lines::fits(group) {
            let svg = lines::draw(&saved, group, kind, &title)?;
            plots.push((format!("{name}{part}.svg"), svg));
            continue;
        }
        for (suffix, measure) in measures(&saved.subject(group)) {
            let svg = bars::draw(&saved, group, kind, &title, &measure)?;
            plots.push((format!("{name}{suffix}{part}.svg"), svg));
        }
    }
    Ok(plots)
}

/// What is shown, and what that adds to the name of the file.
fn measures(subject: &Subject) -> Vec<(String, Measure)> {
    match subject {
        Subject::Time => {
            let measure = Measure {
                axis: "ns per event (whiskers: extremes)".to_owned(),
                of: Box::new(|record| Some(record.wall)),
                written: digits,
                is_time: true,
            };
            vec![(String::new(), measure)]
        }
        Subject::Heap => {
            let measure = Measure {
                axis: "allocations per event (median)".to_owned(),
                of: Box::new(|record| record.heap.map(|heap| Spread::of([heap.allocations]))),
                written: |figure| format!("{figure:.4}"),
                is_time: false,
            };
            vec![(String::new(), measure)]
        }
        Subject::Figures(names) => names.iter().map(|name| figure(name)).collect(),
    }
}

fn figure(name: &str) -> (String, Measure) {
    let suffix = format!("-{}", slug(name));
    let axis = format!("{} (whiskers: extremes)", words(name));
    let name = name.to_owned();
    let measure = Measure {
        axis,
        of: Box::new(move |record| record.figure(&name)),
        written: |figure| format!("{figure:.3}"),
        is_time: false,
    };
    (suffix, measure)
}
