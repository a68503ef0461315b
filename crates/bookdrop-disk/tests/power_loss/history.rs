//! A history of what happens to one folder, and what may be found in it.

use bookdrop_disk::journal::{Error, ErrorKind, Journal, Need, Position, Record, Settings};
use fastrand::Rng;

use crate::disk::{Disk, Place};

/// The least length there is, so that segments change often.
const SEGMENT: u64 = 4096;
const USUAL_ROOM: u64 = 100 * SEGMENT;

/// What the model knows of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    position: Position,
    kind: u32,
    payload: Vec<u8>,
}

/// Runs one history of so many operations, without the flush that is taken out, and returns its disk. `Err` says what was found that
/// must not be.
pub(crate) fn run(
    seed: u64,
    operations: usize,
    taken_out: Option<Place>,
) -> (Disk, Result<(), String>) {
    let disk = Disk::new(seed ^ 0xd15c, USUAL_ROOM, taken_out);
    let mut history = History {
        rng: Rng::with_seed(seed),
        disk: disk.clone(),
        journal: None,
        appended: Vec::new(),
        has_appended: false,
        confirmed: 0,
        kept_from: 0,
        freed_for_sure: 0,
    };
    let found = history.open().and_then(|()| {
        (0..operations).try_for_each(|operation| {
            let done = history.step();
            done.map_err(|what| format!("seed {seed}, operation {operation}: {what}"))
        })
    });
    (disk, found)
}

struct History {
    rng: Rng,
    disk: Disk,
    /// `None` after a crash.
    journal: Option<Journal<Disk>>,
    /// All records that may be found, in order.
    appended: Vec<Note>,
    /// Whether any was appended since the folder was opened.
    has_appended: bool,
    /// So many of the first ones were confirmed.
    confirmed: usize,
    /// Records of earlier generations may be freed.
    kept_from: u64,
    /// Records of earlier generations were freed, and never come back.
    freed_for_sure: u64,
}

impl History {
    fn step(&mut self) -> Result<(), String> {
        match self.rng.u32(..100) {
            0..50 => self.append(),
            50..75 => self.flush(),
            75..82 => self.read(),
            82..88 => self.free(),
            88..90 => self.prepare(),
            90..92 => self.change_the_disk(),
            92..94 => {
                self.disk.light_fuse(self.rng.u32(..30));
                Ok(())
            }
            94..96 => self.lose_power(),
            96..98 => self.close(),
            _ => self.kill(),
        }
    }

    fn change_the_disk(&mut self) -> Result<(), String> {
        let is_full = self.rng.bool();
        self.disk.set_room(if is_full { 0 } else { USUAL_ROOM });
        let one_of = self.rng.bool().then_some(20);
        self.disk.set_failing_flushes(one_of);
        Ok(())
    }

    fn append(&mut self) -> Result<(), String> {
        let kinds_and_lengths: Vec<(u32, usize)> = (0..self.rng.usize(1..6))
            .map(|_| (self.rng.u32(1..9), self.length()))
            .collect();
        let payloads: Vec<Vec<u8>> = kinds_and_lengths
            .iter()
            .map(|(_, length)| (0..*length).map(|_| self.rng.u8(..)).collect())
            .collect();
        let kinds = kinds_and_lengths.iter().map(|(kind, _)| *kind);
        let records: Vec<Record<'_>> = kinds
            .zip(&payloads)
            .map(|(kind, payload)| Record { kind, payload })
            .collect();
        let need = if self.rng.bool() {
            Need::TakesRoom
        } else {
            Need::GivesRoom
        };
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let mut positions = Vec::new();
        let result = journal.append(records.iter().copied(), need, |at| positions.push(at));
        self.has_appended |= result.is_ok();
        if let Ok(count) = &result
            && (*count != positions.len() || *count == 0)
        {
            return Err(format!(
                "{count} records are said to be appended, and {} were",
                positions.len()
            ));
        }
        // Also of a write that failed, any part may be found.
        for (position, record) in positions.into_iter().zip(&records) {
            self.appended.push(Note {
                position,
                kind: record.kind,
                payload: record.payload.to_vec(),
            });
        }
        self.unless_harmless(result.map(drop), &[ErrorKind::NoSpace])
    }

    fn length(&mut self) -> usize {
        match self.rng.u32(..10) {
            0 => self.rng.usize(..3_900),
            1 => 0,
            _ => self.rng.usize(..200),
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let result = journal.flush();
        if result.is_ok() {
            self.confirmed = self.appended.len();
        }
        self.unless_harmless(result, &[])
    }

    fn read(&mut self) -> Result<(), String> {
        let (Some(journal), false) = (&self.journal, self.appended.is_empty()) else {
            return Ok(());
        };
        let note = &self.appended[self.rng.usize(..self.appended.len())];
        match journal.read(note.position) {
            Ok((kind, payload)) if (kind, &payload) == (note.kind, &note.payload) => Ok(()),
            Ok(_) => Err(format!("{:?} reads as another record", note.position)),
            Err(error) => {
                let known: &[ErrorKind] = match note.position.generation < self.kept_from {
                    true => &[ErrorKind::NoRecord],
                    false => &[],
                };
                self.unless_harmless(Err(error), known)
            }
        }
    }

    fn free(&mut self) -> Result<(), String> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let all: Vec<u64> = journal.generations().collect();
        let Some(generation) = self.rng.choice(all) else {
            return Ok(());
        };
        let result = journal.free_before(generation);
        self.kept_from = self.kept_from.max(generation);
        if result.is_ok() {
            self.freed_for_sure = self.freed_for_sure.max(generation);
            self.forget_freed(generation);
        }
        self.unless_harmless(result, &[])
    }

