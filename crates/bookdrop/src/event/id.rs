//! Ids that nobody gave: made for those who look at them.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use uuid::Builder;

/// What an id will be made of; it costs less than the id, and copies of an event share it.
///
/// It is the time in nanoseconds since 1970 at which it was first needed, and no two are the same in one process. Zero: it was
/// not needed yet.
#[derive(Default)]
pub(super) struct Stamp(AtomicU64);

impl Stamp {
    /// The same for everybody who asks, whoever comes first.
    pub(super) fn get(&self) -> u64 {
        // Relaxed, here and below: nothing else is read by what the stamp says.
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let new = next();
                let first = self
                    .0
                    .compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
                first.map_or_else(|known| known, |_| new)
            }
            known => known,
        }
    }

    /// The stamp of a copy.
    pub(super) fn copy(&self) -> Self {
        Stamp(AtomicU64::new(self.get()))
    }

    /// Forgets it. Returns whether it was needed.
    #[inline]
    pub(super) fn clear(&mut self) -> bool {
        std::mem::take(self.0.get_mut()) != 0
    }

    /// The id: a version 7 uuid of that time, with bits that are random for whoever does not know this process's key.
    pub(super) fn id(&self) -> String {
        static KEY: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
        let stamp = self.get();
        let [a, b] = KEY.each_ref().map(|key| key.hash_one(stamp).to_le_bytes());
        let mut random = [0; 10];
        random[..8].copy_from_slice(&a);
        random[8..].copy_from_slice(&b[..2]);
        let uuid = Builder::from_unix_timestamp_millis(stamp / 1_000_000, &random).into_uuid();
        uuid.to_string()
    }
}

/// Now, or a moment later if that was given away before.
fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos() as u64);
    let mut last = LAST.load(Ordering::Relaxed);
    loop {
        let new = now.max(last + 1);
        let step = LAST.compare_exchange_weak(last, new, Ordering::Relaxed, Ordering::Relaxed);
        match step {
            Ok(_) => return new,
            Err(found) => last = found,
        }
    }
}
