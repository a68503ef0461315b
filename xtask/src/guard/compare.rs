//! What was counted against what is recorded.

use super::figures::{Cost, Figures, Heap};

/// How far a figure may be from the recorded one, either way: so much of it, or so much where it is small.
///
/// Either way, since a gain that nobody records can be lost again without a word.
struct Margin {
    percent: u64,
    least: u64,
}

/// The counts themselves vary by a fifth of a per cent at most, where a map has a random seed; the rest is for changes that
/// are not worth a word.
const INSTRUCTIONS: Margin = Margin {
    percent: 5,
    least: 5,
};

/// So many per million events are as good as none.
const ALLOCATIONS: Margin = Margin {
    percent: 0,
    least: 100,
};

/// What those allocations may be large.
const BYTES: Margin = Margin {
    percent: 1,
    least: 100_000,
};

const GROWTH: Margin = Margin {
    percent: 0,
    least: 1_024,
};

/// Prints and compares the figures of each path that is recorded.
pub(crate) fn each<C>(
    recorded: &Figures,
    counted: &[(String, C)],
    compare: fn(&str, &Cost, &C) -> Vec<String>,
) -> Vec<String> {
    let known = counted
        .iter()
        .filter_map(|(path, counted)| Some((path, recorded.cost(path)?, counted)));
    known
        .flat_map(|(path, recorded, counted)| compare(path, recorded, counted))
        .collect()
}

/// The paths that only one side knows, one sentence each.
pub(crate) fn unknown<'a>(
    recorded: &Figures,
    counted: impl Iterator<Item = &'a str> + Clone,
) -> Vec<String> {
    let unrecorded = counted.clone().filter(|path| recorded.cost(path).is_none());
    let unrecorded = unrecorded.map(|path| format!("{path}: nothing is recorded"));
    let paths = recorded.paths.iter().map(|(path, _)| path.as_str());
    let gone = paths.filter(|path| !counted.clone().any(|counted| counted == *path));
    let gone = gone.map(|path| format!("{path}: recorded, but there is no such path"));
    unrecorded.chain(gone).collect()
}

pub(crate) fn instructions(path: &str, recorded: &Cost, counted: &u64) -> Vec<String> {
    println!(
        "   {path}: {counted} instructions per event, {} are recorded",
        recorded.instructions
    );
    let (old, new) = (recorded.instructions.into(), (*counted).into());
    let complaint = complaint(path, "instructions per event", old, new, &INSTRUCTIONS);
    complaint.into_iter().collect()
}

pub(crate) fn heap(path: &str, recorded: &Cost, counted: &Heap) -> Vec<String> {
    let Heap {
        allocations,
        bytes,
        growth,
    } = *counted;
    println!("   {path}: {allocations} allocations, {bytes} bytes per million events");
    let recorded = &recorded.heap;
    let complaints = [
        complaint(
            path,
            "allocations per million events",
            recorded.allocations.into(),
            allocations.into(),
            &ALLOCATIONS,
        ),
        complaint(
            path,
            "bytes asked for per million events",
            recorded.bytes.into(),
            bytes.into(),
            &BYTES,
        ),
        complaint(
            path,
            "bytes that a second run leaves on the heap",
            recorded.growth.into(),
            growth.into(),
            &GROWTH,
        ),
    ];
    complaints.into_iter().flatten().collect()
}

fn complaint(path: &str, what: &str, old: i128, new: i128, margin: &Margin) -> Option<String> {
    let Margin { percent, least } = *margin;
    let share = old.abs() * i128::from(percent) / 100;
    let allowed = share.max(least.into());
    let change = new - old;
    if change.abs() <= allowed {
        return None;
    }
    let direction = if change > 0 { "more" } else { "fewer" };
    let of_old = match old {
        0 => String::new(),
        _ => format!(" ({:.1} %)", change.abs() as f64 * 100.0 / old.abs() as f64),
    };
    let of_margin = match allowed == share {
        true => format!(" ({percent} %)"),
        false => String::new(),
    };
    Some(format!(
        "{path}: {new} {what}, {old} are recorded: {}{of_old} {direction}; \
         the margin is {allowed}{of_margin}",
        change.abs()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::figures::Compiler;
    use super::*;

    fn cost(instructions: u64, allocations: u64, bytes: u64, growth: i64) -> Cost {
        let heap = Heap {
            allocations,
            bytes,
            growth,
        };
        Cost { instructions, heap }
    }

    fn recorded() -> Figures {
        Figures {
            compiler: Compiler {
                rustc: "1.95".to_owned(),
                target: "here".to_owned(),
            },
            paths: vec![("one-way".to_owned(), cost(1_000, 0, 0, 0))],
        }
    }

    #[test]
    fn instructions_may_move_within_the_margin_either_way() {
        let told = |old, new| instructions("one-way", &cost(old, 0, 0, 0), &new).len();
        for fine in [950, 1_000, 1_050] {
            assert_eq!(told(1_000, fine), 0, "{fine}");
        }
        for far in [0, 949, 1_051, 5_000] {
            assert_eq!(told(1_000, far), 1, "{far}");
        }
        // Of small figures a few instructions are more than the share.
        assert_eq!((told(20, 25), told(20, 26)), (0, 1));
    }

    #[test]
    fn a_complaint_says_all_that_one_has_to_know() {
        let told = instructions("one-way", &cost(1_000, 0, 0, 0), &1_100);
        let expected = "one-way: 1100 instructions per event, 1000 are recorded: 100 (10.0 %) more; \
                        the margin is 50 (5 %)";
        assert_eq!(told, [expected]);
        let told = super::heap("one-way", &cost(0, 0, 0, 0), &cost(0, 200, 0, 0).heap);
        assert!(told[0].ends_with("0 are recorded: 200 more; the margin is 100"));
    }

    #[test]
    fn a_hundred_allocations_per_million_are_as_good_as_none() {
        let told = |heap| super::heap("one-way", &cost(0, 0, 0, 0), &heap).len();
        assert_eq!(told(cost(0, 100, 100_000, 1_024).heap), 0);
        assert_eq!(told(cost(0, 101, 0, 0).heap), 1);
        assert_eq!(told(cost(0, 101, 100_001, 1_025).heap), 3);
        assert_eq!(told(cost(0, 0, 0, -1_025).heap), 1);
    }

    #[test]
    fn a_path_that_one_side_does_not_know_is_told() {
        let told = |paths: &[&str]| unknown(&recorded(), paths.iter().copied()).len();
        assert_eq!(told(&["one-way"]), 0);
        assert_eq!(told(&["one-way", "request"]), 1);
        assert_eq!(told(&["request"]), 2);
    }

    #[test]
    fn only_what_both_sides_know_is_compared() {
        let counted = [("one-way".to_owned(), 2_000), ("request".to_owned(), 7)];
        assert_eq!(each(&recorded(), &counted, instructions).len(), 1);
    }
}
