//! A folder whose files lie in pages: what was done to them is said there, in its order.
//!
//! Nothing is done to a page once it is written. A file is read where it was written last, so who lets go of old pages makes sure
//! first that no file needs them.

mod deed;
mod files;
#[cfg(test)]
mod tests;
mod waiting;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bookdrop_disk::storage::{File, Folder};
use bookdrop_queue::park;
use bytes::Bytes;

use deed::{Deed, Named};
use files::Files;
use waiting::Waiting;

/// Where the pages are.
pub(crate) trait Pages: Send + Sync + 'static {
    /// Bytes that a page may have.
    fn longest(&self) -> usize;

    /// Writes a page behind all others. Ends with its sequence when it is sure to be there.
    fn append(&self, page: Bytes) -> impl Future<Output = io::Result<u64>> + Send;

    /// Waits on this thread for what these pages say; `None` of one that cannot be read.
    fn read(&self, sequences: Vec<u64>) -> io::Result<Vec<Option<Bytes>>>;

    /// Lets go of all pages before this one, sooner or later.
    fn let_go_before(&self, sequence: u64);

    /// Bytes for which there is room, where that is known to be little.
    fn scarce(&self) -> Option<u64> {
        None
    }
}

/// A folder in pages. Clones share it.
pub(crate) struct PagedFolder<P> {
    shared: Arc<Shared<P>>,
}

struct Shared<P> {
    pages: P,
    /// How many pages could not be read.
    damaged: u64,
    /// Held by the one who writes pages.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The files as they lie in pages that are sure.
    sure: Files,
    /// What was done since, and waits to be written.
    waiting: Waiting,
    /// The files that there are now.
    open: Vec<Arc<Opened>>,
    /// Of the last file that was made.
    last_number: u64,
    /// So often all files are to be said yet, each time on another page.
    to_say_all: u8,
    /// Whether what waits says all files: then earlier pages may not be needed any more when it is sure.
    says_all: bool,
    /// Whether a page could not be written: then nobody knows what lies there.
    has_failed: bool,
}

/// A file that is there, whatever it is called by now.
struct Opened {
    number: u64,
    name: Mutex<String>,
    length: u64,
}

/// A file in pages.
pub(crate) struct PagedFile<P> {
    shared: Arc<Shared<P>>,
    opened: Arc<Opened>,
}

/// All files are said on so many pages when one got another name, and by whoever takes the folder over: a page that is damaged takes no
/// name with it.
const SAID_ON: u8 = 2;

/// A name may be as long as this without taking more room when it is said with all others.
const LONGEST_NAME: usize = 32;
/// Bytes that a file takes there beside its name, at most.
const BESIDE_NAME: usize = 24;

/// What the pages of a folder say, while they are read.
#[derive(Default)]
pub(crate) struct Known {
    files: Files,
    damaged: u64,
}

impl Known {
    /// What the next page says. Where that cannot be read it is lost, and the page counts as one of those.
    pub(crate) fn read(&mut self, sequence: u64, page: &[u8]) {
        if !self.files.turn(sequence, page) {
            self.miss(1);
        }
    }

    /// So many pages cannot be read. What they said is missing in files, where it is found.
    pub(crate) fn miss(&mut self, pages: usize) {
        self.damaged += pages as u64;
    }
}

impl<P: Pages> PagedFolder<P> {
    /// The folder of which the pages say this.
    pub(crate) fn new(pages: P, known: Known) -> Self {
        let Known {
            files: sure,
            damaged,
        } = known;
        let open: Vec<_> = sure.all().map(Opened::new).collect();
        let state = State {
            last_number: open.iter().map(|one| one.number).max().unwrap_or(0),
            open,
            waiting: Waiting::new(pages.longest()),
            to_say_all: SAID_ON,
            says_all: false,
            sure,
            has_failed: false,
        };
        PagedFolder {
            shared: Arc::new(Shared {
                pages,
                damaged,
                turn: tokio::sync::Mutex::default(),
                state: Mutex::new(state),
            }),
        }
    }

    fn file(&self, opened: Arc<Opened>) -> PagedFile<P> {
        PagedFile {
            shared: self.shared.clone(),
            opened,
        }
    }
}

impl Opened {
    fn new(named: Named<'_>) -> Arc<Self> {
        Arc::new(Opened {
            number: named.number,
            name: Mutex::new(named.name.to_owned()),
            length: named.length,
        })
    }

    fn name(&self) -> MutexGuard<'_, String> {
        lock(&self.name)
    }
}

