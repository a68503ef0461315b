//! The journal: records, one after the other, in segments of one length.
//!
//! Nothing is ever written over. Records are appended to the newest segment; one that is full is followed by another; the
//! oldest ones are freed when nobody needs them any more, and their files are used again. After the folder was opened, records
//! go to a new segment, whose header says where the one before it ends: so what lies behind that end, half written or never
//! confirmed, is out of the way for good.

mod beside;
mod error;
mod frame;
mod recovery;
mod scan;
mod segment;
mod space;
mod writer;

pub(crate) use beside::Readable;
pub use beside::{Flush, Made, Wanted};
pub use error::{Error, ErrorKind};
pub use frame::Position;
pub(crate) use frame::length_with;
pub(crate) use recovery::Closed;
pub use recovery::{Damage, Recovered, Recovery};
pub(crate) use segment::generation_of;

/// Whether a file of this name is one of a journal: a segment, or one that waits to become one.
pub(crate) fn is_file(name: &str) -> bool {
    generation_of(name).is_some() || segment::number_of_spare(name).is_some()
}

pub use writer::{Journal, Need, Record, cost};

/// How a journal is laid out. A folder can be opened with others than those with which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Bytes of a segment: at least [`LEAST_SEGMENT`], at most [`LONGEST_SEGMENT`], and a multiple of eight.
    pub segment_bytes: u64,
}

/// The least length of a segment in bytes: one page.
pub const LEAST_SEGMENT: u64 = 4096;
/// The greatest length of a segment in bytes: 1 GiB. A whole segment is read at once when the folder is opened.
pub const LONGEST_SEGMENT: u64 = 1 << 30;

impl Default for Settings {
    /// Segments of 32 MiB.
    fn default() -> Self {
        Settings {
            segment_bytes: 32 << 20,
        }
    }
}

impl Settings {
    /// These settings with segments of so many bytes, or the nearest length that there is.
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: u64) -> Self {
        let whole = bytes.clamp(LEAST_SEGMENT, LONGEST_SEGMENT);
        self.segment_bytes = whole.next_multiple_of(frame::ALIGNMENT as u64);
        self
    }
}
