//! Ids that nobody gave: made for those who look at them.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use uuid::{Builder, Uuid};

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

    /// The id: a version 7 uuid of that time. What follows its milliseconds are the nanoseconds, so that ids sort and no two are
    /// the same; then come bits that are random for whoever does not know this process's key.
    pub(super) fn id(&self) -> Box<str> {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let stamp = self.get();
        let (millis, nanos) = (stamp / 1_000_000, stamp % 1_000_000);
        let [_, random, rest @ ..] = KEY.hash_one(stamp).to_be_bytes();
        let mut bits = [0; 10];
        // 20 bits. Of the first byte the uuid takes the lower 4, of the third one the lower 6.
        bits[0] = (nanos >> 16) as u8;
        bits[1] = (nanos >> 8) as u8;
        bits[2] = (nanos >> 2) as u8;
        bits[3] = (nanos << 6) as u8 | random >> 2;
        bits[4..].copy_from_slice(&rest);
        let uuid = Builder::from_unix_timestamp_millis(millis, &bits).into_uuid();
        let mut text = Uuid::encode_buffer();
        uuid.hyphenated().encode_lower(&mut text).into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_like_their_stamps() {
        let stamp = |stamp| Stamp(AtomicU64::new(stamp)).id();
        let at = 1_700_000_000_000_000_000;
        let steps = [
            0, 1, 2, 3, 4, 255, 256, 1_023, 1_024, 65_535, 65_536, 999_999, 1_000_000,
        ];
        let ids = steps.map(|step| stamp(at + step));
        assert!(ids.is_sorted_by(|one, other| one < other), "{ids:#?}");
        assert!(ids.iter().all(|id| id.as_bytes()[14] == b'7'), "{ids:#?}");
        assert_eq!(stamp(at), ids[0]);
    }

    #[test]
    fn no_two_stamps_are_the_same() {
        let all: Vec<_> = (0..1_000).map(|_| Stamp::default().get()).collect();
        assert!(all.is_sorted_by(|one, other| one < other));
    }
}