impl State {
    fn find(&self, name: &str) -> io::Result<usize> {
        let found = self.open.iter().position(|one| *one.name() == name);
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Gives a file another name. Returns its number.
    fn call(&mut self, from: &str, to: &str) -> io::Result<u64> {
        let at = self.find(from)?;
        if self.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = &self.open[at];
        to.clone_into(&mut file.name());
        Ok(file.number)
    }

    /// Takes what waits to be written. Names that are new go with it, so that what said so before is not needed.
    fn take(&mut self) -> (Vec<Bytes>, bool) {
        if !self.waiting.is_empty() && self.to_say_all > 0 && !self.says_all {
            self.say_all();
        }
        (self.waiting.take(), std::mem::take(&mut self.says_all))
    }

    fn say_all(&mut self) {
        self.to_say_all -= 1;
        self.says_all = true;
        let names: Vec<_> = self.open.iter().map(|one| one.name().clone()).collect();
        let all = self.open.iter().zip(&names).map(|(one, name)| Named {
            number: one.number,
            name,
            length: one.length,
        });
        self.waiting.put(&Deed::All(all.collect()));
    }

    /// Whether all files can be said on a page of so many bytes, with one more of this name.
    fn has_room_for(&self, name: &str, longest: usize) -> bool {
        let names = self.open.iter().map(|one| one.name().len());
        let all: usize = names
            .chain([name.len()])
            .map(|length| length.max(LONGEST_NAME) + BESIDE_NAME)
            .sum();
        all + BESIDE_NAME <= longest
    }
}

/// Pages that were taken to be written. Dropped, they were not: what comes behind them may not be written either.
struct Unwritten<'a>(&'a Mutex<State>);

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        lock(self.0).has_failed = true;
    }
}

impl<P: Pages> Shared<P> {
    /// Returns when all that was done so far is sure.
    fn flush(&self) -> io::Result<()> {
        park::wait(self.flush_without_waiting())
    }

    /// Ends when all that was done so far is sure. Dropped before, nothing more is written.
    async fn flush_without_waiting(&self) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        self.write_pages().await
    }

    /// Writes what waits, for the one who has the turn.
    async fn write_pages(&self) -> io::Result<()> {
        let (pages, says_all) = {
            let mut state = lock(&self.state);
            if state.has_failed {
                return Err(io::Error::other("an earlier page could not be written"));
            }
            state.take()
        };
        let unwritten = Unwritten(&self.state);
        for page in pages {
            let sequence = self.pages.append(page.clone()).await?;
            let is_read = lock(&self.state).sure.turn(sequence, &page);
            debug_assert!(is_read, "a page says what was put on it");
        }
        std::mem::forget(unwritten);
        if says_all {
            self.let_go();
        }
        Ok(())
    }

    /// Lets go of what no file needs any more.
    fn let_go(&self) {
        let first = lock(&self.state).sure.first_needed();
        if let Some(first) = first {
            self.pages.let_go_before(first);
        }
    }

    /// The pages in which this part of a file lies, when all that was done so far is sure.
    fn pages_of(&self, file: &Opened, from: u64, to: u64) -> io::Result<Vec<u64>> {
        park::wait(async {
            // What is on its way is neither here nor there. And whoever gave the turn back in between might wait for ever.
            let _turn = self.turn.lock().await;
            if !lock(&self.state).waiting.is_empty() {
                self.write_pages().await?;
            }
            lock(&self.state).sure.pages_of(file.number, from, to)
        })
    }

    /// Returns when all names are sure, also where a page that says them is lost.
    fn flush_names(&self) -> io::Result<()> {
        loop {
            self.flush()?;
            let mut state = lock(&self.state);
            if state.to_say_all == 0 {
                return Ok(());
            }
            state.say_all();
        }
    }
}

impl<P: Pages> Folder for PagedFolder<P> {
    type File = PagedFile<P>;

    const IS_FAR: bool = true;

    fn damaged(&self) -> u64 {
        self.shared.damaged
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let state = lock(&self.shared.state);
        Ok(state.open.iter().map(|one| one.name().clone()).collect())
    }

    /// There is room as long as the server has some, and all files can be said on one page.
    fn create(&self, name: &str, length: u64) -> io::Result<PagedFile<P>> {
        let mut state = lock(&self.shared.state);
        if state.find(name).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !state.has_room_for(name, self.shared.pages.longest()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.last_number += 1;
        let named = Named {
            number: state.last_number,
            name,
            length,
        };
        state.waiting.put(&Deed::Made(named));
        let opened = Opened::new(named);
        state.open.push(opened.clone());
        Ok(self.file(opened))
    }

    fn open(&self, name: &str) -> io::Result<PagedFile<P>> {
        let state = lock(&self.shared.state);
        let at = state.find(name)?;
        Ok(self.file(state.open[at].clone()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.shared.state);
        let file = state.call(from, to)?;
        state.waiting.put(&Deed::Renamed { file, to });
        state.to_say_all = SAID_ON;
        Ok(())
    }

    fn recycle(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.shared.state);
        let file = state.call(from, to)?;
        state.waiting.put(&Deed::Recycled { file, to });
        state.to_say_all = SAID_ON;
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = lock(&self.shared.state);
        let at = state.find(name)?;
        let file = state.open.remove(at).number;
        state.waiting.put(&Deed::Removed { file });
        state.to_say_all = SAID_ON;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.shared.flush_names()
    }

    fn scarce(&self) -> Option<u64> {
        self.shared.pages.scarce()
    }
}

impl<P: Pages> File for PagedFile<P> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.opened.length)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buffer.len() as u64;
        if end > self.opened.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let sequences = self.shared.pages_of(&self.opened, offset, end)?;
        let pages = self.shared.pages.read(sequences)?;
        buffer.fill(0);
        for page in pages.iter().flatten() {
            deed::copy_written(page, self.opened.number, offset, buffer);
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = lock(&self.shared.state);
        state.waiting.write(self.opened.number, offset, bytes);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.shared.flush()
    }

    fn flush_without_waiting(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.shared.flush_without_waiting()
    }
}

fn lock<A>(mutex: &Mutex<A>) -> MutexGuard<'_, A> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