    fn forget_freed(&mut self, generation: u64) {
        let is_freed = |note: &&Note| note.position.generation < generation;
        let gone = self.appended.iter().take_while(is_freed).count();
        self.appended.drain(..gone);
        self.confirmed = self.confirmed.saturating_sub(gone);
    }

    fn prepare(&mut self) -> Result<(), String> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let result = journal.prepare();
        self.unless_harmless(result, &[ErrorKind::NoSpace])
    }

    /// What is not among these errors ends the process, as it should where a journal is poisoned or the power is gone.
    fn unless_harmless(
        &mut self,
        result: Result<(), Error>,
        harmless: &[ErrorKind],
    ) -> Result<(), String> {
        match result {
            Err(error) if !harmless.contains(error.kind()) => match self.rng.bool() {
                true => self.lose_power(),
                false => self.kill(),
            },
            _ => Ok(()),
        }
    }

    fn lose_power(&mut self) -> Result<(), String> {
        self.journal = None;
        self.disk.lose_power();
        self.open()
    }

    /// What was damaged after that is told from what was being written: it is not cut off without a word.
    fn close(&mut self) -> Result<(), String> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let sealed = journal.seal();
        if sealed.is_err() {
            return self.unless_harmless(sealed, &[ErrorKind::NoSpace]);
        }
        self.confirmed = self.appended.len();
        let end = self.appended.last().map(|note| note.position);
        let is_there = |end: &Position| journal.generations().any(|known| known == end.generation);
        let end = end.filter(|end| self.has_appended && is_there(end));
        self.journal = None;
        self.disk.lose_power();
        if let Some(end) = end {
            let file = format!("journal-{:016x}", end.generation);
            if !self.disk.rot(&file, end.offset) {
                return Err(format!("{file} is gone"));
            }
            let settings = Settings::default().with_segment_bytes(SEGMENT);
            let opened = Journal::open(self.disk.clone(), settings, |_| {});
            self.disk.rot(&file, end.offset);
            match opened {
                Ok((_, recovery)) if recovery.damage.is_empty() => {
                    return Err(format!("nobody tells that {end:?} is damaged"));
                }
                _ => self.disk.lose_power(),
            }
        }
        self.open()
    }

    fn kill(&mut self) -> Result<(), String> {
        self.journal = None;
        self.disk.kill();
        self.open()
    }

    /// Opens the folder, which may be cut short by further losses of power, and looks at what is found.
    fn open(&mut self) -> Result<(), String> {
        loop {
            if self.rng.u32(..4) == 0 {
                self.disk.light_fuse(self.rng.u32(..40));
            }
            let mut found = Vec::new();
            let mut last_sequence = None;
            let mut is_in_order = true;
            let settings = Settings::default().with_segment_bytes(SEGMENT);
            let opened = Journal::open(self.disk.clone(), settings, |record| {
                is_in_order &= last_sequence.is_none_or(|last: u64| record.sequence == last + 1);
                last_sequence = Some(record.sequence);
                found.push(Note {
                    position: record.position,
                    kind: record.kind,
                    payload: record.payload.to_vec(),
                });
            });
            match opened {
                Ok((journal, recovery)) => {
                    if !recovery.damage.is_empty() {
                        return Err(format!("damage is told: {:?}", recovery.damage));
                    }
                    if !is_in_order || recovery.records != found.len() as u64 {
                        return Err("the numbers of records are not one after the other".into());
                    }
                    self.journal = Some(journal);
                    self.has_appended = false;
                    return self.compare(found);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Io { .. }) => {
                    self.disk.set_failing_flushes(None);
                    match self.rng.bool() {
                        true => self.disk.lose_power(),
                        false => self.disk.kill(),
                    }
                }
                // There is nothing yet, and no room for anything.
                Err(error) if *error.kind() == ErrorKind::NoSpace && self.confirmed == 0 => {
                    self.disk.set_room(USUAL_ROOM);
                }
                Err(error) => return Err(format!("cannot be opened: {error}")),
            }
        }
    }

    /// Nothing confirmed is lost, nothing freed comes back, and what was never confirmed is found up to some record, or not.
    fn compare(&mut self, found: Vec<Note>) -> Result<(), String> {
        let first = found.first().map(|note| note.position);
        if first.is_some_and(|first| first.generation < self.freed_for_sure) {
            return Err(format!("{first:?} was freed, and is there"));
        }
        // A segment whose freeing was cut short is there, or not.
        let is_gone = |note: &&Note| {
            note.position.generation < self.kept_from
                && first.is_none_or(|first| note.position < first)
        };
        let gone = self.appended.iter().take_while(is_gone).count();
        self.appended.drain(..gone);
        self.confirmed = self.confirmed.saturating_sub(gone);
        if !self.appended.starts_with(&found) {
            let differing = self.appended.iter().zip(&found).position(|(a, b)| a != b);
            return Err(format!(
                "found {} records of {} ({} confirmed), from {:?} on others: {:?} in place of {:?}",
                found.len(),
                self.appended.len(),
                self.confirmed,
                differing,
                found.get(differing.unwrap_or(0)).map(|note| note.position),
                self.appended
                    .get(differing.unwrap_or(0))
                    .map(|note| note.position),
            ));
        }
        if found.len() < self.confirmed {
            return Err(format!(
                "{} of {} confirmed records",
                found.len(),
                self.confirmed
            ));
        }
        // What was found now is there for good.
        self.confirmed = found.len();
        self.appended = found;
        Ok(())
    }
}
