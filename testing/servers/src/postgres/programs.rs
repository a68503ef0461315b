//! Where PostgreSQL's programs are, and as whom they run.

use crate::command;
use crate::no_server::POSTGRES;
use crate::server;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where Debian and its kin put each version, in a folder of its own.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The variable that names the folder of the programs.
const VARIABLE: &str = "BOOKDROP_POSTGRES_BIN";

/// What makes a program run as another user than root, whom PostgreSQL refuses.
const AS_POSTGRES: [&str; 4] = [
    "setpriv",
    "--reuid=postgres",
    "--regid=postgres",
    "--init-groups",
];

/// An installation of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    is_root: bool,
}

impl Programs {
    /// Those of the variable, else those on the path, else the newest of Debian's.
    pub(crate) fn find() -> Result<Programs, String> {
        let folder = match env::var_os(VARIABLE) {
            Some(folder) => said(PathBuf::from(folder))?,
            None => on_path().or_else(newest_of_debian).ok_or(
                "its programs `initdb` and `postgres` are neither on the path nor below /usr/lib/postgresql",
            )?,
        };
        // The entry belongs to whom this process runs as. Systems without it have no `setpriv` either.
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        Ok(Programs { folder, is_root })
    }

    /// What starts one of the programs.
    pub(crate) fn words_of(&self, program: &str) -> Vec<OsString> {
        let prefix: &[&str] = if self.is_root { &AS_POSTGRES } else { &[] };
        let mut words: Vec<OsString> = prefix.iter().map(OsString::from).collect();
        words.push(self.folder.join(program).into());
        words
    }

    /// A new folder with data in it.
    pub(crate) fn data_folder(&self) -> Result<TempDir, String> {
        let folder = server::folder(POSTGRES.name)?;
        if self.is_root {
            give_to_postgres(folder.path())?;
        }
        let mut words = self.words_of("initdb");
        words.extend(["-D".into(), data(folder.path()).into()]);
        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"];
        words.extend(options.map(OsString::from));
        let mut initdb = Command::new(&words[0]);
        command::run(initdb.args(&words[1..]).current_dir(folder.path()))?;
        Ok(folder)
    }
}

/// Where the data lies in a server's folder.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn said(folder: PathBuf) -> Result<PathBuf, String> {
    if has_programs(&folder) {
        Ok(folder)
    } else {
        let folder = folder.display();
        Err(format!(
            "{VARIABLE} says {folder}, where `initdb` and `postgres` are not both"
        ))
    }
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find(|folder| has_programs(folder))
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.flatten();
    let programs = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let folder = version.path().join("bin");
        has_programs(&folder).then_some((number, folder))
    });
    programs.max().map(|(_, folder)| folder)
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn give_to_postgres(folder: &Path) -> Result<(), String> {
    command::run(Command::new("chown").arg("postgres").arg(folder))?;
    let [program, options @ ..] = AS_POSTGRES;
    let mut reach = Command::new(program);
    reach.args(options).args(["test", "-w"]).arg(folder);
    command::run(&mut reach).map_err(|error| {
        let parent = folder.parent().unwrap_or(folder).display();
        format!("the user `postgres`, as whom it runs, cannot get into {parent} (TMPDIR can name another folder): {error}")
    })
}
