//! The address of a folder.

use std::path::Path;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// What means something in an address, or is easily lost at its ends. What is not ASCII is always written with codes, so that a
/// path that is no text is, too.
const CODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'&');

/// The address of the driver on disk in this folder, for [`Driver::open`](crate::Driver::open).
///
/// Whatever means something in an address is written with `%` there, so that the folder is this one and no other: a path that is
/// formatted behind `disk:` as it is goes elsewhere if it has a `%20` or a `?` in it. Options are appended, the first one with
/// `?` and each other one with `&`.
///
/// ```
/// use bookdrop::disk_address;
///
/// let address = disk_address("/var/lib/100 % app/library") + "?sync=100ms&capacity=1000";
/// assert_eq!(address, "disk:/var/lib/100%20%25%20app/library?sync=100ms&capacity=1000");
/// ```
///
/// A path that begins with `~` is that of a folder which is called so: nobody expands it, here as elsewhere. An empty path is no
/// folder, and its address is refused when it is opened.
pub fn disk_address(folder: impl AsRef<Path>) -> String {
    let path = folder.as_ref().as_os_str().as_encoded_bytes();
    // What an address that is written by hand may begin with means something else, or is refused.
    let before = match path {
        [b'/', b'/', ..] => "//",
        [b'~', ..] => "./",
        _ => "",
    };
    format!("disk:{before}{}", percent_encode(path, CODED))
}
