//! The end of a folder that was open: what is done when its last handle is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::claim::Claim;
use crate::keeper::Keep;

/// What is to be done for a folder that nobody has a handle of any more.
pub(crate) struct Ending {
    pub(crate) keep: Arc<dyn Keep>,
    /// They have been told that it ends.
    pub(crate) threads: Vec<JoinHandle<()>>,
    /// Given up last of all.
    pub(crate) _claim: Option<Claim>,
}

impl Ending {
    /// Whether this thread is one of those that work for the folder. It cannot wait for its own end.
    pub(crate) fn is_on_its_own_thread(&self) -> bool {
        let me = thread::current().id();
        self.threads.iter().any(|one| one.thread().id() == me)
    }

    /// Everything that was noted is written and flushed before the folder is given up.
    pub(crate) fn run(self) {
        let me = thread::current().id();
        for other in self.threads {
            if other.thread().id() != me {
                // It does not panic; if it did, there is nobody to be told.
                let _ = other.join();
            }
        }
        self.keep.seal();
    }
}

/// An ending that came on a thread that works for the folder, since that runs wakers. The first one of these threads that has
/// nothing else to do any more runs it.
#[derive(Clone, Default)]
pub(crate) struct Left(Arc<Mutex<Option<Ending>>>);

impl Left {
    pub(crate) fn put(&self, ending: Ending) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
    }

    /// Called by each thread when it has done all its work.
    pub(crate) fn run(&self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ending) = left {
            ending.run();
        }
    }
}
