//! Where the files go, and the quiet between two turns.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// Looked so often whether the stores are still at work.
const LOOK: Duration = Duration::from_millis(15);
/// So many looks in a row that find nobody at work are quiet.
const QUIET: usize = 2;
/// Whoever is at work for so many looks never rests.
const MOST_LOOKS: usize = 400;

/// A folder on the disk that is measured; it goes with the run.
pub(crate) struct Place(TempDir);

impl Place {
    /// Below this folder, or where temporary files go.
    pub(crate) fn below(folder: Option<&Path>) -> Result<Self, String> {
        let made = match folder {
            Some(folder) => TempDir::with_prefix_in("bookdrop-bench-", folder),
            None => TempDir::with_prefix("bookdrop-bench-"),
        };
        made.map(Self)
            .map_err(|error| format!("no folder for the files: {error}"))
    }

    /// An empty folder for one contender in one row.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.0.path().join(name.replace([' ', ','], "-"));
        fs::create_dir_all(&folder).expect("there is room for a folder");
        folder
    }

    /// Removes it with all that is in it.
    pub(crate) fn remove(&self, folder: &Path) {
        fs::remove_dir_all(folder).expect("the folder is ours");
    }

    /// Returns when no store is at work any more and all that was written is on the disk, so that nobody pays for another
    /// one's turn.
    pub(crate) fn settle(&self) {
        let mut quiet = 0;
        let mut before = work();
        for _ in 0..MOST_LOOKS {
            sleep(LOOK);
            let now = work();
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            if quiet == QUIET {
                break;
            }
        }
        let folder = File::open(self.0.path()).expect("the folder is there");
        nix::unistd::syncfs(folder).expect("the disk flushes");
    }
}

/// What this process read and wrote so far, in calls and in bytes. None where the system does not tell: then the pause alone
/// has to do.
fn work() -> Option<Vec<String>> {
    let told = fs::read_to_string("/proc/self/io").ok()?;
    // Reading it is a call that reads.
    let written = told
        .lines()
        .filter(|line| line.contains("write") || line.contains("syscw"));
    Some(written.map(str::to_owned).collect())
}
