//! A queue that is kept in a folder: the keeper, and the threads that work for it.

mod aside;
mod store;
mod surviving;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bookdrop_backend::Error;
use bookdrop_queue::{Limits, Queue};

use crate::claim::Claim;
use crate::ending::{Ending, Left};
use crate::event::Entry;
use crate::fitting::settings_for;
use crate::image::Image;
use crate::journal::{Closed, Damage, Journal};
use crate::keeper::{self, Keep, Keeper};
use crate::ledger::{Bounds, Ledger};
use crate::options::{self, Options};
use crate::progress::Progress;
use crate::quarantine::set_aside;
use crate::restore::{InHand, restore};
use crate::storage::Folder;
use crate::wall::Wall;
use aside::Aside;
use surviving::Surviving;

/// How a folder was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Events that are there, dead letters among them.
    pub events: u64,
    /// What was lost of what had been confirmed. All the rest is there, and the damaged bytes are set aside in files of the
    /// folder whose names begin with `damaged-`.
    pub damage: Vec<Damage>,
    /// The new names of groups whose own names were lost with their records. They are groups like all others: they get all that is
    /// sent, until they are removed.
    pub renamed_groups: Vec<String>,
    /// Bytes of a write that was not finished, and was cut off: nobody had been told that it was.
    pub cut: u64,
}

/// What was found in a folder.
pub(crate) struct Contents {
    pub(crate) report: Report,
    /// What somebody has in hand who may outlive the process that handed it over.
    pub(crate) in_hand: Vec<InHand>,
}

/// The folder of a queue, as long as it is open.
pub struct Kept {
    keep: Arc<dyn Keep>,
    /// Places that were damaged when it was opened.
    damaged: u64,
    /// Reads, where the folder is far.
    aside: Option<Aside>,
    threads: Vec<JoinHandle<()>>,
    claim: Option<Claim>,
    left: Left,
}

impl Kept {
    /// Opens the queue of this folder, which belongs to this process.
    pub(crate) fn open<F>(
        folder: F,
        claim: Option<Claim>,
        options: &Options,
        seed: u64,
    ) -> Result<(Arc<Queue<Entry>>, Self, Contents), Error>
    where
        F: Folder + Send + Sync + 'static,
        F::File: Send + Sync + 'static,
    {
        let damaged = folder.damaged();
        let read = Kept::read(folder, options, seed);
        let (queue, keeper, contents) = read.map_err(|error| match &claim {
            Some(claim) => {
                claim.take_back();
                claim.tell_of(error)
            }
            None => error,
        })?;
        let mut kept = Kept::start(keeper, claim)?;
        kept.damaged = damaged.max(contents.report.damage.len() as u64);
        Ok((queue, kept, contents))
    }

