//! What says what a folder is: `bookdrop.json`, of any bytes. A folder of the operating system is needed for it.
//!
//! It is refused, or opens and opens again. Its label stays as it is.

use std::{env, fs, process};

use bookdrop_disk::{Options, Sync};

/// Opens a folder with this label, as each of the codecs, and once more.
pub fn run(label: &[u8]) {
    let folder = env::temp_dir().join(format!("bookdrop-fuzz-{}", process::id()));
    fs::create_dir_all(&folder).expect("there is a place for what is not kept");
    let path = folder.join("bookdrop.json");
    fs::write(&path, label).expect("it can be written to");
    for codec in ["json", "msgpack"] {
        let mut options = Options::default();
        options.segment_bytes = Options::LEAST_SEGMENT_BYTES;
        options.sync = Sync::Never;
        options.codec = codec.into();
        let opened = [(); 2].map(|()| match bookdrop_disk::open(&folder, &options) {
            Ok(_) => true,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        });
        assert_eq!(opened[0], opened[1]);
    }
    assert_eq!(fs::read(&path).expect("it is there"), label);
    fs::remove_dir_all(&folder).expect("it is ours");
}
