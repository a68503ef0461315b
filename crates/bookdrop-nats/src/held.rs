//! What was read to know which files there are is read no second time to know what lies in them.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::folder::Pages;

/// Bytes of pages that are held while a queue is opened. What is beyond is read again.
const HELD_BYTES: usize = 64 << 20;

/// Pages that were read, until the queue is open. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Read>>);

#[derive(Default)]
struct Read {
    pages: BTreeMap<u64, Bytes>,
    bytes: usize,
    is_over: bool,
}

impl Held {
    /// A page that was read. Where there are too many, the oldest goes: it is the one that is needed least often.
    pub(crate) fn hold(&self, sequence: u64, page: Bytes) {
        self.hold_within(HELD_BYTES, sequence, page);
    }

    fn hold_within(&self, most: usize, sequence: u64, page: Bytes) {
        let mut read = self.lock();
        if read.is_over {
            return;
        }
        read.bytes += page.len();
        read.pages.insert(sequence, page);
        while read.bytes > most
            && let Some((_, oldest)) = read.pages.pop_first()
        {
            read.bytes -= oldest.len();
        }
    }

    /// The queue is open, or will not be.
    pub(crate) fn let_go(&self) {
        *self.lock() = Read {
            is_over: true,
            ..Read::default()
        };
    }

    fn page(&self, sequence: u64) -> Option<Bytes> {
        self.lock().pages.get(&sequence).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pages, some of which are held.
pub(crate) struct HeldPages<P> {
    pub(crate) pages: P,
    pub(crate) held: Held,
}

impl<P: Pages> Pages for HeldPages<P> {
    fn longest(&self) -> usize {
        self.pages.longest()
    }

    fn append(&self, page: Bytes) -> impl Future<Output = io::Result<u64>> + Send {
        self.pages.append(page)
    }

    fn read(&self, sequences: Vec<u64>) -> io::Result<Vec<Option<Bytes>>> {
        let mut pages: Vec<_> = sequences.iter().map(|at| self.held.page(*at)).collect();
        let missing = sequences.iter().zip(&pages);
        let missing = missing.filter(|(_, page)| page.is_none());
        let missing: Vec<_> = missing.map(|(sequence, _)| *sequence).collect();
        if missing.is_empty() {
            return Ok(pages);
        }
        let read = self.pages.read(missing)?;
        let missing = pages.iter_mut().filter(|page| page.is_none());
        missing
            .zip(read)
            .for_each(|(missing, read)| *missing = read);
        Ok(pages)
    }

    fn let_go_before(&self, sequence: u64) {
        self.pages.let_go_before(sequence);
    }

    fn scarce(&self) -> Option<u64> {
        self.pages.scarce()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages that say their sequences, and note which were asked for.
    #[derive(Default)]
    struct Asked(Mutex<Vec<u64>>);

    impl Pages for Asked {
        fn longest(&self) -> usize {
            1
        }

        async fn append(&self, _: Bytes) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn read(&self, sequences: Vec<u64>) -> io::Result<Vec<Option<Bytes>>> {
            let pages = sequences.iter().map(|at| Some(page(*at)));
            let pages = pages.collect();
            self.0.lock().expect("nobody panics").extend(sequences);
            Ok(pages)
        }

        fn let_go_before(&self, _: u64) {}
    }

    fn page(sequence: u64) -> Bytes {
        Bytes::from(sequence.to_string())
    }

    #[test]
    fn what_is_held_is_not_asked_for_and_what_is_too_much_is() {
        let held = Held::default();
        (1..=5).for_each(|at| held.hold_within(3, at, page(at)));
        let pages = HeldPages {
            pages: Asked::default(),
            held: held.clone(),
        };
        let all =
            |sequences: &[u64]| -> Vec<_> { sequences.iter().map(|at| Some(page(*at))).collect() };
        let read = pages.read(vec![5, 1, 4, 2]).expect("they can be read");
        assert_eq!(read, all(&[5, 1, 4, 2]));
        held.let_go();
        held.hold_within(3, 6, page(6));
        let read = pages.read(vec![5, 6]).expect("they can be read");
        assert_eq!(read, all(&[5, 6]));
        let asked = pages.pages.0.lock().expect("nobody panics");
        assert_eq!(*asked, [1, 2, 5, 6]);
    }
}
