//! Which server a process of the suite has.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs, process};

/// The address of the server of this test process, which this starts, or of the process that started it to play a part.
pub(crate) fn url(start: fn() -> String) -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        if env::var_os("BOOKDROP_OTHER_PROCESS").is_some() {
            let note = note_of(std::os::unix::process::parent_id());
            return fs::read_to_string(note).expect("whoever started this process has a server");
        }
        let url = start();
        let note = note_of(process::id());
        fs::write(note, &url).expect("the processes of the suite are told where the server is");
        url
    })
}

/// Where a process says which server it has.
fn note_of(process: u32) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("server-of-{process}"))
}
