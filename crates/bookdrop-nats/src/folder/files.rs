//! Which files there are, and in which pages they lie.

use std::collections::BTreeMap;
use std::io;

use super::deed::{Deed, Named};

/// The files of a folder, by their numbers.
#[derive(Default)]
pub(super) struct Files {
    all: BTreeMap<u64, File>,
    /// The last two pages that say all files: one of them may be damaged.
    said_at: [Option<u64>; 2],
}

#[derive(Default)]
struct File {
    /// Empty where that was never read.
    name: String,
    length: u64,
    /// What was written last in each part of it, by where the part begins. What lies in none is zeros.
    parts: BTreeMap<u64, Part>,
}

#[derive(Clone, Copy)]
struct Part {
    end: u64,
    page: u64,
}

impl Files {
    /// What the next page says was done. False where that cannot be read to its end.
    pub(super) fn turn(&mut self, page: u64, said: &[u8]) -> bool {
        for deed in Deed::all_on(said) {
            match deed {
                Some(deed) => self.apply(page, &deed),
                None => return false,
            }
        }
        true
    }

    /// Those that have a name.
    pub(super) fn all(&self) -> impl Iterator<Item = Named<'_>> {
        let named = self.all.iter().filter(|(_, file)| !file.name.is_empty());
        named.map(|(number, file)| Named {
            number: *number,
            name: &file.name,
            length: file.length,
        })
    }

    /// The pages in which this part of a file lies, in their order.
    pub(super) fn pages_of(&self, file: u64, from: u64, to: u64) -> io::Result<Vec<u64>> {
        let file = self.all.get(&file).ok_or(io::ErrorKind::NotFound)?;
        let before = file.parts.range(..from).next_back();
        let reaches = before.filter(|(_, part)| part.end > from);
        let within = file.parts.range(from..to);
        let mut pages: Vec<_> = reaches.into_iter().chain(within).collect();
        pages.sort_unstable_by_key(|(_, part)| part.page);
        pages.dedup_by_key(|(_, part)| part.page);
        Ok(pages.into_iter().map(|(_, part)| part.page).collect())
    }

    /// The first page that is needed to know all files and what lies in them. `None` before all files were said on two pages.
    pub(super) fn first_needed(&self) -> Option<u64> {
        let [said_at, _] = self.said_at;
        let parts = self.all.values().flat_map(|file| file.parts.values());
        let first = parts.map(|part| part.page).min();
        said_at.map(|said_at| first.map_or(said_at, |first| first.min(said_at)))
    }

    fn apply(&mut self, page: u64, deed: &Deed<'_>) {
        match *deed {
            Deed::All(ref named) => {
                let mut former = std::mem::take(&mut self.all);
                for one in named {
                    let file = former.remove(&one.number);
                    self.make(*one, file.unwrap_or_default());
                }
                let [_, last] = self.said_at;
                if last != Some(page) {
                    self.said_at = [last, Some(page)];
                }
            }
            Deed::Made(named) => self.make(named, File::default()),
            Deed::Renamed { file, to } => to.clone_into(&mut self.file(file).name),
            Deed::Recycled { file, to } => {
                let file = self.file(file);
                to.clone_into(&mut file.name);
                file.parts.clear();
            }
            Deed::Removed { file } => drop(self.all.remove(&file)),
            Deed::Written {
                file,
                offset,
                bytes,
            } => {
                let end = offset.saturating_add(bytes.len() as u64);
                self.file(file).write(offset, Part { end, page });
            }
        }
    }

    /// A file of which more may be said later: the page that said that it was made may be gone.
    fn file(&mut self, number: u64) -> &mut File {
        self.all.entry(number).or_default()
    }

    fn make(&mut self, named: Named<'_>, file: File) {
        let file = File {
            name: named.name.to_owned(),
            length: named.length,
            ..file
        };
        self.all.insert(named.number, file);
    }
}

impl File {
    /// A part of it was written, over whatever lay there.
    fn write(&mut self, from: u64, new: Part) {
        if from >= new.end {
            return;
        }
        self.cut_at(from);
        self.cut_at(new.end);
        let covered: Vec<_> = self.parts.range(from..new.end).map(|(at, _)| *at).collect();
        for at in covered {
            self.parts.remove(&at);
        }
        // Most often it goes on where the one before ends, on the same page.
        if let Some((_, before)) = self.parts.range_mut(..from).next_back()
            && before.end == from
            && before.page == new.page
        {
            before.end = new.end;
            return;
        }
        self.parts.insert(from, new);
    }

    /// No part lies on both sides of this offset from now on.
    fn cut_at(&mut self, at: u64) {
        if let Some((_, part)) = self.parts.range_mut(..at).next_back()
            && part.end > at
        {
            let behind = *part;
            part.end = at;
            self.parts.insert(at, behind);
        }
    }
}
