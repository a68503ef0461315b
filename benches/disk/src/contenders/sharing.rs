//! A commit that many share: each puts its part into a batch and waits; whoever is late shares the next one.

use std::mem::take;
use std::sync::{Condvar, Mutex, MutexGuard};

/// A batch that is being filled while the one before is being committed.
pub(crate) struct Sharing<B> {
    state: Mutex<State<B>>,
    /// There is something to commit.
    work: Condvar,
    /// A batch was committed. Two in turn, so that those of the next batch are not woken in vain.
    done: [Condvar; 2],
}

struct State<B> {
    batch: B,
    is_empty: bool,
    /// Of the batch that is being filled.
    number: u64,
    /// Batches before this one were committed.
    committed: u64,
    ends: bool,
}

impl<B: Default> Sharing<B> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                batch: B::default(),
                is_empty: true,
                number: 0,
                committed: 0,
                ends: false,
            }),
            work: Condvar::new(),
            done: [Condvar::new(), Condvar::new()],
        }
    }

    /// Puts something into the batch, and returns when that was committed.
    pub(crate) fn share(&self, put: impl FnOnce(&mut B)) {
        let mut state = self.lock();
        put(&mut state.batch);
        let number = state.number;
        if std::mem::replace(&mut state.is_empty, false) {
            self.work.notify_one();
        }
        let is_under_way = |state: &mut State<B>| state.committed <= number;
        let committed = self.done(number).wait_while(state, is_under_way);
        drop(committed.expect("nobody panics under this lock"));
    }

    /// Commits one batch after the other, until the end.
    pub(crate) fn serve(&self, mut commit: impl FnMut(&mut B)) {
        let mut spare = B::default();
        loop {
            let is_idle = |state: &mut State<B>| state.is_empty && !state.ends;
            let state = self.work.wait_while(self.lock(), is_idle);
            let mut state = state.expect("nobody panics under this lock");
            if state.is_empty {
                return;
            }
            let mut batch = std::mem::replace(&mut state.batch, take(&mut spare));
            state.is_empty = true;
            let number = state.number;
            state.number += 1;
            drop(state);
            commit(&mut batch);
            spare = batch;
            self.lock().committed = number + 1;
            self.done(number).notify_all();
        }
    }

    /// There will be no more.
    pub(crate) fn end(&self) {
        self.lock().ends = true;
        self.work.notify_one();
    }

    fn done(&self, number: u64) -> &Condvar {
        &self.done[(number % 2) as usize]
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().expect("nobody panics under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_committed_before_its_share_returns() {
        let sharing = Sharing::<Vec<u32>>::new();
        let committed = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                sharing.serve(|batch| committed.lock().expect("whole").append(batch));
            });
            let sharers: Vec<_> = (0..8)
                .map(|number| {
                    let (sharing, committed) = (&sharing, &committed);
                    scope.spawn(move || {
                        sharing.share(|batch| batch.push(number));
                        assert!(committed.lock().expect("whole").contains(&number));
                    })
                })
                .collect();
            sharers
                .into_iter()
                .for_each(|one| one.join().expect("it ends"));
            sharing.end();
            server.join().expect("it ends");
        });
        assert_eq!(committed.lock().expect("whole").len(), 8);
    }
}
