//! The timing wheel: what is armed, ordered by tick. Pure: time is given in as ticks, nothing sleeps.
//!
//! The ticks are split into digits of six bits. An entry lies on the level of the highest digit in
//! which its tick differs from the wheel's present tick, in the slot named by that digit. So level 0
//! holds the entries due within the present run of 64 ticks, one tick per slot; a slot of level 1
//! holds 64 ticks, and so on up to level 10, whose slots are 36 million years wide at a tick of 1 ms:
//! every `u64` has its place, and "never" is no special case.
//!
//! Two things follow from that order, and the code below leans on both:
//!
//! * All of a lower level comes before all of a higher one, and within a level the slots come in the
//!   order of their number, so the next event is found with one look per level.
//! * An entry's place stays right while the present moves, up to the moment its slot begins. Then
//!   the slot goes to the list of pending entries, and from there each entry is either due or gets
//!   a place on a lower level, at most ten times in its life.

/// Bits of a digit.
const BITS: u32 = 6;
/// Slots of a level.
const SLOTS: usize = 1 << BITS;
/// Levels: enough for all the digits of a `u64`.
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// The list of entries to be looked at in the next turn; the slots' lists are the ones before it.
const PENDING: u32 = (LEVELS * SLOTS) as u32;
/// The lists of the wheel: their heads are the first links.
const LISTS: usize = PENDING as usize + 1;
/// The end of the list of free entries.
const NONE: u32 = u32::MAX;
/// As many entries as this are kept for reuse when the wheel is empty.
const KEEP: usize = 1024;

/// Entries of type `A`, each with the tick at which it falls due.
pub(super) struct Wheel<A> {
    /// The present tick: every entry up to it is either handed out or in the pending list.
    present: u64,
    /// One bit for each slot, set while its list holds an entry.
    occupied: [u64; LEVELS],
    /// Doubly linked rings: first the heads of the lists, then one link for each of `entries`.
    links: Vec<Link>,
    entries: Vec<Entry<A>>,
    /// The first of the free entries, which are chained by `Link::next`.
    free: u32,
    armed: usize,
    /// Stamped on each entry and counted up, so that no key ever fits a second entry.
    stamp: u64,
}

/// Names an entry. Harmless once the entry is gone: it then names nothing, for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    link: u32,
    stamp: u64,
}

#[derive(Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
}

struct Entry<A> {
    tick: u64,
    stamp: u64,
    /// `None` while the entry is free.
    value: Option<A>,
}

impl<A> Wheel<A> {
    /// An empty wheel at tick 0.
    pub(super) fn new() -> Self {
        let heads = 0..=PENDING;
        Self {
            present: 0,
            occupied: [0; LEVELS],
            links: heads
                .map(|head| Link {
                    prev: head,
                    next: head,
                })
                .collect(),
            entries: Vec::new(),
            free: NONE,
            armed: 0,
            stamp: 0,
        }
    }

    /// The number of entries that are neither due and handed out nor cancelled.
    pub(super) fn armed(&self) -> usize {
        self.armed
    }

    /// The number of entries that memory is held for.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry that falls due at `tick`; one that has passed is due in the next turn.
    pub(super) fn arm(&mut self, tick: u64, value: A) -> Key {
        let link = self.allot();
        self.stamp += 1;
        self.armed += 1;
        let stamp = self.stamp;
        *self.entry(link) = Entry {
            tick,
            stamp,
            value: Some(value),
        };
        self.place(link, tick);
        Key { link, stamp }
    }

    /// Takes the entry back; `None` when it has been handed out or cancelled before.
    pub(super) fn cancel(&mut self, key: Key) -> Option<A> {
        let entry = self.entries.get_mut(key.link as usize - LISTS)?;
        if entry.stamp != key.stamp {
            return None;
        }
        let value = entry.value.take()?;
        self.unlink(key.link);
        self.free(key.link);
        Some(value)
    }

    /// Moves the present to `now` (never back) and the entries due by then into `due`.
    ///
    /// Looks at no more than `most` entries. Answers true when it left some for another turn, which
    /// may be taken with a later `now`.
    pub(super) fn turn(&mut self, now: u64, due: &mut Vec<A>, most: usize) -> bool {
        self.collect(now.max(self.present));
        for _ in 0..most {
            let link = self.links[PENDING as usize].next;
            if link == PENDING {
                return false;
            }
            self.unlink(link);
            let tick = self.entry(link).tick;
            if tick > self.present {
                self.place(link, tick);
            } else {
                due.extend(self.entry(link).value.take());
                self.free(link);
            }
        }
        self.links[PENDING as usize].next != PENDING
    }

