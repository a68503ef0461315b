//! What was lost in a folder before it was opened.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One place of a folder at which something that had been confirmed cannot be read any more, or one group whose name was lost so;
/// told by [`on_damage`](crate::Operation::on_damage). All that lies elsewhere is there.
///
/// Shown as text, it says all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The file that is damaged, or missing. Where the name of a group is lost, the folder.
    pub file: PathBuf,
    /// The bytes of it that cannot be read: from the first to behind the last one. `None` where it is missing, where only its
    /// header is damaged, or is told of here, and for the name of a group.
    pub bytes: Option<Range<u64>>,
    /// A file with a copy of these bytes, or of the first mebibyte of them. The damaged file itself is removed or written anew one
    /// day. `None` where they could not be copied, or where there are as many copies already as are kept.
    pub copy: Option<PathBuf>,
    /// What that means.
    pub(super) meaning: Cow<'static, str>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(bytes) = &self.bytes {
            write!(f, ", bytes {} to {}", bytes.start, bytes.end)?;
        }
        write!(f, ": {}", self.meaning)?;
        match (&self.copy, &self.bytes) {
            (Some(copy), _) => write!(f, "; a copy of the bytes is in {}", copy.display()),
            (None, Some(_)) => write!(f, "; there is no copy of the bytes"),
            (None, None) => Ok(()),
        }
    }
}
