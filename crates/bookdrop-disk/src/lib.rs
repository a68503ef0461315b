//! What the disk driver of [bookdrop](https://docs.rs/bookdrop) keeps its queue in: a journal of records in a folder, which survives
//! a killed process and a loss of power.
//!
//! - [`Journal`](journal::Journal): appends records, flushes them, reads them back, and gives space back.
//! - [`open`]: a queue of records in a folder, the backend: [`Records`].
//! - [`Folder`](storage::Folder): what the journal needs of a file system; [`DiskFolder`](storage::DiskFolder) is a real one.
//!
//! Every byte on the disk is described in `docs/disk-format.md`.

#![forbid(unsafe_code)]

// What tests share names it as they do from outside.
#[cfg(test)]
extern crate self as bookdrop_disk;

#[cfg(test)]
#[path = "../tests/support/barred.rs"]
mod barred;
mod claim;
mod ending;
mod event;
mod fitting;
mod ids;
mod image;
pub mod journal;
mod keeper;
mod kept;
mod ledger;
#[cfg(test)]
#[path = "../tests/power_loss/disk.rs"]
mod lossy_disk;
mod options;
mod progress;
mod quarantine;
mod reading;
mod records;
mod restore;
mod space;
pub mod storage;
mod wall;

pub use kept::Report;
pub use options::{OnProgress, Opening, Options, Sync};
#[cfg(unix)]
pub use records::open;
pub use records::{Records, open_folder};
