//! A disk that loses power.
//!
//! What was not flushed may be found afterwards or not: any part of a write, and any change of a name. A flush may fail, and
//! then its pages read well and never reach the disk, as on Linux. Room may be short. One flush of the code under test can be taken
//! out: then the disk says that it flushed, and did not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bookdrop_disk::storage::{File, Folder};
use fastrand::Rng;

/// A write reaches the disk in pieces of so many bytes.
const SECTOR: usize = 64;

/// Where a flush is in the code under test.
pub(crate) type Place = &'static Location<'static>;

/// The flushes that these histories come by.
pub(crate) fn flushes(seeds: Range<u64>, play: impl Fn(u64) -> Disk) -> BTreeSet<Place> {
    let reached = |seed| std::mem::take(&mut play(seed).state().flushed_at);
    seeds.flat_map(reached).collect()
}

/// The folder; its clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rng: Rng,
    /// The flush that is taken out.
    taken_out: Option<Place>,
    flushed_at: BTreeSet<Place>,
    files: Vec<Content>,
    /// As a program sees them.
    names: BTreeMap<String, usize>,
    /// As they are after a loss of power, if none of the changes survives.
    sure_names: BTreeMap<String, usize>,
    changes: Vec<Change>,
    /// After so many more steps the power goes.
    fuse: Option<u32>,
    /// So many more bytes may be taken by new files.
    room: u64,
    /// How many files found no room.
    refused: usize,
    /// One flush of so many fails.
    failing_flushes: Option<u32>,
    /// Whether nothing can be read.
    is_unreadable: bool,
    /// How often something was to be read that could not be.
    unread: usize,
}

#[derive(Debug, Default)]
struct Content {
    /// As a program sees it.
    seen: Vec<u8>,
    sure: Vec<u8>,
    /// Written since the last flush.
    unsure: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug)]
enum Change {
    Made(String, usize),
    Renamed(String, String),
    Removed(String),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Change::Made(name, file) => drop(names.insert(name.clone(), *file)),
            Change::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Change::Removed(name) => drop(names.remove(name)),
        }
    }
}

impl Disk {
    pub(crate) fn new(seed: u64, room: u64, taken_out: Option<Place>) -> Self {
        Disk(Arc::new(Mutex::new(State {
            rng: Rng::with_seed(seed),
            taken_out,
            flushed_at: BTreeSet::new(),
            files: Vec::new(),
            names: BTreeMap::new(),
            sure_names: BTreeMap::new(),
            changes: Vec::new(),
            fuse: None,
            room,
            refused: 0,
            failing_flushes: None,
            is_unreadable: false,
            unread: 0,
        })))
    }

    /// The power goes after so many more steps; until then everything is as usual, and then nothing is done any more.
    pub(crate) fn light_fuse(&self, steps: u32) {
        self.state().fuse = Some(steps);
    }

    pub(crate) fn set_room(&self, room: u64) {
        self.state().room = room;
    }

    /// One flush of so many fails from now on.
    pub(crate) fn set_failing_flushes(&self, one_of: Option<u32>) {
        self.state().failing_flushes = one_of;
    }

    /// Nothing can be read from now on, or all can be again.
    #[allow(dead_code, reason = "not every test has a use for it")]
    pub(crate) fn set_unreadable(&self, is_unreadable: bool) {
        self.state().is_unreadable = is_unreadable;
    }

    /// How often something was to be read so far that could not be.
    #[allow(dead_code, reason = "not every test has a use for it")]
    pub(crate) fn unread(&self) -> usize {
        self.state().unread
    }

    /// The power goes, and comes back.
    pub(crate) fn lose_power(&self) {
        let mut state = self.state();
        let State {
            rng,
            files,
            names,
            sure_names,
            changes,
            fuse,
            ..
        } = &mut *state;
        *fuse = None;
        for change in changes.drain(..) {
            if rng.bool() {
                change.apply(sure_names);
            }
        }
        names.clone_from(sure_names);
        for file in files {
            // Mostly all or nothing, so that few pieces are missing as well.
            let survives = [0, 50, 90, 100][rng.usize(..4)];
            for (offset, bytes) in file.unsure.drain(..) {
                for (index, piece) in bytes.chunks(SECTOR).enumerate() {
                    if rng.u32(..100) < survives {
                        let from = offset + index * SECTOR;
                        file.sure[from..from + piece.len()].copy_from_slice(piece);
                    }
                }
            }
            file.seen.clone_from(&file.sure);
        }
    }