    /// The tick at which the next turn is needed: not after that of any entry, but before it when
    /// the entry still lies on a high level. `None` when the wheel is empty.
    pub(super) fn next(&self) -> Option<u64> {
        if self.links[PENDING as usize].next != PENDING {
            return Some(self.present);
        }
        (0..LEVELS)
            .find_map(|level| self.first_slot(level))
            .map(|(_, begin)| begin)
    }

    /// Gives the memory back that an empty wheel holds for reuse, if it is much.
    ///
    /// Returned for the caller to drop, which takes as long as there were entries.
    pub(super) fn shrink(&mut self) -> Option<impl Sized + use<A>> {
        if self.armed > 0 || self.entries.len() <= KEEP {
            return None;
        }
        let heads = self.links[..LISTS].to_vec();
        self.free = NONE;
        let links = std::mem::replace(&mut self.links, heads);
        Some((links, std::mem::take(&mut self.entries)))
    }

    /// The first occupied slot of a level, and the tick at which it begins.
    fn first_slot(&self, level: usize) -> Option<(usize, u64)> {
        let occupied = self.occupied[level];
        if occupied == 0 {
            return None;
        }
        let slot = occupied.trailing_zeros();
        let shift = BITS * level as u32;
        // The digits above the level's own are those of the present. On the highest level there are
        // none, and the shift would be out of range.
        let above = u64::MAX.checked_shl(shift + BITS).unwrap_or(0);
        let begin = (self.present & above) | (u64::from(slot) << shift);
        Some((level * SLOTS + slot as usize, begin))
    }

    /// Moves the present, and every slot that has begun by then to the pending list.
    fn collect(&mut self, now: u64) {
        for level in 0..LEVELS {
            while let Some((list, begin)) = self.first_slot(level) {
                if begin > now {
                    // Everything else comes after this slot, see the module's description.
                    self.present = now;
                    return;
                }
                self.append_to_pending(list);
            }
        }
        self.present = now;
    }

    /// Puts an entry that is in no list into the one that its tick belongs to.
    fn place(&mut self, link: u32, tick: u64) {
        let list = if tick <= self.present {
            PENDING
        } else {
            let highest = u64::BITS - 1 - (tick ^ self.present).leading_zeros();
            let level = highest / BITS;
            let slot = (tick >> (BITS * level)) as u32 % SLOTS as u32;
            self.occupied[level as usize] |= 1 << slot;
            level * SLOTS as u32 + slot
        };
        let last = self.links[list as usize].prev;
        self.links[link as usize] = Link {
            prev: last,
            next: list,
        };
        self.links[last as usize].next = link;
        self.links[list as usize].prev = link;
    }

    /// Takes an entry out of its list.
    fn unlink(&mut self, link: u32) {
        let Link { prev, next } = self.links[link as usize];
        self.links[prev as usize].next = next;
        self.links[next as usize].prev = prev;
        // Only in an empty ring is the head its own neighbour.
        if prev == next && prev < PENDING {
            self.vacate(prev as usize);
        }
    }

    /// Moves a slot's whole list to the end of the pending one, in a fixed number of steps.
    fn append_to_pending(&mut self, list: usize) {
        let head = list as u32;
        let Link {
            prev: last,
            next: first,
        } = self.links[list];
        let end = self.links[PENDING as usize].prev;
        self.links[end as usize].next = first;
        self.links[first as usize].prev = end;
        self.links[last as usize].next = PENDING;
        self.links[PENDING as usize].prev = last;
        self.links[list] = Link {
            prev: head,
            next: head,
        };
        self.vacate(list);
    }

    fn vacate(&mut self, list: usize) {
        self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
    }

    fn entry(&mut self, link: u32) -> &mut Entry<A> {
        &mut self.entries[link as usize - LISTS]
    }

    /// An entry that is in no list: a free one, or a new one.
    fn allot(&mut self) -> u32 {
        if self.free != NONE {
            let link = self.free;
            self.free = self.links[link as usize].next;
            return link;
        }
        // Four thousand million entries are more than memory holds. Nothing has been changed yet, so
        // that even then the wheel stays whole.
        let link = u32::try_from(self.links.len())
            .ok()
            .filter(|&link| link != NONE);
        let link = link.expect("fewer than u32::MAX deadlines at once");
        self.links.push(Link {
            prev: link,
            next: link,
        });
        self.entries.push(Entry {
            tick: 0,
            stamp: 0,
            value: None,
        });
        link
    }

    fn free(&mut self, link: u32) {
        self.links[link as usize].next = self.free;
        self.free = link;
        self.armed -= 1;
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
