//! The pages and plots of `docs/performance.md`, made of what two runs saved.
//!
//! Pinning holds for a process, so each run is a process of its own. Both save their machine-readable lines below the
//! directory of the pages, and the pages are made of nothing but these: they can be made again without measuring.

mod bars;
mod goals;
mod lines;
mod markdown;
mod pages;
mod plot;
mod plots;
mod ratio;
mod reached;
mod record;
mod runs;
mod saved;
mod summary;

use std::path::Path;

use crate::options::Options;

/// Whether pages are asked for, and no plain run.
pub(crate) fn is_asked(options: &Options) -> bool {
    options.publish.is_some() || options.render.is_some()
}

/// Measures where that is asked for and writes the pages; ends the process when that fails.
pub(crate) fn run(options: &Options) {
    if let Err(problem) = measure_and_render(options) {
        eprintln!("{problem}");
        std::process::exit(1);
    }
}

fn measure_and_render(options: &Options) -> Result<(), String> {
    if let Some(directory) = &options.publish {
        runs::measure(options, directory)?;
        render(directory)?;
    }
    options.render.as_deref().map_or(Ok(()), render)
}

/// Writes the pages of everything that is saved, for each allocator in a directory of its own.
fn render(directory: &Path) -> Result<(), String> {
    for saved in saved::read(directory)? {
        pages::write(&saved, directory)?;
    }
    Ok(())
}