    /// Whether anybody else has it, or a file of it.
    #[allow(dead_code, reason = "not every test has a use for it")]
    pub(crate) fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// How many files found no room so far.
    #[allow(dead_code, reason = "not every test has a use for it")]
    pub(crate) fn refused(&self) -> usize {
        self.state().refused
    }

    /// Turns the bits of one byte over, as seen and as it lies there. False if there is no such file.
    #[allow(dead_code, reason = "not every test has a use for it")]
    pub(crate) fn rot(&self, name: &str, offset: u64) -> bool {
        let mut state = self.state();
        let Some(file) = state.names.get(name).copied() else {
            return false;
        };
        let Content { seen, sure, .. } = &mut state.files[file];
        for bytes in [seen, sure] {
            bytes[offset as usize] ^= 0xff;
        }
        true
    }

    /// The process is killed: all that was written stays.
    pub(crate) fn kill(&self) {
        self.state().fuse = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step; an error when the power is gone.
    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.fuse {
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(state)
            }
            None => Ok(state),
        }
    }
}

impl State {
    fn fails_to_flush(&mut self) -> bool {
        self.failing_flushes
            .is_some_and(|one_of| self.rng.u32(..one_of) == 0)
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    /// Whether the flush at this place is taken out.
    fn is_taken_out(&mut self, place: Place) -> bool {
        self.flushed_at.insert(place);
        self.taken_out == Some(place)
    }
}

#[derive(Debug)]
pub(crate) struct OnDisk {
    disk: Disk,
    file: usize,
}

fn not_found() -> io::Error {
    ErrorKind::NotFound.into()
}

impl Folder for Disk {
    type File = OnDisk;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.step()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str, length: u64) -> io::Result<OnDisk> {
        let mut state = self.step()?;
        assert!(!state.names.contains_key(name), "{name} is there");
        if state.room < length {
            state.refused += 1;
            return Err(ErrorKind::StorageFull.into());
        }
        state.room -= length;
        let zeros = vec![0; length as usize];
        let file = state.files.len();
        state.files.push(Content {
            seen: zeros.clone(),
            sure: zeros,
            unsure: Vec::new(),
        });
        state.change(Change::Made(name.into(), file));
        drop(state);
        self.open(name)
    }

    fn open(&self, name: &str) -> io::Result<OnDisk> {
        let state = self.step()?;
        let file = *state.names.get(name).ok_or_else(not_found)?;
        Ok(OnDisk {
            disk: self.clone(),
            file,
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.step()?;
        assert!(state.names.contains_key(from), "{from} is not there");
        assert!(!state.names.contains_key(to), "{to} is there");
        state.change(Change::Renamed(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.step()?;
        let file = *state.names.get(name).ok_or_else(not_found)?;
        state.room += state.files[file].seen.len() as u64;
        state.change(Change::Removed(name.into()));
        Ok(())
    }

    #[track_caller]
    fn flush(&self) -> io::Result<()> {
        let mut state = self.step()?;
        if state.fails_to_flush() {
            return Err(io::Error::other("the disk says no"));
        }
        if state.is_taken_out(Location::caller()) {
            return Ok(());
        }
        state.changes.clear();
        state.sure_names = state.names.clone();
        Ok(())
    }
}

impl File for OnDisk {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.step()?.files[self.file].seen.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.step()?;
        if state.is_unreadable {
            state.unread += 1;
            return Err(io::Error::other("the disk says no"));
        }
        let from = offset as usize;
        let seen = state.files[self.file].seen.get(from..from + buffer.len());
        buffer.copy_from_slice(seen.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.step()?;
        let from = offset as usize;
        let content = &mut state.files[self.file];
        content.seen[from..from + bytes.len()].copy_from_slice(bytes);
        content.unsure.push((from, bytes.to_vec()));
        Ok(())
    }

    #[track_caller]
    fn flush(&self) -> io::Result<()> {
        let mut state = self.disk.step()?;
        if state.fails_to_flush() {
            // The pages are taken for clean.
            state.files[self.file].unsure.clear();
            return Err(io::Error::other("the disk says no"));
        }
        if state.is_taken_out(Location::caller()) {
            return Ok(());
        }
        // Not all that is seen: what a failed flush left never reaches the disk.
        let content = &mut state.files[self.file];
        for (offset, bytes) in content.unsure.drain(..) {
            content.sure[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }
}
