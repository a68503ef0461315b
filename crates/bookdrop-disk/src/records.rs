//! The queue of records in a folder.

#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod histories;

use bookdrop_backend::Error;
use bookdrop_records::seed;

use crate::claim::Claim;
use crate::kept::{Contents, Kept, Report};
use crate::options::Options;
use crate::storage::Folder;

/// A queue of records in a folder, where it survives the process.
///
/// A requester does not survive its process, so neither do requests: they are not written to the folder, unless they become
/// dead letters.
pub type Records = bookdrop_records::Records<Kept>;

/// A queue in a folder, which is made if it is not there. It belongs to this process until what is returned is dropped.
///
/// It reads the whole journal, which is at most a little more than twice as long as the events that are there. What it
/// found damaged is in the report.
///
/// # Errors
/// `InUse`, with the process that has it; `Invalid`, for a folder that holds something else, or another codec; `Denied`,
/// `NotFound`, `NewerVersion`, `NoSpace` and `Io`. Nothing is lost or changed then, but that there may be a file
/// `lock` that was not there.
#[cfg(unix)]
pub fn open(path: &std::path::Path, options: &Options) -> Result<(Records, Report), Error> {
    let claim = Claim::new(path, &options.codec)?;
    open_claimed(claim.folder(), Some(claim), options)
}

/// The same in a folder of any kind, which belongs to this process.
///
/// # Errors
/// As [`open`], of what the journal says.
pub fn open_folder<F>(folder: F, options: &Options) -> Result<(Records, Report), Error>
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    open_claimed(folder, None, options)
}

fn open_claimed<F>(
    folder: F,
    claim: Option<Claim>,
    options: &Options,
) -> Result<(Records, Report), Error>
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    let (queue, folder, contents) = Kept::open(folder, claim, options, seed())?;
    let Contents { report, in_hand } = contents;
    let records = Records::new(queue, folder);
    records.hold_again(in_hand);
    Ok((records, report))
}
