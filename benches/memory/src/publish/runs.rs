//! The two runs, each in a process of its own.

use std::path::Path;
use std::process::Command;

use super::saved;
use crate::alloc;
use crate::contenders;
use crate::options::Options;
use crate::workloads;

/// Runs this program twice, not pinned and pinned, and saves what both say below the directory.
pub(crate) fn measure(options: &Options, directory: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    if workloads::rows(&contenders::catalogue(), options).is_empty() {
        return Err("no row is left to measure".to_owned());
    }
    saved::prepare(directory)?;
    for pinned in [false, true] {
        let file = saved::file(directory, alloc::NAME, pinned, options.busy);
        // A run that is broken off must not leave the figures of an earlier one looking like its own.
        let unfinished = file.with_extension("unfinished");
        let status = Command::new(&program)
            .args(arguments(options, pinned))
            .arg("--json")
            .arg(&unfinished)
            .status()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        if !status.success() {
            return Err(format!(
                "the run for {} ended with {status}",
                file.display()
            ));
        }
        std::fs::rename(&unfinished, &file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

/// The command line of one of the runs, without the file it saves to.
fn arguments(options: &Options, pinned: bool) -> Vec<String> {
    let mut words = vec![
        "--rounds".to_owned(),
        options.rounds.to_string(),
        "--scale".to_owned(),
        options.scale.to_string(),
    ];
    let flags = [
        ("--pinned", pinned),
        ("--busy", options.busy),
        ("--quick", options.quick),
    ];
    let flags = flags.iter().filter(|(_, given)| *given);
    words.extend(flags.map(|(flag, _)| (*flag).to_owned()));
    for (flag, texts) in [("--only", &options.only), ("--with", &options.with)] {
        for text in texts {
            words.extend([flag.to_owned(), text.clone()]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_asked_for_what_was_asked_for() {
        let options = Options {
            quick: true,
            rounds: 3,
            scale: 0.5,
            only: vec!["ev,".to_owned()],
            publish: Some("pages".into()),
            ..Options::default()
        };
        let words = "--rounds 3 --scale 0.5 --pinned --quick --only ev,";
        assert_eq!(arguments(&options, true).join(" "), words);
    }
}