    /// The queue of this folder, for which nobody works yet.
    pub(crate) fn read<F>(
        folder: F,
        options: &Options,
        seed: u64,
    ) -> Result<(Arc<Queue<Entry>>, Arc<Keeper<F>>, Contents), Error>
    where
        F: Folder + Send + Sync + 'static,
        F::File: Send + Sync + 'static,
    {
        let folder = Arc::new(folder);
        let mut image = Image::new(options.cache_bytes);
        let mut progress = Progress::new(&*folder, options)?;
        let mut closed = Closed::read(folder.clone(), |found| {
            progress.note(found.position);
            image.read(found);
        })?;
        progress.end();
        let (lacks_groups, all_is_known) = (image.lacks_groups(), image.unknown.is_empty());
        if lacks_groups && all_is_known && closed.is_whole() {
            closed.miss_the_oldest();
        }
        let is_whole = all_is_known && closed.is_whole();
        // Where it is not, the name of a group may be lost with its record. Its events are not lost.
        let renamed_groups = match is_whole {
            true => Vec::new(),
            false => image.name_lost_groups(),
        };
        // Also of no group at all: without any, a file before the first one would be missed at each opening.
        let is_table_wanted = lacks_groups || !renamed_groups.is_empty();
        let settings = settings_for(&image, options.segment_bytes, closed.length_of_newest());
        let (journal, mut recovery) = Journal::go_on(closed, settings)?;
        recovery.damage.append(&mut image.unknown);
        // A folder that is far has no room for what nobody looks at.
        if !F::IS_FAR {
            set_aside(&*folder, &recovery.damage);
        }
        let limits = Limits {
            // They are bounded by `max_bytes`.
            counts_undecodable: false,
            ..options.limits.clone()
        };
        let queue = Queue::new(limits, options.on_full, seed);
        let bounds = Bounds::of_segments(
            settings.segment_bytes,
            options.max_bytes,
            options.cache_bytes,
        );
        let ledger = Arc::new(Ledger::new(bounds, Wall::new(options.clock)));
        // What is not written down yet has to be before anything is freed.
        let groups_at = match is_table_wanted {
            true => Some(0),
            false => image.groups_at,
        };
        let restored = restore(image, &queue, &ledger, &options.limits);
        if is_table_wanted {
            ledger.named_groups();
        }
        let settings = keeper::Settings {
            sync: options.sync,
            max_event_bytes: options
                .max_event_bytes
                .min(settings.segment_bytes as usize / 2),
            segment_bytes: settings.segment_bytes,
        };
        let queue_of_keeper = Arc::downgrade(&queue);
        let keeper = Keeper::new(
            folder,
            journal,
            ledger,
            queue_of_keeper,
            settings,
            restored.kept,
            groups_at,
        );
        let report = Report {
            events: restored.events,
            damage: recovery.damage,
            renamed_groups,
            cut: recovery.cut,
        };
        let contents = Contents {
            report,
            in_hand: restored.in_hand,
        };
        Ok((queue, Arc::new(keeper), contents))
    }

    /// One for which no thread works.
    pub(crate) fn alone<F>(keeper: Arc<Keeper<F>>) -> Self
    where
        F: Folder + Send + Sync + 'static,
        F::File: Send + Sync + 'static,
    {
        Kept {
            keep: keeper,
            damaged: 0,
            aside: None,
            threads: Vec::new(),
            claim: None,
            left: Left::default(),
        }
    }

    fn start<F>(keeper: Arc<Keeper<F>>, claim: Option<Claim>) -> Result<Self, Error>
    where
        F: Folder + Send + Sync + 'static,
        F::File: Send + Sync + 'static,
    {
        let mut kept = Kept::alone(keeper.clone());
        kept.claim = claim;
        let flushers = match kept.keep.sync() {
            // Most often a task commits.
            options::Sync::Always if F::IS_FAR => 1,
            options::Sync::Always => 2,
            options::Sync::Every(_) | options::Sync::Never => 1,
        };
        for _ in 0..flushers {
            let flusher = keeper.clone();
            kept.spawn("bookdrop-flush", move || flusher.flush())?;
        }
        if F::IS_FAR {
            let (aside, asked) = Aside::new();
            kept.aside = Some(aside);
            let reader = keeper.clone();
            kept.spawn("bookdrop-read", move || asked.read_all(&*reader))?;
        }
        kept.spawn("bookdrop-tidy", move || keeper.keep_tidy())?;
        Ok(kept)
    }

    /// Sees to it that what is done survives, for those who wait for that, until nobody has the queue any more, and waits for nothing on
    /// the thread that polls it. Dropped, threads do so, as for a folder that is not far: there this is over at once.
    pub fn committing(&self) -> impl Future<Output = ()> + Send + use<> {
        let keep = self.keep.clone();
        async move { keep.commit_as_task().await }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let left = self.left.clone();
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            work();
            left.run();
        });
        let thread = spawned.map_err(|error| {
            let kind = bookdrop_backend::ErrorKind::Io;
            Error::with_source(kind, "could not start a thread", error)
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keep.ledger().survival.end();
        self.aside = None;
        if self.threads.is_empty() {
            return;
        }
        let ending = Ending {
            keep: self.keep.clone(),
            threads: std::mem::take(&mut self.threads),
            _claim: self.claim.take(),
        };
        match ending.is_on_its_own_thread() {
            true => self.left.put(ending),
            false => ending.run(),
        }
    }
}
