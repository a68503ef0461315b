//! What the disk driver of [bookdrop](https://docs.rs/bookdrop) keeps its queue in: a journal of records in a folder, which survives
//! a killed process and a loss of power.
//!
//! - [`Journal`](journal::Journal): appends records, flushes them, reads them back, and gives space back.
//! - [`Records`]: a queue of records in memory, with nothing behind it.
//! - [`Folder`](storage::Folder): what the journal needs of a file system; [`DiskFolder`](storage::DiskFolder) is a real one.
//!
//! Every byte on the disk is described in `docs/disk-format.md`.

#![forbid(unsafe_code)]

mod entry;
pub mod journal;
mod records;
pub mod storage;

pub use records::Records;
