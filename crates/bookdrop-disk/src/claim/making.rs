//! Making a folder so that a loss of power does not take it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes a folder, and those above it that are missing. What is flushed in it later is worth nothing if its own name is lost.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    make_with(folder, flush)
}

fn make_with(folder: &Path, mut flush: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let here = Path::new("");
    let is_missing = |above: &&Path| *above != here && !above.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Ok(()) => {}
            // Another process was quicker. Which of the two flushes first, nobody knows.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let what = match folder.is_symlink() {
                    true => "a link to what is not there; make that, or remove the link",
                    false => "a file",
                };
                let message = format!("{} is {what}", folder.display());
                return Err(io::Error::new(ErrorKind::NotADirectory, message));
            }
            Err(error) => return Err(error),
        }
        match folder.parent() {
            Some(parent) if parent != here => flush(parent)?,
            Some(_) => flush(Path::new("."))?,
            None => {}
        }
    }
    Ok(())
}

/// Returns when the names in a folder are sure.
fn flush(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        // One may be allowed to make folders in it and not to read it. Then nobody but the operating system can flush it, and
        // a queue that works is worth more than none.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        folder => folder?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folders that were flushed, each with what had a name in it by then.
    fn flushed_for(folder: &Path) -> Vec<(String, Vec<String>)> {
        let mut flushed = Vec::new();
        let made = make_with(folder, |folder| {
            let names = fs::read_dir(folder)?.map(|entry| entry.unwrap().file_name());
            let names = names.map(|name| name.into_string().unwrap()).collect();
            let folder = folder.file_name().unwrap().to_str().unwrap();
            flushed.push((folder.to_owned(), names));
            Ok(())
        });
        made.expect("it can be made");
        flushed
    }

    #[test]
    fn every_name_that_is_new_is_flushed_and_no_other() {
        let above = tempfile::tempdir().unwrap();
        let there = above.path().join("there");
        fs::create_dir(&there).unwrap();
        let names = |folder: &str, name: &str| (folder.to_owned(), vec![name.to_owned()]);
        assert_eq!(
            flushed_for(&there.join("one/two/three")),
            [
                names("there", "one"),
                names("one", "two"),
                names("two", "three")
            ]
        );
        assert_eq!(flushed_for(&there.join("one/two/three")), []);
        assert_eq!(
            flushed_for(&there.join("one/two/three/four")),
            [names("three", "four")]
        );
    }

    #[test]
    fn a_flush_that_fails_is_told() {
        let above = tempfile::tempdir().unwrap();
        let fails = |_: &Path| Err(ErrorKind::Other.into());
        let error = make_with(&above.path().join("new"), fails).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
    }
}
