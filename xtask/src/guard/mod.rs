//! `cargo xtask guard`: what the hot paths cost in instructions and allocations, against the figures that are recorded.
//!
//! Both are counts of one thread's work, so they are the same on a busy machine and on an idle one. Time is measured in
//! `benches/memory`, and never checked.

mod callgrind;
mod compare;
mod figures;
mod program;

use crate::steps::{Outcome, Steps, no_complaints};
use crate::tools::{self, VALGRIND};
use crate::workspace::Workspace;
use figures::{Compiler, Cost, Figures};
use program::Program;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) update: bool,
}

const ALLOCATIONS: &str = "allocations of the hot paths";
const INSTRUCTIONS: &str = "instructions of the hot paths";

const HOW_TO_ACCEPT: &str = "If that is meant, `cargo xtask guard --update` records what is measured now; \
     the commit says what it is paid for. A gain is recorded too, so that it is kept.";

pub(crate) fn run(options: &Options) -> Outcome {
    let mut steps = Steps::of("guard");
    let workspace = Workspace::read()?;
    if options.update {
        steps.step("update", || update(&workspace))?;
    } else {
        self::steps(&mut steps, &workspace)?;
    }
    steps.finish();
    Ok(())
}

/// Allocations can be compared everywhere; instructions only where valgrind and the compiler of the figures are.
pub(crate) fn steps(steps: &mut Steps, workspace: &Workspace) -> Outcome {
    steps.step(ALLOCATIONS, || allocations(workspace))?;
    let recorded = Figures::read(workspace)?;
    let here = Compiler::read(workspace)?;
    if recorded.compiler != here {
        let recorded = &recorded.compiler;
        let why = format!(
            "{INSTRUCTIONS} (they were counted with {recorded}, and here is {here}: \
             `cargo xtask guard --update` counts anew)"
        );
        // A guard that nobody misses guards nothing.
        if tools::is_ci() {
            return Err(format!("continuous integration cannot leave out {why}"));
        }
        steps.leave_out(why);
        return Ok(());
    }
    VALGRIND.step(steps, workspace, INSTRUCTIONS, || {
        instructions(workspace, &recorded)
    })
}

fn allocations(workspace: &Workspace) -> Outcome {
    let recorded = Figures::read(workspace)?;
    let counted = Program::build(workspace)?.count_allocations()?;
    let unknown = compare::unknown(&recorded, counted.iter().map(|(path, _)| path.as_str()));
    let compared = compare::each(&recorded, &counted, compare::heap);
    judged(unknown.into_iter().chain(compared).collect())
}

fn instructions(workspace: &Workspace, recorded: &Figures) -> Outcome {
    let counted = Program::build(workspace)?.count_instructions()?;
    judged(compare::each(recorded, &counted, compare::instructions))
}

fn judged(complaints: Vec<String>) -> Outcome {
    no_complaints(complaints).map_err(|error| format!("{error}\n{HOW_TO_ACCEPT}"))
}

fn update(workspace: &Workspace) -> Outcome {
    VALGRIND.must_be_installed(workspace, "update")?;
    let program = Program::build(workspace)?;
    let heaps = program.count_allocations()?;
    let instructions = program.count_instructions()?;
    let paths = heaps.into_iter().zip(instructions);
    let figures = Figures {
        compiler: Compiler::read(workspace)?,
        paths: paths
            .map(|((path, heap), (_, instructions))| (path, Cost { instructions, heap }))
            .collect(),
    };
    print!("{figures}");
    figures.write(workspace)
}
